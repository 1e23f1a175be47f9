"""Binary scores of two models on the same examples.

Everything is a function of three counts: `b` examples that only the baseline got right, `c` that only the candidate
got right, `n` examples in all. The gain is (c - b) / n: positive means that the candidate is better.
All functions take scalars or arrays of one shape.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from shipworthy.stats._types import Floats, floats, upper_z
from shipworthy.stats.proportion import wilson

_HALVINGS = 50  # (-1, 1) shrinks to 2e-15


def tango(b: ArrayLike, c: ArrayLike, n: ArrayLike, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """(low, high) of the gain by inverting the score test, `alpha` left out on each side.

    Holds its level where Wald, t and bootstrap intervals fail: few discordant pairs, also none at all.

    Raises: ValueError: not b, c >= 0 and b + c <= n, or n < 1.
    Source: Tango 1998, Statistics in Medicine 17:891.
    """
    b_, c_, n_ = _checked(b, c, n)
    z = upper_z(alpha)
    return _lower(b_, c_, n_, z), -_lower(c_, b_, n_, z)


def score_z(b: ArrayLike, c: ArrayLike, n: ArrayLike, gain: ArrayLike = 0.0) -> Floats:
    """Tango's score statistic of the data against a true `gain`; at gain 0 it is McNemar's z.

    Without any discordant pair the statistic at gain 0 is 0.
    """
    b_, c_, n_ = _checked(b, c, n)
    return _score(b_, c_, n_, np.asarray(gain, dtype=np.float64))


def p_worse(b: ArrayLike, c: ArrayLike, n: ArrayLike) -> Floats:
    """One-sided p of "the gain is not negative" (score test): small means shown worse; < alpha iff tango's high < 0."""
    return np.asarray(ndtr(score_z(b, c, n)))


def p_better(b: ArrayLike, c: ArrayLike, n: ArrayLike, *, min_gain: ArrayLike = 0.0) -> Floats:
    """One-sided p of "the gain is at most `min_gain`": small means shown better than that."""
    return np.asarray(ndtr(-score_z(b, c, n, min_gain)))


def p_non_inferior(b: ArrayLike, c: ArrayLike, n: ArrayLike, *, margin: ArrayLike) -> Floats:
    """One-sided p of "the candidate loses `margin` or more": < alpha iff tango's low > -margin."""
    return p_better(b, c, n, min_gain=-np.asarray(margin, dtype=np.float64))


def newcombe(
    both: ArrayLike, b: ArrayLike, c: ArrayLike, neither: ArrayLike, *, alpha: float = 0.05
) -> tuple[Floats, Floats]:
    """(low, high) of the gain from all four cells: square-and-add of the two Wilson intervals.

    Source: Newcombe 1998c, Statistics in Medicine 17:2635, method 10 (correlation with its continuity correction).
    """
    a_, b_, c_, d_ = floats(both, b, c, neither)
    n = a_ + b_ + c_ + d_
    ours, base = (a_ + c_) / n, (a_ + b_) / n
    ours_low, ours_high = wilson(a_ + c_, n, alpha=alpha)
    base_low, base_high = wilson(a_ + b_, n, alpha=alpha)
    phi = _correlation(a_, b_, c_, d_)
    low = ours - base - _distance(ours - ours_low, base_high - base, phi)
    high = ours - base + _distance(ours_high - ours, base - base_low, phi)
    return low, high


def _distance(ours: Floats, base: Floats, phi: Floats) -> Floats:
    return np.asarray(np.sqrt(np.maximum(ours**2 - 2 * phi * ours * base + base**2, 0)))


def _correlation(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    product = (a + b) * (c + d) * (a + c) * (b + d)
    excess = a * d - b * c
    corrected = np.where(excess > 0, np.maximum(excess - (a + b + c + d) / 2, 0), excess)
    return np.asarray(np.where(product > 0, corrected / np.sqrt(np.where(product > 0, product, 1)), 0.0))


def _checked(b: ArrayLike, c: ArrayLike, n: ArrayLike) -> tuple[Floats, ...]:
    b_, c_, n_ = floats(b, c, n)
    if not bool(np.all((b_ >= 0) & (c_ >= 0) & (b_ + c_ <= n_) & (n_ >= 1))):
        raise ValueError("need b >= 0, c >= 0 and b + c <= n with n >= 1")
    return b_, c_, n_


def _score(b: Floats, c: Floats, n: Floats, gain: Floats) -> Floats:
    """(c - b - n gain) over its standard error at the restricted maximum likelihood of the baseline-only share."""
    linear = -c - b + (2 * n - c + b) * gain
    root = np.sqrt(np.maximum(linear**2 + 8 * n * b * gain * (1 - gain), 0))
    base_only = (root - linear) / (4 * n)
    variance = np.maximum(n * (2 * base_only + gain * (1 - gain)), 0)
    top = c - b - n * gain
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(np.abs(top) < 1e-12, 0.0, top / np.sqrt(variance)))


def _lower(b: Floats, c: Floats, n: Floats, z: float) -> Floats:
    low, high = np.full(b.shape, -1.0), np.asarray((c - b) / n)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = _score(b, c, n, middle) > z
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2
