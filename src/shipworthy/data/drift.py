"""Did a file's rows change since the reference? Reads columns, one at a time, and asks `stats.drift`.

A column is tested by what it is: numbers and labels directly, a text by its length, its words and a classifier, a list
of numbers as an embedding; missing cells by their share; all numbers of a row together by a classifier. Every slice
asked for is tested alike, and one correction covers the whole look.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from shipworthy import records
from shipworthy.data._drift_clusters import cluster_cells, known, suspected
from shipworthy.data._drift_kinds import Column, columns
from shipworthy.data._drift_report import DriftReport, read_of, shapes
from shipworthy.data._drift_source import Side, opened, quoted
from shipworthy.data._drift_tests import Part, cells, tests_of
from shipworthy.errors import BadInput
from shipworthy.records import Record
from shipworthy.stats.drift.look import Cell, can_be_found, draws_for, look
from shipworthy.stats.drift.types import MIN_ROWS, Kind, Look

ColumnKind = Literal["numeric", "categorical", "text", "embedding", "skip"]
MOST_SLICES = 20


class DriftQuery(Record):
    """What to look at.

    Attributes:
        columns: only these; empty: all.
        kinds: what a column is, where its values would not tell.
        slices: columns whose every label is looked at apart, the 20 most frequent.
        floors: smallest effects that matter, a kind (`stats.drift.look.FLOORS`).
        cluster: the column that says which rows belong together (a user's): whole clusters are dealt out at random.
        seed: of everything drawn at random; the same files and seed give the same look.
    """

    columns: tuple[str, ...] = ()
    kinds: Mapping[str, ColumnKind] = {}
    slices: tuple[str, ...] = ()
    alpha: float = 0.05
    floors: Mapping[Kind, float] = {}
    cluster: str | None = None
    seed: int = 0


def compare(reference: Path | str, current: Path | str, query: DriftQuery | None = None) -> Look:
    """One look at `current` beside `reference`: each a file (CSV, JSON lines, a JSON list or Parquet, also packed with
    gzip or Zstandard; known by content), a folder or pattern of such files, or a URL.

    Raises: BadInput: a file is no table, or a column or slice asked for stands in neither file; a row has no cluster.
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
    if asked.cluster is not None:
        known(sides, asked.cluster)
        found = [column for column in found if column.name != asked.cluster]
    slices, more = _slices(sides, asked.slices)
    parts = [(None, sides), *slices]
    n_tests = tests_of(found, len(parts))
    seeds, n_draws = np.random.default_rng(asked.seed), draws_for(n_tests, asked.alpha)
    tested = [
        cell
        for where, part in parts
        for cell in _cells(
            Part(part, where, np.random.default_rng(int(seeds.integers(2**31))), n_draws), found, asked.cluster
        )
    ]
    said = [] if asked.cluster is not None else suspected(sides)
    warnings = [*warnings, *more, *said, *_too_many(n_tests, asked.alpha)]
    return look(tested, alpha=asked.alpha, floors=asked.floors, warnings=warnings), found


def _cells(part: Part, found: list[Column], cluster: str | None) -> Iterator[Cell]:
    return cells(part, found) if cluster is None else cluster_cells(part, found, cluster)


def _too_many(n_tests: int, alpha: float) -> list[records.Warning]:
    if can_be_found(n_tests, alpha):
        return []
    said = f"{n_tests:,} tests are corrected together: a change in one of them alone may stay unseen; name fewer"
    return [records.Warning(code="too_many_tests", message=f"{said} columns or slices", count=n_tests)]


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
