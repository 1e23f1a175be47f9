"""Limits on the training data are gates of the run: read before a model is asked, judged again from the manifest."""

import gzip
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from shipworthy.cli import main
from shipworthy.errors import BackendError, BadInput, Refused
from shipworthy.evaluation import Occasion, Surroundings, judge, run
from shipworthy.evaluation.training_data import REPORT, joined
from shipworthy.records import Coverage, Verdict
from shipworthy.registry import judged_again
from shipworthy.store import RunFolder
from shipworthy.store.ledger import Ledger
from shipworthy.store.run_seal import check_run
from shipworthy.web.report import render

ROWS = 60
PROTOCOL = """
shipworthy: 1
name: trained
datasets:
  d: {path: d.jsonl}
models:
  new: {role: candidate, path: new.jsonl}
  old: {role: production, path: old.jsonl}
metrics:
  exact_match: {dataset: d}
gates:
  - {metric: exact_match, baseline: old, margin: 0.1}
data:
  files: [train.jsonl]
  limits: LIMITS
"""
KEPT = "{empty_completion: 0, leakage_certain: 1}"


def _question(at: int) -> str:
    words = ("amber", "birch", "cedar", "delta", "ember", "frost", "grove", "haven", "inlet", "jetty")
    return f"how does customer {at} {words[at % 10]} return parcel {at * 37} to {words[at * 7 % 10]} depot {at * at}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A candidate that is better than production, trained on rows of which one stands in the test set."""
    rows = [{"id": at, "input": _question(at), "reference": "yes"} for at in range(ROWS)]
    train = [{"prompt": _question(at), "completion": f"Answer number {at}."} for at in range(ROWS - 1, 2 * ROWS)]
    answers = {"new": ["yes"] * ROWS, "old": ["yes"] * 40 + ["no"] * 20}
    files = {"d": rows, "train": train}
    files |= {
        name: [{"example_id": at, "text": text} for at, text in enumerate(said)] for name, said in answers.items()
    }
    for name, lines in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def _protocol(folder: Path, limits: str, *, more: str = "") -> Path:
    (folder / "p.yaml").write_text(PROTOCOL.replace("LIMITS", limits) + more)
    return folder / "p.yaml"


def test_kept_limits_pass_as_gates(folder: Path) -> None:
    verdict = run(_protocol(folder, KEPT), out=folder / "run")
    found = {one.gate: one for one in verdict.metrics if one.dataset == "training data"}

    assert "promote" == verdict.verdict
    assert {"data: empty_completion": "pass", "data: leakage_certain": "pass"} == {
        gate: one.outcome for gate, one in found.items()
    }
    assert ("hard", "at_most", "none", 1.0) == (
        found["data: leakage_certain"].level,
        found["data: leakage_certain"].rule,
        found["data: leakage_certain"].method,
        found["data: leakage_certain"].candidate.value,
    )


def test_a_broken_limit_blocks(folder: Path) -> None:
    verdict = run(_protocol(folder, "{leakage_certain: 0, secret: 0}"), out=folder / "run")

    assert "block" == verdict.verdict
    assert "FAIL data: leakage_certain: leakage_certain is 1, at most 0 is allowed" == verdict.reasons[0]


def test_a_limit_that_could_not_be_measured_leaves_it_open(folder: Path) -> None:
    verdict = run(_protocol(folder, '{truncated: "<1%"}'), out=folder / "run")

    assert "inconclusive" == verdict.verdict
    assert verdict.reasons[0].startswith("UNSURE data: truncated: not measured")


@pytest.mark.parametrize("limits", [KEPT, "{leakage_certain: 0}", '{truncated: "<1%"}'])
def test_judged_again_the_verdict_is_the_same_and_the_run_is_intact(folder: Path, limits: str) -> None:
    ledger = Ledger(folder / "home")
    verdict = run(_protocol(folder, limits), out=folder / "run", within=Surroundings(ledger=ledger))
    (folder / "train.jsonl").unlink()

    with RunFolder.open(folder / "run") as kept:
        assert msgspec.json.encode(verdict) == msgspec.json.encode(judged_again(kept, judge))
        assert [] == check_run(kept, ledger)


def test_the_run_writes_down_what_was_read_and_found(folder: Path) -> None:
    run(_protocol(folder, KEPT), out=folder / "run")
    with RunFolder.open(folder / "run") as kept:
        written = kept.manifest.settings["data"]
    report = json.loads((folder / "run" / REPORT).read_text())

    assert (["train.jsonl"], ["d.jsonl"]) == (list(written["files"]), list(written["against"]))
    assert 64 == len(written["files"]["train.jsonl"])
    assert "certain" == report["leakage"][0]["pairs"][0]["tier"]


def test_a_test_set_that_is_no_dataset_is_compared_too(folder: Path) -> None:
    (folder / "bench.jsonl").write_text(json.dumps({"input": _question(ROWS + 3)}) + "\n")
    path = _protocol(folder, "{leakage_certain: 1}", more="  against: [d, bench.jsonl]\n")

    assert "block" == run(path, out=folder / "run").verdict


def test_a_run_goes_on_only_with_the_training_data_that_it_was_locked_on(folder: Path) -> None:
    path = _protocol(folder, KEPT)
    run(path, out=folder / "run")
    with (folder / "train.jsonl").open("a") as stream:
        stream.write(json.dumps({"prompt": "one row more", "completion": "and its answer"}) + "\n")

    with pytest.raises(Refused, match=r"the training data changed \(train\.jsonl is another\) since the run"):
        run(path, out=folder / "run", resume=True)


def _packed(folder: Path) -> str:
    (folder / "train.jsonl.gz").write_bytes(gzip.compress((folder / "train.jsonl").read_bytes()))
    return "train.jsonl.gz"


def _linked(folder: Path) -> str:
    (folder / "link.jsonl").symlink_to(folder / "train.jsonl")
    return "link.jsonl"


def _in_a_folder(folder: Path) -> str:
    (folder / "rows").mkdir()
    (folder / "train.jsonl").rename(folder / "rows" / "train.jsonl")
    return "rows"


NAMED: dict[str, Callable[[Path], str]] = {
    "file": lambda _: "train.jsonl",
    "pattern": lambda _: "'tr*.jsonl'",
    "absolute": lambda folder: str(folder / "train.jsonl"),
    "packed": _packed,
    "link": _linked,
    "folder": _in_a_folder,
}


@pytest.mark.parametrize("named", NAMED)
def test_a_run_whose_training_data_lie_as_they_lay_goes_on(named: str, folder: Path) -> None:
    path = _protocol(folder, KEPT)
    path.write_text(path.read_text().replace("files: [train.jsonl]", f"files: [{NAMED[named](folder)}]"))
    first = run(path, out=folder / "run")
    for one in folder.rglob("train.jsonl*"):
        os.utime(one, (0, 0))  # a copy or a checkout has other times, and the same bytes

    assert first == run(path, out=folder / "run", resume=True)


def test_a_run_goes_on_from_another_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(_protocol(folder, KEPT), out=folder / "run")
    monkeypatch.chdir(folder)

    assert first == run(Path("p.yaml"), out=Path("run"), resume=True)


@pytest.mark.parametrize("limits", ["{leakage_certain: 0}", '{truncated: "<1%"}', "{chosen_longer: 0.5}"])
def test_a_run_whose_limits_are_broken_or_open_goes_on_to_the_same_verdict(limits: str, folder: Path) -> None:
    path = _protocol(folder, limits)
    first = run(path, out=folder / "run")

    assert first.verdict in ("block", "inconclusive")
    assert first == run(path, out=folder / "run", resume=True)


def test_a_file_more_under_a_pattern_is_another_training_set(folder: Path) -> None:
    path = _protocol(folder, KEPT)
    path.write_text(path.read_text().replace("files: [train.jsonl]", "files: ['tr*.jsonl']"))
    run(path, out=folder / "run")
    (folder / "train2.jsonl").write_bytes((folder / "train.jsonl").read_bytes())

    with pytest.raises(Refused, match=r"train2\.jsonl is new"):
        run(path, out=folder / "run", resume=True)


def test_a_limit_that_is_judged_otherwise_stops_a_run_that_would_go_on(folder: Path) -> None:
    """The rows did not change, but the schema that they are held against did."""
    train = [{"prompt": _question(at), "completion": f'{{"n": {at}}}'} for at in range(ROWS, 2 * ROWS)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in train))
    (folder / "s.json").write_text('{"type": "object"}')
    path = _protocol(folder, "{target_breaks_schema: 0}", more="  schema: s.json\n")
    run(path, out=folder / "run")
    (folder / "s.json").write_text('{"type": "array"}')

    with pytest.raises(Refused, match=r"judged otherwise \(target_breaks_schema is 60, at most 0 is allowed\)"):
        run(path, out=folder / "run", resume=True)


def test_training_files_that_cannot_be_read_stop_the_run_before_it_begins(folder: Path) -> None:
    path = _protocol(folder, KEPT)
    (folder / "train.jsonl").unlink()

    with pytest.raises(BadInput, match=r"train\.jsonl"):
        run(path, out=folder / "run")
    assert not (folder / "run").exists()


def test_a_checkpoint_does_not_read_the_training_data_again(folder: Path) -> None:
    path = _protocol(folder, "{leakage_certain: 0}")

    assert "promote" == run(path, out=folder / "run", occasion=Occasion(when="checkpoint")).verdict


def test_the_reports_of_such_a_run_show_its_limits(folder: Path) -> None:
    run(_protocol(folder, "{leakage_certain: 0, empty_completion: 5%}"), out=folder / "run")
    with RunFolder.open(folder / "run") as kept:
        pages = {kind: render(kept, kind) for kind in ("html", "md", "junit", "json")}

    assert all("data: leakage_certain" in page.replace("\\", "") for page in pages.values())


def test_validate_says_which_limits_a_run_would_break(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    _protocol(folder, "{leakage_certain: 0, empty_completion: 0}")
    code = main(["validate", "p.yaml"])
    text = capsys.readouterr().out

    assert 0 == code
    assert "Training data, 61 rows: 1 of 2 limits broken; a run would block" in text
    assert "FAIL  data: leakage_certain: leakage_certain is 1" in text


def test_without_limits_a_verdict_stays_as_it_is() -> None:
    coverage = Coverage(candidate=1, baseline=1, common=1, policy="fail")
    verdict = Verdict(verdict="sign_off", reasons=("why",), metrics=(), coverage=coverage)

    assert verdict is joined(verdict, ())


def test_the_ledger_names_the_sealed_report(folder: Path) -> None:
    ledger = Ledger(folder / "home")
    run(_protocol(folder, KEPT), out=folder / "run", within=Surroundings(ledger=ledger, now=lambda: datetime.now(UTC)))
    (folder / "run" / REPORT).write_text("{}")
    with RunFolder.open(folder / "run") as kept:
        problems = check_run(kept, ledger)

    assert [str(folder / "run" / REPORT)] == [one.where for one in problems]


# --- Runs that a budget stopped --------------------------------------------------------------------------------------


@pytest.fixture
def stopped(folder: Path, start: Callable[..., Any]) -> Callable[[str], Path]:
    """The protocol with these limits, its candidate behind an endpoint that a budget leaves after 10 answers."""

    def written(limits: str) -> Path:
        path = _protocol(folder, limits, more="budget: {max_requests: 10}\n")
        there = f"new: {{role: candidate, backend: openai, model: m, base_url: {start().base_url}}}"
        path.write_text(path.read_text().replace("new: {role: candidate, path: new.jsonl}", there))
        return path

    return written


def test_an_incomplete_run_says_what_its_training_data_is_like(stopped: Callable[[str], Path], folder: Path) -> None:
    verdict = run(stopped('{leakage_certain: 1, truncated: "<1%"}'), out=folder / "run")
    with RunFolder.open(folder / "run") as kept:
        pages = [render(kept, kind).replace("\\", "") for kind in ("html", "md", "junit", "json")]

    assert ("inconclusive", "pass", "inconclusive") == (verdict.verdict, *(one.outcome for one in verdict.metrics))
    assert any("budget.max_requests 10 is used up" in reason for reason in verdict.reasons)
    assert all("data: leakage_certain" in page and "data: truncated" in page for page in pages)
    assert (folder / "run" / REPORT).is_file()


def test_a_broken_limit_blocks_an_incomplete_run(
    stopped: Callable[[str], Path], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stopped("{leakage_certain: 0}")

    assert 10 == main(["run", str(path), "--out", str(folder / "run")])
    assert re.search("FAIL +data: leakage_certain", capsys.readouterr().out)
    assert "incomplete" == RunFolder.open(folder / "run").manifest.status
    assert 2 == main(["release", "promote", str(folder / "run")])


def test_a_run_that_never_got_an_answer_leaves_no_report_of_its_data(folder: Path, mock_openai: ModuleType) -> None:
    """Nobody listens at the candidate's endpoint; what the user had in the folder stays."""
    path = _protocol(folder, KEPT)
    nowhere = f"http://127.0.0.1:{mock_openai.free_port()}/v1"
    there = f"{{backend: openai, model: m, base_url: {nowhere}, options: {{max_retries: 0}}"
    text = path.read_text().replace("{role: candidate, path: new.jsonl}", there + ", role: candidate}")
    path.write_text(text.replace("{role: production, path: old.jsonl}", there + ", role: production}"))
    (folder / "run").mkdir()
    (folder / "run" / "mine.txt").write_text("mine")

    with pytest.raises(BackendError):
        run(path, out=folder / "run")
    assert ["mine.txt"] == [one.name for one in (folder / "run").iterdir()]
