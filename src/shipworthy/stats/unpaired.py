"""Other examples on each side (two arms, or a number that somebody published), so nothing can be paired.

Wider than a paired comparison; a report must say that it is unpaired.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, bdtrc, ndtr, stdtr, stdtrit

from shipworthy.stats._types import upper_z
from shipworthy.stats.proportion import wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Ours less theirs with its interval and one-sided p-values of "not worse" and "not better"."""

    value: float
    low: float
    high: float
    p_worse: float
    p_better: float


def newcombe_unpaired(ours: tuple[float, int], base: tuple[float, int], *, alpha: float = 0.05) -> Gap:
    """Difference of two independent rates, each given as (successes, n): square-and-add of two Wilson intervals.

    p-values: pooled score test. Source: Newcombe 1998b, Statistics in Medicine 17:873, method 10.
    """
    (x1, n1), (x2, n2) = ours, base
    p1, p2 = x1 / n1, x2 / n2
    (low1, high1), (low2, high2) = ([float(v) for v in wilson(x, n, alpha=alpha)] for x, n in (ours, base))
    pooled = (x1 + x2) / (n1 + n2)
    se = (pooled * (1 - pooled) * (1 / n1 + 1 / n2)) ** 0.5
    z = (p1 - p2) / se if se > 0 else 0.0
    return Gap(
        value=p1 - p2,
        low=p1 - p2 - float(np.hypot(p1 - low1, high2 - p2)),
        high=p1 - p2 + float(np.hypot(high1 - p1, p2 - low2)),
        p_worse=float(ndtr(z)),
        p_better=float(ndtr(-z)),
    )


def welch(
    ours: tuple[float, float, float], base: tuple[float, float, float] = (0.0, 0.0, np.inf), *, alpha: float = 0.05
) -> Gap:
    """Difference of two independent means, each given as (mean, standard error, degrees of freedom).

    Degrees of freedom inf mean that the standard error is taken as known: a published one without its n. A published
    number without any error is (value, 0.0, inf), and the answer then holds for that number, not for the model.

    Source: Welch 1947 (Satterthwaite's degrees of freedom).
    """
    (m1, se1, df1), (m2, se2, df2) = ours, base
    upper_z(alpha)
    variance = se1**2 + se2**2
    parts = se1**4 / df1 + se2**4 / df2
    df = variance**2 / parts if parts > 0 else np.inf
    gap, se = m1 - m2, variance**0.5
    half = -float(_quantile(df, alpha)) * se
    t = gap / se if se > 0 else float(np.sign(gap)) * np.inf if gap else 0.0
    return Gap(value=gap, low=gap - half, high=gap + half, p_worse=_cdf(df, t), p_better=_cdf(df, -t))


def sample_ratio_p(k: int, n: int, share: float) -> float:
    """Two-sided p of "chance dealt k of n rows to an arm meant to get this share": twice the smaller binomial tail.

    Raises: ValueError: the share does not lie between 0 and 1.
    Source: the sample-ratio test of Fabijan et al. 2019, exact instead of chi-square.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share} is none between 0 and 1")
    low = float(bdtr(k, n, share))
    high = 1.0 if k == 0 else float(bdtrc(k - 1, n, share))
    return min(1.0, 2 * min(low, high))


def _quantile(df: float, alpha: float) -> float:
    return -upper_z(alpha) if np.isinf(df) else float(stdtrit(df, alpha))


def _cdf(df: float, t: float) -> float:
    return float(ndtr(t)) if np.isinf(df) else float(stdtr(df, t))
