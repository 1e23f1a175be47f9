"""The tests of one part whose rows come in clusters: whole clusters are dealt out, so columns are held row by row.

Also the suspicion that they do: a column that looks like who a row is of, with several rows each.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipworthy import records
from shipworthy.data._drift_kinds import Column
from shipworthy.data._drift_source import Side, quoted
from shipworthy.data._drift_tests import DOCUMENTS, ROW_COLUMNS, Found, Part, points
from shipworthy.errors import BadInput
from shipworthy.stats.drift._units import Clusters
from shipworthy.stats.drift.categorical import labelled
from shipworthy.stats.drift.classifier import row_classifier, text_classifier
from shipworthy.stats.drift.embedding import mmd, novelty
from shipworthy.stats.drift.look import Cell
from shipworthy.stats.drift.numeric import numeric
from shipworthy.stats.drift.types import Measured
from shipworthy.stats.drift.vocabulary import vocabulary

_IS_WHOSE = re.compile(
    r"(^|[_\W]|(?<=[a-z])(?=[A-Z]))(user|customer|client|account|session|conversation|chat|thread|dialog(ue)?|patient|"
    r"author|visitor|device|member|person|student|company|tenant|org(ani[sz]ation)?|document|doc|group|cluster)s?"
    r"([_\W]?(id|ids|uuid|key|no|number|hash|name))?$",
    re.IGNORECASE,
)
_LEAST, _REPEATED = 10, 1.5  # clusters a side, rows a cluster: below, there is little to suspect
Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Clustered:
    """A part, the column its clusters stand in, and the code of each row's cluster on both sides."""

    part: Part
    cluster: str
    code_of: dict[str, int]
    codes: tuple[NDArray[np.int64], NDArray[np.int64]]

    def where(self, kept: Sequence[Rows]) -> Clusters:
        return Clusters(self.codes[0][kept[0]], self.codes[1][kept[1]])

    def drawn(self, column: Column) -> tuple[list[list[tuple[Any, ...]]], Clusters]:
        """A few rows of one column a side, and the clusters they are in."""
        seed = int(self.part.rng.integers(2**31))
        name = f"CAST({quoted(self.cluster)} AS VARCHAR)"
        found = [side.drawn([column.expression, name], DOCUMENTS, seed) for side in self.part.sides]
        codes = [np.array([self.code_of[str(row[1])] for row in rows], dtype=np.int64) for rows in found]
        return found, Clusters(*codes)


def cluster_cells(part: Part, found: Sequence[Column], cluster: str) -> Iterator[Cell]:
    """Every test of the part by whole clusters. Raises: BadInput: a row has no cluster."""
    of = _coded(part, cluster)
    kept: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for column in found:
        if column.name != cluster and (part.where is None or column.name not in part.where):
            if column.kind == "numeric":
                kept.append(_values(of, column.expression))
            for kind, measured in _BY_KIND[column.kind](of, column):
                yield Cell(column.name, kind, measured, part.where)
    yield from (Cell("rows", "rows", measured, part.where) for measured in _whole_rows(of, kept))


def known(sides: tuple[Side, Side], cluster: str) -> None:
    """Raises: BadInput: a side has no such column, or rows without a value in it."""
    for side in sides:
        if cluster not in side.types:
            raise BadInput(f"no cluster column {cluster!r}; known: {', '.join(side.types)}", where=str(side.path))
        gone = int(side.ask("count(*)", f"AND {quoted(cluster)} IS NULL")[0][0])
        if gone:
            said = f"{gone:,} rows have no {cluster!r}, so that nobody can tell which rows belong together"
            raise BadInput(f"{said}; fill it, or leave those rows out", where=str(side.path))


def suspected(sides: tuple[Side, Side]) -> list[records.Warning]:
    """The columns that say whose a row is, with several rows each: the tests take rows for independent."""
    for name in sides[0].types:
        if name in sides[1].types and _IS_WHOSE.search(name):
            clusters = [int(side.ask(f"count(DISTINCT {quoted(name)})")[0][0]) for side in sides]
            if min(clusters) >= _LEAST and max(side.n / k for side, k in zip(sides, clusters, strict=True)) > _REPEATED:
                said = (
                    f"rows repeat in {name!r} ({clusters[0]:,} and {clusters[1]:,} of them in {sides[0].n:,} and "
                    f"{sides[1].n:,} rows): rows of one are alike, and tests that take them for independent find drift "
                    f"between any two sets of them; deal whole ones out with --cluster {name}"
                )
                return [records.Warning(code="clustered_rows", message=said)]
    return []


def _coded(part: Part, cluster: str) -> _Clustered:
    code_of: dict[str, int] = {}
    codes = [
        np.fromiter((code_of.setdefault(str(text), len(code_of)) for text in side.texts(quoted(cluster))), np.int64)
        for side in part.sides
    ]
    return _Clustered(part, cluster, code_of, (codes[0], codes[1]))


def _values(of: _Clustered, expression: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    before, now = of.part.sides
    return before.numbers(expression), now.numbers(expression)


def _numeric(of: _Clustered, column: Column) -> Found:
    yield from _of_numbers(of, column.expression, "numeric")


def _of_numbers(of: _Clustered, expression: str, kind: str) -> Found:
    values = _values(of, expression)
    there = [np.isfinite(side) for side in values]
    yield from _missing(of, there)
    part, clusters = of.part, of.where(there)
    measured = numeric(values[0][there[0]], values[1][there[1]], rng=part.rng, n_draws=part.n_draws, clusters=clusters)
    yield ("length" if kind == "length" else "numeric"), measured


def _categorical(of: _Clustered, column: Column) -> Found:
    texts = [list(side.texts(column.expression)) for side in of.part.sides]
    there = [np.array([text is not None for text in side], dtype=np.bool_) for side in texts]
    yield from _missing(of, there)
    before, now = ([text for text in side if text is not None] for side in texts)
    yield "categorical", labelled(before, now, of.where(there), rng=of.part.rng, n_draws=of.part.n_draws)


def _missing(of: _Clustered, there: Sequence[Rows]) -> Found:
    if all(side.all() for side in there):
        return
    before, now = (np.where(side, "present", "missing").tolist() for side in there)
    yield "missing", labelled(before, now, Clusters(*of.codes), rng=of.part.rng, n_draws=of.part.n_draws)


def _text(of: _Clustered, column: Column) -> Found:
    yield from _of_numbers(of, f"length({column.expression})", "length")
    drawn, clusters = of.drawn(column)
    before, now = ([str(row[0]) for row in rows] for rows in drawn)
    rng, n_draws = of.part.rng, of.part.n_draws
    yield "vocabulary", vocabulary(before, now, rng=rng, n_draws=n_draws, clusters=clusters)
    yield "classifier", text_classifier(before, now, rng=rng, n_draws=n_draws, clusters=clusters)


def _embedding(of: _Clustered, column: Column) -> Found:
    drawn, clusters = of.drawn(column)
    before, now = points(of.part.sides, column, drawn)
    rng, n_draws = of.part.rng, of.part.n_draws
    yield "embedding", mmd(before, now, rng=rng, n_draws=n_draws, clusters=clusters)
    yield "novelty", novelty(before, now, rng=rng, n_draws=n_draws, clusters=clusters)
    yield "classifier", row_classifier(before, now, rng=rng, n_draws=n_draws, clusters=clusters)


def _gone(of: _Clustered, column: Column) -> Found:
    yield from _missing(of, [np.full(side.n, column.name in side.types) for side in of.part.sides])


def _whole_rows(of: _Clustered, kept: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Iterator[Measured]:
    """The classifier over whole rows, where a row has 2 to 12 numbers that are mostly there."""
    filled = [column for column in kept if min(np.isfinite(side).mean() for side in column) >= 0.5]
    if len(filled) < 2 or len(kept) > ROW_COLUMNS:
        return
    sides = [np.stack([column[side] for column in filled], axis=1) for side in (0, 1)]
    there: list[Rows] = [np.asarray(np.isfinite(side).all(axis=1)) for side in sides]
    part, clusters = of.part, of.where(there)
    yield row_classifier(sides[0][there[0]], sides[1][there[1]], rng=part.rng, n_draws=part.n_draws, clusters=clusters)


_BY_KIND: Mapping[str, Callable[[_Clustered, Column], Found]] = {
    "numeric": _numeric,
    "categorical": _categorical,
    "text": _text,
    "embedding": _embedding,
    "gone": _gone,
}
