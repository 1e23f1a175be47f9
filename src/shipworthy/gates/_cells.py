"""The whole and its slices: which rows each cell of a comparison holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shipworthy.errors import MissingEvidence
from shipworthy.gates._pairs import Ints, Pair
from shipworthy.metrics.types import Floats
from shipworthy.records import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Cell 0 is the whole, then every label of every slice column; `keep_S` marks the cells that hold a row.

    `names` and every array of a contrast stand for the kept cells, in this order.
    """

    columns: tuple[Labels, ...]
    names: tuple[dict[str, str] | None, ...]
    keep_S: NDArray[np.bool_]
    n_rows: int

    def counts(self, codes_N: Ints, n_codes: int) -> Ints:
        """(S, n_codes): how often each code 0..n_codes-1 stands in each kept cell."""
        parts = [np.bincount(codes_N, minlength=n_codes)[None, :]]
        for label in self.columns:
            joint = np.bincount(label.code_N * n_codes + codes_N + n_codes, minlength=(len(label.names) + 1) * n_codes)
            parts.append(joint.reshape(-1, n_codes)[1:])
        return np.concatenate(parts)[self.keep_S]

    def sums(self, values_N: Floats) -> Floats:
        """(S,): total of the values in each kept cell."""
        parts = [np.array([values_N.sum()])]
        parts += [np.bincount(c.code_N + 1, weights=values_N, minlength=len(c.names) + 1)[1:] for c in self.columns]
        return np.asarray(np.concatenate(parts)[self.keep_S])

    def rows(self) -> list[Ints]:
        """The row numbers of each kept cell."""
        every: list[Ints] = [np.arange(self.n_rows)]
        for label in self.columns:
            order = np.argsort(label.code_N, kind="stable")
            edges = np.searchsorted(label.code_N[order], np.arange(len(label.names) + 1))
            every += [order[start:end] for start, end in pairwise(edges)]
        return [rows for rows, keep in zip(every, self.keep_S, strict=True) if keep]


def cells_of(pair: Pair, columns: Sequence[str]) -> Cells:
    """The whole and the labels of these slice columns.

    Raises: MissingEvidence: the evidence has no such slice column, or no row is left to judge.
    """
    if not len(pair):
        why = (
            "no example is left on which all models that it compares carry a measurement"
            if pair.dropped
            else "no example is shared by the models"
        )
        raise MissingEvidence(f"metric {pair.metric.name!r}: {why}; nothing can be judged by it")
    unknown = [column for column in columns if column not in pair.slices]
    if unknown:
        known = ", ".join(sorted(pair.slices)) or "none"
        raise MissingEvidence(f"the evidence has no slice column {unknown[0]!r}; known: {known}")
    labels = [pair.slices[column] for column in columns]
    names: list[dict[str, str] | None] = [None]
    keep = [np.array([True])]
    for column, label in zip(columns, labels, strict=True):
        names += [{column: name} for name in label.names]
        keep.append(np.bincount(label.code_N + 1, minlength=len(label.names) + 1)[1:] > 0)
    keep_S = np.concatenate(keep)
    kept = tuple(name for name, keeps in zip(names, keep_S, strict=True) if keeps)
    return Cells(columns=tuple(labels), names=kept, keep_S=keep_S, n_rows=len(pair))


def sizes_of(pair: Pair, cells: Cells) -> tuple[Floats, Floats]:
    """(S,) examples and (S,) clusters that a cell's numbers rest on: of two models, those of the one with fewer.

    A row without a measurement is no example of its model, however many the other one has.
    """
    units, clusters, _ = zip(*(_sizes(pair, cells, carried) for carried in pair.carried), strict=True)
    units_S = np.minimum.reduce(units)
    examples_S = np.where(units_S > 0, np.maximum(np.round(units_S / pair.per_example), 1.0), 0.0)
    return examples_S, np.minimum.reduce(clusters)


def effective_of(pair: Pair, cells: Cells) -> Floats:
    """(S,): as many clusters of one size as those of a cell weigh, n^2 / sum of squared sizes."""
    found = [_sizes(pair, cells, carried) for carried in pair.carried]
    return np.asarray(np.minimum.reduce([units**2 / np.maximum(squares, 1.0) for units, _, squares in found]))


def _sizes(pair: Pair, cells: Cells, carried_N: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """(S,) units, clusters and summed squares of the clusters' units."""
    units_S = cells.sums(carried_N.astype(np.float64))
    if pair.independent:
        return units_S, units_S, units_S
    code_N, width = pair.cluster_N[carried_N], int(pair.cluster_N.max(initial=0)) + 1
    alone = np.unique(code_N, return_counts=True)[1].astype(np.float64)
    clusters, squares = [np.array([len(alone)])], [np.array([(alone**2).sum()])]
    for label in cells.columns:
        pairs, counts = np.unique((label.code_N[carried_N] + 1) * width + code_N, return_counts=True)
        labels, size = pairs // width, len(label.names) + 1
        clusters.append(np.bincount(labels, minlength=size)[1:])
        squares.append(np.bincount(labels, weights=counts.astype(np.float64) ** 2, minlength=size)[1:])
    groups_S, squares_S = (np.concatenate(part).astype(np.float64)[cells.keep_S] for part in (clusters, squares))
    return units_S, groups_S, squares_S
