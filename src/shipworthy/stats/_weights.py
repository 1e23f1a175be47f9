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
_RARE = 0.004  # a count less likely than this is left to the precise draw
_LARGEST = 40  # P(count > 40) < 1e-48


def multinomial_weights(n_units: int, n_draws: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(n_draws, n_units) counts of how often each unit was drawn; every row sums to `n_units`."""
    mean = max(0.0, 1 - 3 / n_units**0.5)  # one row in a thousand overshoots, three cells in a hundred are topped up
    counts = _poisson(mean, (n_draws, n_units), rng)
    total = counts.sum(axis=1, dtype=np.uint32)  # the widest sum that is still fast over bytes
    while (over := np.flatnonzero(total > n_units)).size:
        counts[over] = _poisson(mean, (len(over), n_units), rng)
        total[over] = counts[over].sum(axis=1, dtype=np.uint32)
    missing = n_units - total.astype(np.int64)
    weights = counts.astype(np.float32)
    chosen = rng.integers(0, n_units, size=int(missing.sum()))
    chosen += np.repeat(np.arange(n_draws) * n_units, missing)
    np.add.at(weights.reshape(-1), chosen, np.float32(1))  # of its own type: four times faster
    return weights


def _poisson(mean: float, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Poisson counts: the 16-bit code of almost every cell tells its count; a few codes are drawn precisely."""
    if mean == 0:
        return np.zeros(shape, np.uint8)
    edges, rare = _table(mean)
    size = shape[0] * shape[1]
    codes = rng.integers(0, 2**64, size=-(-size // 4), dtype=np.uint64).view(np.uint16)[:size].reshape(shape)
    counts = (codes >= edges[0]).view(np.uint8)
    for edge in edges[1:-1]:
        counts += (codes >= edge).view(np.uint8)
    vague = np.flatnonzero((codes >= edges[-1]).reshape(-1))
    counts.reshape(-1)[vague] = np.searchsorted(rare, rng.random(len(vague)), side="right")
    return counts


@cache
def _table(mean: float) -> tuple[tuple[int, ...], Floats]:
    """Edges of the codes, and the law of what they leave over.

    Count k holds the codes in [edge k-1, edge k) for the frequent counts; codes from the last edge on (under 1 %) take
    their count from `rare`, the cumulative law of the rare counts and of what rounding down took from the others.
    """
    expected = np.array([_CODES * exp(-mean) * mean**k / factorial(k) for k in range(_LARGEST + 1)])
    frequent = int((expected >= _RARE * _CODES).sum())  # a Poisson of mean < 1 falls with k
    whole: Ints = np.floor(expected).astype(np.int64)
    whole[frequent:] = 0
    rest = expected - whole
    return tuple(np.cumsum(whole[:frequent]).tolist()), np.asarray(np.cumsum(rest)[:-1] / rest.sum())
