"""Tables -> long rows: tidy (a row a value) and wide (a column a model)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shipworthy import records
from shipworthy.data.results import _table
from shipworthy.data.results._column_names import measured
from shipworthy.data.results._formats import Format
from shipworthy.data.results._inputs import same_input
from shipworthy.data.results._logs import called
from shipworthy.data.results._long import Long, Texts, coded, concatenate, texts
from shipworthy.data.results._query import Query, known
from shipworthy.data.results._said import about_cell, about_columns
from shipworthy.data.results._seeds import seeds, split
from shipworthy.data.results._table import Table
from shipworthy.errors import BadInput

ASKED = ("input", "prompt", "question", "instruction", "query", "messages", "inputs", "problem")
GOLD = ("reference", "target", "gold")
EXTRAS = ("cost", "latency_s")
_SAID = {
    _table.NOT_A_NUMBER: "is not a number",
    _table.NOT_FINITE: "is NaN, infinite or beyond 1e100; leave the cell empty where there is no value",
}


def read(paths: Sequence[Path], query: Query) -> Long:
    """Long rows of one or several tables. Raises: BadInput: a column, a model or a number that is not there."""
    long = concatenate([_read(path, query, alone=len(paths) == 1) for path in paths])
    if not query.unpaired and "template" not in query.allow:
        same_input(long, (query.candidate, query.baseline))
    return long


def _read(path: Path, query: Query, *, alone: bool) -> Long:
    table = _table.read(path)
    if not table.n:
        raise BadInput("the table has no rows", where=str(path))
    asked = {query.candidate, query.baseline}
    names = [path.stem, path.name, str(path), *(folder.name for folder in list(path.parents)[:5])]
    by_file = not alone and called(query, names) in asked
    if "model" in table.columns and not asked <= set(table.columns):
        model_R = table.texts("model")
        if not by_file or len(found := set(model_R)) > 1 or found & asked:
            return _tidy(table, query, model_R)
    if not alone and not asked & set(table.columns):
        return _tidy(table, query, texts([called(query, names)] * table.n))  # a file a model
    return _wide(table, query)


# --- tidy ------------------------------------------------------------------------------------------------------------


def _tidy(table: Table, query: Query, model_R: Texts) -> Long:
    models, code_R = _coded(table, "model", model_R)
    column = _value_column(table, query)
    metric_R = table.texts("metric") if "metric" in table.columns and column == "value" else None
    names, metric_code_R = (
        _coded(table, "metric", metric_R) if metric_R is not None else ([_named(query, column)], None)
    )
    if metric_R is not None and query.metric is not None:
        known("metric", query.metric, names, str(table.path))
    mine_R = np.isin(code_R, [models.index(name) for name in (query.candidate, query.baseline) if name in models])
    if metric_code_R is not None and query.metric is not None:
        mine_R &= metric_code_R == names.index(query.metric)
    rows = np.flatnonzero(mine_R)
    if metric_code_R is None:
        metric_code_R = np.zeros(table.n, dtype=np.int64)
    failed_R = _failed(table, rows) if column != "error" else np.zeros(len(rows), dtype=np.bool_)
    value_R = _value(table, column, rows)
    scored = np.flatnonzero(failed_R & ~np.isnan(value_R))
    value_R = np.where(failed_R, np.nan, value_R)  # an error is no answer, whatever default stands beside it
    long = Long(
        source="tidy table",
        where=str(table.path),
        example_R=_ids(table, query)[rows],
        models=models,
        model_R=code_R[rows],
        metrics=names,
        metric_R=metric_code_R[rows],
        seed_R=seeds(table, query.id_columns, rows),
        value_R=value_R,
        failed_R=failed_R,
        slices=_slices(table, query, rows),
        place=lambda row: table.place(int(rows[row])),
        cluster_R=_optional(table, query.cluster, rows),
        crossed_R=_optional(table, query.crossed, rows),
        input_R=_first(table, ASKED, rows),
        gold_R=_first(table, GOLD, rows),
        warnings=_errors_with_values(table, rows[scored]),
    )
    return _with_extras(table, long, rows)


def _value_column(table: Table, query: Query) -> str:
    if "value" in table.columns:
        return "value"
    if query.metric is not None:
        return known("column", query.metric, table.columns, str(table.path))
    columns = ", ".join(table.columns)
    raise BadInput(
        f"no column 'value'; name the one that holds the scores with --metric, one of {columns}", where=str(table.path)
    )


def _named(query: Query, column: str) -> str:
    return query.metric or column


def _with_extras(table: Table, long: Long, rows: NDArray[np.int64]) -> Long:
    """Cost and latency columns become metrics of their own (from the rows of the first metric: they repeat)."""
    parts = [long]
    first = np.flatnonzero(long.metric_R == long.metric_R[0]) if len(rows) else rows
    for name in EXTRAS:
        if name in table.columns and name not in long.metrics:
            failed_R = _failed(table, rows[first])
            value_R = np.where(failed_R, np.nan, _value(table, name, rows[first]))
            parts.append(_extra(long, name, value_R, failed_R, first))
    return concatenate(parts)


def _extra(
    long: Long, name: str, value_R: NDArray[np.float64], failed_R: NDArray[np.bool_], kept: NDArray[np.int64]
) -> Long:
    there = ~np.isnan(value_R) | failed_R
    kept, value_R, failed_R = kept[there], value_R[there], failed_R[there]
    return Long(
        source=long.source,
        where=long.where,
        example_R=long.example_R[kept],
        models=long.models,
        model_R=long.model_R[kept],
        metrics=[name],
        metric_R=np.zeros(len(kept), dtype=np.int64),
        seed_R=long.seed_R[kept],
        value_R=value_R,
        failed_R=failed_R,
        slices={column: label_R[kept] for column, label_R in long.slices.items()},
        place=lambda row: long.place(int(kept[row])),
        cluster_R=None if long.cluster_R is None else long.cluster_R[kept],
        crossed_R=None if long.crossed_R is None else long.crossed_R[kept],
        input_R=None if long.input_R is None else long.input_R[kept],
        extras=(name,),
    )


# --- wide ------------------------------------------------------------------------------------------------------------


def _wide(table: Table, query: Query) -> Long:
    named = {*query.id_columns, *query.slices, query.cluster, query.crossed, "example_id"}
    candidates = [column for column in table.columns if column not in named]
    for role, model in (("candidate", query.candidate), ("baseline", query.baseline)):
        known(f"{role} column", model, candidates, str(table.path), about_columns(table.columns))
    rows = np.arange(table.n)
    values = [_value(table, model, rows) for model in (query.candidate, query.baseline)]
    example_R, both = _ids(table, query), np.concatenate([rows, rows])
    if (failed := np.flatnonzero(_failed(table, rows))).size:
        raise BadInput(
            "this row holds an error, and nothing says whose; leave the cell of the model that failed empty, or give a "
            "row a model (columns model, value, error)",
            where=table.place(int(failed[0])),
        )
    told = None if query.metric else measured(query.candidate, query.baseline)
    return Long(
        source="wide table",
        where=str(table.path),
        example_R=example_R[both],
        models=[query.candidate, query.baseline],
        model_R=np.repeat([0, 1], table.n),
        metrics=[query.metric or told or "value"],
        metric_R=np.zeros(2 * table.n, dtype=np.int64),
        seed_R=seeds(table, query.id_columns, rows)[both],
        value_R=np.concatenate(values),
        failed_R=np.zeros(2 * table.n, dtype=np.bool_),
        slices={column: label_R[both] for column, label_R in _slices(table, query, rows).items()},
        place=lambda row: table.place(int(both[row])),
        cluster_R=None if (cluster_R := _optional(table, query.cluster, rows)) is None else cluster_R[both],
        crossed_R=None if (crossed_R := _optional(table, query.crossed, rows)) is None else crossed_R[both],
        input_R=None if (input_R := _first(table, ASKED, rows)) is None else input_R[both],
        warnings=() if told is None else (_told(told, query),),
    )


def _told(metric: str, query: Query) -> records.Warning:
    message = (
        f"the columns {query.candidate!r} and {query.baseline!r} were taken to hold {metric}, by their names; --metric "
        "says it where that is wrong"
    )
    return records.Warning(code="metric_by_columns", message=message)


# --- columns ---------------------------------------------------------------------------------------------------------


def _value(table: Table, column: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The numbers of these rows; NaN for an empty cell. Raises: BadInput: NaN, or no number, with line and count."""
    value_R, state_R = table.numbers(column)
    for state, said in _SAID.items():
        bad = rows[state_R[rows] == state]
        if len(bad):
            cell = str(table.texts(column)[bad[0]])[:40]
            count = f" ({len(bad)} such rows)" if len(bad) > 1 else " (1 such row)"
            todo = about_cell(cell) if state == _table.NOT_A_NUMBER else ""
            raise BadInput(f"{cell!r} in column {column!r} {said}{count}{todo}", where=table.place(int(bad[0])))
    return value_R[rows]


def _ids(table: Table, query: Query) -> Texts:
    """One text an example: the id column, or several joined by "/" (a "/" inside one becomes "\\/")."""
    columns = split(query.id_columns)[0] or ("example_id",)
    if not query.id_columns and "example_id" not in table.columns:
        shown = ", ".join(table.columns[:60])
        index = f"{_table.NAMELESS}0"
        hint = f"; {index!r} is the first column, without a name (a pandas index?)" if index in table.columns else ""
        raise BadInput(
            f"no column 'example_id'; name what identifies an example with --id, one of {shown}{hint}"
            f"{about_columns(table.columns)}",
            where=str(table.path),
        )
    parts = [table.texts(known("id column", column, table.columns, str(table.path))) for column in columns]
    for column, part in zip(columns, parts, strict=True):
        _refuse_empty(table, column, part)
    if len(parts) == 1:
        return parts[0]
    return texts(["/".join(_escape(cell) for cell in cells) for cells in zip(*parts, strict=True)])


def _escape(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("/", "\\/") if "/" in cell or "\\" in cell else cell


def _refuse_empty(table: Table, column: str, part_R: Texts) -> None:
    empty = [row for row, cell in enumerate(part_R) if cell is None or cell == ""]
    if empty:
        raise BadInput(
            f"{column!r} is empty ({len(empty)} such rows); every row needs one", where=table.place(empty[0])
        )


def _coded(table: Table, column: str, text_R: Texts) -> tuple[list[str], NDArray[np.int64]]:
    _refuse_empty(table, column, text_R)
    return coded(text_R)


def _slices(table: Table, query: Query, rows: NDArray[np.int64]) -> dict[str, Texts]:
    return {
        name: table.texts(known("slice column", name, table.columns, str(table.path)))[rows] for name in query.slices
    }


def _optional(table: Table, column: str | None, rows: NDArray[np.int64]) -> Texts | None:
    if column is None:
        return None
    return table.texts(known("cluster column", column, table.columns, str(table.path)))[rows]


def _first(table: Table, names: Sequence[str], rows: NDArray[np.int64]) -> Texts | None:
    found = [column for name in names for column in table.columns if column.lower() == name]
    return table.texts(found[0])[rows] if found else None


_NO_ERROR = frozenset(("", "0", "0.0", "false", "none", "null", "nan", "no", "n/a", "na", "[]", "{}", '""', "ok"))


def _failed(table: Table, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows whose column `error` says that something went wrong; a column of other numbers is a measure, no report."""
    if "error" not in table.columns:
        return np.zeros(len(rows), dtype=np.bool_)
    number_R, state_R = table.numbers("error")
    numeric = bool(np.isin(state_R, (_table.GOOD, _table.MISSING)).all())
    if numeric and not np.isin(number_R[state_R == _table.GOOD], (0.0, 1.0)).all():
        return np.zeros(len(rows), dtype=np.bool_)
    said = [str(text or "").strip().lower() for text in table.texts("error")[rows]]
    return np.array([text not in _NO_ERROR for text in said], dtype=np.bool_)


def _errors_with_values(table: Table, rows: NDArray[np.int64]) -> tuple[records.Warning, ...]:
    if not len(rows):
        return ()
    message = (
        f"{len(rows)} rows hold an error and a value, first at {table.place(int(rows[0]))}; each counts as failed, "
        "the value is not read"
    )
    return (records.Warning(code="error_with_value", message=message, count=len(rows)),)


FORMAT = Format(
    title="table",
    version="JSON lines, a JSON list, CSV, TSV or Parquet; tidy (a row a value) or wide (a column a model)",
    recognised="`model` is a column that is none of the two models (tidy), or both models are columns (wide)",
    direction="the metric's name in our own catalogue, else `--better`",
    failures="tidy: a row with an `error`, whatever its value; an empty cell is a gap",
    ties="as the values say; scales of preferences are recognised",
    repeats="column `seed`, or `trial`, `run`, `epoch`, ... in `--id`; seeds of an example are one cluster",
    test="tests/data/test_results.py::test_every_form_of_a_table_gives_the_same_evidence",
    read=read,
    asks_for_ids=True,
)
