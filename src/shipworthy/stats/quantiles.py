"""Quantiles (p95 latency): exact order-statistic interval for one model, paired bootstrap for the difference of two.

The quantile of a sample is the smallest value that at least the share q does not exceed (inverted distribution
function): always an observed value, no interpolation.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr

from shipworthy.stats._types import Floats, Ints, upper_z
from shipworthy.stats._weights import multinomial_weights

_CHUNK = 1 << 20


def quantile(values_N: ArrayLike, q: float) -> float:
    """The sample's q quantile; ValueError for an empty sample, a value that is not finite, or q outside (0, 1)."""
    values = _sorted(values_N, q)
    return float(values[_rank(q, len(values)) - 1])


def order_statistic_interval(values_N: ArrayLike, q: float, *, alpha: float = 0.05) -> tuple[float, float]:
    """(low, high) of the q quantile between two order statistics, whatever the distribution of the values.

    Leaves out at most `alpha` on each side. A side on which n is too small for that is -inf or +inf: for p95 at
    alpha .05 the high side needs n >= 59.

    Source: David & Nagaraja 2003, Order Statistics, section 7.1. Examples must be independent.
    """
    values = _sorted(values_N, q)
    upper_z(alpha)
    n = len(values)
    low_rank, high_rank = _ranks(n, q, alpha)
    low = float(values[low_rank - 1]) if low_rank >= 1 else -np.inf
    high = float(values[high_rank - 1]) if high_rank <= n else np.inf
    return low, high


def quantile_difference(
    ours_N: ArrayLike,
    base_N: ArrayLike,
    q: float,
    *,
    rng: np.random.Generator,
    clusters_N: ArrayLike | None = None,
    n_draws: int = 2000,
) -> tuple[float, Floats]:
    """(value, draws): quantile of ours less quantile of the baseline on the same examples, with its paired bootstrap.

    Clusters are drawn whole. Use `resample.percentile_interval` and `resample.p_below` on the draws.
    """
    ours, base = np.asarray(ours_N, dtype=np.float64), np.asarray(base_N, dtype=np.float64)
    if ours.shape != base.shape:
        raise ValueError(f"paired values need equal shapes, got {ours.shape} and {base.shape}")
    value = quantile(ours, q) - quantile(base, q)
    row_order = np.lexsort((base, ours))  # the order of rows must not matter
    ours, base = ours[row_order], base[row_order]
    unit_of_N, n_units = _units(len(ours), clusters_N, row_order)
    sorts = [(np.sort(column), unit_of_N[np.argsort(column, kind="stable")]) for column in (ours, base)]
    step = max(1, _CHUNK // max(n_units, len(ours)))
    draws = []
    for start in range(0, n_draws, step):
        weights_BG = multinomial_weights(n_units, min(step, n_draws - start), rng)
        ours_B, base_B = (_weighted_quantile(column, weights_BG[:, units], q) for column, units in sorts)
        draws.append(ours_B - base_B)
    return value, np.concatenate(draws)


def weighted_quantile(values_N: Floats, weights_BN: NDArray[np.floating[Any]], q: float) -> Floats:
    """(B,): the q quantile of a sample whose rows stand as often as their weights say, by the same definition."""
    order = np.argsort(values_N, kind="stable")
    return _weighted_quantile(values_N[order], weights_BN[:, order], q)


def _weighted_quantile(sorted_N: Floats, weights_BN: NDArray[np.floating[Any]], q: float) -> Floats:
    cumulative = np.cumsum(weights_BN, axis=1, dtype=np.float64)
    enough = np.ceil(q * cumulative[:, -1:] - 1e-9)
    first = np.minimum((cumulative < enough).sum(axis=1), len(sorted_N) - 1)
    return np.asarray(sorted_N[first])


def _units(n: int, clusters_N: ArrayLike | None, row_order: Ints) -> tuple[Ints, int]:
    """Unit of each sorted row, numbered by first appearance in that order."""
    if clusters_N is None:
        return np.arange(n), n
    codes = np.asarray(clusters_N)[row_order]
    _, first, unit = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[unit], len(first)


def _sorted(values_N: ArrayLike, q: float) -> Floats:
    values = np.sort(np.asarray(values_N, dtype=np.float64))
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or not 0 < q < 1:
        raise ValueError("a quantile needs at least one value, all finite, and 0 < q < 1")
    return values


def _rank(q: float, n: int) -> int:
    return min(n, max(1, int(np.ceil(q * n - 1e-9))))


def _ranks(n: int, q: float, alpha: float) -> tuple[int, int]:
    """Largest r with P(X < r) <= alpha and smallest s with P(X >= s) <= alpha, X ~ Binomial(n, q)."""
    centre, reach = n * q, 9 * (n * q * (1 - q)) ** 0.5 + 20
    k = np.arange(max(0, int(centre - reach)), min(n, int(centre + reach)) + 1)
    at_most = np.asarray(bdtr(k, n, q))
    low_rank = int(k[0]) + int((at_most <= alpha).sum())
    return low_rank, int(k[0]) + int((at_most < 1 - alpha - 1e-12).sum()) + 1
