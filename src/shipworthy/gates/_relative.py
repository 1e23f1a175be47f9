"""A margin in percent of the baseline: the gain is judged as a share of the baseline's own value.

Means by Fieller's test, which is the test of a difference from a baseline scaled by what it may lose; everything else
by the cluster bootstrap of the ratio. Shares keep the more cautious of that and of their own interval over the
baseline.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from shipworthy.gates._cells import Cells, cells_of
from shipworthy.gates._contrast import Contrast, Spread
from shipworthy.gates._means import clustered
from shipworthy.gates._pairs import Ints, Pair, kept
from shipworthy.gates._resampled import corpus, rank
from shipworthy.metrics.types import Floats, Metric, Weights
from shipworthy.stats.quantiles import weighted_quantile
from shipworthy.stats.ratio import ratio_limits
from shipworthy.stats.refusal import few_clusters


def relative_to_baseline(
    found: Contrast, pair: Pair, cells: Cells, alpha: float, draws: int, rng: np.random.Generator
) -> Contrast:
    """The contrast with its gain, limits, tests and variance as shares of the baseline's value, a cell each.

    A cell whose baseline is not shown to lie above 0 is refused: a share of nothing cannot be judged.
    """
    assert found.base is not None and found.gain is not None  # only pairs come here
    means = pair.metric.kind in ("mean", "binary") and found.method not in ("cluster_bootstrap", "order_statistic")
    ratio = _fieller(found, pair, cells, alpha) if means else _resampled(found, pair, cells, alpha, draws, rng)
    if pair.metric.unit == "share" or pair.metric.kind == "corpus":
        ratio = _as_cautious(ratio, found)
    if found.costliest_S is not None:
        ratio = replace(ratio, costliest_S=_over(found.costliest_S, found.base.value_S))
    refused = tuple(
        why or _no_denominator(pair.metric, float(low))
        for why, low in zip(ratio.refused, found.base.low_S, strict=True)
    )
    return replace(ratio, refused=refused)


def _no_denominator(metric: Metric, low: float) -> str | None:
    if low > 0:
        return None
    return (
        f"the baseline's {metric.name} is not shown to lie above 0, so no share of it can be judged; write the margin "
        "in the metric's unit"
    )


def _sign(pair: Pair) -> float:
    return 1.0 if pair.metric.better == "higher" else -1.0


def _over(values_S: Floats, base_S: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(base_S > 0, values_S / base_S, np.nan))


def _scaled(pair: Pair, factor: float) -> Pair:
    """The baseline's scores times a factor, as numbers without natural limits."""
    assert pair.base_NK is not None
    base_NK = pair.base_NK.copy()
    base_NK[:, 0] *= factor
    return replace(pair, base_NK=base_NK, metric=replace(pair.metric, kind="mean", unit="", bounds=None))


def _fieller(found: Contrast, pair: Pair, cells: Cells, alpha: float) -> Contrast:
    assert found.base is not None and found.gain is not None
    sign, base_S = _sign(pair), found.base.value_S
    rows = cells.rows()
    parts = [_limits(_part(pair, rows[cell]), float(found.ours.value_S[cell]), float(base), alpha)
             for cell, base in enumerate(base_S)]  # fmt: skip
    low, high, variance, refused = zip(*parts, strict=True)

    def at(gain: float) -> Contrast:
        return clustered(_scaled(pair, 1 + sign * gain), cells, alpha)

    share = pair.metric.unit == "share"
    return replace(
        found,
        method="fieller",
        gain=_ordered(_over(found.gain.value_S, base_S), np.array(low), np.array(high)),
        p_at_least=lambda limit: at(limit).p_at_least(0.0),
        p_at_most=lambda limit: at(limit).p_at_most(0.0),
        variance_S=np.array(variance),
        refused=found.refused if share else tuple(a or b for a, b in zip(_only_size(found), refused, strict=True)),
    )


def _only_size(found: Contrast) -> tuple[str | None, ...]:
    """What is refused for its size alone; the shape that counts is that of the residuals of the ratio."""
    sizes = zip(found.refused, found.clusters_S, found.effective_S, strict=True)
    return tuple(why and few_clusters(int(count), float(weigh)) and why for why, count, weigh in sizes)


def _part(pair: Pair, rows_n: Ints) -> Pair:
    """One cell's rows as a whole of their own."""
    if len(rows_n) == len(pair):
        return replace(pair, slices={})
    keep_N = np.zeros(len(pair), dtype=np.bool_)
    keep_N[rows_n] = True
    return replace(kept(pair, keep_N), slices={}, dropped=pair.dropped)


def _limits(pair: Pair, ours: float, base: float, alpha: float) -> tuple[float, float, float, str | None]:
    """(low, high) of the gain, variance of one example and why it is refused, of one cell."""
    if not base > 0:
        return -np.inf, np.inf, np.nan, None
    sign, cells = _sign(pair), cells_of(pair, ())

    def difference(r: float) -> tuple[float, float]:
        gain = clustered(_scaled(pair, r), cells, alpha).tested  # oriented: sign * (ours - r * base)
        ends = sign * float(gain.low_S[0]), sign * float(gain.high_S[0])
        return min(ends), max(ends)

    low, high = ratio_limits(difference, ours / base, base)
    at_ratio = clustered(_scaled(pair, ours / base), cells, alpha)
    ends = sign * (low - 1), sign * (high - 1)
    return min(ends), max(ends), float(at_ratio.variance_S[0]) / base**2, at_ratio.refused[0]


def _ordered(value_S: Floats, low_S: Floats, high_S: Floats) -> Spread:
    return Spread(value_S=value_S, low_S=np.fmin(low_S, value_S), high_S=np.fmax(high_S, value_S))


def _resampled(
    found: Contrast, pair: Pair, cells: Cells, alpha: float, draws: int, rng: np.random.Generator
) -> Contrast:
    """The ratio as one statistic of both models' counts side by side: clusters are drawn whole, pairs stay pairs."""
    assert pair.base_NK is not None and found.base is not None
    split, sign, inner = pair.ours_NK.shape[1], _sign(pair), pair.metric

    def gained(ours: Floats, base: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(base > 0, sign * (ours / base - 1), np.nan))

    def of_sums(sums: Floats) -> Floats:
        return gained(inner.summarize(sums[..., :split]), inner.summarize(sums[..., split:]))

    def of_rows(counts_NK: Floats, weights_BN: Weights) -> Floats:
        one = _column(inner)
        return gained(one(counts_NK[:, :split], weights_BN), one(counts_NK[:, split:], weights_BN))

    columnwise = inner.kind in ("quantile", "rank")
    metric = replace(
        inner,
        better="higher",
        unit="",
        bounds=None,
        kind="rank" if columnwise else "corpus",
        quantile=None,
        summarize=of_sums,
        summarize_rows=of_rows if columnwise else None,
    )
    both = replace(pair, metric=metric, ours_NK=np.concatenate([pair.ours_NK, pair.base_NK], axis=1), base_NK=None)
    drawn = rank(both, cells, alpha, draws, rng) if columnwise else corpus(both, cells, alpha, draws, rng)
    return replace(
        found,
        method="cluster_bootstrap",
        gain=drawn.ours,
        p_at_least=drawn.p_at_least,
        p_at_most=drawn.p_at_most,
        variance_S=drawn.variance_S,
        refused=tuple(a or b for a, b in zip(found.refused, drawn.refused, strict=True)),
    )


def _column(metric: Metric) -> Callable[[Floats, Weights], Floats]:
    if metric.summarize_rows is not None:
        return metric.summarize_rows
    q = metric.quantile
    assert q is not None  # Metric refuses kind "quantile" without it
    return lambda counts_NK, weights_BN: weighted_quantile(counts_NK[:, 0], weights_BN, q)


def _as_cautious(ratio: Contrast, absolute: Contrast) -> Contrast:
    """No narrower and no surer than the interval of the difference over the baseline's value."""
    assert absolute.base is not None and absolute.gain is not None and ratio.gain is not None
    base_S, gain = absolute.base.value_S, absolute.gain
    low, high = _over(gain.low_S, base_S), _over(gain.high_S, base_S)

    def each(test: Callable[[float], Floats], limit: float) -> Floats:
        return np.array([test(limit * float(base))[cell] for cell, base in enumerate(base_S)])

    return replace(
        ratio,
        gain=_ordered(ratio.gain.value_S, np.fmin(ratio.gain.low_S, low), np.fmax(ratio.gain.high_S, high)),
        p_at_least=lambda limit: np.fmax(ratio.p_at_least(limit), each(absolute.p_at_least, limit)),
        p_at_most=lambda limit: np.fmax(ratio.p_at_most(limit), each(absolute.p_at_most, limit)),
        variance_S=np.fmax(ratio.variance_S, _over(absolute.variance_S, base_S**2)),
    )
