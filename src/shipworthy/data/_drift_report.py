"""A look at drift with what a reader needs to see it: what was read, and how the columns that drifted are spread."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shipworthy.data._drift_kinds import Column
from shipworthy.data._drift_source import Side
from shipworthy.records import Record
from shipworthy.stats.drift.types import Drift, Look

MOST_SHAPES = 24
_BINS = 12
_LABELS = 8
_COUNTED = ("numeric", "categorical", "length")


class Read(Record):
    """One side: what the user named, how many files and rows that is, and the format of its rows (None: a table)."""

    path: str
    files: int
    rows: int
    kind: str | None


class Shape(Record):
    """Rows of both sides in the same bins or labels, whose names stand in `labels`; for one finding."""

    column: str
    kind: str
    slice: dict[str, str] | None
    labels: tuple[str, ...]
    reference: tuple[int, ...]
    current: tuple[int, ...]


class DriftReport(Record):
    """A look, what it looked at, and the shapes of what drifted (then of what else is counted), 24 at most."""

    reference: Read
    current: Read
    look: Look
    shapes: tuple[Shape, ...]


def read_of(side: Side) -> Read:
    """What a side is."""
    from shipworthy.data.training._kinds import kind_of

    first = dict(zip(side.types, side.ask("*", "LIMIT 1")[0], strict=True))
    return Read(path=side.path, files=len(side.files), rows=side.n, kind=kind_of(first))


def shapes(sides: tuple[Side, Side], found: Sequence[Drift], columns: Sequence[Column]) -> tuple[Shape, ...]:
    """How the findings on numbers, labels and lengths are spread: those that drifted first."""
    known = {column.name: column for column in columns}
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    ranked = sorted((one for one in found if one.kind in _COUNTED), key=lambda one: order[one.outcome])
    parts: dict[tuple[tuple[str, str], ...], tuple[Side, Side]] = {(): sides}
    made = []
    for one in ranked[:MOST_SHAPES]:
        where = tuple((one.slice or {}).items())
        if where not in parts:
            parts[where] = _sliced(sides, where)
        made.append(_shape(parts[where], known[one.column], one))
    return tuple(made)


def _sliced(sides: tuple[Side, Side], where: tuple[tuple[str, str], ...]) -> tuple[Side, Side]:
    before, now = sides
    for name, label in where:
        before, now = before.sliced(name, label), now.sliced(name, label)
    return before, now


def _shape(sides: tuple[Side, Side], column: Column, one: Drift) -> Shape:
    if one.kind == "categorical":
        labels, counts = _by_label(sides, column.expression)
    else:
        expression = f"length({column.expression})" if one.kind == "length" else column.expression
        labels, counts = _by_bin(sides, f"CAST({expression} AS DOUBLE)")
    return Shape(
        column=one.column, kind=one.kind, slice=one.slice, labels=labels, reference=counts[0], current=counts[1]
    )


def _by_label(sides: tuple[Side, Side], expression: str) -> tuple[tuple[str, ...], list[tuple[int, ...]]]:
    """The labels that most rows have, both sides taken alike, and all others together."""
    found = [{str(label): n for label, n in side.labels(expression).items() if label is not None} for side in sides]
    shares = [{label: n / sum(side.values()) for label, n in side.items()} for side in found]
    ranked = sorted({*found[0], *found[1]}, key=lambda label: (-sum(side.get(label, 0) for side in shares), label))
    shown, rest = ranked[:_LABELS], ranked[_LABELS:]
    counts = [[side.get(label, 0) for label in shown] for side in found]
    if rest:
        shown = [*shown, f"{len(rest):,} others"]
        counts = [[*some, sum(side.get(label, 0) for label in rest)] for some, side in zip(counts, found, strict=True)]
    return tuple(shown), [tuple(some) for some in counts]


def _by_bin(sides: tuple[Side, Side], value: str) -> tuple[tuple[str, ...], list[tuple[int, ...]]]:
    """Bins of one width between the 1st and 99th percentile, all of both sides in them; what lies beyond at the ends.

    A few distinct values are bins of their own.
    """
    finite = f"CASE WHEN isfinite({value}) THEN {value} END"
    few = _distinct(sides, finite)
    if few is not None:
        cells = [dict(_whole(side.ask(f"{finite} AS v, count(*)", "GROUP BY 1"))) for side in sides]
        return tuple(f"{one:.4g}" for one in few), [tuple(side.get(one, 0) for one in few) for side in cells]
    asked = [side.ask(f"quantile_cont({finite}, [0.01, 0.99])")[0][0] for side in sides]
    ends = [end for end in asked if end is not None]  # a side may have no value at all
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    width = high / _BINS - low / _BINS or 1.0
    near = f"greatest({low!r}, least({high!r}, {finite}))"
    halves = f"({near} / 2 - {low / 2!r}) / {width / 2!r}"  # as no difference of two halves overflows
    cell = f"least({_BINS - 1}, CAST(floor({halves}) AS BIGINT))"
    cells = [dict(_whole(side.ask(f"{cell} AS v, count(*)", f"AND {finite} IS NOT NULL GROUP BY 1"))) for side in sides]
    inner = 2 * (low / 2 + width / 2 * np.arange(1, _BINS))
    return _spans(inner), [tuple(side.get(float(at), 0) for at in range(_BINS)) for side in cells]


def _distinct(sides: tuple[Side, Side], finite: str) -> list[float] | None:
    """The values, in order, where they are few."""
    found: set[float] = set()
    for side in sides:
        rows = side.ask(f"DISTINCT {finite} AS v", f"AND {finite} IS NOT NULL LIMIT {_BINS + 1}")
        found |= {float(row[0]) for row in rows}
    return sorted(found) if len(found) <= _BINS else None


def _whole(rows: Sequence[tuple[float | None, int]]) -> Iterator[tuple[float, int]]:
    yield from ((float(cell), int(n)) for cell, n in rows if cell is not None)


def _spans(inner: NDArray[np.float64]) -> tuple[str, ...]:
    between = [f"{low:.3g} to {high:.3g}" for low, high in pairwise(inner)]
    return (f"below {inner[0]:.3g}", *between, f"{inner[-1]:.3g} and above")


def as_document(report: DriftReport) -> Mapping[str, object]:
    """The look's own fields, and beside them what was read and the shapes: what `--json` and a .json report hold."""
    import msgspec

    plain = {name: getattr(report.look, name) for name in Look.__struct_fields__}
    beside = {"reference": report.reference, "current": report.current, "shapes": report.shapes}
    return dict(msgspec.to_builtins(plain | beside))
