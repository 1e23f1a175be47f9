"""MLflow's evaluations: `eval_results_table.json` of `mlflow.evaluate`, and folders of `mlflow.log_evaluations`.

The table has a row an input and a column `metric/version/score` a metric. The folder holds `_evaluations.json` (what
was asked, errors), `_metrics.json` and `_assessments.json` (labels of judges and people), joined by `evaluation_id`;
`inputs_id` is a digest of the inputs, by which two runs pair.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.data.results._formats import Format
from shipworthy.data.results._logs import Score, called, finite, long_rows
from shipworthy.data.results._long import Long
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query, known
from shipworthy.errors import BadInput
from shipworthy.records import Direction
from shipworthy.store import loose_json

TABLE, EVALUATIONS = "eval_results_table.json", "_evaluations.json"
_SCORE = re.compile(r"^(?P<name>.+)/v\d+/score$")
_COLUMN = re.compile(rb'"[^"]+(?:\\?/)v\d+(?:\\?/)score"')
_ASKED = ("inputs", "input", "question", "prompt", "query", "instruction")
_ANSWERED = ("outputs", "output", "predictions", "prediction")
_GOLD = ("ground_truth", "targets", "target", "expected_response")
_LOWER = (
    *("latency", "token_count", "toxicity", "flesch_kincaid_grade_level", "ari_grade_level", "mean_absolute_error"),
    *("mean_squared_error", "root_mean_squared_error", "max_error", "mean_absolute_percentage_error"),
)
_HIGHER = (
    *("exact_match", "rouge1", "rouge2", "rougeL", "rougeLsum", "bleu", "answer_similarity", "answer_correctness"),
    *("answer_relevance", "faithfulness", "relevance", "precision_at_k", "recall_at_k", "ndcg_at_k", "r2_score"),
)
_SIDES: tuple[tuple[Direction, tuple[str, ...]], ...] = (("lower", _LOWER), ("higher", _HIGHER))
_BETTER = {name: side for side, names in _SIDES for name in names}
"""`greater_is_better` of MLflow's own metrics."""
_WATCHED = ("latency_s", "token_count")


def is_file(start: Start) -> bool:
    """A table with a column of scores, or one of the tables of a folder."""
    if not start.has("columns", "data"):
        return False
    return _COLUMN.search(start.body) is not None or b'"evaluation_id"' in start.body


def is_folder(folder: Path) -> bool:
    """A run's artifacts, or a folder above those of one run."""
    return any(any(folder.rglob(name)) for name in (TABLE, EVALUATIONS))


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: a broken table, several runs in one folder, an unknown model, metric or column."""
    where = ", ".join(map(str, paths))
    scores: list[Score] = []
    models: list[str] = []
    for given in paths:
        path = _file(given)
        first = given.name if given.is_dir() else given.parent.name
        options = [first, given.name, str(given), path.stem, *(one.name for one in list(path.parents)[:4])]
        model = called(query, options)
        models.append(model)
        if model in (query.candidate, query.baseline):
            scores += (
                _evaluations(path.parent, model, query)
                if path.name != TABLE and _in_parts(path)
                else _table(path, model, query)
            )
    for name in (query.candidate, query.baseline):
        known("model", name, models, where)
    names = dict.fromkeys(score.metric for score in scores)
    if query.metric is not None:
        known("metric", query.metric, names, where)
    kept = [score for score in scores if query.metric in (None, score.metric) or score.metric in _WATCHED]
    better = {name: side for name in names if (side := _direction(name))}
    return long_rows(kept, source="MLflow evaluation", where=where, better=better, extras=_WATCHED)


def _file(given: Path) -> Path:
    if not given.is_dir():
        return given
    found = sorted(path for name in (TABLE, EVALUATIONS) for path in given.rglob(name))
    if len({path.parent for path in found}) > 1:
        folders = ", ".join(str(path.parent) for path in found[:4])
        raise BadInput(f"several evaluations lie here ({folders}); give one folder a model", where=str(given))
    return found[0]


def _in_parts(path: Path) -> bool:
    return (path.parent / EVALUATIONS).is_file()


def _direction(metric: str) -> Direction | None:
    return "lower" if metric in _WATCHED else _BETTER.get(re.sub(r"_at_\d+$", "_at_k", metric))


# --- tables ----------------------------------------------------------------------------------------------------------


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a file with `columns` and `data`."""
    try:
        found = loose_json.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        columns, data = found["columns"], found["data"]
        return [dict(zip(columns, row, strict=True)) for row in data]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput("this is not a table of MLflow, or it was cut off", where=str(path)) from None


def _table(path: Path, model: str, query: Query) -> Iterator[Score]:
    for at, row in enumerate(rows_of(path), start=1):
        where = f"{path}!row {at}"
        values = {match["name"]: row[name] for name in row if (match := _SCORE.match(name))}
        values |= {"latency_s": row.get("latency"), "token_count": row.get("token_count")}
        example = _id(row, query, where)
        for name, value in values.items():
            if value is not None and value == value:  # a score that a judge did not give is a gap
                yield _score(row, query, where, (example, model, name, finite(value, name, where)))


def _id(row: Mapping[str, Any], query: Query, where: str) -> str:
    columns = query.id_columns or tuple(name for name in _ASKED if name in row)[:1]
    if not columns:
        raise BadInput(f"no column says what was asked; name it with --id, one of {', '.join(row)}", where=where)
    return "/".join(_text(row[known("id column", column, row, where)]) for column in columns)


def _score(row: Mapping[str, Any], query: Query, where: str, said: tuple[str, str, str, float | None]) -> Score:
    for name in (*query.slices, *filter(None, [query.cluster])):
        known("column", name, row, where)
    example, model, metric, value = said
    asked = [_text(row[name]) for name in _ASKED if row.get(name) is not None]
    gold = [_text(row[name]) for name in _GOLD if row.get(name) is not None]
    return Score(
        example=example,
        model=model,
        metric=metric,
        value=value,
        where=where,
        labels={name: _text(row[name]) for name in query.slices},
        cluster=None if query.cluster is None else _text(row[query.cluster]),
        asked=asked[0] if asked else None,
        gold=gold[0] if gold else None,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()


# --- folders ---------------------------------------------------------------------------------------------------------


def _evaluations(folder: Path, model: str, query: Query) -> Iterator[Score]:
    measured: dict[str, dict[str, float]] = {}
    for name, value, key, where in _measurements(folder):
        measured.setdefault(key, {})[name] = finite(value, name, where)
    names = list(dict.fromkeys(name for values in measured.values() for name in values))
    for at, row in enumerate(rows_of(folder / EVALUATIONS), start=1):
        where = f"{folder / EVALUATIONS}!row {at}"
        failed = bool(row.get("error_code"))
        found = measured.get(str(row["evaluation_id"]), {})
        values: Mapping[str, float | None] = dict.fromkeys(names) if failed else found
        for name, value in values.items():
            yield _score(row, query, where, (str(row["inputs_id"]), model, name, value))


def _measurements(folder: Path) -> Iterator[tuple[str, Any, str, str]]:
    """(name, value, evaluation, place) of metrics, and of assessments that are numbers or true and false."""
    metrics, assessed = folder / "_metrics.json", folder / "_assessments.json"
    for at, row in enumerate(rows_of(metrics) if metrics.is_file() else [], start=1):
        yield row["key"], row["value"], str(row["evaluation_id"]), f"{metrics}!row {at}"
    for at, row in enumerate(rows_of(assessed) if assessed.is_file() else [], start=1):
        value = row.get("boolean_value") if row.get("numeric_value") is None else row.get("numeric_value")
        if value is not None:
            yield row["name"], value, str(row["evaluation_id"]), f"{assessed}!row {at}"


FORMAT = Format(
    title="MLflow evaluation",
    version="MLflow 2 and 3: `eval_results_table.json` of `evaluate`, folders of `log_evaluations`, one a model",
    recognised="`columns` and `data` with a column `metric/v1/score` or `evaluation_id`; folders that hold them",
    direction="`greater_is_better` of MLflow's own metrics; others by name, else `--better`",
    failures="folders: an `error_code`; tables have none, and a score that is null is a gap",
    ties="none",
    repeats="none: inputs that stand twice are refused",
    test="tests/data/test_mlflow.py::test_a_table_of_evaluate_is_read",
    read=read,
    asks_for_ids=True,
    is_file=is_file,
    is_folder=is_folder,
)
