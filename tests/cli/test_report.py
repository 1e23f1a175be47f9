"""`shipworthy report RUN`: files by their endings, one JSON document, mistakes in one sentence."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.records import Coverage, Verdict
from shipworthy.store.manifest import Manifest
from shipworthy.store.run_folder import RunFolder

PROTOCOL = {
    "shipworthy": 1,
    "name": "Desk",
    "datasets": {"d": {"path": "d.jsonl"}},
    "models": {"new": {"role": "candidate"}},
    "metrics": {"exact_match": {"dataset": "d"}},
    "gates": [{"metric": "exact_match", "at_least": 0.5}],
}


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run that was stopped half-way: judged inconclusive, without evidence."""
    coverage = Coverage(candidate=3, baseline=0, common=0, policy="fail")
    manifest = Manifest(
        run_id="r1",
        created=datetime(2025, 1, 1, tzinfo=UTC).isoformat(),
        protocol=PROTOCOL,
        protocol_sha256="ab" * 32,
        candidate="new",
        status="incomplete",
    )
    with RunFolder.create(tmp_path / "run", manifest) as run:
        run.write_verdict(Verdict(verdict="inconclusive", reasons=("stopped",), metrics=(), coverage=coverage))
    return tmp_path / "run"


def test_each_output_is_written_as_its_ending_says(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [stopped.parent / name for name in ("a.html", "a.md", "a.junit.xml", "a.json")]
    code = main(["report", str(stopped), *(word for name in names for word in ("-o", str(name)))])

    assert 0 == code
    starts = ("<!doctype html>", "## INCONCLUSIVE", "<?xml", "{")
    assert all(name.read_text().startswith(start) for name, start in zip(names, starts, strict=True))
    assert f"Next: open {names[0]}\n" == capsys.readouterr().out.splitlines(keepends=True)[-1]


def test_without_an_output_the_run_folder_gets_its_reports(stopped: Path) -> None:
    main(["report", str(stopped)])

    assert all((stopped / name).is_file() for name in ("report.html", "report.md", "junit.xml"))


def test_json_prints_one_document(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["report", str(stopped), "--json", "-o", str(stopped / "x.md")])

    document = json.loads(capsys.readouterr().out)
    assert ("r1", "inconclusive") == (document["run"], document["verdict"])
    assert [{"path": str(stopped / "x.md"), "kind": "md"}] == document["written"]


def test_quiet_says_nothing_on_stderr(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["report", str(stopped), "--quiet"])

    assert "" == capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{run}/nothing"], "no run lies here"),
        (["{run}", "-o", "{run}/out.pdf"], "ends in .html, .md, .junit.xml or .json"),
        (["{run}", "-o", "{run}/missing/out.md"], "folder does not exist"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    words: list[str], said: str, stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["report", *(word.format(run=stopped) for word in words)])

    error = capsys.readouterr().err
    assert 2 == code
    assert said in error and 1 == error.count("\n")


def test_a_run_without_a_verdict_says_how_to_finish_it(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stopped / "verdict.json").unlink()

    assert 2 == main(["report", str(stopped)])
    assert "shipworthy run --resume" in capsys.readouterr().err
