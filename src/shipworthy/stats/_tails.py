"""One-sided limits and tests of a mean whose scores are skewed: of t and of Hall's corrected limit the more cautious.

Student's t takes the sampled values for symmetric. Where the rare values lie on the side that loses (a cost, an answer
that collapses now and then), a sample that holds few of them has a mean too good and a spread too small at once, and t
passes a candidate at its margin in up to half of all samples.
Source: Hall 1992, JRSS B 54:221 (removal of skewness by a monotone cubic).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from shipworthy.stats._types import Floats, upper_z

AGAIN, HEAVY = 1.4, 1.0
"""A value further out than sqrt(2 ln G) + 1 standard deviations (a normal sample's largest seldom is) is counted once
more, 1.4 times as far out: the next one of its kind is what an interval of a heavy tail must survive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What a sample of G independent values says of their mean; every array of one shape.

    Attributes:
        mean, se: the estimate and its standard error. skew: third moment over the cubed standard deviation.
        groups: G; degrees of freedom are one less.
    """

    mean: Floats
    se: Floats
    skew: Floats
    groups: Floats

    def low(self, alpha: float) -> Floats:
        """The lower limit, `alpha` left out below."""
        return self._limit(alpha, np.minimum)

    def high(self, alpha: float) -> Floats:
        return self._limit(1 - alpha, np.maximum)

    def p_at_least(self, null: ArrayLike) -> Floats:
        """One-sided p of "the mean is at least `null`": small means shown below."""
        return np.asarray(np.maximum(stdtr(self._df(), self._t(null)), stdtr(self._df(), self._hall(null))))

    def p_at_most(self, null: ArrayLike) -> Floats:
        return np.asarray(np.maximum(stdtr(self._df(), -self._t(null)), stdtr(self._df(), -self._hall(null))))

    def _df(self) -> Floats:
        return np.asarray(np.maximum(self.groups - 1, 1))

    def _limit(self, alpha: float, outer: np.ufunc) -> Floats:
        upper_z(min(alpha, 1 - alpha))
        t = -stdtrit(self._df(), alpha)
        with np.errstate(divide="ignore", invalid="ignore"):
            root, third = np.sqrt(self.groups), self.skew / 3
            cubed = np.cbrt(1 + 3 * third * (t / root - third / (2 * self.groups)))
            corrected = np.where(np.abs(third) < 1e-7, t, root * (cubed - 1) / third)
        return np.asarray(outer(self.mean - t * self.se, self.mean - corrected * self.se))

    def _t(self, null: ArrayLike) -> Floats:
        gap = self.mean - np.asarray(null)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(gap == 0, 0.0, gap / self.se))

    def _hall(self, null: ArrayLike) -> Floats:
        """The studentised mean without its skewness, nearly t."""
        t, third = self._t(null), self.skew / 3
        root = np.sqrt(self.groups)
        with np.errstate(over="ignore", invalid="ignore"):
            w = t / root
            moved = root * (w + third * w**2 + third**2 * w**3 / 3 + third / (2 * self.groups))
        return np.asarray(np.where(np.isfinite(t), moved, t))


def met_again(of: Moments, furthest: Floats) -> Moments:
    """The moments had the furthest value on one side been met once more, 1.4 times as far out, where it is heavy.

    Args: furthest: deviation from the mean of the least (or the largest) of the G values.
    """
    groups, spread = of.groups, of.se * np.sqrt(of.groups)
    x = AGAIN * furthest
    more, shift = groups + 1, x / (groups + 1)
    squares = spread**2 * (groups - 1)
    moved = squares + groups * shift**2 + (x - shift) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        cubes = (
            of.skew * groups * (squares / groups) ** 1.5 - 3 * shift * squares - groups * shift**3 + (x - shift) ** 3
        )
        skew = cubes / more / (moved / more) ** 1.5
        heavy = np.abs(furthest) > (np.sqrt(2 * np.log(np.maximum(groups, 2))) + HEAVY) * spread
    heavy &= spread > 0
    return Moments(
        mean=np.where(heavy, of.mean + shift, of.mean),
        se=np.where(heavy, np.sqrt(moved / (groups * more)), of.se),
        skew=np.where(heavy, np.nan_to_num(skew), of.skew),
        groups=np.where(heavy, more, groups),
    )
