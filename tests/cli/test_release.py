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


def with_baseline_from_registry(folder: Path) -> Path:
    """A second project: its own candidate, its baseline whatever is in production of 'Support desk'."""
    path = folder / "shipworthy.yaml"
    text = path.read_text(encoding="utf-8")
    told = "{role: production, backend: release, name: Support desk}"
    path.write_text(text.replace("{role: production, path: old.jsonl}", told), encoding="utf-8")
    return path


def test_the_release_in_production_is_the_baseline_of_the_next_run(tmp_path: Path, home: Path, capsys: Out) -> None:
    first, second = run(tmp_path, home, 1), run(tmp_path, home, 2)
    path = with_baseline_from_registry(second.path.parent)
    codes = [
        main(["validate", str(path)]),
        main(["release", "promote", str(first.path)]),
        main(["validate", str(path)]),
        main(["run", str(path), "--out", str(tmp_path / "next"), "--quiet"]),
    ]
    said = capsys.readouterr()
    old = RunFolder.open(tmp_path / "next").manifest.models["old"]

    assert [2, 0, 0, 0] == codes
    assert "is the release of 'Support desk' in production, and there is none; put one there with" in said.err
    assert ("support-desk-1", "new.jsonl") == (old.identity["release"], old.identity["path"])
    assert "exact 0.90 against old's 0.90" in said.out


def test_a_release_whose_run_was_changed_is_no_baseline(tmp_path: Path, home: Path, capsys: Out) -> None:
    first, second = run(tmp_path, home, 1), run(tmp_path, home, 2)
    path = with_baseline_from_registry(second.path.parent)
    main(["release", "promote", str(first.path)])
    with (first.path / "responses.jsonl").open("a") as stream:
        stream.write("\n")
    code = main(["run", str(path), "--out", str(tmp_path / "next"), "--quiet"])

    assert 2 == code
    assert "changed after the run was sealed" in capsys.readouterr().err
    assert not (tmp_path / "next").exists()


def test_a_tuning_run_is_not_released(tmp_path: Path, home: Path, capsys: Out) -> None:
    path = run(tmp_path, home).path.parent / "shipworthy.yaml"
    out = tmp_path / "tuned"
    codes = [main(["run", str(path), "--out", str(out), "--purpose", "tune"]), main(["release", "promote", str(out)])]

    assert [0, 2] == codes
    assert "was made for tuning, so it is not released" in capsys.readouterr().err
