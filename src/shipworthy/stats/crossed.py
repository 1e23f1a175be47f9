"""Means whose examples hang together in two crossed ways: users x documents, raters x items.

Joining all that hangs together in either way would leave one cluster; taking one way alone leaves out what the other
adds. The variance is that of either way, less that of the cells in which both agree, which both counted.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from shipworthy.stats._types import Floats, Ints
from shipworthy.stats.clustered import Means, cluster_means


def crossed_means(
    values_NM: ArrayLike, ways: Sequence[Ints | None], *, slices_N: Ints | None = None, n_slices: int = 1
) -> Means:
    """Mean of every column with the standard error of one or of two ways of clusters (CR3 in each).

    Two ways: V1 + V2 - V12, and never below the larger of V1 and V2. Skewness adds up as the third moments do. Degrees
    of freedom and effective clusters are those of the way that has fewer.

    Args: ways: one or two (N,) columns of codes; (None,): every row its own. The rest as `cluster_means` has it.
    Raises: ValueError: neither one nor two ways; see `cluster_means`.
    Source: Cameron, Gelbach & Miller 2011 (two-way clustering, min(G, H) - 1 degrees of freedom); MacKinnon, Nielsen &
        Webb 2024 on the jackknife in two ways.
    """
    if len(ways) not in (1, 2):
        raise ValueError(f"one or two ways of clusters, got {len(ways)}")
    parts = [cluster_means(values_NM, way, slices_N=slices_N, n_slices=n_slices) for way in ways]
    if len(parts) == 1:
        return parts[0]
    cells = cluster_means(values_NM, _cells(ways), slices_N=slices_N, n_slices=n_slices)
    rows = cluster_means(values_NM, slices_N=slices_N, n_slices=n_slices)
    return _added(parts[0], parts[1], cells, rows)


def design_effect(values_N: ArrayLike, *ways: Ints | None) -> float:
    """How many times larger the variance of the mean is than with independent examples; 1.0 where nothing varies."""
    robust = crossed_means(values_N, ways).se_SM[0, 0]
    plain = cluster_means(values_N).se_SM[0, 0]
    return float((robust / plain) ** 2) if plain > 0 else 1.0


def _cells(ways: Sequence[Ints | None]) -> Ints:
    """(N,) codes of the cells: rows that share both clusters."""
    first_N, second_N = (np.unique(np.asarray(way), return_inverse=True)[1].reshape(-1) for way in ways)
    return np.asarray(first_N.astype(np.int64) * (int(second_N.max(initial=0)) + 1) + second_N)


def _added(one: Means, other: Means, cells: Means, rows: Means) -> Means:
    larger = np.maximum(one.se_SM**2, other.se_SM**2)  # NaN, where a way has a single cluster, stays NaN
    se_SM = np.sqrt(np.maximum(one.se_SM**2 + other.se_SM**2 - cells.se_SM**2, larger))
    groups_S = np.minimum(one.clusters_S, other.clusters_S)
    root_S1 = np.sqrt(groups_S.astype(np.float64))[:, None]
    n_S1 = one.n_S.astype(np.float64)[:, None]
    varies = se_SM > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        third_SM = _third(one) + _third(other) - _third(cells)
        worth_SM = np.where(varies, n_S1 * np.nan_to_num(rows.se_SM) ** 2 / se_SM**2, 0.0)
        skew_SM = np.where(varies, third_SM * root_S1 / se_SM**3, 0.0)
    return replace(
        one,
        se_SM=se_SM,
        skew_SM=skew_SM,
        least_SM=np.minimum(_furthest(one, one.least_SM), _furthest(other, other.least_SM)) * root_S1 * se_SM,
        most_SM=np.maximum(_furthest(one, one.most_SM), _furthest(other, other.most_SM)) * root_S1 * se_SM,
        carried_SM=np.minimum(one.carried_SM, other.carried_SM),
        clusters_S=groups_S,
        effective_S=np.minimum(one.effective_S, other.effective_S),
        worth_SM=np.clip(np.nan_to_num(worth_SM), groups_S[:, None], n_S1),
    )


def _third(part: Means) -> Floats:
    """Third cumulant of the mean, as the clusters of one way tell it."""
    return np.asarray(part.skew_SM * part.se_SM**3 / np.sqrt(part.clusters_S.astype(np.float64))[:, None])


def _furthest(part: Means, deviation_SM: Floats) -> Floats:
    """How many standard deviations of one cluster the furthest one lies away."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread_SM = part.se_SM * np.sqrt(part.clusters_S.astype(np.float64))[:, None]
        return np.asarray(np.where(spread_SM > 0, deviation_SM / spread_SM, 0.0))
