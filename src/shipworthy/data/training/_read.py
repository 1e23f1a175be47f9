"""Files -> batches of rows and the rows that were kept out, in the files' order; one chunk is in memory at a time."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from shipworthy.data.training import _sources
from shipworthy.data.training._fast import FastPath
from shipworthy.data.training._kinds import KINDS, Kind, kind_of, recognise
from shipworthy.data.training._lines import LONGEST, Chunk, chunks
from shipworthy.data.training._tabular import Object, table
from shipworthy.data.training.batch import Batch, of_rows
from shipworthy.data.training.types import Bad, Progress, Row, Source
from shipworthy.errors import BadInput, UnknownName

ROWS = 4_096
"""Rows in one batch of the careful path."""
_SAMPLE = 200
_FIRST = 1 << 18
_SPACE = b" \t\r\n"


class Reader:
    """Reads training files; afterwards `sources` says what was in each."""

    def __init__(self, paths: Sequence[str], *, kind: str | None = None, progress: Progress | None = None) -> None:
        if kind is not None and kind not in KINDS:
            raise UnknownName(f"unknown kind of rows {kind!r}; known: {', '.join(KINDS)}")
        self.paths = _sources.expand(paths)
        self.sources: list[Source] = []
        self.bom: list[str] = []
        self._kind = kind
        self._progress = progress
        self._total = sum(map(_sources.size, self.paths))
        self._done = 0
        self._place: Callable[[], int] = lambda: 0

    def __iter__(self) -> Iterator[Batch | Bad]:
        """Raises: BadInput: a file cannot be read as a whole, or none of its rows can."""
        for path in self.paths:
            yield from self._file(path)

    def _file(self, path: str) -> Iterator[Batch | Bad]:
        rows = bad = 0
        kind, first_bad = "", None
        for item in self._items(path):
            if isinstance(item, Batch):
                rows, kind = rows + len(item), item.kind
            else:
                bad, first_bad = bad + 1, first_bad or item
            yield item
        if first_bad is not None and not rows:
            more = f" (and {bad - 1} more bad rows; none is good)" if bad > 1 else ""
            raise BadInput(f"{first_bad.faults[0]}{more}", where=first_bad.where)
        if not rows:
            raise BadInput("the file has no rows", where=path)
        size = _sources.size(path)
        self._done += size
        self.sources.append(Source(path=path, kind=kind, rows=rows, bad=bad, bytes=size))
        self._say(path, 0)

    def _items(self, path: str) -> Iterator[Batch | Bad]:
        with _sources.followed(path) as (stream, self._place):
            start = stream.read(_FIRST)
            if not start.removeprefix(b"\xef\xbb\xbf").strip():
                raise BadInput("the file is empty", where=path)
            if start.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise BadInput("the file is UTF-16; save it as UTF-8", where=f"{path}:1")
            if start.startswith(_sources.PARQUET):
                yield from self._objects(path, _parquet(path))
                return
            stream = _Replayed(start, stream)  # type: ignore[assignment]
            yield from self._text(path, start, stream)

    def _text(self, path: str, start: bytes, stream: IO[bytes]) -> Iterator[Batch | Bad]:
        bare = start.removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)
        name = path.lower().removesuffix(".gz").removesuffix(".zst")
        if bare.startswith(b"[") and not name.endswith((".csv", ".tsv")):
            yield from self._objects(path, _listed(path, stream))
        elif (bare.startswith(b"{") and not name.endswith((".csv", ".tsv"))) or name.endswith((".jsonl", ".ndjson")):
            yield from self._json_lines(path, bare, stream)
        elif name.endswith(".json"):
            raise BadInput("this is not JSON; a list of rows starts with '['", where=f"{path}:1")
        else:
            yield from self._objects(path, table(path, start, stream))

    # --- JSON lines: the fast path ---

    def _json_lines(self, path: str, start: bytes, stream: IO[bytes]) -> Iterator[Batch | Bad]:
        sample = _sampled(start)
        if self._is_one_object(path, start, sample):
            yield from self._objects(path, _within_one(path, stream))
            return
        kind = self._chosen(path, sample, 1)
        fast = FastPath(kind.name, list(sample[0]) if sample else [])
        for chunk in chunks(stream):
            if chunk.bom:
                self.bom.append(path)
            batch = None if chunk.too_long else fast.batch(chunk, path)
            yield from [batch] if batch is not None else _careful(path, kind, _decoded(chunk))
            self._say(path, self._place())

    def _is_one_object(self, path: str, start: bytes, sample: Sequence[dict[str, Any]]) -> bool:
        """Whether the file is one JSON object that holds the rows: spread over lines, or on a single one that is no row
        itself. What is named JSON lines has a row a line."""
        first, _, rest = start.partition(b"\n")
        if first.rstrip() == b"{":
            return True
        named = path.lower().removesuffix(".gz").removesuffix(".zst")
        if named.endswith((".jsonl", ".ndjson")) or rest.strip(_SPACE):
            return False
        name = self._kind or recognise(sample)
        row = sample[0] if sample else None
        return row is None or name is None or not isinstance(KINDS[name].read(row, path, 1), list)

    # --- everything else: object by object ---

    def _objects(self, path: str, objects: Iterator[Object]) -> Iterator[Batch | Bad]:
        first = list(itertools.islice(objects, _SAMPLE))
        kind = self._chosen(path, [found for _, found in first if isinstance(found, dict)], first[0][0] if first else 1)
        every = itertools.chain(first, objects)
        while some := list(itertools.islice(every, ROWS)):
            yield from _careful(path, kind, some)
            self._say(path, self._place())

    def _chosen(self, path: str, sample: Sequence[dict[str, Any]], line: int) -> Kind:
        if self._kind is not None:
            return KINDS[self._kind]
        name = recognise(sample)
        if name is not None:
            return KINDS[name]
        if not sample:
            return KINDS["prompt_completion"]  # every row is bad, and each says why
        columns = ", ".join(str(column) for column in list(sample[0])[:12]) or "none"
        raise BadInput(
            f"these columns are of no known kind of training rows: {columns}; rename them or say --kind",
            where=f"{path}:{line}",
        )

    def _say(self, path: str, read: int) -> None:
        if self._progress is not None:
            self._progress(path, min(self._total, self._done + read), self._total)


def _sampled(start: bytes) -> list[dict[str, Any]]:
    """The first objects of the file, those that can be read, to recognise their kind."""
    found = []
    for line in start.split(b"\n", _SAMPLE)[:_SAMPLE]:
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found.append(msgspec.json.decode(line))
    return [one for one in found if isinstance(one, dict)]


class _Replayed:
    """A stream whose first bytes were looked at already."""

    def __init__(self, start: bytes, stream: IO[bytes]) -> None:
        self._start, self._stream = start, stream

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            found, self._start = self._start + self._stream.read(), b""
            return found
        if self._start:
            found, self._start = self._start[:size], self._start[size:]
            return found
        return self._stream.read(size)


def _careful(path: str, kind: Kind, objects: Iterable[Object]) -> Iterator[Batch | Bad]:
    """One batch of the good rows, then the bad ones; the order within a chunk is kept by their lines."""
    good: list[Row] = []
    bad: list[Bad] = []
    for line, found in objects:
        read = kind.read(found, path, line) if isinstance(found, dict) else (str(found),)
        if isinstance(read, list):
            good += read
        else:
            bad.append(_bad(path, line, kind, found, read))
    if good:
        yield of_rows(good)
    yield from bad


def _bad(path: str, line: int, kind: Kind, found: Any, faults: tuple[str, ...]) -> Bad:
    if not isinstance(found, dict):
        return Bad(where=f"{path}:{line}", faults=faults, code="not_json")
    other = kind_of(found)
    if other not in (None, kind.name, "prompt", "text") and isinstance(KINDS[other].read(found, path, line), list):
        said = f"this row is of another kind ({KINDS[other].says}) than the file ({kind.says})"
        return Bad(where=f"{path}:{line}", faults=(said, *faults), code="another_kind")
    missing = any(" is missing" in fault or " has no " in fault for fault in faults)
    return Bad(where=f"{path}:{line}", faults=faults, code="missing_field" if missing else "wrong_type")


def _decoded(chunk: Chunk) -> Iterator[Object]:
    """Each line of the chunk by itself, strictly: keys that stand twice, NaN and half characters are refused."""
    if chunk.too_long:
        yield chunk.first, f"the line is longer than {LONGEST >> 20} MB; split the row, or take the blob out of it"
        return
    for line, raw in enumerate(chunk.data.split(b"\n"), start=chunk.first):
        if raw.strip(_SPACE):
            yield line, _object(raw)


def _object(raw: bytes) -> Any:
    """The object on a line, or what is wrong with it."""
    from shipworthy.data import _rows  # brings csv and json: 10 ms that files of good rows need not pay

    try:
        found = _rows.value(raw.decode())
    except UnicodeDecodeError as error:
        return f"byte 0x{raw[error.start]:02X} at column {error.start + 1} is not UTF-8; save the file as UTF-8"
    except ValueError as error:
        return f"{error}; each line must be one JSON object"
    return found if isinstance(found, dict) else f"a row must be a JSON object, not {_rows.say(found)}"


def _listed(path: str, stream: IO[bytes]) -> Iterator[Object]:
    """The items of one JSON list. The list is held in memory; JSON lines are not."""
    data = stream.read().removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode()
        items = msgspec.json.decode(data, type=list[msgspec.Raw])
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInput(
            f"byte 0x{data[error.start]:02X} is not UTF-8; save the file as UTF-8", where=f"{path}:{line}"
        ) from None
    except (msgspec.DecodeError, RecursionError):
        raise BadInput(*_why_no_list(path, data)) from None
    line, at = 1, 0
    for item in items:
        raw = bytes(item)
        begin = data.index(raw, at)
        line += data.count(b"\n", at, begin)
        yield line, _object(raw)
        line, at = line + raw.count(b"\n"), begin + len(raw)


def _within_one(path: str, stream: IO[bytes]) -> Iterator[Object]:
    """The rows inside one JSON object, each with its number. It is held in memory; JSON lines are not."""
    from shipworthy.data import _files, _object_rows, _rows

    content = _files.decoded(stream.read(), Path(path))
    try:
        found = _rows.value(content)
    except ValueError as error:
        raise BadInput(f"{error}; write a list of rows, or one object a line", where=f"{path}:1") from None
    yield from enumerate(_object_rows.rows_in(found, where=f"{path}:1"), start=1)


def _why_no_list(path: str, data: bytes) -> tuple[str]:
    import json

    from shipworthy.data import _rows

    try:
        _rows.value(data.decode())
    except ValueError as error:
        try:
            json.loads(data)
        except json.JSONDecodeError as place:
            said = place.msg[0].lower() + place.msg[1:]
            return (f"{path}:{place.lineno}:{place.colno}: not valid JSON ({said}); the list may be broken off",)
        except RecursionError:
            pass
        return (f"{path}: {error}",)
    return (f"{path}: not valid JSON; write a list of objects",)


def _parquet(path: str) -> Iterator[Object]:
    from shipworthy.data import _rows

    if "://" in path or path.lower().endswith(_sources.PACKED):
        raise BadInput("Parquet is read from an ordinary file; download and unpack it first", where=path)
    for row in _rows.rows(Path(path)):
        yield row.line, _rows.filled_all(row.fields) if isinstance(row, _rows.Row) else row.why
