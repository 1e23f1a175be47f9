"""Means whose examples rise and fall in clusters: jackknife (CR3) standard error, limits of t and of Hall.

A column is any per-example number: the paired difference of two models, or one model's score. All columns, and all
values of one slice column, are estimated in one pass. A cluster is a document, conversation, user or template; several
seeds or trials of one example are a cluster too. Without clusters (every example its own) the error is that of t.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from shipworthy.stats._tails import Moments, met_again
from shipworthy.stats._types import Bools, Floats, Ints, upper_z

_WIDEST = 1 << 40  # range of cluster codes that a slice code can multiply without overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Estimated means: S slices x M columns (S = 1 without slices).

    Attributes:
        mean_SM, se_SM: mean and cluster-robust standard error; NaN where a slice is empty, se NaN with one cluster.
        skew_SM: skewness of what the clusters add (0 where nothing varies). least_SM, most_SM: the furthest of them.
        carried_SM: clusters that carry the spread, (sum of squares)^2 / sum of fourth powers; few where few differ.
        n_S: examples. clusters_S: clusters with an example in the slice; degrees of freedom are one less.
        effective_S: as many clusters of one size as these weigh, n^2 / sum of squared sizes.
        worth_SM: independent examples that these are worth, between the clusters and n.
        tails: "open" where a score has no natural limits, so that the furthest value may be met again, or worse.
    """

    mean_SM: Floats
    se_SM: Floats
    skew_SM: Floats
    least_SM: Floats
    most_SM: Floats
    carried_SM: Floats
    n_S: Ints
    clusters_S: Ints
    effective_S: Floats
    worth_SM: Floats
    tails: Literal["bounded", "open"] = "bounded"

    def interval(self, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
        """(low_SM, high_SM), `alpha` left out on each side; of t and Hall's limit the more cautious one."""
        upper_z(alpha)
        plain, below, above = self._moments()
        return np.minimum(plain.low(alpha), below.low(alpha)), np.maximum(plain.high(alpha), above.high(alpha))

    def p_at_least(self, null: ArrayLike = 0.0) -> Floats:
        """One-sided p of "the mean is at least `null`" (S, M): small means shown below."""
        plain, _, above = self._moments()
        return np.asarray(np.maximum(plain.p_at_least(null), above.p_at_least(null)))

    def p_at_most(self, null: ArrayLike = 0.0) -> Floats:
        """One-sided p of "the mean is at most `null`" (S, M): small means shown above."""
        plain, below, _ = self._moments()
        return np.asarray(np.maximum(plain.p_at_most(null), below.p_at_most(null)))

    def unit_variance(self) -> Floats:
        """n x se squared (S, M): the variance one example contributes, design effect included (for power)."""
        return np.asarray(self.n_S[:, None] * self.se_SM**2)

    def _moments(self) -> tuple[Moments, Moments, Moments]:
        """As they are, and with the least and the largest value met again where the tails are open."""
        groups = np.broadcast_to(self.clusters_S[:, None], self.mean_SM.shape).astype(np.float64)
        plain = Moments(mean=self.mean_SM, se=self.se_SM, skew=self.skew_SM, groups=groups)
        if self.tails == "bounded":
            return plain, plain, plain
        return plain, met_again(plain, self.least_SM), met_again(plain, self.most_SM)


def cluster_means(
    values_NM: ArrayLike, clusters_N: ArrayLike | None = None, *, slices_N: ArrayLike | None = None, n_slices: int = 1
) -> Means:
    """Mean of every column with its CR3 (jackknife) standard error, in the whole or in every slice.

    The mean is over examples, so clusters of unequal size weigh by their size (a ratio of two cluster totals). With
    clusters of one size the error is CR1's; a cluster that holds much of the sample pulls the mean towards itself, and
    only leaving it out shows how far.

    Args: values_NM: (N,) or (N, M) finite numbers. clusters_N: (N,) codes, any integers; None: every row its own.
        slices_N: (N,) codes 0..n_slices-1, -1 for rows outside every slice; None: one slice holds everything.
    Raises: ValueError: lengths differ or a value is not finite.
    Source: MacKinnon, Nielsen & Webb 2023 (CV3 by the jackknife); Cameron & Miller 2015 (G-1 degrees of freedom);
        Miller 2024 for evaluations.
    """
    values, clusters, slices = _checked(values_NM, clusters_N, slices_N)
    kept = slices >= 0
    if not kept.all():
        values, clusters, slices = values[kept], clusters[kept], slices[kept]
    cell_slice, cell_of_N = (slices, None) if clusters_N is None else _cells(clusters, slices)
    n_S, clusters_S = np.bincount(slices, minlength=n_slices), np.bincount(cell_slice, minlength=n_slices)
    cell_n: Ints | int = np.bincount(cell_of_N, minlength=len(cell_slice)) if cell_of_N is not None else 1
    centre_M = values.mean(axis=0) if len(values) else np.zeros(values.shape[1])
    found = np.empty((7, n_slices, values.shape[1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        left_out = 1 / (n_S[cell_slice] - cell_n) if n_slices > 1 else 1 / (n_S[0] - cell_n)
        left_out = np.where(np.isfinite(left_out), left_out, np.nan)  # the only cluster of its slice
        for m, centre in enumerate(centre_M):  # a column at a time stays in the cache
            sums = values[:, m] - centre
            squares_S = None
            if cell_of_N is not None:
                squares_S = _sum(sums * sums, slices, n_slices)
                sums = np.bincount(cell_of_N, weights=sums, minlength=len(cell_slice))
            shift_S = _sum(sums, cell_slice, n_slices) / n_S
            sums -= (shift_S[cell_slice] if n_slices > 1 else shift_S[0]) * cell_n
            sums *= left_out
            found[0, :, m] = shift_S + centre
            found[1:6, :, m] = _shape(sums, cell_slice, clusters_S)
            found[6, :, m] = _worth(found[1, :, m], squares_S, shift_S, n_S, clusters_S)
    sizes_S = n_S if cell_of_N is None else _sum(np.square(cell_n, dtype=np.float64), cell_slice, n_slices)
    return Means(
        mean_SM=found[0],
        se_SM=found[1],
        skew_SM=found[2],
        least_SM=found[3],
        most_SM=found[4],
        carried_SM=found[5],
        n_S=n_S,
        clusters_S=clusters_S,
        effective_S=n_S.astype(np.float64) ** 2 / np.maximum(sizes_S, 1.0),
        worth_SM=found[6],
    )


def _sum(values_C: Floats, slice_C: Ints, n_slices: int) -> Floats:
    if n_slices == 1:
        return np.array([values_C.sum()])
    return np.asarray(np.bincount(slice_C, weights=values_C, minlength=n_slices), dtype=np.float64)


def _shape(moves_C: Floats, slice_C: Ints, clusters_S: Ints) -> Floats:
    """(standard error, skewness, least, most, carried), each (S,), from how far each cluster moves the mean.

    `moves_C`: the mean less the mean without the cluster. Times G - 1 they are the jackknife's pseudo-values.
    """
    size, groups = len(clusters_S), clusters_S.astype(np.float64)
    squared = moves_C * moves_C
    two, three, four = (_sum(part, slice_C, size) for part in (squared, squared * moves_C, squared * squared))
    if size == 1:
        least, most = np.array([moves_C.min(initial=0.0)]), np.array([moves_C.max(initial=0.0)])
    else:
        least, most = np.zeros(size), np.zeros(size)
        np.minimum.at(least, slice_C, moves_C)
        np.maximum.at(most, slice_C, moves_C)
    scale = np.maximum(groups - 1, 0)
    varies = two > 0
    skew = np.where(varies, three / groups / np.where(varies, two / groups, 1.0) ** 1.5, 0.0)
    carried = np.where(varies, two**2 / np.where(varies, four, 1.0), 0.0)
    error = np.where(groups > 1, np.sqrt(scale / groups * two), np.nan)
    return np.stack([error, skew, scale * least, scale * most, carried])


def _worth(error_S: Floats, squares_S: Floats | None, shift_S: Floats, n_S: Ints, clusters_S: Ints) -> Floats:
    """n over the design effect; the clusters where nothing varies, n where every example is its own."""
    n = n_S.astype(np.float64)
    if squares_S is None:
        return n
    plain = np.maximum(squares_S - n * shift_S**2, 0.0) / np.maximum(n - 1, 1)  # the variance of one example
    worth = np.where(error_S > 0, plain / error_S**2, 0.0)
    return np.asarray(np.clip(np.nan_to_num(worth), clusters_S, n))


def joined(parts: Sequence[Means], keep_S: Bools) -> Means:
    """The slices of all parts one after another, those of a mask alone."""

    def of(column: Callable[[Means], Any]) -> Any:
        return np.concatenate([column(part) for part in parts])[keep_S]

    return Means(
        mean_SM=of(lambda part: part.mean_SM),
        se_SM=of(lambda part: part.se_SM),
        skew_SM=of(lambda part: part.skew_SM),
        least_SM=of(lambda part: part.least_SM),
        most_SM=of(lambda part: part.most_SM),
        carried_SM=of(lambda part: part.carried_SM),
        n_S=of(lambda part: part.n_S),
        clusters_S=of(lambda part: part.clusters_S),
        effective_S=of(lambda part: part.effective_S),
        worth_SM=of(lambda part: part.worth_SM),
    )


def ratio_influence(top_NM: ArrayLike, bottom_NM: ArrayLike) -> Floats:
    """Per-example values whose mean is sum(top) / sum(bottom) and whose clustered error is that of the ratio.

    Source: linearisation of a ratio estimator, Cochran 1977, section 6.
    """
    top, bottom = np.asarray(top_NM, dtype=np.float64), np.asarray(bottom_NM, dtype=np.float64)
    ratio = top.sum(axis=0) / bottom.sum(axis=0)
    return np.asarray(ratio + (top - ratio * bottom) / bottom.mean(axis=0))


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
