"""Did a file's rows change since the reference? Reads columns, one at a time, and asks `stats.drift`.

A column is tested by what it is: numbers and labels directly, a text by its length, its words and a classifier, a list
of numbers as an embedding; missing cells by their share; all numbers of a row together by a classifier. Every slice
asked for is tested alike, and one correction covers the whole look.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shipworthy import records
from shipworthy.data._drift_kinds import Column, columns
from shipworthy.data._drift_report import DriftReport, read_of, shapes
from shipworthy.data._drift_source import MOST_LABELS, Side, opened, quoted, scale_of, upper_limits
from shipworthy.errors import BadInput
from shipworthy.records import Record
from shipworthy.stats.drift.categorical import categorical
from shipworthy.stats.drift.classifier import row_classifier, text_classifier
from shipworthy.stats.drift.embedding import mmd, novelty
from shipworthy.stats.drift.look import Cell, look
from shipworthy.stats.drift.numeric import numeric, ordered
from shipworthy.stats.drift.types import MIN_ROWS, Kind, Look, Measured
from shipworthy.stats.drift.vocabulary import vocabulary

ColumnKind = Literal["numeric", "categorical", "text", "embedding", "skip"]
MOST_SLICES = 20
_WHOLE = 2_000_000  # up to so many rows a column of numbers is held whole; beyond, it is counted into cells
_DOCUMENTS = 5_000
_ROW_COLUMNS = 12


class DriftQuery(Record):
    """What to look at.

    Attributes:
        columns: only these; empty: all.
        kinds: what a column is, where its values would not tell.
        slices: columns whose every label is looked at apart, the 20 most frequent.
        floors: smallest effects that matter, a kind (`stats.drift.look.FLOORS`).
        seed: of everything drawn at random; the same files and seed give the same look.
    """

    columns: tuple[str, ...] = ()
    kinds: Mapping[str, ColumnKind] = {}
    slices: tuple[str, ...] = ()
    alpha: float = 0.05
    floors: Mapping[Kind, float] = {}
    seed: int = 0


def compare(reference: Path | str, current: Path | str, query: DriftQuery | None = None) -> Look:
    """One look at `current` beside `reference`: each a file (CSV, JSON lines, a JSON list or Parquet, also packed with
    gzip or Zstandard; known by content), a folder or pattern of such files, or a URL.

    Raises: BadInput: a file is no table, or a column or slice asked for stands in neither file.
    """
    with opened(reference, current) as sides:
        return _looked(sides, query or DriftQuery())[0]


def examine(reference: Path | str, current: Path | str, query: DriftQuery | None = None) -> DriftReport:
    """The same look with what its page shows. Raises: as `compare`."""
    with opened(reference, current) as sides:
        found, tested = _looked(sides, query or DriftQuery())
        before, now = (read_of(side) for side in sides)
        return DriftReport(reference=before, current=now, look=found, shapes=shapes(sides, found.findings, tested))


def _looked(sides: tuple[Side, Side], asked: DriftQuery) -> tuple[Look, list[Column]]:
    found, warnings = columns(sides, asked.columns, asked.kinds)
    slices, more = _slices(sides, asked.slices)
    seeds = np.random.default_rng(asked.seed)
    tested = [
        cell
        for where, part in chain([(None, sides)], slices)
        for cell in _cells(part, found, where, int(seeds.integers(2**31)))
    ]
    return look(tested, alpha=asked.alpha, floors=asked.floors, warnings=(*warnings, *more)), found


def _slices(
    sides: tuple[Side, Side], names: tuple[str, ...]
) -> tuple[list[tuple[dict[str, str], tuple[Side, Side]]], list[records.Warning]]:
    slices, small = [], 0
    for name in names:
        for side in sides:
            if name not in side.types:
                raise BadInput(f"no slice column {name!r}; known: {', '.join(side.types)}", where=str(side.path))
        before, now = (side.labels(quoted(name)) for side in sides)
        shared = [label for label in before if label is not None and label in now]
        large = [label for label in shared if min(before[label], now[label]) >= MIN_ROWS]
        small += len({*before, *now} - {None}) - len(large)
        slices += [({name: label}, _both(sides, name, label)) for label in large[:MOST_SLICES]]
        small += max(0, len(large) - MOST_SLICES)
    said = f"{small} slices are not looked at apart: fewer than {MIN_ROWS} rows, or not among the {MOST_SLICES} largest"
    return slices, [records.Warning(code="small_slices", message=said, count=small)] if small else []


def _both(sides: tuple[Side, Side], name: str, label: str) -> tuple[Side, Side]:
    return sides[0].sliced(name, label), sides[1].sliced(name, label)


# --- One part: all rows, or one slice --------------------------------------------------------------------------------


def _cells(sides: tuple[Side, Side], found: list[Column], where: dict[str, str] | None, seed: int) -> Iterator[Cell]:
    rng = np.random.default_rng(seed)
    rows = _Rows(sides, rng)
    for column in found:
        if where is None or column.name not in where:
            for kind, measured in _BY_KIND[column.kind](sides, column, rows, rng):
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
        self._chosen = [np.sort(rng.choice(side.n, min(side.n, _DOCUMENTS), replace=False)) for side in sides]
        self._kept: list[list[NDArray[np.float64]]] = [[], []]

    def keep(self, values: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
        for kept, chosen, column in zip(self._kept, self._chosen, values, strict=True):
            kept.append(column[chosen])

    def count(self, expression: str) -> None:
        self._counted.append(f"CAST({expression} AS DOUBLE)")

    def measured(self) -> Iterator[Measured]:
        """The classifier's answer, where a row has 2 to 12 numbers; rows with a missing one are left out."""
        if 2 <= len(self._counted) <= _ROW_COLUMNS:
            seed = int(self._rng.integers(2**31))
            drawn = [np.array(side.drawn(self._counted, _DOCUMENTS, seed), np.float64) for side in self._sides]
        elif 2 <= len(self._kept[0]) <= _ROW_COLUMNS:
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


def _numeric(sides: tuple[Side, Side], column: Column, rows: _Rows, rng: np.random.Generator) -> Found:
    if max(side.n for side in sides) > _WHOLE:
        rows.count(column.expression)
        yield from _counted(sides, column.expression, "numeric", rng)
        return
    values = sides[0].numbers(column.expression), sides[1].numbers(column.expression)
    rows.keep(values)
    there = [_present(side) for side in values]
    yield from _missing([len(side) for side in values], [len(side) for side in there], rng)
    yield "numeric", numeric(*there, rng=rng)


def _present(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The finite ones; their sum tells, at less cost than a look at each, when that is all of them."""
    with np.errstate(invalid="ignore", over="ignore"):
        return values if np.isfinite(values.sum()) else values[np.isfinite(values)]


def _counted(sides: tuple[Side, Side], expression: str, kind: Kind, rng: np.random.Generator) -> Found:
    """The same over cells, where holding the numbers would take too much memory."""
    scale = scale_of(sides[0], expression)
    before, now = (side.cells(expression, scale) for side in sides)
    yield from _missing([side.n for side in sides], [_there(before), _there(now)], rng)
    cells = np.array(sorted(cell for cell in {*before, *now} if cell is not None), dtype=np.int64)
    counts = [[side.get(int(cell), 0) for cell in cells] for side in (before, now)]
    yield kind, ordered(counts[0], counts[1], edges=upper_limits(cells, scale), rng=rng)


def _there(counts: Mapping[int | None, int] | Mapping[str | None, int]) -> int:
    return sum(count for cell, count in counts.items() if cell is not None)


def _categorical(sides: tuple[Side, Side], column: Column, _: _Rows, rng: np.random.Generator) -> Found:
    before, now = (side.labels(column.expression) for side in sides)
    yield from _missing([side.n for side in sides], [_there(before), _there(now)], rng)
    if max(len(before), len(now)) <= MOST_LABELS:
        yield "categorical", categorical(_named(before), _named(now), rng=rng)


def _named(counts: Mapping[str | None, int]) -> dict[str, int]:
    return {label: count for label, count in counts.items() if label is not None}


def _text(sides: tuple[Side, Side], column: Column, _: _Rows, rng: np.random.Generator) -> Found:
    length = f"length({column.expression})"
    if max(side.n for side in sides) > _WHOLE:
        yield from _counted(sides, length, "length", rng)
    else:
        values = [side.numbers(length) for side in sides]
        there = [_present(side) for side in values]
        yield from _missing([len(side) for side in values], [len(side) for side in there], rng)
        yield "length", numeric(*there, rng=rng)
    seed = int(rng.integers(2**31))
    before, now = ([str(row[0]) for row in side.drawn([column.expression], _DOCUMENTS, seed)] for side in sides)
    yield "vocabulary", vocabulary(before, now, rng=rng)
    yield "classifier", text_classifier(before, now, rng=rng)


def _embedding(sides: tuple[Side, Side], column: Column, _: _Rows, rng: np.random.Generator) -> Found:
    seed = int(rng.integers(2**31))
    before, now = (_points(side, column, seed) for side in sides)
    if before.shape[1] != now.shape[1]:
        message = f"{column.name!r} has {now.shape[1]} numbers a row and {before.shape[1]} in the reference"
        raise BadInput(f"{message}; embed both with one model", where=str(sides[1].path))
    yield "embedding", mmd(before, now, rng=rng)
    yield "novelty", novelty(before, now, rng=rng)
    yield "classifier", row_classifier(before, now, rng=rng)


def _points(side: Side, column: Column, seed: int) -> NDArray[np.float64]:
    rows = [row[0] for row in side.drawn([column.expression], _DOCUMENTS, seed)]
    widths = {len(row) for row in rows}
    if len(widths) != 1 or any(value is None for row in rows for value in row):
        raise BadInput(f"{column.name!r} needs lists of numbers of one length in every row", where=str(side.path))
    found = np.array(rows, dtype=np.float64)
    if not np.isfinite(found).all():
        raise BadInput(f"{column.name!r} holds a number that is not finite", where=str(side.path))
    return found


def _missing(rows: list[int], there: list[int], rng: np.random.Generator) -> Found:
    """The share of missing cells, where any is."""
    if rows != there:
        before, now = ({"missing": n - k, "present": k} for n, k in zip(rows, there, strict=True))
        yield "missing", categorical(before, now, rng=rng)


def _gone(sides: tuple[Side, Side], column: Column, _: _Rows, rng: np.random.Generator) -> Found:
    """A column that only one file has: all of it is missing in the other."""
    there = [side.n if column.name in side.types else 0 for side in sides]
    yield from _missing([side.n for side in sides], there, rng)


_BY_KIND: Mapping[str, Callable[[tuple[Side, Side], Column, _Rows, np.random.Generator], Found]] = {
    "numeric": _numeric,
    "categorical": _categorical,
    "text": _text,
    "embedding": _embedding,
    "gone": _gone,
}
