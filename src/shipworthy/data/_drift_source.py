"""Two files as two tables of DuckDB, asked one column at a time: memory does not grow with the files.

Parquet is read where it lies. CSV and JSON are parsed once into a database in a temporary folder.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from shipworthy.data import _files, _rows
from shipworthy.errors import BadInput
from shipworthy.store import duck

Floats = NDArray[np.float64]
MOST_LABELS = 100_000
_PILOT = 20_000
_FINENESS = 400  # cells a unit of the compressed scale
_LIMIT = "400MB"


@dataclass(frozen=True, slots=True)
class Side:
    """The rows of one file, or of one slice of them. `types`: column -> DuckDB's type."""

    path: Path
    connection: Any
    table: str
    types: dict[str, str]
    n: int
    where: str = "true"

    def sliced(self, column: str, label: str) -> "Side":
        """Only the rows with this label."""
        where = f"CAST({quoted(column)} AS VARCHAR) = {_literal(label)}"
        part = replace(self, where=where)
        return replace(part, n=int(part.ask("count(*)")[0][0]))

    def ask(self, what: str, then: str = "") -> list[tuple[Any, ...]]:
        """The rows of `SELECT what FROM this side then`."""
        return list(self._run(what, then).fetchall())

    def numbers(self, expression: str) -> Floats:
        """(n,) one expression in the order of the rows; NaN where it is missing, infinite where it stands so."""
        found = self._run(f"{expression} AS found").fetchnumpy()["found"]
        values = np.ma.getdata(found).astype(np.float64, copy=False)
        return np.where(found.mask, np.nan, values) if np.ma.is_masked(found) else np.asarray(values)

    def labels(self, expression: str) -> dict[str | None, int]:
        """Rows a label; None counts what is missing. The 100,001 most frequent at most."""
        then = f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_LABELS + 1}"
        return dict(self._pairs(f"CAST({expression} AS VARCHAR), count(*)", then))

    def cells(self, expression: str, scale: tuple[float, float]) -> dict[int | None, int]:
        """Rows a cell of asinh((x - middle) / spread), 400 cells a unit; None: not finite."""
        middle, spread = scale
        value = f"CAST({expression} AS DOUBLE)"
        cell = f"CAST(floor(asinh(({value} - {middle!r}) / {spread!r}) * {_FINENESS}) AS INTEGER)"
        return dict(self._pairs(f"CASE WHEN isfinite({value}) THEN {cell} END AS cell, count(*)", "GROUP BY 1"))

    def head(self, expression: str, most: int = _PILOT) -> list[Any]:
        """The first values that are there."""
        return [row[0] for row in self.ask(f"{expression} AS found", f"AND {expression} IS NOT NULL LIMIT {most}")]

    def drawn(self, expressions: list[str], most: int, seed: int) -> list[tuple[Any, ...]]:
        """At most `most` rows in which every expression has a value, drawn at random, the same ones for a seed."""
        chosen = ", ".join(f"{expression} AS c{i}" for i, expression in enumerate(expressions))
        there = " AND ".join(f"{expression} IS NOT NULL" for expression in expressions)
        query = f"SELECT {chosen} FROM {self.table} WHERE {self.where} AND {there}"
        draw = f"SELECT * FROM ({query}) USING SAMPLE reservoir({most} ROWS) REPEATABLE ({seed})"
        threads = self.connection.execute("SELECT current_setting('threads')").fetchone()[0]
        self.connection.execute("SET threads = 1")  # with more, the rows drawn would differ from run to run
        try:
            return list(self._guarded(draw).fetchall())
        finally:
            self.connection.execute(f"SET threads = {threads}")

    def texts(self, expression: str) -> Iterator[str | None]:
        """One expression as text in the order of the rows, a few at a time."""
        result = self._run(f"CAST({expression} AS VARCHAR) AS found")
        while rows := result.fetchmany(10_000):
            yield from (row[0] for row in rows)

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a whole query over `table`."""
        return list(self._guarded(query).fetchall())

    def _pairs(self, what: str, then: str) -> Iterator[tuple[Any, int]]:
        yield from ((row[0], int(row[1])) for row in self.ask(what, then))

    def _run(self, what: str, then: str = "") -> Any:
        return self._guarded(f"SELECT {what} FROM {self.table} WHERE {self.where} {then}")

    def _guarded(self, query: str) -> Any:
        import duckdb

        try:
            return self.connection.execute(query)
        except duckdb.Error as error:
            _explain(self.path, str(error).splitlines()[0])


@contextmanager
def opened(reference: Path, current: Path) -> Iterator[tuple[Side, Side]]:
    """Both files, until the block ends. Raises: BadInput: a file is no table."""
    with _database() as connection:
        yield _side(connection, reference, "reference"), _side(connection, current, "current")


@contextmanager
def opened_one(path: Path) -> Iterator[Side]:
    """One file, until the block ends. Raises: BadInput: it is no table."""
    with _database() as connection:
        yield _side(connection, path, "current")


@contextmanager
def _database() -> Iterator[Any]:
    with (
        TemporaryDirectory(prefix="shipworthy-drift-") as folder,
        duck.connect(str(Path(folder) / "rows.duckdb")) as connection,
    ):
        connection.execute(f"SET temp_directory = {_literal(folder)}")
        connection.execute(f"SET memory_limit = '{_LIMIT}'")
        yield connection


def scale_of(side: Side, expression: str) -> tuple[float, float]:
    """(middle, spread) of the first rows. Any would do: cells only decide how finely a gap is looked for."""
    values = np.array(side.head(f"CAST({expression} AS DOUBLE)"), dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, middle, high = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    return middle, (high - low) or float(values.std()) or abs(middle) or 1.0


def upper_limits(cells: NDArray[np.int64], scale: tuple[float, float]) -> Floats:
    """The largest value in each cell."""
    return np.asarray(np.sinh((cells + 1) / _FINENESS) * scale[1] + scale[0])


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _side(connection: Any, path: Path, table: str) -> Side:
    import duckdb

    call, keep = _call(path)
    try:
        connection.execute(f"CREATE {keep} {table} AS SELECT * FROM {call}")
        types = {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE {table}").fetchall()}
        n = int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except duckdb.Error as error:
        _explain(path, str(error).splitlines()[0])
    if n == 0:
        raise BadInput("the file has no rows", where=str(path))
    if n == 1 and "read_json" in call:
        next(iter(_rows.rows(path)), None)  # one object over the whole file is no list of rows: it says so
    return Side(path, connection, table, types, n)


def _call(path: Path) -> tuple[str, str]:
    """DuckDB's reader for this file, and whether its rows are kept (TABLE) or read again (VIEW)."""
    start = _files.head(path)
    name = _literal(str(path))
    if start.startswith(_files.PARQUET):
        return f"read_parquet({name})", "VIEW"
    body = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    json = path.suffix.lower() in (".json", ".jsonl", ".ndjson") or body[:1] in (b"{", b"[")
    if json and path.suffix.lower() not in (".csv", ".tsv"):
        return (
            f"read_json({name}, auto_detect=true, records=true, sample_size=-1, maximum_object_size=67108864)",
            "TABLE",
        )
    header, separator = _rows.header(path, start)
    columns = "[" + ", ".join(map(_literal, header)) + "]"
    types = "['BIGINT', 'DOUBLE', 'DATE', 'TIMESTAMP', 'VARCHAR']"  # no BOOLEAN: it would turn yes and no into true
    options = f"header=true, delim={_literal(separator)}, quote='\"', escape='\"', sample_size=-1, names={columns}"
    options += f", auto_type_candidates={types}, skip=0, ignore_errors=false, null_padding=false, comment=''"
    return f"read_csv({name}, {options})", "TABLE"


def _explain(path: Path, reason: str) -> NoReturn:
    """Raises: BadInput: what our own reader finds wrong with the file, else what DuckDB said."""
    _rows.refuse(path, [row for row in _rows.rows(path) if isinstance(row, _rows.Bad)])
    raise BadInput(f"the table cannot be read ({reason[:160]})", where=str(path))
