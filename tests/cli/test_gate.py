"""`gate`: the exit code is the verdict, a signature turns 11 into 0, and a changed run is refused."""

import json
from pathlib import Path

import pytest

from shipworthy.cli import main
from tests.registry.finished import finished

SIGN = ["--sign-off", "--name", "Ada", "--reason", "known gap", "--expires", "30d"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHIPWORTHY_KEY", str(tmp_path / "key.pem"))
    return tmp_path / "home"


@pytest.mark.parametrize(("verdict", "code"), [("promote", 0), ("block", 10), ("sign_off", 11)])
def test_the_exit_code_is_the_verdict(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], verdict: str, code: int
) -> None:
    run = finished(tmp_path, home, verdict=verdict)

    assert code == main(["gate", str(run.path)])
    assert capsys.readouterr().out.splitlines()[-1].startswith("Next: shipworthy ")


def test_json_is_the_verdict_as_the_run_wrote_it(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path, home)
    main(["gate", str(run.path), "--json"])
    said = json.loads(capsys.readouterr().out)

    assert said.pop("sign_off") is None
    assert json.loads((run.path / "verdict.json").read_text()) == said


def test_a_sign_off_turns_11_into_0_until_it_is_revoked(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(finished(tmp_path, home, verdict="sign_off").path)
    codes = [main(["gate", run, *words]) for words in ([], SIGN, [], ["--revoke", "--reason", "new facts"], [])]
    said = capsys.readouterr().out

    assert [11, 0, 0, 11, 11] == codes
    assert 2 == said.count("Signed off by Ada until ")
    assert f"Next: shipworthy release promote {run}" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--sign-off"], "--sign-off needs --name, --reason, --expires too"),
        (["--revoke"], "--revoke needs --reason"),
        (["--revoke", "--reason", "r"], "has no valid sign-off"),
        ([*SIGN[:-1], "2001-01-01"], "would have expired already"),
    ],
)
def test_half_a_signature_is_one_sentence(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    run = finished(tmp_path, home, verdict="sign_off")

    assert 2 == main(["gate", str(run.path), *words])
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("end", ["soon", "30x", "2030-13-01"])
def test_an_end_that_is_none_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str], end: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["gate", str(tmp_path), "--sign-off", "--expires", end])

    assert "is no end: write 30d" in capsys.readouterr().err


def test_a_block_is_not_signed_away(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished(tmp_path, home, verdict="block")

    assert 2 == main(["gate", str(run.path), *SIGN])
    assert "no signature overrides a hard gate" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["responses.jsonl", "evidence.parquet", "verdict.json"])
def test_a_run_with_a_changed_byte_is_refused(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run = finished(tmp_path, home)
    content = bytearray((run.path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run.path / name).write_bytes(content)

    assert 2 == main(["gate", str(run.path)])
    assert f"{name}: changed after the run was sealed" in capsys.readouterr().err


def test_a_folder_without_a_run_and_a_run_of_another_ledger_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path / "work", tmp_path / "another-home")
    codes = [main(["gate", str(tmp_path / "nothing")]), main(["gate", str(run.path)])]
    said = capsys.readouterr().err

    assert [2, 2] == codes
    assert "no run lies here" in said and "is not in the ledger" in said
