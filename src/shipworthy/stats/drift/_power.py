"""The smallest effect that given sizes find in 4 of 5 cases at alpha .05: rough, for telling blind from unchanged."""

import math

from scipy.special import chdtri, chndtrinc, ndtri

_POWER = 0.8
_BOTH, _ONE, _MORE = -float(ndtri(0.025)), -float(ndtri(0.05)), float(ndtri(_POWER))
_KOLMOGOROV_95 = 1.358


def effective(n_reference: int, n_current: int) -> float:
    """Half the harmonic mean of the sizes: the variance of a difference of means is sd^2 over it."""
    return n_reference * n_current / (n_reference + n_current)


def distance(n_reference: int, n_current: int) -> float:
    """Largest gap of two distribution functions (Kolmogorov's critical value, and a rate's error at .5)."""
    return min(1.0, (_KOLMOGOROV_95 + 0.5 * _MORE) / math.sqrt(effective(n_reference, n_current)))


def total_variation(cells: int, n_reference: int, n_current: int) -> float:
    """Total variation of two tables: chi-square's noncentrality is at least 4 n d^2 (Cauchy and Schwarz)."""
    df = max(1, cells - 1)
    noncentral = float(chndtrinc(float(chdtri(df, 0.05)), df, 1 - _POWER))
    return min(1.0, math.sqrt(noncentral / effective(n_reference, n_current)) / 2)


def share(rate: float, n_reference: int, n_current: int, *, tests: int = 1, sides: int = 2) -> float:
    """Difference of two shares near `rate`, the largest of `tests` of them (Bonferroni)."""
    z = -float(ndtri(0.05 / sides / tests)) + _MORE
    return min(1.0, z * math.sqrt(rate * (1 - rate) / effective(n_reference, n_current)))


def auc(n_reference: int, n_current: int) -> float:
    """Area under the curve of scores that were not used for learning."""
    n = n_reference + n_current
    return min(1.0, 0.5 + (_ONE + _MORE) * math.sqrt((n + 1) / (12 * n_reference * n_current)))
