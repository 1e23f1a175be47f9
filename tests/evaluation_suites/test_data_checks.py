"""The data checks as a suite: one row a limit, with a cadence and a gate."""

import json
from pathlib import Path

import pytest

from shipworthy.errors import BadInput
from shipworthy.evaluation import Occasion, run
from shipworthy.evaluation.suites.arrange import made_of
from shipworthy.protocol import load
from shipworthy.store import RunFolder

PROTOCOL = """
shipworthy: 1
name: trained
datasets:
  d: {path: d.jsonl}
models:
  new: {role: candidate, path: new.jsonl}
  old: {role: production, path: old.jsonl}
suites:
  data: SUITE
metrics:
  exact_match: {dataset: d}
  data_ok: {dataset: data, metric: assertions}
gates:
  - {metric: exact_match, at_least: 0.1}
  - {metric: data_ok, at_least: 1LEVEL}
"""
FILES = "suite: data_checks, on: [commit], options: {files: [train.jsonl], limits: "
CLEAN, BROKEN = f"{{{FILES}{{empty_completion: 0}}}}}}", f"{{{FILES}{{empty_completion: 0, leakage_certain: 0}}}}}}"


def _question(at: int) -> str:
    words = ("amber", "birch", "cedar", "delta", "ember", "frost", "grove", "haven", "inlet", "jetty")
    return f"how does customer {at} {words[at % 10]} return parcel {at * 37} to {words[at * 7 % 10]} depot {at * at}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Training rows of which one stands in the test set."""
    rows = {
        "d": [{"id": at, "input": _question(at), "reference": "yes"} for at in range(40)],
        "train": [{"prompt": _question(at), "completion": f"Answer number {at}."} for at in range(39, 80)],
        "new": [{"example_id": at, "text": "yes"} for at in range(40)],
        "old": [{"example_id": at, "text": "yes"} for at in range(40)],
    }
    for name, lines in rows.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def _written(folder: Path, suite: str, level: str = "") -> Path:
    (folder / "p.yaml").write_text(PROTOCOL.replace("SUITE", suite).replace("LEVEL", level))
    return folder / "p.yaml"


def test_limits_that_hold_pass_their_gate_also_for_recorded_answers(folder: Path) -> None:
    verdict = run(_written(folder, CLEAN), out=folder / "out")

    assert "promote" == verdict.verdict
    assert {"exact_match": "pass", "data_ok": "pass"} == {
        one.metric: one.outcome for one in verdict.metrics if one.level == "hard"
    }


def test_a_broken_limit_blocks_and_its_row_says_what_was_found(folder: Path) -> None:
    verdict = run(_written(folder, BROKEN), out=folder / "out")
    answers = {
        one.example_id: json.loads(one.text or "{}")
        for one in RunFolder.open(folder / "out").responses()
        if one.dataset == "data" and one.model == "new"
    }

    assert "block" == verdict.verdict
    assert {"data/empty_completion": True, "data/leakage_certain": False} == {
        id: one["ok"] for id, one in answers.items()
    }
    assert ("leakage_certain is 1, at most 0 is allowed", 1.0) == (
        answers["data/leakage_certain"]["because"],
        answers["data/leakage_certain"]["score"],
    )


def test_a_soft_gate_over_the_data_asks_for_a_sign_off(folder: Path) -> None:
    verdict = run(_written(folder, BROKEN, ", level: soft"), out=folder / "out")

    assert "sign_off" == verdict.verdict


def test_the_data_is_checked_on_its_own_occasions_only(folder: Path) -> None:
    path = _written(folder, BROKEN)
    (folder / "train.jsonl").unlink()
    nightly = run(path, out=folder / "nightly", occasion=Occasion(when="nightly"))

    assert ["exact_match"] == [one.metric for one in nightly.metrics if one.level == "hard"]
    with pytest.raises(BadInput, match=r"train\.jsonl"):
        run(path, out=folder / "commit", occasion=Occasion(when="commit"))


def test_changed_data_makes_other_rows_so_that_no_old_answer_counts(folder: Path) -> None:
    promised = load(_written(folder, CLEAN).read_text(), where="p.yaml")
    before = made_of(promised, "data", folder=folder).examples[0].messages[0]
    with (folder / "train.jsonl").open("a") as file:
        file.write(json.dumps({"prompt": "one more", "completion": "Answer."}) + "\n")

    assert before != made_of(promised, "data", folder=folder).examples[0].messages[0]


@pytest.mark.parametrize(
    ("suite", "says"),
    [
        ("{suite: data_checks}", "needs `options: {files: ..., limits: ...}`, or `data` in the protocol"),
        ("{suite: data_checks, options: {files: [train.jsonl], limits: {}}}", "has no limit to hold"),
        ("{suite: data_checks, options: {files: [train.jsonl], limit: {}}}", "did you mean 'limits'"),
        ("{suite: data_checks, of: d}", "reads files, not a dataset"),
        ("{suite: data_checks, options: {files: [gone.jsonl], limits: {bad_rows: 0}}}", "gone.jsonl"),
    ],
)
def test_a_wrong_suite_is_one_sentence(folder: Path, suite: str, says: str) -> None:
    with pytest.raises(BadInput, match=r".*") as caught:
        run(_written(folder, suite), out=folder / "out")

    assert says in str(caught.value)
    assert not (folder / "out").exists()
