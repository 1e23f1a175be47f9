"""scores.jsonl in the run folder: one line a score, append-only; what was scored is not scored again."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from shipworthy.errors import BadInput
from shipworthy.records import Record
from shipworthy.store.files import one_sentence

SCORES = "scores.jsonl"


class ScoreLine(Record):
    """One score as it is kept; the first unit that needed it is named, others with the same key share it."""

    metric: str
    key: str
    dataset: str
    example_id: str
    model: str
    seed: int
    counts: tuple[float, ...] | None = None
    error: str | None = None
    note: str | None = None
    detail: dict[str, Any] = {}
    cost_usd: float | None = None


class ScoreLog:
    """The scores of a run folder. A context manager; a line survives kill -9 as soon as `append` returns."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SCORES
        self._file: int | None = None

    def __enter__(self) -> "ScoreLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        file, self._file = self._file, None
        if file is not None:
            with one_sentence(self._path):
                os.fsync(file)
                os.close(file)

    def append(self, line: ScoreLine) -> None:
        """Add one line. Raises: BadInput: the disk is full or may not be written."""
        with one_sentence(self._path):
            if self._file is None:
                self._file = self._opened()
            os.write(self._file, msgspec.json.encode(line) + b"\n")

    def lines(self) -> Iterator[ScoreLine]:
        """Every whole line, in order; a torn last line is left out. Raises: BadInput: a line is broken."""
        if not self._path.exists():
            return
        decoder = msgspec.json.Decoder(ScoreLine)
        with one_sentence(self._path), self._path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    where = f"{self._path}:{number}"
                    raise BadInput(f"not a score ({error}); the file was cut or edited", where=where) from error

    def _opened(self) -> int:
        """The file, without what a crash left of a last line."""
        if self._path.exists():
            content = self._path.read_bytes()
            if not content.endswith(b"\n"):
                os.truncate(self._path, content.rfind(b"\n") + 1)
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
