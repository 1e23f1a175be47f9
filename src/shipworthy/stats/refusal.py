"""Samples too small to judge: a reason instead of an interval that would not hold its level."""

import numpy as np
from numpy.typing import ArrayLike

MIN_CLUSTERS = 20
"""Below this the t interval over clusters leans on their being equal and normal (Cameron & Miller 2015, VI)."""
FEW_CHANGES = 5
"""With fewer examples that differ, their spread says nothing of the next one's."""
SKEW_SAFE_N = 100
"""From this n on a continuous score is judged whatever its shape."""


def few_clusters(clusters: int) -> str | None:
    """Why so few clusters are not judged, None where there are enough."""
    if clusters >= MIN_CLUSTERS:
        return None
    return f"{clusters} clusters are too few for an interval: at least {MIN_CLUSTERS} are needed"


def too_skewed(values_N: ArrayLike) -> str | None:
    """Why a small sample of this shape is not judged, None where it may be.

    Below n = 100 the mean of a skewed score is not near enough to normal: refused when 25 times its squared skewness
    exceeds n. Give the paired differences, summed by cluster where there are clusters.

    Source: Cochran 1977, Sampling Techniques, section 2.15 (n > 25 G1^2 keeps a 95 % interval near its level).
    """
    values = np.asarray(values_N, dtype=np.float64)
    n = len(values)
    if n >= SKEW_SAFE_N or n < 3:
        return None
    g1 = skewness(values)
    if 25 * g1 * g1 <= n:
        return None
    return f"the score is skewed ({g1:+.1f}) and n={n} is below {SKEW_SAFE_N}: the mean's interval would not hold"


def no_spread(n: int) -> str | None:
    """Why a small sample in which every score (or difference) is the same is not judged, None where it may be.

    A single different value among so few would be refused as skewed: not having met one yet proves no more. Only for
    scores without natural limits; shares take the limits that their range gives.
    """
    if n >= SKEW_SAFE_N:
        return None
    return f"nothing varies on n={n}, which is below {SKEW_SAFE_N}: a spread that was not seen is not a spread of zero"


def few_changes(changed: int, n: int) -> str | None:
    """Why a small sample on which hardly any example differs is not judged by redrawing, None where it may be."""
    if n >= SKEW_SAFE_N or changed >= FEW_CHANGES:
        return None
    return (
        f"the models differ on {changed} of n={n} only, which is below {SKEW_SAFE_N}: redrawing these shows no others"
    )


def skewness(values_N: ArrayLike) -> float:
    """Fisher's G1: third central moment over the cubed standard deviation, 0 where nothing varies."""
    values = np.asarray(values_N, dtype=np.float64)
    centred = values - values.mean()
    sd = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean()) / sd**3 if sd > 1e-12 * (1 + float(np.abs(values).max())) else 0.0
