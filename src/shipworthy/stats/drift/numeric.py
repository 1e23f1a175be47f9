"""Numbers: the Kolmogorov-Smirnov distance, which sees a shift, a spread and a tail alike and needs no scale."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, kolmogorov

from shipworthy.records import Effect
from shipworthy.stats._types import Floats, Ints
from shipworthy.stats.drift import _power
from shipworthy.stats.drift._draws import DRAWS, permutation_p, table_draws
from shipworthy.stats.drift._units import Clusters, Units, by_cluster, design_effect, gaps, too_few
from shipworthy.stats.drift.types import MIN_ROWS, Measured, untested

_EXACT = 10_000
_GRID = 4_096  # thresholds beyond which more change the distance by less than 1 / 4,096
_ATOM = 100  # a value held by more than 1 % of the rows is an atom
_CELLS = 64
_EFFECT = "ks_distance"


def numeric(
    reference_N: ArrayLike,
    current_M: ArrayLike,
    *,
    rng: np.random.Generator,
    n_draws: int = DRAWS,
    clusters: Clusters | None = None,
) -> Measured:
    """Two samples of finite numbers by their largest gap of distribution functions.

    Continuous values: Kolmogorov's law (exact for equal sizes up to 10,000). Where more than 1 % of the rows share one
    value that law is too careful: the values go into at most 64 cells, cut without looking at who is who, and rows are
    dealt out at random. Taking the largest gap over fewer thresholds never raises the level.

    With `clusters` whole clusters are dealt out, over such cells too.

    Raises: ValueError: a value is not finite.
    Source: Smirnov 1939; Hodges 1958 (exact for equal sizes); Conover 1972 on ties.
    """
    if clusters is not None:
        of_rows = numeric(reference_N, current_M, rng=rng, n_draws=1)
        pooled = np.concatenate([np.asarray(reference_N, np.float64), np.asarray(current_M, np.float64)])
        return of_rows if of_rows.p is None else _by_cluster(of_rows, pooled, clusters, rng, n_draws)
    reference, current = _sorted(reference_N), _sorted(current_M)
    n, m = len(reference), len(current)
    if min(n, m) < MIN_ROWS:
        return untested("ks", _EFFECT, n, m)
    if _has_atoms(reference) or _has_atoms(current):
        edges = _edges(reference, current)
        return ordered(_cells(reference, edges), _cells(current, edges), edges=edges, rng=rng, n_draws=n_draws)
    at = np.union1d(_thin(reference), _thin(current))
    gaps = np.searchsorted(current, at, side="right") / m - np.searchsorted(reference, at, side="right") / n
    return _answer("ks", gaps, at, (n, m), kolmogorov_p(float(np.abs(gaps).max()), n, m))


def _by_cluster(
    of_rows: Measured, pooled_N: Floats, clusters: Clusters, rng: np.random.Generator, n_draws: int
) -> Measured:
    few = clusters.few()
    if few is not None:
        return too_few(of_rows, few)
    units = Units.of(clusters)
    edges = _edges(pooled_N, pooled_N[:0])
    counts_UK = units.counts(np.searchsorted(edges, pooled_N), len(edges))
    below_UK, size_U = np.cumsum(counts_UK, axis=1), counts_UK.sum(axis=1)
    gaps_of = gaps(below_UK, size_U)

    def statistic(labels_BU: Floats) -> Floats:
        gap_BK, weight_B1 = gaps_of(labels_BU)
        return np.asarray((np.abs(gap_BK) * np.sqrt(weight_B1)).max(axis=1))

    share_K = below_UK.sum(axis=0) / size_U.sum()
    effect = design_effect(below_UK, size_U, float((share_K * (1 - share_K)).sum()))
    return by_cluster(of_rows, units.p(statistic, rng=rng, n_draws=n_draws), effect=effect)


def ordered(
    reference_K: ArrayLike,
    current_K: ArrayLike,
    *,
    edges: ArrayLike | None = None,
    rng: np.random.Generator,
    n_draws: int = DRAWS,
) -> Measured:
    """The same distance over K ordered cells: ratings, or numbers counted into cells because there are too many rows.

    Args: reference_K, current_K: rows a cell. edges: (K - 1,) or (K,) upper limits of the cells, for words only.
    """
    table: Ints = np.stack([np.asarray(reference_K, np.int64), np.asarray(current_K, np.int64)])
    n, m = (int(total) for total in table.sum(axis=1))
    if min(n, m) < MIN_ROWS:
        return untested("ks", _EFFECT, n, m)
    at = np.arange(table.shape[1], dtype=np.float64) if edges is None else np.asarray(edges, np.float64)
    gaps = _gaps(table)
    pooled = table.sum(axis=0)
    if pooled.max() * _ATOM <= n + m:
        return _answer("ks", gaps, at, (n, m), kolmogorov_p(float(np.abs(gaps).max()), n, m))
    table, kept = _coarse(table)
    coarse = _gaps(table)
    pooled = table.sum(axis=0)

    def draw(size: int) -> Floats:
        dealt = table_draws(pooled, m, rng=rng, n_draws=size)
        return np.asarray(np.abs(_gaps_of(dealt, pooled, n, m)).max(axis=-1))

    p = permutation_p(float(np.abs(coarse).max()), draw, n_draws=n_draws)
    return _answer("permutation_ks", coarse, at[np.minimum(kept, len(at) - 1)], (n, m), p)


def kolmogorov_p(distance: float, n: int, m: int) -> float:
    """P(D >= distance) for continuous values: exact where n = m <= 10,000, else Kolmogorov's limit."""
    if n != m or n > _EXACT:
        return float(kolmogorov(math.sqrt(n * m / (n + m)) * distance))
    k = round(distance * n)
    if k == 0:
        return 1.0
    j = np.arange(1, n // k + 1)
    log = 2 * gammaln(n + 1) - gammaln(n - j * k + 1) - gammaln(n + j * k + 1)
    return float(np.clip(2 * (np.exp(log) * (-1.0) ** (j + 1)).sum(), 0.0, 1.0))


def _sorted(values: ArrayLike) -> Floats:
    found = np.sort(np.asarray(values, dtype=np.float64))
    if found.ndim != 1 or (len(found) and not np.isfinite(found[[0, -1]]).all()):  # NaN sorts to the end
        raise ValueError("need a row of finite numbers; count what is missing apart")
    return np.asarray(found)


def _has_atoms(sorted_N: Floats) -> bool:
    step = max(1, len(sorted_N) // _ATOM)
    return bool((sorted_N[step:] == sorted_N[:-step]).any())


def _thin(sorted_N: Floats) -> Floats:
    """Every value of a small sample; of a large one the quantiles on a grid."""
    ranks = np.linspace(0, len(sorted_N) - 1, min(len(sorted_N), _GRID)).astype(np.int64)
    return np.asarray(sorted_N[ranks])


def _edges(reference: Floats, current: Floats) -> Floats:
    """Upper limits of at most 64 cells of the pooled values: each distinct value where they are few."""
    pooled = np.sort(np.concatenate([reference, current]))
    distinct = np.unique(_thin(pooled))
    if len(distinct) <= _CELLS and len(pooled) <= _GRID:
        return distinct
    ranks = np.linspace(0, len(pooled) - 1, _CELLS + 1).astype(np.int64)[1:]
    return np.unique(pooled[ranks])


def _cells(sorted_N: Floats, edges_K: Floats) -> Ints:
    below = np.searchsorted(sorted_N, edges_K, side="right")
    return np.diff(below, prepend=0)


def _coarse(table_2K: Ints) -> tuple[Ints, Ints]:
    """At most 64 cells of neighbours, cut by pooled rows; and the last old cell in each."""
    pooled = table_2K.sum(axis=0)
    if len(pooled) <= _CELLS:
        return table_2K, np.arange(len(pooled))
    group = np.minimum(((np.cumsum(pooled) - pooled / 2) * _CELLS / pooled.sum()).astype(np.int64), _CELLS - 1)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return np.add.reduceat(table_2K, starts, axis=1), np.append(starts[1:], len(pooled)) - 1


def _gaps(table_2K: Ints) -> Floats:
    n, m = table_2K.sum(axis=1)
    return _gaps_of(table_2K[1], table_2K.sum(axis=0), int(n), int(m))


def _gaps_of(current_BK: Ints, pooled_K: Ints, n: int, m: int) -> Floats:
    below = np.cumsum(current_BK, axis=-1)
    return np.asarray(below / m - (np.cumsum(pooled_K) - below) / n)


def _answer(test: str, gaps_T: Floats, at_T: Floats, sizes: tuple[int, int], p: float) -> Measured:
    place = int(np.abs(gaps_T).argmax())
    gap = float(gaps_T[place])
    word = "more" if gap > 0 else "fewer"
    said = f"{abs(gap):.1%} {word} of the current values are at most {float(at_T[place]):.4g}"
    return Measured(
        test=test,
        statistic=abs(gap),
        p=p,
        effect=Effect(name=_EFFECT, value=abs(gap)),
        detectable=_power.distance(*sizes),
        n_reference=sizes[0],
        n_current=sizes[1],
        because=said,
    )
