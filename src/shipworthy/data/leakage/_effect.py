"""What leaked rows do to a score: the mean on clean rows beside the mean on flagged ones."""

from collections.abc import Collection, Sequence
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shipworthy.records import Interval, Record

if TYPE_CHECKING:
    from shipworthy.stats.unpaired import Gap

_ALPHA = 0.025
_FEWEST = 10


class Effect(Record):
    """Mean score on clean and on flagged rows, and how much higher it is on flagged ones, each with a 95 % interval.

    Binary scores: Wilson and Newcombe. Others: t (Welch), whose limits are None below ten rows a side.
    """

    n_clean: int
    n_flagged: int
    clean: Interval
    flagged: Interval
    lift: Interval


def effect(score_N: Sequence[float], flagged: Collection[int]) -> Effect:
    """Score of clean rows beside flagged ones.

    Args:
        score_N: (N,) one score a row of the second set, in its order.
        flagged: row numbers, for example `Leakage.flagged()`.

    Raises: ValueError: a score is not finite, or a flagged row lies outside.
    """
    scores = np.asarray(score_N, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("every score must be a finite number")
    mask = np.zeros(len(scores), dtype=bool)
    rows = sorted(flagged)
    if rows and not 0 <= rows[0] <= rows[-1] < len(scores):
        raise ValueError(f"flagged row {rows[-1]} lies outside the {len(scores)} scores")
    mask[rows] = True
    clean, dirty = scores[~mask], scores[mask]
    binary = bool(np.isin(scores, (0.0, 1.0)).all())
    return Effect(
        n_clean=len(clean),
        n_flagged=len(dirty),
        clean=_rate(clean) if binary else _mean(clean),
        flagged=_rate(dirty) if binary else _mean(dirty),
        lift=_lift(clean, dirty, binary=binary),
    )


def _rate(values: NDArray[np.float64]) -> Interval:
    if not len(values):
        return Interval(value=None, low=None, high=None)
    from shipworthy.stats.proportion import wilson  # scipy: 60 ms that a comparison without scores need not pay

    low, high = wilson(float(values.sum()), len(values), alpha=_ALPHA)
    return Interval(value=float(values.mean()), low=float(low), high=float(high))


def _mean(values: NDArray[np.float64]) -> Interval:
    from shipworthy.stats.unpaired import welch

    if len(values) < _FEWEST:
        return Interval(value=float(values.mean()) if len(values) else None, low=None, high=None)
    return _interval(welch(_summary(values), alpha=_ALPHA))


def _lift(clean: NDArray[np.float64], dirty: NDArray[np.float64], *, binary: bool) -> Interval:
    from shipworthy.stats.unpaired import newcombe_unpaired, welch

    if not len(clean) or not len(dirty):
        return Interval(value=None, low=None, high=None)
    if binary:
        ours, base = (int(dirty.sum()), len(dirty)), (int(clean.sum()), len(clean))
        return _interval(newcombe_unpaired(ours, base, alpha=_ALPHA))
    if min(len(clean), len(dirty)) < _FEWEST:
        return Interval(value=float(dirty.mean() - clean.mean()), low=None, high=None)
    return _interval(welch(_summary(dirty), _summary(clean), alpha=_ALPHA))


def _summary(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values.mean()), float(values.std(ddof=1)) / sqrt(len(values)), len(values) - 1.0


def _interval(gap: "Gap") -> Interval:
    return Interval(value=gap.value, low=gap.low, high=gap.high)
