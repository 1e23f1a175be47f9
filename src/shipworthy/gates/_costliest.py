"""What one answer that was not met can cost a corpus value: one that runs on to the token limit, or none at all.

A model that loops on one answer in a thousand loses a point of BLEU over five hundred answers of which none may loop.
Nothing in such a sample tells it from an equal model, so what 3 in n answers could cost bounds what n can rule out.
"""

from dataclasses import replace

import numpy as np

from shipworthy.gates._cells import Cells
from shipworthy.gates._contrast import Contrast, Spread
from shipworthy.gates._pairs import Ints, Pair
from shipworthy.metrics.types import Floats
from shipworthy.stats.refusal import unseen_share


def with_room_for_the_costliest(found: Contrast, pair: Pair, cells: Cells, alpha: float) -> Contrast:
    """The contrast of a pair with limits and p-values that leave room for the costliest answers not met.

    What is met may lie a standard error better than it came out, as for means of bounded scores (decision 0172).
    """
    if found.gain is None or pair.metric.costliest is None:
        return found
    down, up = np.array([_costs(pair, rows) for rows in cells.rows()]).T
    value, worth = found.gain.value_S, np.maximum(found.clusters_S, 1.0)
    se = np.sqrt(np.nan_to_num(found.variance_S) / np.maximum(found.n_S, 1.0))
    missed = unseen_share(worth, alpha=alpha)
    worse, better = found.p_at_least, found.p_at_most
    return replace(
        found,
        gain=Spread(
            value_S=value,
            low_S=np.fmin(found.gain.low_S, value + se - down * missed),
            high_S=np.fmax(found.gain.high_S, value - se + up * missed),
        ),
        p_at_least=lambda limit: np.fmax(worse(limit), _missed(limit - value + se, up, worth)),
        p_at_most=lambda limit: np.fmax(better(limit), _missed(value + se - limit, down, worth)),
        costliest_S=down,
    )


def _missed(gap_S: Floats, cost_S: Floats, worth_S: Floats) -> Floats:
    """The chance of missing every answer of a kind common enough to bridge the gap."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((1 - np.clip(np.nan_to_num(gap_S / cost_S, posinf=1.0), 0, 1)) ** worth_S)


def _costs(pair: Pair, rows_n: Ints) -> tuple[float, float]:
    """What the costliest answer of the candidate takes from the gain, and the baseline's adds to it, times n."""
    assert pair.base_NK is not None and pair.metric.costliest is not None  # asked by the caller
    metric, sign = pair.metric, 1.0 if pair.metric.better == "higher" else -1.0
    both_nK = np.concatenate([pair.ours_NK[rows_n], pair.base_NK[rows_n]])
    if not len(rows_n):
        return 0.0, 0.0
    costs = []
    for counts_NK, longest in zip((pair.ours_NK, pair.base_NK), pair.longest, strict=True):
        total_K = counts_NK[rows_n].sum(axis=0)
        met_MK = total_K - total_K / len(rows_n) + pair.metric.costliest(both_nK, longest)
        fall = sign * (metric.summarize(total_K[None]) - metric.summarize(met_MK))
        costs.append(len(rows_n) * max(0.0, float(np.nan_to_num(fall).max())))
    return costs[0], costs[1]
