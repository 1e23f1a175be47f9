"""Permutation p-values that stop early where nothing is to be found, and the null of a table with fixed margins."""

from collections.abc import Callable

import numpy as np

from shipworthy.stats._types import Floats, Ints

DRAWS = 999
_ENOUGH = 20  # exceedances after which more draws would not change the answer
_BLOCK = 100
_LARGEST = 1e100


def permutation_p(observed: float, draw: Callable[[int], Floats], *, n_draws: int = DRAWS) -> float:
    """p of a statistic whose large values speak against the null; `draw(b)` gives b values under the null.

    Drawing ends at the 20th value that reaches the observed one (then p = 20 / draws), else at `n_draws`
    (then p = (r + 1) / (n_draws + 1)). Both hold their level exactly.

    Source: Besag & Clifford 1991 (sequential Monte Carlo p-values).
    """
    slack = 1e-9 * max(1.0, abs(observed))
    reached, drawn = 0, 0
    while drawn < n_draws:
        size = min(_BLOCK, n_draws - drawn)
        places = np.flatnonzero(draw(size) >= observed - slack)
        if reached + len(places) >= _ENOUGH:
            return _ENOUGH / (drawn + int(places[_ENOUGH - reached - 1]) + 1)
        reached, drawn = reached + len(places), drawn + size
    return (reached + 1) / (n_draws + 1)


def table_draws(pooled_K: Ints, n_current: int, *, rng: np.random.Generator, n_draws: int) -> Ints:
    """(n_draws, K) counts of the current sample when rows are dealt out at random, margins kept."""
    return np.asarray(rng.multivariate_hypergeometric(pooled_K, n_current, size=n_draws, method="marginals"))


def label_draws(n_reference: int, n_current: int, *, rng: np.random.Generator, n_draws: int) -> Floats:
    """(n_draws, N) 1 where a row counts as current, N = n_reference + n_current, in float32 for products.

    The rows with the `n_current` smallest of N random keys are current, which is a deal at random and several times
    faster than shuffling labels. (Two keys are equal about once in 10^8 draws of 10,000 rows.)
    """
    if not n_current:
        return np.zeros((n_draws, n_reference), dtype=np.float32)
    keys_BN = rng.random((n_draws, n_reference + n_current))
    last_B = np.partition(keys_BN, n_current - 1, axis=1)[:, n_current - 1]
    return np.asarray((keys_BN <= last_B[:, None]).astype(np.float32))


def squarable(left_ND: Floats, right_MD: Floats) -> tuple[Floats, Floats]:
    """Both as they are, or divided by one number where their squares would overflow."""
    largest = max(float(np.abs(side).max(initial=0.0)) for side in (left_ND, right_MD))
    return (left_ND / largest, right_MD / largest) if largest > _LARGEST else (left_ND, right_MD)


def some(values_N: np.ndarray, most: int, *, rng: np.random.Generator) -> np.ndarray:
    """At most `most` rows, drawn without replacement, in their order."""
    if len(values_N) <= most:
        return values_N
    return values_N[np.sort(rng.choice(len(values_N), most, replace=False))]
