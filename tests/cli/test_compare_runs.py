"""`compare` over runs that this version made: the numbers are those of the run's own verdict."""

import json
import shutil
from pathlib import Path

import pytest

from shipworthy.cli import main


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The run of a protocol that `init` writes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    main(["init", "first"])
    main(["run", "first/shipworthy.yaml", "--out", "runs/monday"])
    capsys.readouterr()
    return tmp_path / "runs" / "monday"


def test_a_run_compares_as_it_judged(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["compare", str(ran), "--candidate", "candidate", "--baseline", "production", "--json"])
    told = json.loads(capsys.readouterr().out)
    own = json.loads((ran / "verdict.json").read_text())

    gains = {one["metric"]: one["gain"]["value"] for one in own["metrics"] if one["gain"] and one["slice"] is None}
    compared = {one["metric"]: one["gain"]["value"] for one in told["metrics"] if one["slice"] is None}
    assert 10 == code and gains["refusal"] == compared["refusal"] < 0
    assert own["verdict"] == told["verdict"]


def test_a_run_beside_its_copy_is_called_identical(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder's name stands for its candidate; two folders of one run are two names for one set of answers."""
    shutil.copytree(ran, ran.with_name("friday"))
    main(["compare", str(ran), str(ran.with_name("friday")), "--candidate", "friday", "--baseline", "monday", "--json"])
    told = json.loads(capsys.readouterr().out)

    assert "identical_results" in {note["code"] for note in told["warnings"]}
    assert {0.0} == {one["gain"]["value"] for one in told["metrics"] if one["slice"] is None}


def test_an_edited_row_of_a_run_is_refused(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Path(shutil.copytree(ran, ran.with_name("friday")))
    manifest = json.loads((copy / "manifest.json").read_text())
    for dataset in manifest["datasets"].values():
        dataset["rows_sha256"] = "0" * 64
    (copy / "manifest.json").write_text(json.dumps(manifest))
    rows = [json.loads(line) for line in (copy / "examples.jsonl").read_text().splitlines()]
    rows[0]["messages"][0]["content"] = "another question"
    (copy / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code = main(["compare", str(ran), str(copy), "--candidate", "monday", "--baseline", "friday"])

    assert 2 == code and "is another example in" in capsys.readouterr().err
