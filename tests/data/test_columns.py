"""JSON objects of columns and data, as W&B's tables: read as any table."""

import json
from pathlib import Path

import pytest

from shipworthy.data.results import Query, Results, read
from shipworthy.errors import BadInput
from shipworthy.records import ABSENT

FIXTURE = Path(__file__).parent / "fixtures" / "wandb.table.json"


def _read(*paths: Path, **query: object) -> Results:
    return read(list(paths), Query(**{"candidate": "new", "baseline": "old", **query}))  # type: ignore[arg-type]


def _table(path: Path, columns: list[str], *rows: list[object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"columns": columns, "data": rows}))
    return path


def _values(results: Results, model: str, metric: str) -> list[float]:
    return [float(value) for value in results.evidence[0].counts[model, metric][:, 0]]


def test_a_table_of_wandb_is_read() -> None:
    results = _read(FIXTURE, metric="accuracy")
    evidence = results.evidence[0]

    assert ["1", "2"] == list(evidence.example_N)
    assert [1.0, 0.5] == _values(results, "new", "accuracy")
    assert ABSENT == evidence.status["old"][1]


def test_two_tables_of_two_runs_are_named_after_their_folders(tmp_path: Path) -> None:
    for model, values in (("new", (1, 0)), ("old", (1, 1))):
        rows = [[number, value] for number, value in enumerate(values)]
        _table(tmp_path / model / "files" / "media" / "table" / "eval_0_ab.table.json", ["id", "accuracy"], *rows)
    paths = [next((tmp_path / model).rglob("*.table.json")) for model in ("new", "old")]
    results = _read(*paths, metric="accuracy")

    assert ([1, 0], [1, 1]) == (_values(results, "new", "accuracy"), _values(results, "old", "accuracy"))


def test_a_tidy_table_of_columns_and_data(tmp_path: Path) -> None:
    rows = [[question, model, 1] for model in ("new", "old") for question in ("a", "b")]
    results = _read(_table(tmp_path / "t.json", ["question", "model", "accuracy"], *rows), metric="accuracy")

    assert ("tidy table", ["a", "b"]) == (results.source, list(results.evidence[0].example_N))


def test_rows_that_do_not_fit_their_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="row 2 has not one cell for each of the 3 columns"):
        _read(_table(tmp_path / "t.json", ["id", "new", "old"], [1, 1, 1], [2, 1]))


def test_a_word_among_the_values_is_named_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"t.json!row 2: 'good' in column 'new' is not a number"):
        _read(_table(tmp_path / "t.json", ["id", "new", "old"], [1, 1, 1], [2, "good", 1]))


def test_a_table_that_was_cut_off_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"columns": ["id", "new", "old"], "data": [[1, 1, ')

    with pytest.raises(BadInput, match=r"t.json"):
        _read(tmp_path / "t.json")
