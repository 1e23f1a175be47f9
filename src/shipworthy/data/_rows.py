"""A file -> its rows, each with the line it stands on: JSON lines, a JSON list, CSV, Parquet; known by content."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipworthy.data import _files, _object_rows
from shipworthy.errors import BadInput
from shipworthy.store import duck

_LONGEST_FIELD = 2**31 - 1
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its columns and the line on which it starts (Parquet: its number)."""

    line: int
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bad:
    """One row that cannot be used, and why."""

    line: int
    why: str


class _BadRow(ValueError):
    """One row is wrong; the rest of the file may be right."""


def rows(path: Path) -> Iterator[Row | Bad]:
    """The rows of a file in their order.

    Raises: BadInput: the file as a whole cannot be read (missing, empty, not UTF-8, no header, not JSON at all).
    """
    if is_parquet(path):
        return _parquet(path)
    content = _files.text(path)
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return _csv(path, content)
        case ".jsonl" | ".ndjson":
            return _listed(path, content) if content.lstrip(_SPACE).startswith("[") else _json_lines(content)
    start = content.lstrip(_SPACE)[:1]
    if start == "[":
        return _listed(path, content)
    if start == "{":
        return _json_lines(content) if _is_lines(content) else _one_object(path, content)
    if path.suffix.lower() == ".json":
        raise BadInput("this is not JSON; a list of rows starts with '['", where=f"{path}:1")
    return _csv(path, content)


def refuse(path: Path, bad: Sequence[Bad]) -> None:
    """Raises: BadInput: there are bad rows; the first is told, the others are counted and placed."""
    if not bad:
        return
    more = ""
    if len(bad) > 1:
        lines = ", ".join(str(row.line) for row in bad[1:6])
        more = f" (and {len(bad) - 1} more bad rows: line {lines}{', ...' if len(bad) > 6 else ''})"
    raise BadInput(f"{bad[0].why}{more}", where=f"{path}:{bad[0].line}")


# --- JSON ------------------------------------------------------------------------------------------------------------


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _BadRow(f"the key {twice!r} stands twice; keep one of them")
    return made


def _no_constant(name: str) -> float:
    raise _BadRow(f"{name} is not a value; leave the key out or write null")


def _finite(text: str) -> float:
    number = float(text)
    if abs(number) == float("inf"):
        raise _BadRow(f"{text[:20]} is too large to be a number")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)


def value(text: str) -> Any:
    """One JSON value. Raises: ValueError: a sentence without a place."""
    try:
        found = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON ({error.msg.lower()} at column {error.colno})") from None
    except RecursionError:
        raise ValueError("values are nested too deeply") from None
    if "\\u" in text:
        _whole_characters(found)
    return found


def _whole_characters(found: Any) -> None:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair (\\ud800 to \\udfff) is no character; repair the text") from None


def _json_lines(content: str) -> Iterator[Row | Bad]:
    for line, text in enumerate(content.split("\n"), start=1):
        if text.strip(_SPACE):
            yield _json_row(line, text)


def _json_row(line: int, text: str) -> Row | Bad:
    try:
        fields = value(text)
    except ValueError as error:
        return Bad(line, f"{error}; each line must be one JSON object")
    if not isinstance(fields, dict):
        return Bad(line, f"a row must be a JSON object, not {say(fields)}")
    return Row(line, fields)


def _is_lines(content: str) -> bool:
    """Does each line hold a row, or is one object spread over the file, or the only line a whole table?"""
    first, _, rest = content.lstrip(_SPACE).partition("\n")
    if first.rstrip(_SPACE) == "{":
        return False
    if rest.strip(_SPACE):
        return True
    try:
        return _object_rows.table_in(value(first)) is None
    except ValueError:
        return True


def _one_object(path: Path, content: str) -> Iterator[Row | Bad]:
    """The rows inside one object, each with its number."""
    try:
        found = value(content)
    except ValueError as error:
        raise BadInput(f"{error}; write a JSON list of rows, or one object a line", where=f"{path}:1") from None
    rows = _object_rows.rows_in(found, where=f"{path}:1")
    return (Row(number, fields) for number, fields in enumerate(rows, start=1))


def _listed(path: Path, content: str) -> Iterator[Row | Bad]:
    """The items of one JSON list, decoded one by one so that each knows its line."""
    position = _skip(content, content.index("[") + 1)
    line, counted = 1, 0
    while content[position : position + 1] != "]":
        line, counted = line + content.count("\n", counted, position), position
        fields, position = _item(path, content, position, line)
        yield (
            Row(line, fields) if isinstance(fields, dict) else Bad(line, f"a row must be an object, not {say(fields)}")
        )
        position = _skip(content, position)
        mark = content[position : position + 1]
        if mark not in (",", "]"):
            line += content.count("\n", counted, position)
            raise BadInput("the list breaks off; a ',' or the closing ']' is missing here", where=f"{path}:{line}")
        position = _skip(content, position + 1) if mark == "," else position
    after = _skip(content, position + 1)
    if after < len(content):
        line += content.count("\n", counted, after)
        raise BadInput("something stands after the closing ']'; a file holds one list", where=f"{path}:{line}")


def _item(path: Path, content: str, position: int, line: int) -> tuple[Any, int]:
    try:
        found, end = _DECODER.raw_decode(content, position)
        if "\\u" in content[position:end]:
            _whole_characters(found)
    except json.JSONDecodeError as error:
        raise BadInput(f"not valid JSON ({error.msg.lower()})", where=f"{path}:{error.lineno}:{error.colno}") from None
    except RecursionError:
        raise BadInput("values are nested too deeply", where=f"{path}:{line}") from None
    except ValueError as error:
        raise BadInput(str(error), where=f"{path}:{line}") from None
    return found, end


def _skip(content: str, position: int) -> int:
    while content[position : position + 1] in (" ", "\t", "\r", "\n"):
        position += 1
    return position


# --- CSV -------------------------------------------------------------------------------------------------------------


def _csv(path: Path, content: str) -> Iterator[Row | Bad]:
    with _long_fields():
        lines = io.StringIO(content, newline=None)
        separator = delimiter(lines.readline())
        lines.seek(0)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        yield from _csv_rows(reader, _header(path, reader))


def header(path: Path, start: bytes) -> tuple[list[str], str]:
    """Column names and separator of a CSV file whose first bytes are `start`."""
    content = start.decode("utf-8-sig", "replace") if b"\n" in start else _files.text(path)
    with _long_fields():
        lines = io.StringIO(content, newline=None)
        separator = delimiter(lines.readline())
        lines.seek(0)
        return _header(path, csv.reader(lines, delimiter=separator, strict=True)), separator


def _csv_rows(reader: Any, header: list[str]) -> Iterator[Row | Bad]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Bad(line, f"not valid CSV ({error}); check the quotes from here on")
            return
        if cells is None:
            return
        if len(cells) == len(header):
            yield Row(line, dict(zip(header, cells, strict=True)))
        elif cells:
            yield Bad(line, f"{len(cells)} cells under {len(header)} columns; quote a cell that holds the separator")


def delimiter(header: str) -> str:
    """The separator that stands most often in the header: comma, semicolon, tab or bar."""
    return max(",;\t|", key=header.count)


def _header(path: Path, reader: Any) -> list[str]:
    try:
        header: list[str] = next(reader, [])
    except csv.Error as error:
        raise BadInput(f"the header is not valid CSV ({error})", where=f"{path}:1") from None
    if not any(header):
        raise BadInput("the first line must name the columns", where=f"{path}:1")
    for name in header:
        if header.count(name) > 1:
            raise BadInput(f"two columns are named {name[:80]!r}; rename one", where=f"{path}:1")
    return header


@contextmanager
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


# --- Parquet ---------------------------------------------------------------------------------------------------------


def _parquet(path: Path) -> Iterator[Row | Bad]:
    import duckdb  # 30 ms that a user of JSON lines need not pay

    try:
        with duck.connect() as connection, duck.interruptible():
            result = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
            header = [column[0] for column in result.description]
            for number, cells in enumerate(iter(result.fetchone, None), start=1):
                yield Row(number, {name: _plain(cell) for name, cell in zip(header, cells, strict=True)})
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"this is not a whole Parquet file ({reason[:120]})", where=str(path)) from None


def _plain(cell: Any) -> Any:
    match cell:
        case None | bool() | int() | float() | str():
            return cell
        case list() | tuple():
            return [_plain(item) for item in cell]
        case dict():
            return {str(key): _plain(item) for key, item in cell.items()}
    return str(cell)


def filled(cell: Any) -> Any:
    """A cell of Parquet without the keys that are null in its structs: every row has the keys of all."""
    match cell:
        case dict():
            return {key: filled(item) for key, item in cell.items() if item is not None}
        case list():
            return [filled(item) for item in cell]
    return cell


def filled_all(fields: dict[str, Any]) -> dict[str, Any]:
    """The same of every column of a row; a column itself may be null."""
    return {name: filled(cell) for name, cell in fields.items()}


def is_parquet(path: Path) -> bool:
    """Whether the file is Parquet, by its content."""
    return _files.head(path).startswith(_files.PARQUET)


def say(found: Any) -> str:
    """A value in words, short enough for a sentence."""
    match found:
        case None:
            return "null"
        case bool():
            return str(found).lower()
        case int() | float():
            return f"the number {found}"
        case str():
            return f"the text {found[:40]!r}"
        case list():
            return "a list"
    return "an object"
