"""Samples too small to judge: a reason instead of an interval that would not hold its level."""

import numpy as np
from numpy.typing import ArrayLike

from shipworthy.stats._types import Floats

MIN_CLUSTERS = 20
"""Below this the t interval over clusters leans on their being equal and normal (Cameron & Miller 2015, VI)."""
MIN_UNEQUAL = 100
"""The same where a few clusters hold much of the sample: those few decide, whatever the many small ones say."""
FEW_CHANGES = 5
"""With fewer examples that differ, their spread says nothing of the next one's."""
MIN_CARRIED = 6
"""Fewer examples than this that make the spread of a score without limits say little of the next one's."""
HELP_SKEWED = "a relative margin, a cap on the score or its median instead of its mean would let it be judged"
RULE_OF_THREE = 2.95
"""n x margin below which answers that were not met may cost a bounded mean more than its margin (-log .05 is 2.996)."""
SKEW_SAFE_N = 100
"""From this n on a continuous score is judged whatever its shape."""


def few_clusters(clusters: int, effective: float | None = None) -> str | None:
    """Why so few clusters are not judged, None where there are enough.

    Args: effective: as many clusters of one size as these weigh, n^2 / sum of squared sizes; None: all of one size.
    Source: Carter, Schnepel & Steigerwald 2017 (effective number of clusters).
    """
    if clusters < MIN_CLUSTERS:
        return f"{clusters} clusters are too few for an interval: at least {MIN_CLUSTERS} are needed"
    if effective is None:
        return None
    needed = clusters_needed(clusters, effective)
    if effective >= needed:
        return None
    return (
        f"{clusters:,} clusters of very unequal size weigh like {effective:.1f} of one size: at least {needed} "
        "are needed; more clusters, or fewer rows of the largest ones, would let it be judged"
    )


def clusters_needed(clusters: float, effective: float) -> int:
    """As many of one size as clusters must weigh like to be judged: 20, and 100 where they weigh like less than half of
    their number (decision 0192)."""
    return MIN_UNEQUAL if effective < clusters / 2 else MIN_CLUSTERS


def rests_on_few(carried: float, help_: str = HELP_SKEWED) -> str | None:
    """Why a score without natural limits is not judged where a handful of examples make its whole spread.

    Args: carried: examples (or clusters) that carry it, (sum of squares)^2 / sum of fourth powers.
        help_: what would let it be judged.
    """
    if carried >= MIN_CARRIED:
        return None
    return f"the spread of the score rests on {carried:.1f} examples, fewer than {MIN_CARRIED}; {help_}"


def unseen_share(worth: ArrayLike, *, alpha: float = 0.05) -> Floats:
    """The largest share of answers of a kind that so many independent examples miss with probability `alpha`.

    1 - alpha^(1/n), nearly 3/n: a loss that only such answers bring cannot be ruled out by a sample without one.
    Source: Hanley & Lippman-Hand 1983 (the rule of three).
    """
    return np.asarray(1 - alpha ** (1 / np.maximum(np.asarray(worth, dtype=np.float64), 1.0)))


def unseen_p(value: Floats, limit: ArrayLike, worth: Floats) -> Floats:
    """One-sided p of "the mean is at most `limit`": the chance of missing what would pull it down so far.

    Args: value, limit: measured from the least that a score can be, in units of its range.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip((value - np.asarray(limit)) / value, 0, 1)
        return np.asarray(np.where(value > 0, (1 - share) ** worth, 1.0))


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
    return (
        f"the score is skewed ({g1:+.1f}) and n={n} is below {SKEW_SAFE_N}: the mean's interval would not hold; "
        f"{SKEW_SAFE_N} examples, a relative margin, a cap on the score or its median would let it be judged"
    )


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
