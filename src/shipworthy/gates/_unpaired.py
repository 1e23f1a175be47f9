"""Against a published number: its rows are not there, so nothing is paired and the interval is wide."""

from math import sqrt

import numpy as np

from shipworthy.gates._contrast import Contrast, Spread
from shipworthy.gates._pairs import Pair
from shipworthy.metrics.types import Floats, Metric
from shipworthy.protocol.types import PublishedNumber
from shipworthy.records import Method
from shipworthy.stats.unpaired import Gap, newcombe_unpaired, welch


def against_published(alone: Contrast, pair: Pair, number: PublishedNumber, alpha: float) -> Contrast:
    """The candidate's own estimate of the whole against the number; refused where the number has no error and no n."""
    value, n, clusters = float(alone.ours.value_S[0]), float(alone.n_S[0]), float(alone.clusters_S[0])
    variance = float(alone.variance_S[0])
    ours = (value, sqrt(variance / n), max(clusters - 1, 1.0))
    published_se = published_error(pair.metric, number)
    rates = pair.metric.kind == "binary" and pair.independent and number.n is not None and 0 <= number.value <= 1
    rates = rates and published_se == _of_n(pair.metric, number)  # else its own error is the larger one
    sign = 1.0 if pair.metric.better == "higher" else -1.0

    def gap_over(limit: float) -> Gap:
        if rates and limit == 0 and number.n is not None:
            theirs = (number.value * number.n, number.n)
            return oriented(newcombe_unpaired((value * n, int(n)), theirs, alpha=alpha), sign)
        moved = (number.value + sign * limit, published_se or 0.0, np.inf)
        return oriented(welch(ours, moved, alpha=alpha), sign)

    gap = gap_over(0.0)
    missing = None if published_se is not None else _without_error(pair.metric, number)
    method: Method = "newcombe_unpaired" if rates else "welch"
    return Contrast(
        method=method,
        names=(None,),
        n_S=alone.n_S[:1],
        clusters_S=alone.clusters_S[:1],
        ours=_first(alone.ours),
        base=_theirs(number, published_se, alpha),
        gain=Spread(value_S=_one(gap.value), low_S=_one(gap.low), high_S=_one(gap.high)),
        p_at_least=lambda limit: _one(gap_over(limit).p_worse),
        p_at_most=lambda limit: _one(gap_over(limit).p_better),
        variance_S=_one(variance if missing is None else np.nan),
        refused=(alone.refused[0] or missing,),
        effects=(None,),
        changed_S=_one(np.nan),
        effective_S=alone.effective_S[:1],
        lasting=(published_se or 0.0) ** 2,
    )


def published_error(metric: Metric, number: PublishedNumber) -> float | None:
    """The standard error that was published or the one that n examples give a share, the larger of the two; None where
    neither is known.
    """
    return max((se for se in (number.standard_error, _of_n(metric, number)) if se is not None), default=None)


def _of_n(metric: Metric, number: PublishedNumber) -> float | None:
    """What n examples say of a share; a mean of scores between 0 and 1 varies at most as much as answers that are right
    or wrong (Bhatia & Davis 2000)."""
    share = metric.kind == "binary" or (metric.kind == "mean" and metric.unit == "share")
    if share and number.n is not None and 0 <= number.value <= 1:
        return sqrt(number.value * (1 - number.value) / number.n)
    return None


def _without_error(metric: Metric, number: PublishedNumber) -> str:
    if number.n is None:
        return "the published number has neither an n nor a standard error"
    return f"the published number has no standard error, which its n does not give for {metric.unit or 'this unit'}"


def oriented(gap: Gap, sign: float) -> Gap:
    """The gap so that positive is better, whatever the metric's direction."""
    if sign > 0:
        return gap
    return Gap(value=-gap.value, low=-gap.high, high=-gap.low, p_worse=gap.p_better, p_better=gap.p_worse)


def _theirs(number: PublishedNumber, se: float | None, alpha: float) -> Spread:
    limits = welch((number.value, se, np.inf), alpha=alpha) if se is not None else None
    return Spread(
        value_S=_one(number.value),
        low_S=_one(limits.low if limits else -np.inf),
        high_S=_one(limits.high if limits else np.inf),
    )


def _first(spread: Spread) -> Spread:
    return Spread(value_S=spread.value_S[:1], low_S=spread.low_S[:1], high_S=spread.high_S[:1])


def _one(value: float) -> Floats:
    return np.array([value])
