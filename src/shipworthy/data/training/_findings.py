"""Collects what the checks find: each defect counts a row once, the first places are kept."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from shipworthy.data.training._catalogue import CATALOGUE
from shipworthy.data.training.batch import Batch
from shipworthy.data.training.types import SEVERITIES, Found, Place

EXCERPT = 160


def excerpt(text: str) -> str:
    """A text on one line, short enough for a table."""
    one_line = " ".join(text[: 4 * EXCERPT].split())
    return one_line if len(one_line) <= EXCERPT else one_line[: EXCERPT - 1] + "…"


class Spot(NamedTuple):
    """A defect within a batch: number of its row there, its part, what stands there, and why it is one."""

    row: int
    part: str
    excerpt: str
    because: str


class Tape:
    """What was added while it ran, by code: how many rows, and the first spots, as many as are shown."""

    def __init__(self, keep: int) -> None:
        self.rows: dict[str, int] = {}
        self.spots: dict[str, list[Spot]] = {}
        self._keep = keep

    def add(self, code: str, spot: Spot) -> None:
        self.rows[code] = self.rows.get(code, 0) + 1
        spots = self.spots.setdefault(code, [])
        if len(spots) < self._keep:
            spots.append(spot)


class Findings:
    """`wanted(code)` is False for codes that were not asked for; adding such a code does nothing."""

    def __init__(self, *, keep: int, only: Sequence[str] = (), skip: Sequence[str] = ()) -> None:
        self._keep = keep
        self._only, self._skip = frozenset(only), frozenset(skip)
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[Place]] = {}
        self._because: dict[str, str] = {}
        self._seen: set[tuple[str, int]] = set()
        self._batch: Batch | None = None
        self._tape: Tape | None = None

    @property
    def keep(self) -> int:
        """Places that are kept of each defect."""
        return self._keep

    def wanted(self, code: str) -> bool:
        group = CATALOGUE[code].group
        asked = not self._only or code in self._only or group in self._only
        return asked and code not in self._skip and group not in self._skip

    def add(self, code: str, batch: Batch, index: int, part: str, text: str, because: str = "") -> None:
        """Row `index` of the batch has this defect. Naming the same row and code again counts nothing."""
        if self._batch is not batch:
            self._batch, self._seen = batch, set()
        if (code, index) in self._seen or not self.wanted(code):
            return
        self._seen.add((code, index))
        if self._tape is not None:
            self._tape.add(code, Spot(index, part, excerpt(text), because))
        self.at(code, batch.where(index), part, text, because)

    @contextmanager
    def taping(self) -> Iterator[Tape]:
        """Everything that `add` takes while the block runs is on the tape as well."""
        self._tape = tape = Tape(self._keep)
        try:
            yield tape
        finally:
            self._tape = None

    def replay(self, batch: Batch, rows: Mapping[str, int], spots: Mapping[str, Sequence[Spot]]) -> None:
        """Add what a tape holds about this batch."""
        for code, n in rows.items():
            for spot in spots[code]:
                self.at(code, batch.where(spot.row), spot.part, spot.excerpt, spot.because)
            self._counts[code] = self._counts.get(code, 0) + n - len(spots[code])

    def at(self, code: str, where: str, part: str, text: str, because: str = "") -> None:
        """A defect by its place alone; the caller sees to it that a row is named once."""
        if not self.wanted(code):
            return
        self._counts[code] = self._counts.get(code, 0) + 1
        places = self._places.setdefault(code, [])
        if len(places) < self._keep:
            places.append(Place(where=where, part=part, excerpt=excerpt(text), because=because))

    def whole(self, code: str, rows: int, because: str, places: Sequence[Place] = ()) -> None:
        """A defect of the set: how many rows it concerns, and the sentence with its numbers."""
        if self.wanted(code) and rows:
            self._counts[code] = self._counts.get(code, 0) + rows
            self._because[code] = because
            self._places.setdefault(code, []).extend(places[: self._keep])

    def all(self, rows: int) -> tuple[Found, ...]:
        """Worst first, then by count."""
        found = [self._found(code, rows) for code in self._counts]
        return tuple(sorted(found, key=lambda one: (SEVERITIES.index(one.severity), -one.count, one.code)))

    def _found(self, code: str, rows: int) -> Found:
        defect, because = CATALOGUE[code], self._because.get(code)
        return Found(
            code=code,
            severity=defect.severity,
            title=defect.title + (f": {because}" if because else ""),
            count=self._counts[code],
            share=self._counts[code] / max(1, rows),
            examples=tuple(self._places.get(code, ())),
            remedy=defect.remedy,
        )
