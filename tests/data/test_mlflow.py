"""MLflow's evaluations: the table of `evaluate` and the folders of `log_evaluations`."""

import json
import shutil
from pathlib import Path

import pytest

from shipworthy.data.results import Query, Results, read
from shipworthy.errors import BadInput
from shipworthy.records import ABSENT, ANSWERED, FAILED

FIXTURES = Path(__file__).parent / "fixtures" / "mlflow"


def _read(*paths: Path, **query: object) -> Results:
    return read(list(paths), Query(**{"candidate": "new", "baseline": "old", **query}))  # type: ignore[arg-type]


def _values(results: Results, model: str, metric: str) -> list[float]:
    evidence = next(one for one in results.evidence if one.dataset == results.datasets[metric])
    return [float(value) for value in evidence.counts[model, metric][:, 0]]


def _run(home: Path, model: str, rows: list[list[object]], columns: list[str] | None = None) -> Path:
    (home / model).mkdir(parents=True)
    names = columns or ["inputs", "ground_truth", "outputs", "toxicity/v1/score", "latency", "token_count"]
    path = home / model / "eval_results_table.json"
    path.write_text(json.dumps({"columns": names, "data": rows}))
    return home / model


def test_a_table_of_evaluate_is_read(tmp_path: Path) -> None:
    """`length` is a metric of the user's own, so its direction is asked for."""
    for model in ("new", "old"):
        (tmp_path / model).mkdir()
        shutil.copy(FIXTURES / "eval_results_table.json", tmp_path / model)
    results = _read(tmp_path / "new", tmp_path / "old", better={"": "lower"})

    assert ("MLflow evaluation", ("length",)) == (results.source, results.primary)
    assert ["capital of France", "capital of Spain", "capital of Peru"] == list(results.evidence[0].example_N)
    assert [5, 9, 4] == _values(results, "new", "length")


def test_mlflows_own_metrics_keep_their_direction_and_latency_is_watched(tmp_path: Path) -> None:
    rows: list[list[object]] = [["a", "x", "y", 0.1, 2.5, 10], ["b", "x", "y", 0.2, 1.5, 12]]
    results = _read(_run(tmp_path, "new", rows), _run(tmp_path, "old", rows))

    assert ("toxicity",) == results.primary
    assert "lower" == results.metrics["toxicity"].better == results.metrics["token_count"].better
    assert [2.5, 1.5] == _values(results, "new", "latency_s")


def test_a_folder_of_evaluations_is_joined_by_its_ids() -> None:
    results = _read(FIXTURES / "new", FIXTURES / "old", better={"": "higher"})
    evidence = results.evidence[0]

    assert {"score", "correct"} == set(results.primary)
    assert 4 == len(evidence.example_N) and [1, 0, 1, 0] == _values(results, "old", "correct")
    assert [ANSWERED] * 3 + [FAILED] == evidence.status["new"].tolist()


def test_a_score_that_a_judge_did_not_give_is_a_gap(tmp_path: Path) -> None:
    new = _run(tmp_path, "new", [["a", "x", "y", None, 1, 1], ["b", "x", "y", 0.2, 1, 1]])
    old = _run(tmp_path, "old", [["a", "x", "y", 0.1, 1, 1], ["b", "x", "y", 0.2, 1, 1]])
    results = _read(new, old, metric="toxicity")
    evidence = next(one for one in results.evidence if one.dataset == results.datasets["toxicity"])

    assert ABSENT in evidence.status["new"].tolist()


def test_another_right_answer_is_refused(tmp_path: Path) -> None:
    new = _run(tmp_path, "new", [["a", "x", "y", 0.1, 1, 1]])
    old = _run(tmp_path, "old", [["a", "z", "y", 0.1, 1, 1]])

    with pytest.raises(BadInput, match="the right answer of 'a'"):
        _read(new, old)


def test_several_evaluations_in_one_folder_are_named(tmp_path: Path) -> None:
    rows: list[list[object]] = [["a", "x", "y", 0.1, 1, 1]]
    _run(tmp_path, "new", rows)
    old = _run(tmp_path, "old", rows)

    with pytest.raises(BadInput, match="several evaluations lie here"):
        _read(tmp_path, old)


def test_a_table_without_a_question_asks_for_the_id(tmp_path: Path) -> None:
    columns = ["text", "toxicity/v1/score"]
    new, old = (_run(tmp_path, model, [["a", 0.1]], columns) for model in ("new", "old"))

    with pytest.raises(BadInput, match="name it with --id, one of text"):
        _read(new, old)
    assert ["a"] == list(_read(new, old, id_columns=("text",)).evidence[0].example_N)
