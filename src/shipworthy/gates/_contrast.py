"""What all cells of one comparison came to: values, limits and tests, whichever method made them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from shipworthy.gates._cells import Cells
from shipworthy.gates._pairs import Ints, Pair
from shipworthy.metrics.types import Floats
from shipworthy.records import Effect, Interval, Method
from shipworthy.stats.refusal import SKEW_SAFE_N, few_clusters, too_skewed

Test = Callable[[float], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Values with their one-sided limits, a cell each; a limit that the data cannot give is infinite."""

    value_S: Floats
    low_S: Floats
    high_S: Floats

    def at(self, cell: int, *, refused: bool) -> Interval:
        numbers = (float(part[cell]) for part in (self.value_S, self.low_S, self.high_S))
        value, low, high = (number if np.isfinite(number) else None for number in numbers)
        return Interval(value=value, low=None if refused else low, high=None if refused else high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One metric, two models (or the candidate alone), every cell.

    Attributes:
        names: the slice of each cell, None for the whole.
        n_S: examples. clusters_S: what varies independently. effective_S: as many of one size as these weigh.
        ours, base, gain: estimates; `base` and `gain` are None for the candidate alone. Gain: positive is better.
        p_at_least: limit -> (S,) one-sided p of "the gain (alone: the value) is at least this". p_at_most: likewise.
        variance_S: variance that one example contributes to the gain (alone: the value), design effect included.
        lasting: variance of the gain that no further example takes away (that of a published number).
        refused: why a cell has too little data to say anything; None where it has enough.
        effects: standardised size of the gain, None where there is none.
        worth_S: independent examples that the mean of a bounded score rests on, for what unseen answers can cost; None
            where no such bound is kept.
        unmissed_S: what one wrong row could cost a value that no redraw changes, times n; NaN where redraws differ.
        costliest_S: what the costliest answer that was not met could take from the gain, times n; None: not known.
        noise_S: how far a gain may only seem so small because noise lifts the baseline's value; None: it does not.
        changed_S: examples on which the models differ, for the warning about few; NaN where it means nothing.
    """

    method: Method
    names: tuple[dict[str, str] | None, ...]
    n_S: Floats
    clusters_S: Floats
    ours: Spread
    base: Spread | None
    gain: Spread | None
    p_at_least: Test
    p_at_most: Test
    variance_S: Floats
    refused: tuple[str | None, ...]
    effects: tuple[Effect | None, ...]
    changed_S: Floats
    effective_S: Floats
    worth_S: Floats | None = None
    lasting: float = 0.0
    unmissed_S: Floats | None = None
    costliest_S: Floats | None = None
    noise_S: Floats | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "p_at_least", cache(self.p_at_least))  # asked cell by cell, the same few limits
        object.__setattr__(self, "p_at_most", cache(self.p_at_most))

    @property
    def tested(self) -> Spread:
        return self.ours if self.gain is None else self.gain


def too_small(
    pair: Pair, cells: Cells, clusters_S: Floats, effective_S: Floats, scores_N: Floats | None
) -> tuple[str | None, ...]:
    """The reason for which each cell is refused, None where it is large enough.

    `scores_N`: the continuous scores (or differences) whose mean is judged; None where the interval needs no symmetry.
    """
    reasons = [few_clusters(int(count), float(weigh)) for count, weigh in zip(clusters_S, effective_S, strict=True)]
    if pair.independent:
        reasons = [reason and reason.replace("clusters", "examples") for reason in reasons]
    if scores_N is not None and (clusters_S < SKEW_SAFE_N).any():
        for cell, rows in enumerate(cells.rows()):
            if reasons[cell] is None and clusters_S[cell] < SKEW_SAFE_N:
                ways = (_totals(scores_N[rows], None if way is None else way[rows]) for way in pair.ways)
                reasons[cell] = next(filter(None, map(too_skewed, ways)), None)
    return tuple(reasons)


def _totals(scores_n: Floats, clusters_n: Ints | None) -> Floats:
    if clusters_n is None:
        return scores_n
    _, code = np.unique(clusters_n, return_inverse=True)
    return np.bincount(code.reshape(-1), weights=scores_n).astype(np.float64)


def named(name: str, values: Sequence[float] | Floats) -> tuple[Effect | None, ...]:
    """The effect sizes as records; None where the value is not finite."""
    return tuple(Effect(name=name, value=float(value)) if np.isfinite(value) else None for value in values)
