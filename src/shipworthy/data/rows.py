"""A data file -> its rows with all columns, one by one; JSON lines (packed or not) are never held whole.

A pointer of DVC or git-LFS whose data were not fetched is named as such, with the command that fetches them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shipworthy.data import _rows
from shipworthy.data._pointers import pointer_at, refuse_pointer
from shipworthy.data._rows import Bad, Row
from shipworthy.data.training._kinds import KINDS, kind_of
from shipworthy.data.training._lines import chunks
from shipworthy.data.training._sources import PACKED, opened
from shipworthy.errors import BadInput

_SPACE = b" \t\r\n"
_ASKED = ("input", "question", "prompt", "instruction", "text")


def rows(path: Path) -> Iterator[Row]:
    """The rows of a file in its order.

    Raises: BadInput: no such file, a pointer instead of data, or a row that cannot be read (the first one is told).
    """
    path = data_path(path)
    for row in _streamed(path) if _is_lines(path) else _rows.rows(path):
        if isinstance(row, Bad):
            raise BadInput(row.why, where=f"{path}:{row.line}")
        yield row


def data_path(path: Path) -> Path:
    """The data file that is meant: for `data.csv.dvc` the fetched `data.csv`. Raises: BadInput: it is not there."""
    found = pointer_at(path)
    if found is not None and path.suffix == ".dvc" and path.with_suffix("").is_file():
        path = path.with_suffix("")
    refuse_pointer(path)
    return path


def asked(fields: Mapping[str, Any], column: str | None, *, where: str) -> str:
    """The text that makes a row a different question: `column`, or what its format asks; else the whole row in words.

    Raises: BadInput: there is no such column.
    """
    if column is not None:
        if column not in fields:
            raise BadInput(f"no column {column!r}; the columns are {', '.join(map(str, fields))}", where=where)
        return said(fields[column])
    name = kind_of(fields)
    read = KINDS[name].read(fields, where, 1) if name is not None else ()
    if isinstance(read, list) and read:
        text = "\n".join(dict.fromkeys(row.prompt for row in read))
        return text or read[0].completion or ""
    known = next((name for name in _ASKED if isinstance(fields.get(name), str)), None)
    return fields[known] if known is not None else " ".join(map(said, fields.values()))


def said(value: Any) -> str:
    """A cell as text: an integral number without its point, null as nothing, anything else as JSON."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case int() | float():
            return str(value)
    import msgspec

    return msgspec.json.encode(value, order="sorted").decode()


def _is_lines(path: Path) -> bool:
    name = path.name.lower()
    packed = name.endswith(PACKED)
    bare = name.rsplit(".", 1)[0] if packed else name
    if packed and not bare.endswith((".jsonl", ".ndjson")):
        raise BadInput("only JSON lines are read packed here; unpack it first", where=str(path))
    return bare.endswith((".jsonl", ".ndjson")) and (packed or not _starts_a_list(path))


def _starts_a_list(path: Path) -> bool:
    with opened(str(path)) as stream:
        return stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE).startswith(b"[")


def _streamed(path: Path) -> Iterator[Row | Bad]:
    empty = True
    with opened(str(path)) as stream:
        for chunk in chunks(stream):
            if chunk.too_long:
                yield Bad(chunk.first, "the line is too long to be a row; split it")
                return
            for line, raw in enumerate(chunk.data.split(b"\n"), start=chunk.first):
                if raw.strip(_SPACE):
                    empty = False
                    yield _row(line, raw)
    if empty:
        raise BadInput("the file is empty", where=str(path))


def _row(line: int, raw: bytes) -> Row | Bad:
    try:
        fields = _rows.value(raw.decode())
    except UnicodeDecodeError as error:
        return Bad(line, f"byte 0x{raw[error.start]:02X} is not UTF-8; save the file as UTF-8")
    except ValueError as error:
        return Bad(line, f"{error}; each line must be one JSON object")
    return (
        Row(line, fields)
        if isinstance(fields, dict)
        else Bad(line, f"a row must be an object, not {_rows.say(fields)}")
    )
