"""CSV and the like -> objects by column, with the line on which each begins."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from shipworthy.data.training import _sources
from shipworthy.data.training._lines import LONGEST, chunks
from shipworthy.errors import BadInput

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Object = tuple[int, Any]
"""(line, decoded object or the sentence that says why there is none)."""


def table(path: str, start: bytes, stream: IO[bytes]) -> Iterator[Object]:
    """CSV and the like: the first line names the columns."""
    import csv

    from shipworthy.data import _rows

    names, separator = _rows.header(Path(path), start[: start.rfind(b"\n") + 1] or start)
    lines = io.TextIOWrapper(io.BufferedReader(_Raw(stream)), encoding="utf-8-sig", newline="")
    before = csv.field_size_limit(LONGEST)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        next(reader)
        yield from _cells(reader, names)
    except UnicodeDecodeError as error:
        said = f"byte 0x{error.object[error.start]:02X} is not UTF-8; save the file as UTF-8"
        raise BadInput(said, where=f"{path}:{_wrong_line(path)}") from None
    finally:
        csv.field_size_limit(before)


def _cells(reader: Any, names: Sequence[str]) -> Iterator[Object]:
    import csv

    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield line, f"not valid CSV ({error}); check the quotes from here on"
            return
        if cells is None:
            return
        if len(cells) == len(names):
            yield line, dict(zip(names, cells, strict=True))
        elif cells:
            yield line, f"{len(cells)} cells under {len(names)} columns; quote a cell that holds the separator"


def _wrong_line(path: str) -> int:
    """The line of the first byte that is not UTF-8. The reader decodes ahead of the rows, so it is looked for anew."""
    with _sources.opened(path) as stream:
        for chunk in chunks(stream):
            try:
                chunk.data.decode()
            except UnicodeDecodeError as error:
                before = chunk.data[: error.start]
                return chunk.first + before.count(b"\n") + before.replace(b"\r\n", b"").count(b"\r")
    return 1


class _Raw(io.RawIOBase):
    """A stream that only knows `read`, for those who wrap it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        found = self._stream.read(len(view))
        view[: len(found)] = found
        return len(found)
