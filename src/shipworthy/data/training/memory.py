"""What dear looks at batches found, kept in a file as they end, so that a check that was stopped need not repeat them.

A look is dear where a tokenizer, a template or a database takes part: some hundred microseconds a row, beside ten for
all other checks together. Its results belong to the content of the batch and to all that decides about them, never to a
place: rows that were changed or moved to another batch are looked at again, rows that stand elsewhere are not.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

import msgspec

from shipworthy import __version__
from shipworthy.data.training._findings import Findings, Spot
from shipworthy.data.training.batch import Batch
from shipworthy.data.training.types import Options
from shipworthy.errors import BadInput
from shipworthy.records import Record
from shipworthy.store.files import make_folder, one_sentence

Look = Callable[[Batch], Mapping[int, int]]
"""Adds what it finds to the findings; returns counts of whatever it counts (tokens of a row -> rows)."""
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


class Looked(Record):
    """One dear look at one batch. `key`: digest of the batch, the look and its options."""

    key: str
    rows: dict[str, int]
    spots: dict[str, list[Spot]]
    counts: dict[int, int]


class Memory:
    """Remembers looks in a file, one line each; a line survives kill -9 as soon as the look has ended.

    A context manager. `recalled` counts the looks that were not repeated; `lost` says why nothing more is remembered,
    where the file cannot be written: that stops no check.
    """

    def __init__(self, path: Path, options: Options, *, resume: bool) -> None:
        self.path = path
        self.recalled = 0
        self.lost: str | None = None
        self._context = _context(options)
        self._known = _read(path) if resume else {}
        self._resume = resume
        self._file: int | None = None

    def __enter__(self) -> "Memory":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def look(self, name: str, batch: Batch, found: Findings, look: Look) -> Mapping[int, int]:
        """What `look` finds and counts, from the file where it has looked at these rows before."""
        key = self._key(name, batch)
        known = self._known.get(key)
        if known is not None:
            self.recalled += 1
            found.replay(batch, known.rows, known.spots)
            return known.counts
        with found.taping() as tape:
            counts = look(batch)
        self._append(Looked(key=key, rows=tape.rows, spots=tape.spots, counts=dict(counts)))
        return counts

    def forget(self) -> None:
        """The check has ended: what it remembered is of no use any more."""
        self.__exit__(None, None, None)
        if self.path.is_file():
            self.path.unlink()

    def _key(self, name: str, batch: Batch) -> str:
        columns = {one: getattr(batch, one) for one in batch.__struct_fields__ if one != "lines"}
        digest = blake2b(self._context + name.encode(), digest_size=16)
        digest.update(msgspec.msgpack.encode(columns))
        return digest.hexdigest()

    def _append(self, looked: Looked) -> None:
        if self.lost is not None:
            return
        try:
            with one_sentence(self.path):
                if self._file is None:
                    make_folder(self.path.parent)
                    anew = 0 if self._resume else os.O_TRUNC
                    self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | anew, 0o600)
                os.write(self._file, b"\n" + msgspec.json.encode(looked) + b"\n")
        except BadInput as error:
            self.lost = str(error)


def remembered(paths: Sequence[str], options: Options) -> str:
    """A name for the memory of this check of these files."""
    return blake2b(msgspec.json.encode([sorted(paths), options]), digest_size=8).hexdigest()


def _read(path: Path) -> dict[str, Looked]:
    """Key -> look. A line that a crash tore is left out; each line begins on a line of its own."""
    if not path.exists():
        return {}
    with one_sentence(path):
        lines = path.read_bytes().split(b"\n")
    known = {}
    decoder = msgspec.json.Decoder(Looked)
    for line in lines:
        with suppress(msgspec.DecodeError):
            looked = decoder.decode(line)
            known[looked.key] = looked
    return known


def _context(options: Options) -> bytes:
    """All that decides what a look finds, but for the rows."""
    folder = Path(options.tokenizer or "")
    files = [folder / name for name in _TOKENIZER_FILES] if options.tokenizer else []
    files += [Path(one) for one in (options.inference_template, options.schema) if one is not None]
    contents = [path.read_bytes() if path.is_file() else None for path in files]
    database = Path(options.database).stat() if options.database and Path(options.database).exists() else None
    stamp = (database.st_size, database.st_mtime_ns) if database is not None else None
    return blake2b(msgspec.msgpack.encode([__version__, options, contents, stamp])).digest()
