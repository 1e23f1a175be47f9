"""Means whose examples rise and fall in clusters: CR1 standard error, t with G-1 degrees of freedom.

A column is any per-example number: the paired difference of two models, or one model's score. All columns, and all
values of one slice column, are estimated in one pass. A cluster is a document, conversation, user or template; several
seeds or trials of one example are a cluster too. Without clusters (every example its own) this is the t interval.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from shipworthy.stats._types import Floats, Ints, upper_z

_WIDEST = 1 << 40  # range of cluster codes that a slice code can multiply without overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Estimated means: S slices x M columns (S = 1 without slices).

    Attributes:
        mean_SM, se_SM: mean and cluster-robust standard error; NaN where a slice is empty, se NaN with one cluster.
        n_S: examples. clusters_S: clusters with an example in the slice; degrees of freedom are one less.
    """

    mean_SM: Floats
    se_SM: Floats
    n_S: Ints
    clusters_S: Ints

    def interval(self, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
        """(low_SM, high_SM), `alpha` left out on each side."""
        upper_z(alpha)
        half = -stdtrit(self._df(), alpha) * self.se_SM
        return self.mean_SM - half, self.mean_SM + half

    def p_at_least(self, null: ArrayLike = 0.0) -> Floats:
        """One-sided p of "the mean is at least `null`" (S, M): small means shown below."""
        return np.asarray(stdtr(self._df(), self._t(null)))

    def p_at_most(self, null: ArrayLike = 0.0) -> Floats:
        """One-sided p of "the mean is at most `null`" (S, M): small means shown above."""
        return np.asarray(stdtr(self._df(), -self._t(null)))

    def unit_variance(self) -> Floats:
        """n x se squared (S, M): the variance one example contributes, design effect included (for power)."""
        return np.asarray(self.n_S[:, None] * self.se_SM**2)

    def _df(self) -> Floats:
        return np.asarray(np.maximum(self.clusters_S - 1, 1)[:, None], dtype=np.float64)

    def _t(self, null: ArrayLike) -> Floats:
        gap = self.mean_SM - np.asarray(null)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(gap == 0, 0.0, gap / self.se_SM))


def cluster_means(
    values_NM: ArrayLike, clusters_N: ArrayLike | None = None, *, slices_N: ArrayLike | None = None, n_slices: int = 1
) -> Means:
    """Mean of every column with its CR1 standard error, in the whole or in every slice.

    The mean is over examples, so clusters of unequal size weigh by their size (a ratio of two cluster totals).

    Args: values_NM: (N,) or (N, M) finite numbers. clusters_N: (N,) codes, any integers; None: every row its own.
        slices_N: (N,) codes 0..n_slices-1, -1 for rows outside every slice; None: one slice holds everything.
    Raises: ValueError: lengths differ or a value is not finite.
    Source: Cameron & Miller 2015, section II (CR1, G-1 degrees of freedom); Miller 2024 for evaluations.
    """
    values, clusters, slices = _checked(values_NM, clusters_N, slices_N)
    kept = slices >= 0
    if not kept.all():
        values, clusters, slices = values[kept], clusters[kept], slices[kept]
    cell_slice, cell_of_N = (slices, None) if clusters_N is None else _cells(clusters, slices)
    n_S, clusters_S = np.bincount(slices, minlength=n_slices), np.bincount(cell_slice, minlength=n_slices)
    cell_n = np.bincount(cell_of_N, minlength=len(cell_slice)) if cell_of_N is not None else 1
    centre_M = values.mean(axis=0) if len(values) else np.zeros(values.shape[1])
    found = np.empty((2, n_slices, values.shape[1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        correction_S = np.where(clusters_S > 1, clusters_S / (clusters_S - 1), np.nan)
        for m, centre in enumerate(centre_M):  # a column at a time stays in the cache
            sums = values[:, m] - centre
            if cell_of_N is not None:
                sums = np.bincount(cell_of_N, weights=sums, minlength=len(cell_slice))
            shift_S = np.bincount(cell_slice, weights=sums, minlength=n_slices) / n_S
            sums -= shift_S[cell_slice] * cell_n
            squares_S = np.bincount(cell_slice, weights=sums * sums, minlength=n_slices)
            found[:, :, m] = shift_S + centre, np.sqrt(correction_S * squares_S) / n_S
    return Means(mean_SM=found[0], se_SM=found[1], n_S=n_S, clusters_S=clusters_S)


def ratio_influence(top_NM: ArrayLike, bottom_NM: ArrayLike) -> Floats:
    """Per-example values whose mean is sum(top) / sum(bottom) and whose clustered error is that of the ratio.

    Source: linearisation of a ratio estimator, Cochran 1977, section 6.
    """
    top, bottom = np.asarray(top_NM, dtype=np.float64), np.asarray(bottom_NM, dtype=np.float64)
    ratio = top.sum(axis=0) / bottom.sum(axis=0)
    return np.asarray(ratio + (top - ratio * bottom) / bottom.mean(axis=0))


def design_effect(values_N: ArrayLike, clusters_N: ArrayLike) -> float:
    """How many times larger the variance of the mean is than with independent examples; 1.0 where nothing varies."""
    robust = cluster_means(values_N, clusters_N).se_SM[0, 0]
    plain = cluster_means(values_N).se_SM[0, 0]
    return float((robust / plain) ** 2) if plain > 0 else 1.0


def _checked(values: ArrayLike, clusters: ArrayLike | None, slices: ArrayLike | None) -> tuple[Floats, Ints, Ints]:
    values_NM = np.asarray(values, dtype=np.float64)
    values_NM = values_NM[:, None] if values_NM.ndim == 1 else values_NM
    n = len(values_NM)
    clusters_N = np.arange(n) if clusters is None else np.asarray(clusters, dtype=np.int64)
    slices_N = np.zeros(n, np.int64) if slices is None else np.asarray(slices, dtype=np.int64)
    if clusters_N.shape != (n,) or slices_N.shape != (n,):
        raise ValueError(f"{n} values need {n} cluster and slice codes, got {clusters_N.shape} and {slices_N.shape}")
    if not np.isfinite(values_NM).all():
        raise ValueError("every value must be finite: count what is missing before it comes here")
    return values_NM, clusters_N, slices_N


def _cells(clusters: Ints, slices: Ints) -> tuple[Ints, Ints]:
    """The cells (cluster x slice) that hold a row: the slice of each, and the cell of each row."""
    low, high = int(clusters.min(initial=0)), int(clusters.max(initial=0))
    if high - low > _WIDEST:  # hashes for codes
        _, clusters = np.unique(clusters, return_inverse=True)
        low, high = 0, len(clusters)
    width = high - low + 1
    keys = slices * width + (clusters - low)
    room = int(keys.max(initial=-1)) + 1
    if room > 8 * len(keys) + 1024:
        used, cell_of_N = np.unique(keys, return_inverse=True)
        return used // width, cell_of_N
    used = np.flatnonzero(np.bincount(keys, minlength=room))  # dense codes: counting is ten times faster than sorting
    place = np.empty(room, np.int64)
    place[used] = np.arange(len(used))
    return used // width, place[keys]
