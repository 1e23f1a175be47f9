"""Rows that come in clusters (a user's, a session's): whole clusters are dealt out at random, never their rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from shipworthy import records
from shipworthy.stats._types import Bools, Floats, Ints
from shipworthy.stats.drift._draws import label_draws, permutation_p
from shipworthy.stats.drift.types import Measured

MIN_CLUSTERS = 10
"""Below so many clusters on either side nothing is tested: the answer is inconclusive."""


class Clusters(NamedTuple):
    """Which cluster each row is in, (N,) and (M,) codes; a cluster that is on both sides has one code."""

    reference_N: Ints
    current_M: Ints

    def few(self, least: int = MIN_CLUSTERS) -> records.Warning | None:
        """Why nothing can be tested; None: there are clusters enough."""
        n, m = len(np.unique(self.reference_N)), len(np.unique(self.current_M))
        if min(n, m) >= least:
            return None
        said = f"{n:,} reference and {m:,} current clusters; at least {least} a side are needed"
        return records.Warning(code="few_clusters", message=said)


@dataclass(frozen=True, slots=True)
class Units:
    """What is dealt out: a cluster's rows on one side are one unit.

    Attributes:
        unit_N: the unit of every row, reference rows first. Units 0..n_reference-1 are of the reference.
        pairs_P2: the units of clusters that are on both sides.
    """

    unit_N: Ints
    n_reference: int
    n_units: int
    pairs_P2: Ints

    @classmethod
    def of(cls, clusters: Clusters) -> "Units":
        before, before_N = np.unique(clusters.reference_N, return_inverse=True)
        now, now_M = np.unique(clusters.current_M, return_inverse=True)
        _, left, right = np.intersect1d(before, now, assume_unique=True, return_indices=True)
        unit_N = np.concatenate([before_N, now_M + len(before)])
        return cls(unit_N, len(before), len(before) + len(now), np.stack([left, right + len(before)], axis=1))

    def sums(self, values_NK: np.ndarray) -> Floats:
        """(U, K) sums of the rows' values, by unit."""
        order = np.argsort(self.unit_N, kind="stable")
        starts = np.flatnonzero(np.diff(self.unit_N[order], prepend=-1))
        return np.asarray(np.add.reduceat(values_NK[order], starts, axis=0), dtype=np.float64)

    def counts(self, cell_N: Ints, n_cells: int) -> Floats:
        """(U, K) rows a cell, by unit."""
        flat = np.bincount(self.unit_N * n_cells + cell_N, minlength=self.n_units * n_cells)
        return np.asarray(flat.reshape(self.n_units, n_cells), dtype=np.float64)

    def sizes(self) -> Floats:
        """(U,) rows of each unit."""
        return np.bincount(self.unit_N, minlength=self.n_units).astype(np.float64)

    def observed(self) -> Floats:
        """(1, U) 1 where a unit is current."""
        return np.asarray((np.arange(self.n_units) >= self.n_reference)[None].astype(np.float32))

    def draws(self, n_draws: int, rng: np.random.Generator) -> Floats:
        """(n_draws, U) 1 where a unit counts as current: a cluster on both sides may swap its two units, the others
        are dealt out with their numbers kept."""
        labels = np.repeat(self.observed(), n_draws, axis=0)
        alone = np.ones(self.n_units, dtype=np.bool_)
        alone[self.pairs_P2] = False
        n = int(alone[: self.n_reference].sum())
        labels[:, alone] = label_draws(n, int(alone.sum()) - n, rng=rng, n_draws=n_draws)
        swapped = rng.random((n_draws, len(self.pairs_P2))) < 0.5
        labels[:, self.pairs_P2[:, 0]] = swapped
        labels[:, self.pairs_P2[:, 1]] = ~swapped
        return labels

    def p(self, statistic: Callable[[Floats], Floats], *, rng: np.random.Generator, n_draws: int) -> float:
        """p of `statistic((B, U) labels)`, large values speaking against the null."""
        observed = float(statistic(self.observed())[0])
        return permutation_p(observed, lambda size: statistic(self.draws(size, rng)), n_draws=n_draws)


def gaps(sums_UK: Floats, size_U: Floats) -> Callable[[Floats], tuple[Floats, Floats]]:
    """A function of (B, U) labels: the (B, K) differences of current and reference means, and (B, 1) n m / N."""
    total_K, rows = sums_UK.sum(axis=0), float(size_U.sum())

    def of(labels_BU: Floats) -> tuple[Floats, Floats]:
        m_B1 = (labels_BU @ size_U)[:, None]
        current_BK = labels_BU @ sums_UK
        n_B1 = rows - m_B1
        return np.asarray(current_BK / m_B1 - (total_K - current_BK) / n_B1), np.asarray(n_B1 * m_B1 / rows)

    return of


def design_effect(sums_UK: Floats, size_U: Floats, variance: float) -> float:
    """How many times larger clusters make the variance of a mean; `variance`: the rows', summed over the K values.

    Source: Kish 1965, section 5.4 (deff), for a ratio mean.
    """
    rows = float(size_U.sum())
    residual = sums_UK - sums_UK.sum(axis=0) * (size_U / rows)[:, None]
    return max(1.0, float((residual**2).sum()) / (rows * variance)) if variance > 0 else 1.0


def split(clusters: Clusters, rng: np.random.Generator) -> Bools:
    """(N + M,) a random half of the clusters: of those on either side alone, and of those on both."""
    both = np.intersect1d(clusters.reference_N, clusters.current_M)
    groups = np.setdiff1d(clusters.reference_N, both), np.setdiff1d(clusters.current_M, both), both
    chosen = [rng.permutation(group)[: len(group) // 2] for group in groups]
    return np.isin(np.concatenate(clusters), np.concatenate(chosen))


def by_cluster(of_rows: Measured, p: float | None, *, effect: float = 1.0) -> Measured:
    """What was measured over rows, with the p of whole clusters, and sizes that count for less by the design effect."""
    seen = of_rows.detectable
    return msgspec.structs.replace(
        of_rows,
        test=f"cluster_{of_rows.test.removeprefix('permutation_')}",
        p=p,
        detectable=None if seen is None or p is None else min(1.0, seen * math.sqrt(effect)),
    )


def too_few(of_rows: Measured, why: records.Warning) -> Measured:
    """The same measure where there are too few clusters to test it."""
    blind = msgspec.structs.replace(of_rows, because=why.message, warnings=(*of_rows.warnings, why))
    return by_cluster(blind, None)
