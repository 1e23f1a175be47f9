"""Two sides as two tables of DuckDB, asked one column at a time: memory does not grow with the files.

A side is a file, a folder, a pattern or a URL. Parquet is read where it lies. CSV and JSON are parsed once into a
database in a temporary folder, packed files and URLs are unpacked into it before.
"""

import shutil
from collections.abc import Iterator, Sequence
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
_POINTER = 1_024  # a pointer of git-LFS or DVC is smaller


@dataclass(frozen=True, slots=True)
class File:
    """One file of a side: as the user names it, and where its unpacked bytes lie."""

    shown: str
    local: Path


@dataclass(frozen=True, slots=True)
class Side:
    """The rows of one side, or of one slice of them. `types`: column -> DuckDB's type; `path`: what the user named."""

    path: str
    files: tuple[File, ...]
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
            _explain(self.files, self.path, str(error).splitlines()[0])


@contextmanager
def opened(reference: Path | str, current: Path | str) -> Iterator[tuple[Side, Side]]:
    """Both sides, until the block ends. Raises: BadInput: a file is no table, or a side has no file."""
    with _database() as (connection, folder):
        yield (
            _side(connection, str(reference), "reference", folder),
            _side(connection, str(current), "current", folder),
        )


@contextmanager
def opened_one(path: Path | str) -> Iterator[Side]:
    """One side, until the block ends. Raises: BadInput: a file is no table, or there is no file."""
    with _database() as (connection, folder):
        yield _side(connection, str(path), "current", folder)


@contextmanager
def _database() -> Iterator[tuple[Any, Path]]:
    with (
        TemporaryDirectory(prefix="shipworthy-drift-") as folder,
        duck.connect(str(Path(folder) / "rows.duckdb")) as connection,
        duck.interruptible(),
    ):
        connection.execute(f"SET temp_directory = {_literal(folder)}")
        connection.execute(f"SET memory_limit = '{_LIMIT}'")
        yield connection, Path(folder)


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


def _side(connection: Any, given: str, table: str, folder: Path) -> Side:
    import duckdb

    files = _files_of(given, folder, table)
    names = [f"{table}_{number}" for number in range(len(files))] if len(files) > 1 else [table]
    for file, name in zip(files, names, strict=True):
        _read(connection, file, name)
    try:
        if len(files) > 1:
            parts = " UNION ALL BY NAME ".join(f"SELECT * FROM {name}" for name in names)
            connection.execute(f"CREATE VIEW {table} AS {parts}")
        types = {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE {table}").fetchall()}
        n = int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except duckdb.Error as error:
        _explain(files, given, str(error).splitlines()[0])
    if n == 0:
        raise BadInput("the file has no rows", where=given)
    return Side(given, files, connection, table, types, n)


def _read(connection: Any, file: File, table: str) -> None:
    """One file as a table of this name."""
    import duckdb

    call, keep = _call(file)
    try:
        connection.execute(f"CREATE {keep} {table} AS SELECT * FROM {call}")
        few = len(connection.execute(f"SELECT 1 FROM {table} LIMIT 2").fetchall())
    except duckdb.Error as error:
        _explain((file,), file.shown, str(error).splitlines()[0])
    if few == 1 and "read_json" in call:
        with _shown(file):
            next(iter(_rows.rows(file.local)), None)  # one object over the whole file is no list of rows: it says so


def _files_of(given: str, folder: Path, side: str) -> tuple[File, ...]:
    """The files that are meant, in their order, each one plain."""
    if not given.strip():
        raise BadInput("the name of a side is empty; name a file, a folder, a pattern or a URL")
    if Path(given).is_file():
        return (_plain(given, folder / f"{side}-0"),)
    from shipworthy.data.training._sources import expand

    return tuple(_plain(path, folder / f"{side}-{number}") for number, path in enumerate(expand([given])))


def _plain(path: str, room: Path) -> File:
    """The file where it lies; a packed one or a URL is unpacked into the folder `room`."""
    if "://" not in path:
        path = _fetched(path)
        with _files.check(Path(path)).open("rb") as stream:
            packed = stream.read(4).startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd"))
        if not packed:
            return File(path, Path(path))
    from shipworthy.data.training._sources import PACKED, opened

    room.mkdir()
    local = room / (path.rpartition("/")[2] or "rows")
    local = local.with_suffix("") if local.suffix.lower() in PACKED else local
    with opened(path) as packed_bytes, local.open("wb") as out:
        shutil.copyfileobj(packed_bytes, out, 1 << 20)
    return File(path, local)


def _fetched(path: str) -> str:
    """The data that a pointer stands for. Raises: BadInput: they were not fetched."""
    if not path.endswith(".dvc") and Path(path).stat().st_size > _POINTER:
        return path
    from shipworthy.data.rows import data_path

    return str(data_path(Path(path)))


def _call(file: File) -> tuple[str, str]:
    """DuckDB's reader for this file, and whether its rows are kept (TABLE) or read again (VIEW)."""
    path = file.local
    with _shown(file):
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
    with _shown(file):
        header, separator = _rows.header(path, start)
    columns = "[" + ", ".join(map(_literal, header)) + "]"
    types = "['BIGINT', 'DOUBLE', 'DATE', 'TIMESTAMP', 'VARCHAR']"  # no BOOLEAN: it would turn yes and no into true
    options = f"header=true, delim={_literal(separator)}, quote='\"', escape='\"', sample_size=-1, names={columns}"
    options += f", auto_type_candidates={types}, skip=0, ignore_errors=false, null_padding=false, comment=''"
    return f"read_csv({name}, {options})", "TABLE"


def _explain(files: Sequence[File], given: str, reason: str) -> NoReturn:
    """Raises: BadInput: what our own reader finds wrong with a file, else what DuckDB said."""
    for file in files:
        with _shown(file):
            found = list(_rows.rows(file.local))
            _rows.refuse(file.local, [row for row in found if isinstance(row, _rows.Bad)])
        if not found:
            raise BadInput("the file has no rows", where=file.shown)
    raise BadInput(f"the table cannot be read ({reason[:160]})", where=given)


@contextmanager
def _shown(file: File) -> Iterator[None]:
    """What is said of unpacked bytes names the file that the user named."""
    try:
        yield
    except BadInput as error:
        if file.shown == str(file.local):
            raise
        raise BadInput(str(error).replace(str(file.local), file.shown)) from None
