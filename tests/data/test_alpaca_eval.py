"""AlpacaEval's annotations: win rates through one reference, ties, and annotators that failed."""

import json
from pathlib import Path
from typing import Any

import pytest

from shipworthy.data.results import Query, Results, read
from shipworthy.errors import BadInput
from shipworthy.records import ABSENT


def _annotation(model: str, number: int, preference: float | None, **other: object) -> dict[str, Any]:
    row = {
        "instruction": f"question {number}",
        "output_1": "r",
        "generator_1": "reference",
        "dataset": "helpful_base" if number < 2 else "koala",
        "output_2": "m",
        "generator_2": model,
        "annotator": "weighted_alpaca_eval_gpt4_turbo",
        "preference": preference,
    }
    return {**row, **other}


def _folder(home: Path, model: str, preferences: list[float | None], **other: object) -> Path:
    folder = home / model / "weighted_alpaca_eval_gpt4_turbo"
    folder.mkdir(parents=True)
    rows = [_annotation(model, number, value, **other) for number, value in enumerate(preferences)]
    (folder / "annotations.json").write_text(json.dumps(rows, indent=2))
    return home / model


def _read(*paths: Path, **query: object) -> Results:
    return read(list(paths), Query(**{"candidate": "new", "baseline": "old", **query}))  # type: ignore[arg-type]


def _values(results: Results, model: str) -> list[float]:
    return [float(value) for value in results.evidence[0].counts[model, "win_rate"][:, 0]]


def test_two_models_meet_through_one_reference(tmp_path: Path) -> None:
    new, old = _folder(tmp_path, "new", [2, 1.75, 1]), _folder(tmp_path, "old", [1, 1.25, 2])
    results = _read(new, old)

    assert ("AlpacaEval annotations", ("win_rate",)) == (results.source, results.primary)
    assert ([1, 0.75, 0], [0, 0.25, 1]) == (_values(results, "new"), _values(results, "old"))
    assert ("higher", "share") == (results.metrics["win_rate"].better, results.metrics["win_rate"].unit)


def test_a_tie_is_half_a_win_in_either_spelling(tmp_path: Path) -> None:
    new, old = _folder(tmp_path, "new", [0, 1.5, 1]), _folder(tmp_path, "old", [1, 2, 0])

    assert ([0.5, 0.5, 0], [0, 1, 0.5]) == (_values(r := _read(new, old), "new"), _values(r, "old"))


def test_a_model_against_its_own_reference_gains_wins_less_losses(tmp_path: Path) -> None:
    results = _read(_folder(tmp_path, "new", [2, 1.25, 1.5]), baseline="reference")

    assert ([1, 0.25, 0.5], [0, 0.75, 0.5]) == (_values(results, "new"), _values(results, "reference"))


def test_an_annotator_that_failed_is_a_gap_and_nobodys_loss(tmp_path: Path) -> None:
    new, old = _folder(tmp_path, "new", [None, 2, 2]), _folder(tmp_path, "old", [1, 1, 1])
    results = _read(new, old)

    assert 1 == results.evidence[0].status["new"].tolist().count(ABSENT)
    assert any("1 annotations hold no preference" in note.message for note in results.warnings)


def test_other_references_or_annotators_are_refused(tmp_path: Path) -> None:
    new = _folder(tmp_path, "new", [2])
    other = _folder(tmp_path / "b", "old", [1], generator_1="davinci")
    judge = _folder(tmp_path / "c", "old", [1], annotator="claude")

    with pytest.raises(BadInput, match=r"different references \(davinci, reference\)"):
        _read(new, other)
    with pytest.raises(BadInput, match="different annotators"):
        _read(new, judge)


def test_a_preference_off_the_scale_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"annotation 2: preference is 2.5, which is neither"):
        _read(_folder(tmp_path, "new", [2, 2.5]), baseline="reference")


def test_a_model_that_several_annotators_judged_needs_one_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "new", [2])
    (folder / "alpaca_eval_gpt4").mkdir()
    (folder / "alpaca_eval_gpt4" / "annotations.json").write_text(json.dumps([_annotation("new", 0, 1)]))

    with pytest.raises(BadInput, match="several annotators judged here"):
        _read(folder, baseline="reference")


def test_the_set_can_be_a_slice(tmp_path: Path) -> None:
    results = _read(_folder(tmp_path, "new", [2, 2, 1]), baseline="reference", slices=("dataset",))

    assert ("helpful_base", "koala") == results.evidence[0].slices["dataset"].names


def test_a_leaderboard_and_outputs_are_told_by_name(tmp_path: Path) -> None:
    header = ",win_rate,standard_error,n_wins,n_wins_base,n_draws,n_total,mode,avg_length\n"
    (tmp_path / "leaderboard.csv").write_text(f"{header}new,50,1.7,400,400,5,805,minimal,1000\n")
    outputs = [{"dataset": "koala", "instruction": "q", "output": "a", "generator": "new"}]
    (tmp_path / "model_outputs.json").write_text(json.dumps(outputs))

    with pytest.raises(BadInput, match=r"AlpacaEval's leaderboard: one row a model and no examples"):
        _read(tmp_path / "leaderboard.csv")
    with pytest.raises(BadInput, match="answers without preferences"):
        _read(tmp_path / "model_outputs.json")


def test_a_column_that_no_annotation_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no column of the annotations 'topic'"):
        _read(_folder(tmp_path, "new", [2, 1]), baseline="reference", cluster="topic")
