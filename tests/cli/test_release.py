"""`release`: what the evidence promotes goes into production, comes back, and is proved."""

import json
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.store import RunFolder
from tests.registry.finished import finished

Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(tmp_path: Path, home: Path, number: int = 1, verdict: str = "promote") -> RunFolder:
    return finished(tmp_path / f"work-{number}", home, verdict=verdict)


def test_a_run_is_promoted_listed_shown_rolled_back_and_verified(tmp_path: Path, home: Path, capsys: Out) -> None:
    words = [
        ["promote", str(run(tmp_path, home, 1).path)],
        ["promote", str(run(tmp_path, home, 2).path)],
        ["list"],
        ["show", "support-desk-2"],
        ["rollback", "--reason", "slow"],
        ["verify"],
        ["verify", "support-desk-1"],
        ["verify", str(tmp_path / "work-2" / "run")],
    ]
    codes = [main(["release", *line]) for line in words]
    said = capsys.readouterr().out

    assert [0] * 8 == codes
    assert "support-desk-2 is in production for 'support-desk'\n" in said
    assert "support-desk-1 is in production for 'support-desk' again" in said
    assert "support-desk-2: new, in production" in said
    assert "intact: the ledger and 2 releases" in said
    assert 8 == said.count("Next: ")


def test_json_is_one_document_everywhere(tmp_path: Path, home: Path, capsys: Out) -> None:
    documents = []
    for line in (["promote", str(run(tmp_path, home).path)], ["list"], ["show", "support-desk-1"], ["verify"]):
        main(["release", *line, "--json"])
        documents.append(json.loads(capsys.readouterr().out))

    assert {"production": "support-desk-1", "name": "support-desk"} == documents[0]
    assert [True] == [one["in_production"] for one in documents[1]["releases"]]
    assert "support-desk-1" == documents[2]["id"]
    assert {"intact": True, "problems": []} == documents[3]


@pytest.mark.parametrize("verdict", ["block", "sign_off"])
def test_promote_without_a_promoting_verdict_is_refused(tmp_path: Path, home: Path, capsys: Out, verdict: str) -> None:
    assert 2 == main(["release", "promote", str(run(tmp_path, home, 1, verdict).path)])
    assert verdict.replace("_", "-") in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--json", "list"], ["list", "--json"]])
def test_flags_stand_before_or_after_the_action(capsys: Out, words: list[str]) -> None:
    main(["release", *words])

    assert {"releases": []} == json.loads(capsys.readouterr().out)


def test_an_empty_registry_lists_nothing_and_is_intact(capsys: Out) -> None:
    codes = [main(["release", "list"]), main(["release", "verify"])]

    assert [0, 0] == codes
    assert "no release yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", "x"], "there is no release 'x' here"),
        (["promote", "x"], "there is no release 'x' here"),
        (["rollback", "--reason", "r"], "say whose release is rolled back: there is none yet"),
        (["rollback", "y", "--reason", "r"], "was in production before"),
    ],
)
def test_what_is_not_there_is_one_sentence(capsys: Out, words: list[str], told: str) -> None:
    assert 2 == main(["release", *words])
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("file", ["home/ledger.sqlite", "work-1/run/evidence.parquet", "work-1/run/manifest.json"])
def test_verify_names_what_changed_and_promote_refuses(tmp_path: Path, home: Path, capsys: Out, file: str) -> None:
    folder = run(tmp_path, home).path
    main(["release", "promote", str(folder)])
    content = bytearray((tmp_path / file).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / file).write_bytes(content)
    capsys.readouterr()
    codes = [
        main(["release", "verify"]),
        main(["release", "verify", str(folder)]),
        main(["release", "promote", str(folder)]),
    ]

    assert [2, 2, 2] == codes
    assert 2 == capsys.readouterr().out.count("CHANGED  ")
