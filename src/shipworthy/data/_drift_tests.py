"""The tests of one part of two files, all rows or one slice, column by column."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipworthy.data._drift_kinds import Column
from shipworthy.data._drift_source import MOST_LABELS, Side, scale_of, upper_limits
from shipworthy.errors import BadInput
from shipworthy.stats.drift.categorical import categorical
from shipworthy.stats.drift.classifier import row_classifier, text_classifier
from shipworthy.stats.drift.embedding import mmd, novelty
from shipworthy.stats.drift.look import Cell
from shipworthy.stats.drift.numeric import numeric, ordered
from shipworthy.stats.drift.types import Kind, Measured
from shipworthy.stats.drift.vocabulary import vocabulary

_WHOLE = 2_000_000  # up to so many rows a column of numbers is held whole; beyond, it is counted into cells
DOCUMENTS = 5_000
ROW_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Part:
    """All rows, or one slice: both sides, where the slice is, and how much is drawn at random."""

    sides: tuple[Side, Side]
    where: dict[str, str] | None
    rng: np.random.Generator
    n_draws: int


def tests_of(columns: Sequence[Column], parts: int) -> int:
    """How many tests a look at so many parts runs at most."""
    return parts * (1 + sum(_TESTS[column.kind] for column in columns))


def cells(part: Part, found: Sequence[Column]) -> Iterator[Cell]:
    """Every test of the part, in the order of its columns."""
    where, rows = part.where, _Rows(part.sides, part.rng)
    for column in found:
        if where is None or column.name not in where:
            for kind, measured in _BY_KIND[column.kind](part, column, rows):
                yield Cell(column.name, kind, measured, where)
    yield from (Cell("rows", "rows", measured, where) for measured in rows.measured())


Found = Iterator[tuple[Kind, Measured]]


class _Rows:
    """A few rows with all their numbers for the classifier over whole rows: kept while the columns pass by, or drawn
    where columns are only counted."""

    def __init__(self, sides: tuple[Side, Side], rng: np.random.Generator) -> None:
        self._sides = sides
        self._rng = rng
        self._counted: list[str] = []
        self._chosen = [np.sort(rng.choice(side.n, min(side.n, DOCUMENTS), replace=False)) for side in sides]
        self._kept: list[list[NDArray[np.float64]]] = [[], []]

    def keep(self, values: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
        for kept, chosen, column in zip(self._kept, self._chosen, values, strict=True):
            kept.append(column[chosen])

    def count(self, expression: str) -> None:
        self._counted.append(f"CAST({expression} AS DOUBLE)")

    def measured(self) -> Iterator[Measured]:
        """The classifier's answer, where a row has 2 to 12 numbers; rows with a missing one are left out."""
        if 2 <= len(self._counted) <= ROW_COLUMNS:
            seed = int(self._rng.integers(2**31))
            drawn = [np.array(side.drawn(self._counted, DOCUMENTS, seed), np.float64) for side in self._sides]
        elif 2 <= len(self._kept[0]) <= ROW_COLUMNS:
            drawn = [np.stack(kept, axis=1) for kept in self._kept]
        else:
            return
        there = [np.isfinite(side) for side in drawn]
        filled = np.minimum(there[0].mean(axis=0), there[1].mean(axis=0)) >= 0.5  # a column that is mostly missing
        if filled.sum() >= 2:  # would leave no row
            before, now = (
                side[np.ix_(known[:, filled].all(axis=1), filled)] for side, known in zip(drawn, there, strict=True)
            )
            yield row_classifier(before, now, rng=self._rng)


def _numeric(part: Part, column: Column, rows: _Rows) -> Found:
    if max(side.n for side in part.sides) > _WHOLE:
        rows.count(column.expression)
        yield from _counted(part, column.expression, "numeric")
        return
    values = part.sides[0].numbers(column.expression), part.sides[1].numbers(column.expression)
    rows.keep(values)
    there = [_present(side) for side in values]
    yield from _missing(part, [len(side) for side in values], [len(side) for side in there])
    yield "numeric", numeric(*there, rng=part.rng, n_draws=part.n_draws)


def _present(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The finite ones; their sum tells, at less cost than a look at each, when that is all of them."""
    with np.errstate(invalid="ignore", over="ignore"):
        return values if np.isfinite(values.sum()) else values[np.isfinite(values)]


def _counted(part: Part, expression: str, kind: Kind) -> Found:
    """The same over cells, where holding the numbers would take too much memory."""
    scale = scale_of(part.sides[0], expression)
    before, now = (side.cells(expression, scale) for side in part.sides)
    yield from _missing(part, [side.n for side in part.sides], [_there(before), _there(now)])
    cells = np.array(sorted(cell for cell in {*before, *now} if cell is not None), dtype=np.int64)
    counts = [[side.get(int(cell), 0) for cell in cells] for side in (before, now)]
    yield kind, ordered(counts[0], counts[1], edges=upper_limits(cells, scale), rng=part.rng, n_draws=part.n_draws)


def _there(counts: Mapping[int | None, int] | Mapping[str | None, int]) -> int:
    return sum(count for cell, count in counts.items() if cell is not None)


def _categorical(part: Part, column: Column, _: _Rows) -> Found:
    before, now = (side.labels(column.expression) for side in part.sides)
    yield from _missing(part, [side.n for side in part.sides], [_there(before), _there(now)])
    if max(len(before), len(now)) <= MOST_LABELS:
        yield "categorical", categorical(_named(before), _named(now), rng=part.rng, n_draws=part.n_draws)


def _named(counts: Mapping[str | None, int]) -> dict[str, int]:
    return {label: count for label, count in counts.items() if label is not None}


def _text(part: Part, column: Column, _: _Rows) -> Found:
    length = f"length({column.expression})"
    if max(side.n for side in part.sides) > _WHOLE:
        yield from _counted(part, length, "length")
    else:
        values = [side.numbers(length) for side in part.sides]
        there = [_present(side) for side in values]
        yield from _missing(part, [len(side) for side in values], [len(side) for side in there])
        yield "length", numeric(*there, rng=part.rng, n_draws=part.n_draws)
    seed = int(part.rng.integers(2**31))
    before, now = ([str(row[0]) for row in side.drawn([column.expression], DOCUMENTS, seed)] for side in part.sides)
    yield "vocabulary", vocabulary(before, now, rng=part.rng, n_draws=part.n_draws)
    yield "classifier", text_classifier(before, now, rng=part.rng)


def _embedding(part: Part, column: Column, _: _Rows) -> Found:
    seed = int(part.rng.integers(2**31))
    drawn = [side.drawn([column.expression], DOCUMENTS, seed) for side in part.sides]
    before, now = points(part.sides, column, drawn)
    yield "embedding", mmd(before, now, rng=part.rng, n_draws=part.n_draws)
    yield "novelty", novelty(before, now, rng=part.rng, n_draws=part.n_draws)
    yield "classifier", row_classifier(before, now, rng=part.rng)


def points(
    sides: tuple[Side, Side], column: Column, drawn: Sequence[Sequence[tuple[Any, ...]]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The points of both sides from rows whose first value is a list. Raises: BadInput: they are of no one length."""
    before, now = (_points(side, column, rows) for side, rows in zip(sides, drawn, strict=True))
    if before.shape[1] != now.shape[1]:
        message = f"{column.name!r} has {now.shape[1]} numbers a row and {before.shape[1]} in the reference"
        raise BadInput(f"{message}; embed both with one model", where=str(sides[1].path))
    return before, now


def _points(side: Side, column: Column, drawn: Sequence[tuple[Any, ...]]) -> NDArray[np.float64]:
    rows = [row[0] for row in drawn]
    widths = {len(row) for row in rows}
    if len(widths) != 1 or any(value is None for row in rows for value in row):
        raise BadInput(f"{column.name!r} needs lists of numbers of one length in every row", where=str(side.path))
    found = np.array(rows, dtype=np.float64)
    if not np.isfinite(found).all():
        raise BadInput(f"{column.name!r} holds a number that is not finite", where=str(side.path))
    return found


def _missing(part: Part, rows: list[int], there: list[int]) -> Found:
    """The share of missing cells, where any is."""
    if rows != there:
        before, now = ({"missing": n - k, "present": k} for n, k in zip(rows, there, strict=True))
        yield "missing", categorical(before, now, rng=part.rng, n_draws=part.n_draws)


def _gone(part: Part, column: Column, _: _Rows) -> Found:
    """A column that only one file has: all of it is missing in the other."""
    there = [side.n if column.name in side.types else 0 for side in part.sides]
    yield from _missing(part, [side.n for side in part.sides], there)


_BY_KIND: Mapping[str, Callable[[Part, Column, _Rows], Found]] = {
    "numeric": _numeric,
    "categorical": _categorical,
    "text": _text,
    "embedding": _embedding,
    "gone": _gone,
}
_TESTS: Mapping[str, int] = {"numeric": 2, "categorical": 2, "text": 4, "embedding": 3, "gone": 1}
"""Tests of a column of this kind at most, that of its missing cells among them."""
