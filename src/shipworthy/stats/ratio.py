"""A ratio of two means seen on the same examples: its limits are those of a difference, solved for the ratio.

Fieller's idea with any test of a mean: `ours` is at most `r` times `base` exactly where the mean of `ours - r * base`
is at most 0, so whatever limit that mean gets (clusters, skewness) carries over to the ratio.
"""

from collections.abc import Callable
from math import isfinite

Limits = Callable[[float], tuple[float, float]]
"""r -> (low, high) of the mean of `ours - r * base`."""
_STEPS = 60
_NEAR = 1e-9


def ratio_limits(limits: Limits, ratio: float, base: float) -> tuple[float, float]:
    """(low, high) of a ratio of means, each where the difference's own limit crosses 0; infinite where it never does.

    Args: limits: of the mean of `ours - r * base`. ratio: as observed. base: mean of the denominator, above 0.
    Source: Fieller 1954, J. R. Statist. Soc. B 16:175; the set is an interval where the denominator is shown positive.
    """
    return (
        _crossing(lambda r: limits(r)[0], ratio, base),
        _crossing(lambda r: limits(r)[1], ratio, base),
    )


def _crossing(limit: Callable[[float], float], start: float, base: float) -> float:
    """Where a limit that falls with r by about `base` crosses 0: Newton with that slope, halved where it overshoots."""
    r, step, scale = start, 1.0, max(abs(start), 1e-300)
    before = limit(r)
    for _ in range(_STEPS):
        if not isfinite(before):
            return float("inf") if before > 0 else float("-inf")
        if abs(before) <= _NEAR * base * scale:
            return r
        following = r + step * before / base
        after = limit(following)
        if isfinite(after) and abs(after) > abs(before):
            step /= 2
            continue
        r, before = following, after
    return r
