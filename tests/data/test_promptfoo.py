"""promptfoo's outputs: what passed, what failed, what was never graded, and the same tests again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from shipworthy.data.results import Query, Results, read
from shipworthy.errors import BadInput
from shipworthy.records import ANSWERED, FAILED

FIXTURE = Path(__file__).parent / "fixtures" / "promptfoo.json"


def _read(*paths: Path, **query: object) -> Results:
    return read(list(paths), Query(**{"candidate": "new", "baseline": "old", **query}))  # type: ignore[arg-type]


def _values(results: Results, model: str, metric: str) -> dict[str, float]:
    evidence = next(one for one in results.evidence if one.dataset == results.datasets[metric])
    return dict(zip(evidence.example_N, evidence.counts[model, metric][:, 0].tolist(), strict=True))


def _result(model: str, word: str, *, passed: bool = True, **other: object) -> dict[str, Any]:
    row = {
        "provider": {"id": f"x:{model}", "label": model},
        "prompt": {"raw": f"say {word}", "label": "say {{word}}"},
        "vars": {"word": word},
        "testCase": {"vars": {"word": word}, "assert": [{"type": "equals", "value": word}]},
        "response": {"output": word},
        "success": passed,
        "failureReason": 0 if passed else 1,
        "score": float(passed),
        "namedScores": {},
        "gradingResult": {"pass": passed, "score": float(passed), "reason": "r"},
        "latencyMs": 20,
        "testIdx": 0,
    }
    return {**row, **other}


def _file(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"evalId": "e", "results": {"version": 3, "prompts": [], "results": rows}}))
    return path


def test_an_output_is_read_by_what_it_says() -> None:
    results = _read(FIXTURE)
    evidence = results.evidence[0]

    assert "promptfoo output" == results.source
    assert ("pass", "exact", "plain") == results.primary
    assert {"France": 1, "Spain": 1, "Italy": 1, "Peru": 0} == _values(results, "new", "pass")
    assert {"France": 1, "Spain": 0, "Italy": 1, "Peru": 1} == _values(results, "old", "pass")
    assert {"Peru"} == set(evidence.example_N[evidence.status["new"] == FAILED])
    assert {ANSWERED} == set(evidence.status["old"].tolist())
    assert "higher" == results.metrics["exact"].better and "lower" == results.metrics["latency_s"].better


def test_repeats_are_seeds_of_one_cluster() -> None:
    evidence = _read(FIXTURE).evidence[0]

    assert 8 == len(evidence.example_N) and {0, 1} == set(evidence.seed_N.tolist())
    assert 4 == len(set(evidence.cluster_N.tolist()))


def test_a_failure_counts_in_every_metric_of_its_own_test_only() -> None:
    results = _read(FIXTURE)

    assert 0.0 == _values(results, "new", "exact")["Peru"]
    assert {"France"} == set(_values(results, "new", "plain"))


def test_lines_say_the_same_as_the_whole(tmp_path: Path) -> None:
    rows = json.loads(FIXTURE.read_text())["results"]["results"]
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    assert _values(_read(FIXTURE), "new", "exact") == _values(_read(tmp_path / "out.jsonl"), "new", "exact")


def test_tests_are_paired_by_their_variables_whatever_their_order(tmp_path: Path) -> None:
    new = _file(tmp_path / "monday.json", [_result("m", "a"), _result("m", "b", passed=False)])
    old = _file(tmp_path / "friday.json", [_result("m", "b"), _result("m", "a")])
    results = _read(new, old, candidate="monday", baseline="friday")

    assert {"a": 1, "b": 0} == _values(results, "monday", "pass")
    assert {"a": 1, "b": 1} == _values(results, "friday", "pass")


def test_a_file_of_an_older_version_tells_a_failed_assertion_from_an_error(tmp_path: Path) -> None:
    wrong = {"success": False, "score": 0, "error": "Expected x", "gradingResult": {"pass": False}}
    broken = {"success": False, "score": 0, "error": "API error: 500", "response": None, "gradingResult": None}
    rows = [_result("new", "a", **wrong), _result("new", "b", **broken), _result("old", "a"), _result("old", "b")]
    for row in rows:
        for later in ("failureReason", "testIdx", "testCase"):
            del row[later]
    evidence = _read(_file(tmp_path / "out.json", rows)).evidence[0]

    assert [ANSWERED, FAILED] == evidence.status["new"].tolist()


def test_a_table_of_version_2_is_read_cell_by_cell(tmp_path: Path) -> None:
    def cell(passed: bool) -> dict[str, Any]:
        return {"pass": passed, "score": float(passed), "text": "t", "namedScores": {}, "latencyMs": 5, "prompt": "p"}

    head = {"prompts": [{"provider": name, "raw": "p", "label": "p"} for name in ("new", "old")], "vars": ["q"]}
    body = [{"vars": ["a"], "outputs": [cell(True), cell(False)]}, {"vars": ["b"], "outputs": [cell(True), cell(True)]}]
    (tmp_path / "out.json").write_text(json.dumps({"results": {"version": 2, "table": {"head": head, "body": body}}}))
    results = _read(tmp_path / "out.json")

    assert ({"a": 1, "b": 1}, {"a": 0, "b": 1}) == (_values(results, "new", "pass"), _values(results, "old", "pass"))


def test_several_prompts_are_examples_of_their_provider_or_models_of_their_own(tmp_path: Path) -> None:
    rows = [
        _result(model, "a", passed=passed, prompt={"raw": f"{label} a", "label": label})
        for model, label, passed in (("new", "short", True), ("new", "long", False), ("old", "short", True))
    ] + [_result("old", "a", passed=True, prompt={"raw": "long a", "label": "long"})]
    path = _file(tmp_path / "out.json", rows)

    assert {"a | short": 1, "a | long": 0} == _values(_read(path), "new", "pass")
    assert 1 == len(set(_read(path).evidence[0].cluster_N.tolist()))
    assert {"a": 0} == _values(_read(path, candidate="new|long", baseline="new|short"), "new|long", "pass")


def test_two_tests_of_the_same_variables_are_told_apart_by_their_assertions(tmp_path: Path) -> None:
    rows = [
        _result(model, "a", testCase={"vars": {"word": "a"}, "assert": [{"type": kind}]})
        for model in ("new", "old")
        for kind in ("x", "y")
    ]
    evidence = _read(_file(tmp_path / "out.json", rows)).evidence[0]

    assert 2 == len(set(evidence.example_N)) and {0} == set(evidence.seed_N.tolist())


def test_an_assertion_that_changed_between_two_files_is_refused(tmp_path: Path) -> None:
    new = _file(tmp_path / "new.json", [_result("n", "a", testCase={"vars": {"word": "a"}, "assert": [{"value": 1}]})])
    old = _file(tmp_path / "old.json", [_result("o", "a", testCase={"vars": {"word": "a"}, "assert": [{"value": 2}]})])

    with pytest.raises(BadInput, match="right answer of 'a'"):
        _read(new, old, candidate="n", baseline="o")


def test_a_cached_answer_took_no_time_of_its_own(tmp_path: Path) -> None:
    rows = [_result(model, "a", response={"output": "a", "cached": model == "new"}) for model in ("new", "old")]
    results = _read(_file(tmp_path / "out.json", [*rows, _result("new", "b"), _result("old", "b")]))

    assert 1 == _values(results, "new", "pass")["a"]
    evidence = next(one for one in results.evidence if one.dataset == results.datasets["latency_s"])
    assert [False, True] == (evidence.status["new"] == ANSWERED).tolist()


def test_partial_scores_are_a_metric_beside_pass(tmp_path: Path) -> None:
    rows = [_result(model, word, score=0.5) for model in ("new", "old") for word in "ab"]

    assert ("pass", "score") == _read(_file(tmp_path / "out.json", rows)).primary


def test_a_variable_or_metadata_can_be_a_slice(tmp_path: Path) -> None:
    rows = [
        _result(model, word, testCase={"vars": {"word": word}, "metadata": {"kind": f"k{word}"}})
        for model in ("new", "old")
        for word in "ab"
    ]
    path = _file(tmp_path / "out.json", rows)

    assert ("ka", "kb") == _read(path, slices=("kind",)).evidence[0].slices["kind"].names
    with pytest.raises(BadInput, match="no variable or metadata of the tests 'size'"):
        _read(path, slices=("size",))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "holds no results"),
        ([{"provider": "x"}], "result 1: this result says neither success nor failure"),
        ([_result("new", "a", score="high")], "score is 'high', which is not a score"),
        ([_result("newer", "a")], "no model 'new'; did you mean 'newer'"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        _read(_file(tmp_path / "out.json", rows))


def test_a_configuration_and_a_csv_are_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "promptfooconfig.yaml").write_text("prompts: [a]\nproviders: [b]\n")
    (tmp_path / "out.csv").write_text("q,[old] p,Status,Score,Named Scores,Grader Reason,Comment\na,x,PASS,1,{},ok,\n")

    with pytest.raises(BadInput, match="a configuration of promptfoo, not its results"):
        _read(tmp_path / "promptfooconfig.yaml")
    with pytest.raises(BadInput, match="promptfoo's table as CSV"):
        _read(tmp_path / "out.csv")


def test_the_name_of_the_file_says_nothing(tmp_path: Path) -> None:
    shutil.copy(FIXTURE, tmp_path / "samples_x.csv")

    assert "promptfoo output" == _read(tmp_path / "samples_x.csv").source
