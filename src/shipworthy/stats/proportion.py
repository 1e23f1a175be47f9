"""One rate and its interval: Wilson for reading, Clopper-Pearson and the exact test where a limit must hold."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincinv

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


def rate_p_at_least(successes: ArrayLike, n: ArrayLike, limit: ArrayLike) -> Floats:
    """Exact one-sided p of "the rate is at least `limit`": P(X <= successes), small where the rate is shown below.

    At most alpha where `clopper_pearson`'s high lies at or below the limit, and only there; never above its level.
    Source: Clopper & Pearson 1934.
    """
    x, n_ = _checked(successes, n)
    short = np.maximum(n_ - x, 1)
    return np.where(x == n_, 1.0, betainc(short, x + 1, 1 - np.clip(limit, 0, 1)))


def rate_p_at_most(successes: ArrayLike, n: ArrayLike, limit: ArrayLike) -> Floats:
    """Exact one-sided p of "the rate is at most `limit`": P(X >= successes), small where the rate is shown above."""
    x, n_ = _checked(successes, n)
    return np.where(x == 0, 1.0, betainc(np.maximum(x, 1), n_ - x + 1, np.clip(limit, 0, 1)))


def rate_sd(rate: ArrayLike, n: ArrayLike) -> Floats:
    """Standard error sqrt(p (1-p) / (n-1)) of an observed rate, as evaluation harnesses print it."""
    p, n_ = floats(rate, n)
    return np.asarray(np.sqrt(p * (1 - p) / (n_ - 1)))


def _checked(successes: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    x, n_ = floats(successes, n)
    if not bool(np.all((x >= 0) & (x <= n_) & (n_ > 0))):
        raise ValueError("need 0 <= successes <= n and n >= 1")
    return x, n_
