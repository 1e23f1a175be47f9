"""Correlation of two scores over items in clusters: pooled, or within groups, with a jackknife over clusters.

Within groups nothing counts but how the scores go together inside a model (and a data set): a judge that only knows
which system is better correlates pooled, and not within.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from shipworthy.stats._types import Floats, Ints
from shipworthy.stats.ranks import ranks

Kind = Literal["pearson", "spearman", "kendall"]
_NEARLY_ONE = 1 - 1e-12
_ROWS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """`value` with its interval; `n` rows in `clusters`. None where a side does not vary, or clusters are too few."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int


def correlation(
    one_N: ArrayLike,
    other_N: ArrayLike,
    *,
    kind: Kind = "spearman",
    clusters_N: Sequence[Hashable] | None = None,
    within_N: Sequence[Hashable] | None = None,
    alpha: float = 0.025,
) -> Correlation:
    """How two scores of the same rows go together.

    Args:
        kind: Pearson's r, Spearman's rho (both of what is left of the scores, or their ranks, beside the means of the
            groups) or Kendall's tau-b (of pairs within a group).
        clusters_N: rows of one item, user or document; None: every row its own.
        within_N: the group of each row (model and data set); None: one group, the pooled correlation.
        alpha: left out on each side.

    Raises: ValueError: different numbers of rows, or a score that is not finite.
    Source: delete-one-cluster jackknife of Fisher's z with t of clusters less one degree (Efron 1982, chapter 3).
    """
    one, other = np.asarray(one_N, dtype=float), np.asarray(other_N, dtype=float)
    if one.shape != other.shape or one.ndim != 1 or not np.isfinite([one, other]).all():
        raise ValueError(f"need two scores of the same rows, all finite; got shapes {one.shape} and {other.shape}")
    cluster_of_N = codes(range(len(one)) if clusters_N is None else clusters_N)
    group_of_N = codes([0] * len(one) if within_N is None else within_N)
    size = int(cluster_of_N.max(initial=-1)) + 1
    sums = _pairs if kind == "kendall" else _moments(kind)
    whole, without_G = sums(one, other, group_of_N, cluster_of_N)
    value = float(whole) if np.isfinite(whole) else None
    low, high = _limits(whole, without_G, alpha)
    return Correlation(value=value, low=low, high=high, n=len(one), clusters=size)


Sums = Callable[[Floats, Floats, Ints, Ints], tuple[float, Floats]]
"""(scores, scores, groups, clusters) -> the value, and (G,) the value without each cluster."""


def codes(names_N: Sequence[Hashable]) -> Ints:
    """(N,) each name as a number from 0, in the order in which they come."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names_N], dtype=np.int64)


def _moments(kind: Kind) -> Sums:
    def sums(one: Floats, other: Floats, group_of_N: Ints, cluster_of_N: Ints) -> tuple[float, Floats]:
        sides = [ranks(side) if kind == "spearman" else side for side in (one, other)]
        x, y = (side - _mean_of_group(side, group_of_N) for side in sides)
        rows_NK = np.column_stack([x * y, x * x, y * y])
        by_GK = np.array([np.bincount(cluster_of_N, weights=column) for column in rows_NK.T]).T
        return _ratio(by_GK)

    return sums


def _pairs(one: Floats, other: Floats, group_of_N: Ints, cluster_of_N: Ints) -> tuple[float, Floats]:
    """Pairs of rows of one group: concordant less discordant, untied in either. A pair goes with both its clusters."""
    size = int(cluster_of_N.max(initial=-1)) + 1
    touching_GK, inside_GK = np.zeros((size, 3)), np.zeros((size, 3))
    for start in range(0, len(one), _ROWS):
        rows = slice(start, start + _ROWS)
        same_RN = group_of_N[rows, None] == group_of_N
        x_RN = np.sign(one[rows, None] - one) * same_RN
        y_RN = np.sign(other[rows, None] - other) * same_RN
        own_RN = cluster_of_N[rows, None] == cluster_of_N
        for k, product_RN in enumerate((x_RN * y_RN, x_RN * x_RN, y_RN * y_RN)):
            touching_GK[:, k] += np.bincount(cluster_of_N[rows], weights=product_RN.sum(1), minlength=size)
            inside_GK[:, k] += np.bincount(cluster_of_N[rows], weights=(product_RN * own_RN).sum(1), minlength=size)
    return _ratio(2 * touching_GK - inside_GK, touching_GK.sum(0))


def _ratio(by_GK: Floats, whole_K: Floats | None = None) -> tuple[float, Floats]:
    """Of (xy, xx, yy): the whole's correlation, and that without each cluster. NaN where a side does not vary."""
    whole = by_GK.sum(0) if whole_K is None else whole_K
    sums_HK = np.vstack([whole, whole - by_GK])
    spread_H = np.sqrt(np.maximum(sums_HK[:, 1], 0) * np.maximum(sums_HK[:, 2], 0))
    enough_H = spread_H > 1e-12 * max(float(spread_H[0]), 1e-300)
    found_H = np.divide(sums_HK[:, 0], spread_H, out=np.full(len(sums_HK), np.nan), where=enough_H)
    return float(np.clip(found_H[0], -1, 1)), found_H[1:]


def _mean_of_group(values_N: Floats, group_of_N: Ints) -> Floats:
    return np.asarray((np.bincount(group_of_N, weights=values_N) / np.bincount(group_of_N))[group_of_N])


def _limits(value: float, without_G: Floats, alpha: float) -> tuple[float | None, float | None]:
    if len(without_G) < 2 or not np.isfinite(value) or not np.isfinite(without_G).all():
        return None, None
    z, z_G = (np.arctanh(np.clip(one, -_NEARLY_ONE, _NEARLY_ONE)) for one in (value, without_G))
    half = jackknife_half(z_G, alpha)
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def jackknife_half(without_G: Floats, alpha: float) -> float:
    """Half the width of an interval from the statistic without each of G >= 2 clusters; `alpha` left out a side."""
    clusters = len(without_G)
    error = np.sqrt((clusters - 1) / clusters * ((without_G - without_G.mean()) ** 2).sum())
    return float(-stdtrit(clusters - 1, alpha) * error)
