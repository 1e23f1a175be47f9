"""Two models' corpus value whose examples weigh unequally: limits no narrower than those which means get.

A bootstrap redraws the few long texts that it has. A sample with none of the longest looks too good and too steady at
once, and percentile limits pass a candidate at its margin too often. So of the percentile limits and those of t and
Hall over the jackknife's pseudo-values the more cautious ones hold, and a value without a range that rests on a handful
of examples is refused, as a mean is.
"""

from dataclasses import replace

import numpy as np

from shipworthy.gates._cells import Cells
from shipworthy.gates._contrast import Contrast, Spread
from shipworthy.gates._pairs import Ints, Pair
from shipworthy.metrics.types import Floats, Metric
from shipworthy.stats.clustered import Means, cluster_means, joined
from shipworthy.stats.refusal import rests_on_few

_CHUNK = 1 << 22
_RATIO = 2
HELP = "more rows, a cap on the length of a text or a metric that scores each answer by itself would let it be judged"


def as_cautious_as_means(found: Contrast, pair: Pair, cells: Cells, alpha: float) -> Contrast:
    """The contrast of a pair with limits no narrower and p-values no smaller than its pseudo-values' mean gets.

    For values without a known range (BLEU, perplexity) and ratios of two sums. A share of many counts (F1) has bounds
    of its own (decision 0135), and leaving one example out of binned counts says nothing of their spread.

    Source: Tukey 1958 (jackknife); Hall 1992.
    """
    ranged = pair.metric.unit == "share"
    if found.gain is None or (ranged and pair.ours_NK.shape[1] != _RATIO):
        return found
    parts = [_jackknifed(pair, rows) for rows in cells.rows()]
    means = replace(
        joined(parts, np.ones(len(parts), dtype=np.bool_)),
        mean_SM=found.gain.value_S[:, None],
        tails="bounded" if ranged else "open",
    )
    low, high = means.interval(alpha=alpha)
    worse, better = found.p_at_least, found.p_at_most
    return replace(
        found,
        gain=Spread(
            value_S=found.gain.value_S,
            low_S=np.fmin(found.gain.low_S, low[:, 0]),
            high_S=np.fmax(found.gain.high_S, high[:, 0]),
        ),
        p_at_least=lambda limit: np.fmax(worse(limit), means.p_at_least(limit)[:, 0]),
        p_at_most=lambda limit: np.fmax(better(limit), means.p_at_most(limit)[:, 0]),
        variance_S=np.fmax(found.variance_S, found.n_S * means.se_SM[:, 0] ** 2),
        refused=found.refused if ranged else _refused(found, means),
    )


def _refused(found: Contrast, means: Means) -> tuple[str | None, ...]:
    cells = zip(found.refused, means.se_SM[:, 0], means.carried_SM[:, 0], strict=True)
    return tuple(why or (rests_on_few(float(carried), HELP) if se > 0 else None) for why, se, carried in cells)


def _jackknifed(pair: Pair, rows_n: Ints) -> Means:
    """The mean of one cell's pseudo-values, a cluster each: G times the gain less G - 1 times the gain without it."""
    assert pair.base_NK is not None  # only pairs come here
    rows_n = in_order(np.concatenate([pair.ours_NK, pair.base_NK], axis=1), rows_n)
    code_n = np.arange(len(rows_n)) if pair.independent else dense(pair.cluster_N[rows_n])
    groups = int(code_n.max(initial=-1)) + 1
    sign = 1.0 if pair.metric.better == "higher" else -1.0
    whole, without = 0.0, np.zeros(groups)
    for side, counts_NK in ((sign, pair.ours_NK), (-sign, pair.base_NK)):
        value, rest = left_out(pair.metric, counts_NK[rows_n], code_n, groups)
        whole, without = whole + side * value, without + side * rest
    return cluster_means(np.sort(np.nan_to_num(groups * whole - (groups - 1) * without)))


def in_order(counts_NK: Floats, rows_n: Ints) -> Ints:
    """The rows so that fractions add up to the same last digit however the table was sorted."""
    counts_nK = counts_NK[rows_n]
    return rows_n if (counts_nK == np.rint(counts_nK)).all() else rows_n[np.lexsort(counts_nK.T)]


def dense(clusters_n: Ints) -> Ints:
    """The codes as 0.. without gaps."""
    return np.unique(clusters_n, return_inverse=True)[1].reshape(-1).astype(np.int64)


def left_out(metric: Metric, counts_nK: Floats, code_n: Ints, groups: int) -> tuple[float, Floats]:
    """The value, and (G,) the value without each cluster."""
    sums_GK = np.stack([np.bincount(code_n, weights=column, minlength=groups) for column in counts_nK.T], axis=1)
    total_K, step = counts_nK.sum(axis=0), max(1, _CHUNK // counts_nK.shape[1])
    parts = [metric.summarize(total_K - sums_GK[start : start + step]) for start in range(0, groups, step)]
    return float(metric.summarize(total_K[None])[0]), np.concatenate(parts) if parts else np.zeros(0)
