"""A resampling distribution that cannot vary is no proof: what redrawing cannot show is bounded by what it missed."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from shipworthy.gates._cells import Cells
from shipworthy.gates._contrast import Contrast, Spread
from shipworthy.gates._pairs import Bools, Ints, Pair
from shipworthy.metrics.types import Floats
from shipworthy.stats.proportion import clopper_pearson
from shipworthy.stats.refusal import no_spread

_STILL = 1e-12


def bounded_where_still(found: Contrast, pair: Pair, cells: Cells, alpha: float) -> Contrast:
    """One model's corpus value, rank statistic or redrawn quantile, where no redraw gives another value.

    A share takes the exact limits of as many right answers as there are clusters, stretched by what one wrong row can
    cost (an error in a rare class costs macro-F1 more than 1 in n). Of other units nobody knows what an unseen row is
    worth, and a small sample is refused.
    """
    still_S = (found.ours.high_S - found.ours.low_S <= _STILL) & (found.n_S > 0)
    if not still_S.any():
        return found
    if pair.metric.span != (0.0, 1.0):
        refused = tuple(
            why or (no_spread(int(groups)) if still else None)
            for why, groups, still in zip(found.refused, found.clusters_S, still_S, strict=True)
        )
        return replace(found, refused=refused)
    rows = cells.rows()
    worth = np.array([_worth(pair, rows[cell]) if still else 1.0 for cell, still in enumerate(still_S)])
    return _stretched(found, still_S, worth, alpha)


def _stretched(found: Contrast, still_S: Bools, worth_S: Floats, alpha: float) -> Contrast:
    """Errors of the size `worth` at the rate that so many clusters without one leave possible, down and up."""
    value, groups = found.ours.value_S, found.clusters_S
    missed = 1 - clopper_pearson(groups, groups, alpha=alpha)[0]
    low = np.maximum(value - worth_S * missed, 0.0)
    high = np.minimum(value + worth_S * missed, 1.0)

    def at_least(limit: float) -> Floats:
        p = np.where(limit >= value, _none_missed(groups, np.clip(1 - (limit - value) / worth_S, 0, 1)), 1.0)
        return np.asarray(np.where(still_S, p, found.p_at_least(limit)))

    def at_most(limit: float) -> Floats:
        p = np.where(limit <= value, _none_missed(groups, np.clip(1 - (value - limit) / worth_S, 0, 1)), 1.0)
        return np.asarray(np.where(still_S, p, found.p_at_most(limit)))

    return replace(
        found,
        ours=Spread(
            value_S=value,
            low_S=np.where(still_S, low, found.ours.low_S),
            high_S=np.where(still_S, high, found.ours.high_S),
        ),
        p_at_least=at_least,
        p_at_most=at_most,
        variance_S=np.where(still_S, worth_S**2 * found.n_S / (groups + 2) ** 2, found.variance_S),
        unmissed_S=np.where(still_S, worth_S, np.nan),
    )


def _none_missed(groups_S: Floats, rate_S: Floats) -> Floats:
    """P(no error in so many clusters) at a rate of right answers, a cell each."""
    return np.asarray(rate_S**groups_S)


def _worth(pair: Pair, rows_n: Ints) -> float:
    """The most that one row's wrong answer changes the value, times the number of rows; 1 at least."""
    if pair.metric.kind != "corpus":
        return 1.0
    return max(1.0, float(worths_of(pair, rows_n)[0].max(initial=0.0)))


def worths_of(pair: Pair, rows_n: Ints) -> tuple[Floats, Floats]:
    """For each kind of row, what its wrong answer changes the value times the number of rows, and how many there are.

    A wrong answer is each of the row's counts taken away in turn: a hit less under the same totals. The largest
    change counts.
    """
    totals_K = pair.ours_NK[rows_n].sum(axis=0)
    kinds, many = np.unique(pair.ours_NK[rows_n], axis=0, return_counts=True)
    changed = [totals_K - np.diag(kind)[kind != 0] for kind in kinds]
    values = pair.metric.summarize(np.concatenate([totals_K[None], *changed]))
    moved = np.nan_to_num(np.abs(values[1:] - values[0]))
    starts = np.cumsum([0, *(len(part) for part in changed)])
    largest = [moved[start:end].max(initial=0.0) for start, end in pairwise(starts)]
    return len(rows_n) * np.array(largest), many.astype(np.float64)
