"""Effect sizes: how large a difference is, whatever n made of it."""

import numpy as np
from numpy.typing import ArrayLike

from shipworthy.stats._types import Floats, floats
from shipworthy.stats.proportion import clopper_pearson


def risk_difference(b: ArrayLike, c: ArrayLike, n: ArrayLike) -> Floats:
    """(c - b) / n: the gain in the rate itself."""
    b_, c_, n_ = floats(b, c, n)
    return np.asarray((c_ - b_) / n_)


def cohens_h(ours: ArrayLike, base: ArrayLike) -> Floats:
    """Difference of two rates on the arcsine scale; .2 small, .5 medium, .8 large. Source: Cohen 1988, chapter 6."""
    ours_, base_ = floats(ours, base)
    return np.asarray(2 * np.arcsin(np.sqrt(ours_)) - 2 * np.arcsin(np.sqrt(base_)))


def d_z(differences_N: ArrayLike) -> float | None:
    """Mean paired difference in units of its standard deviation; None where nothing varies. Source: Cohen 1988, 2.3."""
    differences = np.asarray(differences_N, dtype=np.float64)
    sd = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    return float(differences.mean()) / sd if sd > 0 else None


def odds_ratio(b: ArrayLike, c: ArrayLike, *, alpha: float = 0.05) -> tuple[Floats, Floats, Floats]:
    """(value, low, high) of the matched-pairs odds ratio c / b, above 1 where the candidate is better.

    The interval transforms the exact one of c among the b + c discordant pairs; without any it is (0, inf) and the
    value NaN. Source: Agresti 2013, Categorical Data Analysis, section 11.1 (conditional maximum likelihood).
    """
    b_, c_ = floats(b, c)
    total = b_ + c_
    low, high = clopper_pearson(c_, np.maximum(total, 1), alpha=alpha)
    low, high = np.where(total > 0, low, 0.0), np.where(total > 0, high, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(c_ / b_), np.asarray(low / (1 - low)), np.asarray(high / (1 - high))
