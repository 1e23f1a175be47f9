"""Logs of `oaieval`, as its recorder writes them, and output items of the Evals API, as its reference describes."""

import json
from pathlib import Path
from typing import Any

import pytest

from shipworthy.data.results import Query, Results, read
from shipworthy.errors import BadInput
from shipworthy.records import ANSWERED, FAILED


def _read(*paths: Path, **query: object) -> Results:
    return read(list(paths), Query(**{"candidate": "new", "baseline": "old", **query}))  # type: ignore[arg-type]


def _values(results: Results, model: str, metric: str = "accuracy") -> list[float]:
    evidence = next(one for one in results.evidence if one.dataset == results.datasets[metric])
    return [float(value) for value in evidence.counts[model, metric][:, 0]]


# --- oaieval ---------------------------------------------------------------------------------------------------------


def _event(sample: int, kind: str, data: dict[str, Any], run: str = "r1") -> dict[str, Any]:
    return {
        "run_id": run,
        "event_id": 0,
        "sample_id": f"test-match.s1.{sample}",
        "type": kind,
        "data": data,
        "created_by": "",
        "created_at": "2024-01-01 00:00:00+00:00",
    }


def _match(sample: int, correct: object, expected: str = "a", **other: Any) -> dict[str, Any]:
    return _event(sample, "match", {"correct": correct, "expected": expected, "picked": "a"}, **other)


def _log(path: Path, model: str, events: list[dict[str, Any]], *, finished: bool = True) -> Path:
    spec = {"completion_fns": [model], "eval_name": "test-match.s1", "base_eval": "test-match", "run_id": "r1"}
    lines = [{"spec": spec}, *events, *([{"final_report": {"accuracy": 0.5}}] if finished else [])]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_two_logs_are_paired_on_their_samples(tmp_path: Path) -> None:
    new = _log(tmp_path / "a.jsonl", "new", [_match(1, True), _match(0, False), _match(2, True)])
    old = _log(tmp_path / "b.jsonl", "old", [_match(0, True), _match(1, True), _match(2, False)])
    results = _read(new, old)

    assert ("OpenAI evals log", ("accuracy",)) == (results.source, results.primary)
    assert ["test-match.s1.1", "test-match.s1.0", "test-match.s1.2"] == list(results.evidence[0].example_N)
    assert ([1, 0, 1], [1, 1, 0]) == (_values(results, "new"), _values(results, "old"))
    assert "higher" == results.metrics["accuracy"].better


def test_metrics_events_are_metrics_by_name(tmp_path: Path) -> None:
    paths = [
        _log(tmp_path / f"{name}.jsonl", name, [_event(0, "metrics", {"wer": 0.5, "note": "x", "exact": True})])
        for name in ("new", "old")
    ]

    assert ("wer", "exact") == _read(*paths, better={"": "lower"}).primary


def test_a_sample_with_an_error_and_no_score_failed(tmp_path: Path) -> None:
    error = _event(1, "error", {"type": "RateLimitError", "message": "429"})
    new = _log(tmp_path / "a.jsonl", "new", [_match(0, True), error])
    old = _log(tmp_path / "b.jsonl", "old", [_match(0, True), _match(1, True)])

    assert [ANSWERED, FAILED] == _read(new, old).evidence[0].status["new"].tolist()


def test_several_matches_of_a_sample_are_seeds_of_one_cluster(tmp_path: Path) -> None:
    paths = [_log(tmp_path / f"{name}.jsonl", name, [_match(0, True), _match(0, False)]) for name in ("new", "old")]
    evidence = _read(*paths).evidence[0]

    assert ([0, 1], [0, 0]) == (evidence.seed_N.tolist(), evidence.cluster_N.tolist())


def test_the_model_of_an_older_spec_and_the_name_of_the_file(tmp_path: Path) -> None:
    new = _log(tmp_path / "a.jsonl", "x", [_match(0, True)])
    new.write_text(new.read_text().replace('"completion_fns": ["x"]', '"model_name": "new"'))

    assert [1] == _values(_read(new, _log(tmp_path / "old.jsonl", "y", [_match(0, True)])), "new")


@pytest.mark.parametrize(
    ("events", "finished", "said"),
    [
        ([_match(0, True)], False, "the evaluation did not finish"),
        ([_match(0, None)], True, "a.jsonl:2: this match says not whether it is correct"),
        ([_event(0, "sampling", {"prompt": "p", "sampled": "a"})], True, "holds no score of a sample"),
        ([_match(0, True), _match(1, True, run="r2")], True, "2 runs stand in one log"),
        ([_match(0, True, expected="b")], True, "the right answer of 'test-match.s1.0'"),
        ([_event(0, "sampling", {"prompt": "another"}), _match(0, True)], True, "has another input than"),
    ],
)
def test_a_log_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, events: list[dict[str, Any]], finished: bool, said: str
) -> None:
    new = _log(tmp_path / "a.jsonl", "new", events, finished=finished)
    old = _log(tmp_path / "b.jsonl", "old", [_event(0, "sampling", {"prompt": "p"}), _match(0, True)])

    with pytest.raises(BadInput, match=said):
        _read(new, old)


# --- the API ---------------------------------------------------------------------------------------------------------


def _item(model: str, number: int, score: float | None, **other: Any) -> dict[str, Any]:
    item = {
        "object": "eval.run.output_item",
        "id": f"outputitem_{model}_{number}",
        "created_at": 1743092076,
        "run_id": f"evalrun_{model}",
        "eval_id": "eval_1",
        "status": "pass" if score else "fail",
        "datasource_item_id": number,
        "datasource_item": {"input": f"ticket {number}", "correct_label": "IT", "kind": "x" if number else "y"},
        "results": [{"name": "Match", "sample": None, "passed": bool(score), "score": score}],
        "sample": {"input": [], "output": [{"role": "assistant", "content": "IT"}], "model": model, "error": None},
    }
    return {**item, **other}


def _page(path: Path, items: list[dict[str, Any]], **other: Any) -> Path:
    path.write_text(json.dumps({"object": "list", "data": items, "has_more": False, **other}, indent=1))
    return path


def test_items_of_the_api_are_paired_on_the_datasource(tmp_path: Path) -> None:
    new = _page(tmp_path / "a.json", [_item("new", 1, 1.0), _item("new", 0, 0.0)])
    old = _page(tmp_path / "b.json", [_item("old", 0, 1.0), _item("old", 1, 0.0)])
    results = _read(new, old, slices=("kind",))

    assert ("OpenAI Evals API items", ("Match",)) == (results.source, results.primary)
    assert ([1, 0], [0, 1]) == (_values(results, "new", "Match"), _values(results, "old", "Match"))
    assert ("x", "y") == results.evidence[0].slices["kind"].names


def test_items_one_a_line_and_in_a_list(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(_item("new", at, 1.0)) + "\n" for at in range(2)))
    (tmp_path / "b.json").write_text(json.dumps([_item("old", at, 1.0) for at in range(2)]))

    assert [1, 1] == _values(_read(tmp_path / "a.jsonl", tmp_path / "b.json"), "new", "Match")


def test_an_item_whose_sample_errored_failed_in_every_grader(tmp_path: Path) -> None:
    broken = _item("new", 1, None, results=[], status="error")
    broken["sample"]["error"] = {"code": "rate_limit", "message": "slow down"}
    new = _page(tmp_path / "a.json", [_item("new", 0, 1.0), broken])
    old = _page(tmp_path / "b.json", [_item("old", 0, 1.0), _item("old", 1, 1.0)])

    assert [ANSWERED, FAILED] == _read(new, old).evidence[0].status["new"].tolist()


@pytest.mark.parametrize(
    ("items", "page", "said"),
    [
        ([_item("new", 0, 1.0)], {"has_more": True}, "this page is not the last"),
        ([_item("new", 0, 1.0, datasource_item={"input": "z"})], {}, "'0' has another input than at"),
        ([_item("new", 0, 1.0, results=[{"name": "Match"}])], {}, "grader 'Match' gives neither score nor passed"),
    ],
)
def test_items_that_cannot_be_used_are_one_sentence(
    tmp_path: Path, items: list[dict[str, Any]], page: dict[str, Any], said: str
) -> None:
    new, old = _page(tmp_path / "a.json", items, **page), _page(tmp_path / "b.json", [_item("old", 0, 1.0)])

    with pytest.raises(BadInput, match=said):
        _read(new, old)


def test_a_run_of_the_api_alone_is_told_by_name(tmp_path: Path) -> None:
    run = {"object": "eval.run", "id": "evalrun_1", "eval_id": "eval_1", "result_counts": {"passed": 3}}
    (tmp_path / "run.json").write_text(json.dumps(run))

    with pytest.raises(BadInput, match="a run of the OpenAI Evals API: counts of its results and no examples"):
        _read(tmp_path / "run.json")
