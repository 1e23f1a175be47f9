"""One rate and its interval: Wilson for reading, Clopper-Pearson where the level must never be missed."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from shipworthy.stats._types import Floats, floats, upper_z


def wilson(successes: ArrayLike, n: ArrayLike, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """(low, high) of `successes / n` by inverting the score test, `alpha` left out on each side.

    Source: Wilson 1927; Newcombe 1998a, method 3; Brown, Cai & DasGupta 2001.
    """
    x, n_ = _checked(successes, n)
    z = upper_z(alpha)
    centre = (x + z * z / 2) / (n_ + z * z)
    half = z * np.sqrt(x * (n_ - x) / n_ + z * z / 4) / (n_ + z * z)
    low, high = np.maximum(centre - half, 0), np.minimum(centre + half, 1)
    return np.where(x == 0, 0.0, low), np.where(x == n_, 1.0, high)


def clopper_pearson(successes: ArrayLike, n: ArrayLike, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """(low, high) of `successes / n` that covers at least its level for every true rate.

    Source: Clopper & Pearson 1934 (beta quantiles).
    """
    x, n_ = _checked(successes, n)
    upper_z(alpha)
    low = np.where(x == 0, 0.0, betaincinv(np.maximum(x, 1), n_ - x + 1, alpha))
    high = np.where(x == n_, 1.0, betaincinv(x + 1, np.maximum(n_ - x, 1), 1 - alpha))
    return low, high


def rate_sd(rate: ArrayLike, n: ArrayLike) -> Floats:
    """Standard error sqrt(p (1-p) / (n-1)) of an observed rate, as evaluation harnesses print it."""
    p, n_ = floats(rate, n)
    return np.asarray(np.sqrt(p * (1 - p) / (n_ - 1)))


def _checked(successes: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    x, n_ = floats(successes, n)
    if not bool(np.all((x >= 0) & (x <= n_) & (n_ > 0))):
        raise ValueError("need 0 <= successes <= n and n >= 1")
    return x, n_
