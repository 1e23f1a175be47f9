"""Exact multinomial resampling weights, several times faster than drawing and counting n indices.

Independent Poisson counts given their total are multinomial. So draw Poisson counts of a mean a little below 1,
eight random bits each, and top every row up to its n with the few missing indices. A row that overshoots is drawn
again: that depends on its total alone and leaves the law as it is.
Source: Devroye 1986, Non-Uniform Random Variate Generation, section XI.1.4 (multinomial from Poisson), and II.2 for
the table: a random byte tells almost every count, sixteen bits more the rest, a precise draw what those leave over.
"""

from dataclasses import dataclass
from functools import cache
from math import exp, factorial

import numpy as np
from numpy.typing import NDArray

from shipworthy.stats._types import Floats, Ints

_BYTE, _FINE = 1 << 8, 1 << 16
_LARGEST = 40  # P(count > 40) < 1e-48
_UNTOLD = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class _Law:
    """Poisson counts by table.

    Attributes:
        edges: count k holds the bytes in [edge k-1, edge k); later bytes (one in a hundred) do not tell.
        fine_F: the counts of those by sixteen bits more, `_UNTOLD` where these do not tell either.
        rare_K: cumulative law of what is left.
    """

    edges: tuple[int, ...]
    fine_F: NDArray[np.uint8]
    rare_K: Floats


def multinomial_weights(
    n_units: int, n_draws: int, rng: np.random.Generator, *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """(n_draws, n_units) counts of how often each unit was drawn; every row sums to `n_units`.

    Args: out: (at least n_draws, n_units) memory to use again; fresh memory costs as much as the draw.
    """
    mean = max(0.0, 1 - 3 / n_units**0.5)  # one row in a thousand overshoots, three cells in a hundred are topped up
    weights = np.empty((n_draws, n_units), np.float32) if out is None else out[:n_draws]
    counts = _poisson(mean, (n_draws, n_units), rng)
    total = counts.sum(axis=1, dtype=np.uint32)  # the widest sum that is still fast over bytes
    while (over := np.flatnonzero(total > n_units)).size:
        counts[over] = _poisson(mean, (len(over), n_units), rng)
        total[over] = counts[over].sum(axis=1, dtype=np.uint32)
    weights[:] = counts
    missing = n_units - total.astype(np.int64)
    chosen = rng.integers(0, n_units, size=int(missing.sum()))
    chosen += np.repeat(np.arange(n_draws) * n_units, missing)
    np.add.at(weights.reshape(-1), chosen, np.float32(1))  # of its own type: four times faster
    return weights


def _poisson(mean: float, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    if mean == 0:
        return np.zeros(shape, np.uint8)
    law = _law(mean)
    size = shape[0] * shape[1]
    codes = rng.integers(0, 2**64, size=-(-size // 8), dtype=np.uint64).view(np.uint8)[:size]
    counts = (codes >= law.edges[0]).view(np.uint8)
    for edge in law.edges[1:-1]:
        counts += (codes >= edge).view(np.uint8)
    vague = np.flatnonzero(codes >= law.edges[-1])
    counts[vague] = _untold(law, len(vague), rng)
    return counts.reshape(shape)


def _untold(law: _Law, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    counts = law.fine_F[rng.integers(0, _FINE, size=size, dtype=np.uint16)]
    vague = np.flatnonzero(counts == _UNTOLD)
    counts[vague] = np.searchsorted(law.rare_K, rng.random(len(vague)), side="right")
    return counts


@cache
def _law(mean: float) -> _Law:
    """Each level takes of every count what it can tell in whole codes and leaves the remainder to the next."""
    law = np.array([exp(-mean) * mean**k / factorial(k) for k in range(_LARGEST + 1)])
    told, left = _whole(law, _BYTE)
    fine, rare = _whole(left, _FINE)
    fine_F = np.full(_FINE, _UNTOLD, np.uint8)
    fine_F[: fine.sum()] = np.repeat(np.arange(_LARGEST + 1), fine)
    # the counts that bytes tell are 0, 1, 2, ... without a gap: a Poisson law of mean below 1 falls
    return _Law(edges=tuple(np.cumsum(told[told > 0]).tolist()), fine_F=fine_F, rare_K=np.cumsum(rare)[:-1])


def _whole(law: Floats, codes: int) -> tuple[Ints, Floats]:
    """(whole codes of each count, the law of what they leave over)."""
    told: Ints = np.floor(codes * law).astype(np.int64)
    left = codes * law - told
    return told, left / left.sum()
