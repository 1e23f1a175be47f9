"""Exact multinomial resampling weights, several times faster than drawing and counting n indices.

Independent Poisson counts given their total are multinomial. So draw Poisson counts of a mean a little below 1,
sixteen random bits each, and top every row up to its n with the few missing indices. A row that overshoots is drawn
again: that depends on its total alone and leaves the law as it is.
Source: Devroye 1986, Non-Uniform Random Variate Generation, section XI.1.4 (multinomial from Poisson).
"""

from functools import cache
from math import exp, factorial

import numpy as np
from numpy.typing import NDArray

from shipworthy.stats._types import Floats, Ints

_CODES = 1 << 16
_LARGEST = 40  # P(count > 40) < 1e-48


def multinomial_weights(n_units: int, n_draws: int, rng: np.random.Generator) -> Floats:
    """(n_draws, n_units) counts of how often each unit was drawn; every row sums to `n_units`."""
    mean = max(0.0, 1 - 4 / n_units**0.5)
    counts = _poisson(mean, (n_draws, n_units), rng)
    total = counts.sum(axis=1, dtype=np.uint32)  # the widest sum that is still fast over bytes
    while (over := np.flatnonzero(total > n_units)).size:
        counts[over] = _poisson(mean, (len(over), n_units), rng)
        total[over] = counts[over].sum(axis=1, dtype=np.uint32)
    missing = n_units - total.astype(np.int64)
    weights = counts.astype(np.float64)
    chosen = rng.integers(0, n_units, size=int(missing.sum()))
    np.add.at(weights.reshape(-1), np.repeat(np.arange(n_draws) * n_units, missing) + chosen, 1.0)
    return weights


def _poisson(mean: float, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Poisson counts: the 16-bit code of almost every cell tells its count; the last few codes are drawn precisely."""
    if mean == 0:
        return np.zeros(shape, np.uint8)
    edges, leftover = _table(mean)
    size = shape[0] * shape[1]
    codes = rng.integers(0, 2**64, size=-(-size // 4), dtype=np.uint64).view(np.uint16)[:size].reshape(shape)
    counts = (codes >= edges[0]).view(np.uint8)
    for edge in edges[1:]:
        counts += (codes >= edge).view(np.uint8)
    vague = np.flatnonzero(codes.reshape(-1) >= edges[-1])
    counts.reshape(-1)[vague] = np.searchsorted(leftover, rng.random(len(vague)), side="right")
    return counts


@cache
def _table(mean: float) -> tuple[tuple[int, ...], Floats]:
    """Edges of the codes: count k holds the codes in [edge k-1, edge k); codes from the last edge on are split by
    `leftover`, the cumulative share of what rounding down left of every count's probability."""
    expected = np.array([_CODES * exp(-mean) * mean**k / factorial(k) for k in range(_LARGEST + 1)])
    whole: Ints = np.floor(expected).astype(np.int64)
    rest = expected - whole
    edges = np.cumsum(whole[whole > 0])
    return tuple(int(edge) for edge in edges), np.asarray(np.cumsum(rest)[:-1] / rest.sum())
