"""A file of rows as columns: CSV and Parquet through DuckDB, JSON through msgspec. Numbers are checked, not guessed."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.data import _files, _rows
from shipworthy.data.results import _peek
from shipworthy.data.results._long import Texts, texts
from shipworthy.errors import BadInput
from shipworthy.store import duck, loose_json

GOOD, MISSING, NOT_A_NUMBER, NOT_FINITE = 0, 1, 2, 3
NAMELESS = "Unnamed: "
"""What a column without a name is called, with its number from 0; so does pandas, whose index is written as one."""
LARGEST = 1e100
"""The square of a value, summed over all rows, is still a number."""
_CHUNK = 65_536
Numbers = NDArray[np.float64]
States = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one file. `texts(name)`: (R,) text or None. `numbers(name)`: (R,) float (true 1, false 0) and (R,)
    state; NaN unless the state is GOOD."""

    path: Path
    columns: tuple[str, ...]
    n: int
    texts: Callable[[str], Texts]
    numbers: Callable[[str], tuple[Numbers, States]]

    def place(self, row: int) -> str:
        """`file:line` of a row. The file is read again: only a message pays for it."""
        if _peek.start_of(self.path).has("columns", "data"):
            return f"{self.path}!row {row + 1}"
        return f"{self.path}:{next(islice(_rows.rows(self.path), row, None)).line}"


def read(path: Path) -> Table:
    """The table in a file. Raises: BadInput: not a table, with the line of the first bad row."""
    start = _files.head(path)
    if start.startswith(_files.PARQUET):
        return _duck(path, "SELECT * FROM read_parquet(?)", [str(path)])
    body = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if path.suffix.lower() not in (".csv", ".tsv") and body[:1] in (b"{", b"["):
        return _json(path)
    header, separator = _rows.header(path, start)
    header = [name or f"{NAMELESS}{at}" for at, name in enumerate(header)]
    call = "SELECT * FROM read_csv(?, header=true, auto_detect=false, delim=?, quote='\"', escape='\"', columns=?)"
    return _duck(path, call, [str(path), separator, dict.fromkeys(header, "VARCHAR")])


# --- DuckDB ----------------------------------------------------------------------------------------------------------


def _duck(path: Path, query: str, parameters: list[Any]) -> Table:
    import duckdb

    connection = duck.connect()
    try:
        with duck.interruptible():
            connection.execute(f"CREATE TEMP TABLE rows AS {query}", parameters)
    except duckdb.Error as error:
        _explain(path, str(error))
    described = connection.execute("DESCRIBE rows").fetchall()
    columns = tuple(str(row[0]) for row in described)
    found = connection.execute("SELECT count(*) FROM rows").fetchone()
    n = int(found[0]) if found else 0

    def column(expression: str) -> Any:
        return connection.execute(f"SELECT {expression} AS found FROM rows ORDER BY rowid").fetchnumpy()["found"]

    def text(name: str) -> Texts:
        found = column(f"CAST({_quoted(name)} AS VARCHAR)")
        cells: Texts = np.array(np.ma.getdata(found), dtype=object)
        cells[np.ma.getmaskarray(found)] = None
        return cells

    def number(name: str) -> tuple[Numbers, States]:
        cell = f"trim(CAST({_quoted(name)} AS VARCHAR))"
        cast = f"TRY_CAST(replace({cell}, '_', '?') AS DOUBLE)"
        word = f"CASE lower({cell}) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 ELSE {cast} END"
        value = np.ma.filled(column(f"CAST({word} AS DOUBLE)"), np.nan).astype(np.float64)
        state = column(
            f"CAST(CASE WHEN coalesce({cell}, '') = '' THEN 1 WHEN {word} IS NULL THEN 2 "
            f"WHEN NOT isfinite({word}) OR abs({word}) > {LARGEST} THEN 3 ELSE 0 END AS UTINYINT)"
        )
        return np.where(state == GOOD, value, np.nan), np.asarray(state, dtype=np.uint8)

    return Table(path, columns, n, text, number)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _explain(path: Path, reason: str) -> NoReturn:
    """Raises: BadInput: what our own reader finds wrong with the file, else what DuckDB said."""
    _rows.refuse(path, [row for row in _rows.rows(path) if isinstance(row, _rows.Bad)])
    if "Maximum line size" in reason:
        raise BadInput("a line is longer than 2 MB; leave out its long column, or give Parquet", where=str(path))
    raise BadInput(f"the table cannot be read ({reason.splitlines()[0][:160]})", where=str(path))


# --- JSON ------------------------------------------------------------------------------------------------------------


def _json(path: Path) -> Table:
    columns: dict[str, list[Any]] = {}
    n = 0
    try:
        for names, rows in groupby(_objects(path), key=tuple):
            while chunk := [tuple(fields.values()) for fields in islice(rows, _CHUNK)]:
                for name, cells in zip(names, zip(*chunk, strict=True), strict=True):
                    column = columns.setdefault(name, [])
                    column.extend([None] * (n - len(column)))
                    column.extend(cells)
                n += len(chunk)
    except BadInput:
        raise
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        _explain(path, str(error))
    for column in columns.values():
        column.extend([None] * (n - len(column)))
    return Table(path, tuple(columns), n, lambda name: _texts(columns[name]), lambda name: _numbers(columns[name]))


def _objects(path: Path) -> Iterator[Mapping[str, Any]]:
    """Rows of JSON lines, one at a time, or of one JSON list."""
    one = msgspec.json.Decoder(dict[str, Any])
    with path.open("rb") as file:
        file.seek(3 if file.read(3) == b"\xef\xbb\xbf" else 0)
        if _peek.start_of(path).has("columns", "data"):
            yield from _split(loose_json.loads(file.read()), path)
            return
        if _files.head(path).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
            yield from msgspec.json.decode(file.read(), type=list[dict[str, Any]])
            return
        for line in file:
            if line.strip():
                yield one.decode(line)


def _split(found: Any, path: Path) -> Iterator[Mapping[str, Any]]:
    """Rows of an object of `columns` and `data`."""
    columns, data = found["columns"], found["data"]
    for at, row in enumerate(data, start=1):
        if not isinstance(row, list) or len(row) != len(columns):
            raise BadInput(f"row {at} has not one cell for each of the {len(columns)} columns", where=str(path))
        yield dict(zip(map(str, columns), row, strict=True))


def _texts(values: list[Any]) -> Texts:
    same: dict[str, str] = {}  # labels repeat a million times: keep one of each
    words = [value if type(value) is str or value is None else _text(value) for value in values]
    return texts([None if word is None else same.setdefault(word, word) for word in words])


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case int() | float():
            return str(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _numbers(values: list[Any]) -> tuple[Numbers, States]:
    number = np.full(len(values), np.nan)
    state = np.zeros(len(values), dtype=np.uint8)
    for row, value in enumerate(values):
        if type(value) is float or type(value) is int:
            number[row] = value if -LARGEST <= value <= LARGEST else np.nan
        else:
            number[row], state[row] = _number(value)
    state[(state == GOOD) & ~(np.abs(number) <= LARGEST)] = NOT_FINITE
    return np.where(state == GOOD, number, np.nan), state


def _number(value: Any) -> tuple[float, int]:
    if value is None or value == "":
        return np.nan, MISSING
    if isinstance(value, bool):
        return float(value), GOOD
    words = {"true": 1.0, "false": 0.0}
    if isinstance(value, str):
        try:
            return words.get(value.strip().lower()) or float(value.replace("_", "no number")), GOOD
        except ValueError:
            return words.get(value.strip().lower(), np.nan), GOOD if value.strip().lower() in words else NOT_A_NUMBER
    return np.nan, NOT_A_NUMBER
