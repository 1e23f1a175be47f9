"""`evidence.parquet`: one row a unit, model and metric, written and read in columns by DuckDB.

Columns: `dataset, example_id, seed, cluster, model, metric, status` (answered, failed, absent), `counts` DOUBLE[] and,
where slices are declared, `slices`, a STRUCT with one label a slice column; where clusters are crossed, `crossed`, the
code of the second way (the layout names both). Rows of one (dataset, model, metric) lie
together, in the order of the units. The file's key-value metadata holds the layout (which blocks, which labels in which
order), so that what is read equals what was written to the last bit, and judging it again gives the same verdict.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from shipworthy.errors import BadInput
from shipworthy.records import Crossed, Evidence, Labels, Record
from shipworthy.store import duck

if TYPE_CHECKING:
    import duckdb

_KEY = "shipworthy"
_STATUS = ("answered", "failed", "absent")
_NO_METRIC = ""
_WIDE = 32  # more counts than this travel as lists: a column each would cost DuckDB 150 MB for 150 classes
_ROWS_OF_LISTS = 2048  # the fewest that DuckDB collects before it writes


class _Block(Record):
    """Rows of one model and metric; width is K, the number of additive counts."""

    model: str
    metric: str
    width: int


class _Layout(Record):
    """One dataset's units and blocks; `labels` maps a slice column to its label names, in the order of the codes.

    `ways`: the two columns of crossed clusters; empty where there is one, and in files of before.
    """

    dataset: str
    units: int
    labels: dict[str, tuple[str, ...]]
    models: tuple[str, ...]
    blocks: tuple[_Block, ...]
    ways: tuple[str, ...] = ()


def write(path: Path, evidence: Sequence[Evidence]) -> None:
    """Write all evidence of a run to `path`.

    Memory: one block at a time plus DuckDB's row groups, whatever the number of rows.

    Raises: BadInput: the disk is full or read-only.
    """
    layouts = [_layout(one) for one in evidence]
    tables: dict[str, dict[str, Any]] = {}
    selects = []
    for one, layout in zip(evidence, layouts, strict=True):
        for block in layout.blocks:
            name = f"block_{len(tables)}"
            tables[name] = _columns(one, block)
            selects.append(_select(name, layout, block, layouts))
    rows = " UNION ALL ".join(selects) or f"{_EMPTY} LIMIT 0"
    metadata = _text(msgspec.json.encode(layouts).decode())
    wide = any(block.width > _WIDE for layout in layouts for block in layout.blocks)
    groups = f", ROW_GROUP_SIZE {_ROWS_OF_LISTS}" if wide else ""
    options = f"FORMAT parquet, COMPRESSION zstd{groups}, KV_METADATA {{{_KEY}: {metadata}}}"
    with _said(path), duck.interruptible(), closing(duck.connect()) as db:
        if wide:
            db.execute("SET threads = 1")  # every thread holds a batch of lists
        for name, columns in tables.items():
            db.register(name, columns)
        db.execute(f"COPY ({rows}) TO {_text(str(path))} ({options})")


def read(path: Path) -> list[Evidence]:
    """The evidence that `write` put into `path`, in the same order.

    Raises: BadInput: there is no such file, it is no Parquet file of ours, or rows are missing.
    """
    if not path.is_file():
        raise BadInput("this run has no evidence yet; finish it with: shipworthy run --resume", where=str(path))
    with _said(path), duck.interruptible(), closing(duck.connect()) as db:
        found = db.execute(
            "SELECT value FROM parquet_kv_metadata(?) WHERE key = ?", [str(path), _KEY.encode()]
        ).fetchone()
        if found is None:
            raise BadInput("not written by Shipworthy (its layout is missing); restore the file", where=str(path))
        layouts = msgspec.json.decode(found[0], type=list[_Layout])
        fields = dict(_all_slices(layouts))
        return [_read_one(db, path, layout, fields) for layout in layouts]


# --- Writing ---------------------------------------------------------------------------------------------------------

_EMPTY = (
    "SELECT ''::VARCHAR AS dataset, ''::VARCHAR AS example_id, 0::BIGINT AS seed, 0::BIGINT AS cluster, "
    "''::VARCHAR AS model, ''::VARCHAR AS metric, ''::VARCHAR AS status, []::DOUBLE[] AS counts"
)


def _layout(one: Evidence) -> _Layout:
    measured = {model for model, _ in one.counts}
    blocks = [
        _Block(model=model, metric=metric, width=counts.shape[1]) for (model, metric), counts in one.counts.items()
    ]
    blocks += [_Block(model=model, metric=_NO_METRIC, width=0) for model in one.status if model not in measured]
    labels = {column: label.names for column, label in one.slices.items()}
    return _Layout(
        dataset=one.dataset,
        units=len(one.example_N),
        labels=labels,
        models=tuple(one.status),
        blocks=tuple(blocks),
        ways=one.crossed.ways if one.crossed is not None else (),
    )


def _columns(one: Evidence, block: _Block) -> dict[str, Any]:
    import numpy as np

    columns: dict[str, Any] = {"example": one.example_N, "seed": one.seed_N, "cluster": one.cluster_N}
    if one.crossed is not None:
        columns["crossed"] = one.crossed.code_N
    status = one.status.get(block.model)
    columns["status"] = np.zeros(len(one.example_N), dtype=np.uint8) if status is None else status
    if block.width > _WIDE:
        columns["counts"] = _rows_as_lists(one.counts[block.model, block.metric])
    else:
        for k in range(block.width):
            columns[f"count_{k}"] = np.ascontiguousarray(one.counts[block.model, block.metric][:, k], dtype=np.float64)
    for j, label in enumerate(one.slices.values()):
        columns[f"slice_{j}"] = label.code_N
    return columns


def _rows_as_lists(counts_NK: Any) -> Any:
    import numpy as np

    lists_N = np.empty(len(counts_NK), dtype=object)
    for row, counts_K in enumerate(np.ascontiguousarray(counts_NK, dtype=np.float64)):
        lists_N[row] = counts_K
    return lists_N


def _select(table: str, layout: _Layout, block: _Block, layouts: Sequence[_Layout]) -> str:
    slices = _all_slices(layouts)
    counts = "counts" if block.width > _WIDE else f"[{', '.join(f'count_{k}' for k in range(block.width))}]"
    columns = [
        f"{_text(layout.dataset)} AS dataset, example::VARCHAR AS example_id, seed::BIGINT AS seed",
        f"cluster::BIGINT AS cluster, {_text(block.model)} AS model, {_text(block.metric)} AS metric",
        f"{_list(_STATUS)}[status + 1] AS status, {counts}::DOUBLE[] AS counts",
    ]
    if slices:
        position = {column: j for j, column in enumerate(layout.labels)}
        fields = [
            f"{_quoted(field)}: {_label(position[column], layout.labels[column])}"
            if layout.labels.get(column)
            else f"{_quoted(field)}: NULL::VARCHAR"
            for column, field in slices
        ]
        columns.append(f"{{{', '.join(fields)}}} AS slices")
    if any(each.ways for each in layouts):
        columns.append("crossed::BIGINT AS crossed" if layout.ways else "NULL::BIGINT AS crossed")
    return f"SELECT {', '.join(columns)} FROM {table}"


def _label(j: int, names: tuple[str, ...]) -> str:
    return f"CASE WHEN slice_{j} >= 0 THEN {_list(names)}[slice_{j} + 1] END"


def _all_slices(layouts: Sequence[_Layout]) -> list[tuple[str, str]]:
    """(slice column, its STRUCT field) over all datasets; DuckDB's names ignore case, so a twin gets a number."""
    taken: set[str] = set()
    fields: dict[str, str] = {}
    for column in (column for layout in layouts for column in layout.labels):
        if column not in fields:
            field = column or "_"
            while field.lower() in taken:
                field += "_2"
            taken.add(field.lower())
            fields[column] = field
    return list(fields.items())


# --- Reading ---------------------------------------------------------------------------------------------------------


def _read_one(db: "duckdb.DuckDBPyConnection", path: Path, layout: _Layout, fields: dict[str, str]) -> Evidence:
    import numpy as np

    first = layout.blocks[0] if layout.blocks else _Block(model="", metric="", width=0)
    slices = [f"{_code(fields[column], names)} AS slice_{j}" for j, (column, names) in enumerate(layout.labels.items())]
    crossed = ["crossed"] if layout.ways else []
    units = _fetch(db, path, layout, first, ["example_id", "seed", "cluster", *crossed, *slices])
    status, counts = {}, {}
    for block in layout.blocks:
        narrow = block.width if block.width <= _WIDE else 0
        wanted = [f"counts[{k + 1}] AS count_{k}" for k in range(narrow)]
        wanted.append(f"(list_position({_list(_STATUS)}, status) - 1)::UTINYINT AS status")
        rows = _fetch(db, path, layout, block, wanted)
        if block.model in layout.models:
            status[block.model] = rows["status"]
        if block.width > _WIDE:
            counts[block.model, block.metric] = _wide_counts(db, path, layout, block)
        elif block.metric != _NO_METRIC or block.width:
            columns = [rows[f"count_{k}"] for k in range(block.width)]
            counts[block.model, block.metric] = np.column_stack(columns) if columns else np.zeros((layout.units, 0))
    labels = {
        column: Labels(names=names, code_N=units[f"slice_{j}"])
        for j, (column, names) in enumerate(layout.labels.items())
    }
    return Evidence(
        dataset=layout.dataset,
        example_N=units["example_id"],
        seed_N=units["seed"],
        cluster_N=units["cluster"],
        slices=labels,
        status={model: status[model] for model in layout.models},
        counts=counts,
        crossed=Crossed(ways=(layout.ways[0], layout.ways[1]), code_N=units["crossed"]) if layout.ways else None,
    )


def _code(field: str, names: tuple[str, ...]) -> str:
    if not names:
        return "(-1)::BIGINT"
    return f"coalesce(enum_code(slices.{_quoted(field)}::ENUM ({', '.join(map(_text, names))}))::BIGINT, -1)"


_BLOCK = "FROM read_parquet(?) WHERE dataset = ? AND model = ? AND metric = ?"


def _fetch(
    db: "duckdb.DuckDBPyConnection", path: Path, layout: _Layout, block: _Block, wanted: list[str]
) -> dict[str, Any]:
    """Columns of one block as plain arrays, in the order of the file (DuckDB keeps it: preserve_insertion_order)."""
    columns = db.execute(f"SELECT {', '.join(wanted)} {_BLOCK}", _named(path, layout, block)).fetchnumpy()
    if any(len(column) != layout.units or _has_null(column) for column in columns.values()):
        raise _cut(path, layout, block)
    return {name: _plain(column) for name, column in columns.items()}


def _wide_counts(db: "duckdb.DuckDBPyConnection", path: Path, layout: _Layout, block: _Block) -> Any:
    """(units, width) counts of a block, list after list."""
    import numpy as np

    named, width = _named(path, layout, block), block.width
    db.execute("SET threads = 1")
    whole = f"coalesce(len(counts) = {width} AND list_count(counts) = {width}, false)"
    odd = db.execute(f"SELECT count(*) {_BLOCK} AND NOT {whole}", named).fetchall()[0][0]
    if odd:
        raise _cut(path, layout, block)
    counts_NK, filled = np.empty((layout.units, width)), 0
    rows = db.execute(f"SELECT counts {_BLOCK}", named)
    while lists := rows.fetchmany(_ROWS_OF_LISTS // 8):
        if filled + len(lists) > layout.units:
            raise _cut(path, layout, block)
        counts_NK[filled : filled + len(lists)] = [counts for (counts,) in lists]
        filled += len(lists)
    if filled < layout.units:
        raise _cut(path, layout, block)
    return counts_NK


def _named(path: Path, layout: _Layout, block: _Block) -> list[str]:
    return [str(path), layout.dataset, block.model, block.metric]


def _cut(path: Path, layout: _Layout, block: _Block) -> BadInput:
    told = f"{block.metric!r} of {block.model!r} on {layout.dataset!r} does not have {layout.units} whole rows"
    return BadInput(f"{told}; the file was cut or edited, restore it", where=str(path))


def _has_null(column: Any) -> bool:
    import numpy as np

    return bool(np.ma.getmaskarray(column).any()) if isinstance(column, np.ma.MaskedArray) else False


def _plain(column: Any) -> Any:
    import numpy as np

    return column.data if isinstance(column, np.ma.MaskedArray) else column


# --- DuckDB ----------------------------------------------------------------------------------------------------------


@contextmanager
def _said(path: Path) -> Iterator[None]:
    import duckdb

    try:
        yield
    except (duckdb.Error, msgspec.DecodeError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(
            f"evidence cannot be read or written ({reason}); check disk and file", where=str(path)
        ) from error


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
