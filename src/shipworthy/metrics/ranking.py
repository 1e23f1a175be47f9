"""Statistics of a whole column: AUROC, risk at a coverage, adaptive ECE. They read rows, not sums.

Counts of one answer: (confidence, 1 if right, 1). `summarize_rows` takes B weightings of the rows at once, so a cluster
bootstrap is one call. A failed answer was sure and wrong.
"""

from functools import partial
from typing import Annotated

import numpy as np
from msgspec import Meta

from shipworthy.metrics._extra import number
from shipworthy.metrics.calibration import NEEDS
from shipworthy.metrics.match import LabelOptions
from shipworthy.metrics.types import Floats, Metric, Weights, ratio
from shipworthy.records import Example, Response

Key = Annotated[
    str, Meta(description="Key of the confidence in the response's `extra`; any number that orders answers.")
]


class RankOptions(LabelOptions):
    """Where the confidence stands, and how right and wrong are told apart (as in `accuracy`)."""

    confidence: Key = "confidence"

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(confidence, 1 if right, 1)."""
        right = self.right(example, response)
        return (number(response, self.confidence, needed_by="ranking"), right, 1.0)


def _by_score(rows: Floats, weights: Weights) -> tuple[Floats, Floats]:
    """Per group of equal scores, the highest first: weight of right rows (B, G), weight of all rows (B, G)."""
    order = np.argsort(-rows[:, 0], kind="stable")
    score, right = rows[order, 0], rows[order, 1]
    starts = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    w = weights[:, order] * (rows[order, 2] > 0)
    if len(starts) == len(order):
        return w * right, w
    return np.add.reduceat(w * right, starts, axis=1), np.add.reduceat(w, starts, axis=1)


def auroc_of_rows(rows: Floats, weights: Weights) -> Floats:
    """(N, 3) rows, (B, N) weights -> (B,): chance that a right answer has more confidence than a wrong one, ties half.

    0.5 where there is no right answer or no wrong one. Source: Hanley & McNeil 1982.
    """
    counted, is_right = rows[:, 2] > 0, rows[:, 1] > 0
    wrong, right = np.flatnonzero(counted & ~is_right), np.flatnonzero(counted & is_right)
    wrong = wrong[np.argsort(rows[wrong, 0], kind="stable")]
    if not len(wrong) or not len(right):
        return np.full(len(weights), 0.5)
    w_right, w_wrong = weights[:, right], weights[:, wrong]
    below = _wrong_below(rows[wrong, 0], rows[right, 0], w_wrong)
    pairs = w_right.sum(axis=1, dtype=np.float64) * w_wrong.sum(axis=1, dtype=np.float64)
    return np.where(pairs > 0, ratio((w_right * below).sum(axis=1, dtype=np.float64), pairs), 0.5)


def _wrong_below(wrong_W: Floats, right_R: Floats, weights_BW: Weights) -> Floats:
    """(B, R): the weight of wrong rows with a lower score than each right row, of equal ones half; wrong_W ascends."""
    total_BW = np.zeros((len(weights_BW), len(wrong_W) + 1), weights_BW.dtype)
    np.cumsum(weights_BW, axis=1, out=total_BW[:, 1:])
    lower, upper = (np.searchsorted(wrong_W, right_R, side=side) for side in ("left", "right"))
    below = total_BW[:, lower]
    tied = np.flatnonzero(lower < upper)
    below[:, tied] = (below[:, tied] + total_BW[:, upper[tied]]) / 2
    return below


def risk_of_rows(rows: Floats, weights: Weights, *, coverage: float | None) -> Floats:
    """(N, 3) rows, (B, N) weights -> (B,): share of wrong answers among the surest `coverage`; None: mean over all.

    Source: Geifman & El-Yaniv 2017 (risk-coverage curve, its area).
    """
    if not len(rows):
        return np.zeros(len(weights))
    right, every = _by_score(rows, weights)
    taken = np.cumsum(every, axis=1)
    risk = ratio(np.cumsum(every - right, axis=1), taken)
    total = taken[:, -1:]
    if coverage is None:
        return ratio((risk * every).sum(1), total[:, 0])
    at = np.argmax(taken >= coverage * total - 1e-9, axis=1)
    return np.asarray(risk[np.arange(len(risk)), at])


def adaptive_error_of_rows(rows: Floats, weights: Weights, *, bins: int) -> Floats:
    """(N, 3) rows, (B, N) weights -> (B,): calibration error over bins that hold the same weight each.

    Source: Nixon et al. 2019 (adaptive calibration error of the top label).
    """
    if not len(rows):
        return np.zeros(len(weights))
    order = np.argsort(rows[:, 0], kind="stable")
    w = weights[:, order] * (rows[order, 2] > 0)
    total = w.sum(1)
    middle = ratio(np.cumsum(w, axis=1) - w / 2, total[:, None])
    at = np.minimum((middle * bins).astype(np.int64), bins - 1) + bins * np.arange(len(w))[:, None]
    gap = w * (rows[order, 1] - rows[order, 0])
    per_bin = np.bincount(at.ravel(), weights=gap.ravel(), minlength=bins * len(w)).reshape(len(w), bins)
    return ratio(np.abs(per_bin).sum(1), total)


def mean_right(sums: Floats) -> Floats:
    """(..., 3) sums -> (...,) share of right answers; the rank statistic itself is not in the sums."""
    return ratio(sums[..., 1], sums[..., 2])


def auroc(options: RankOptions) -> Metric:
    """Chance that a right answer comes with more confidence than a wrong one (area under the ROC curve)."""
    return Metric(
        name="auroc",
        unit="share",
        better="higher",
        kind="rank",
        observe=options.observe,
        summarize=mean_right,
        summarize_rows=auroc_of_rows,
        failure=(1.0, 0.0, 1.0),
        requires=NEEDS,
        source="Hanley & McNeil 1982; scikit-learn roc_auc_score, whose values it equals",
        version="2",
    )


class RiskOptions(RankOptions):
    """How many answers are kept."""

    coverage: Annotated[
        float | None,
        Meta(description="Share of answers kept, the surest first; null: the area under the risk-coverage curve."),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coverage is not None and not 0 < self.coverage <= 1:
            raise ValueError("`coverage` must lie between 0 and 1")


def selective_risk(options: RiskOptions) -> Metric:
    """Share of wrong answers among the surest ones, at one coverage or averaged over all."""
    return Metric(
        name="selective_risk",
        unit="share",
        better="lower",
        kind="rank",
        observe=options.observe,
        summarize=mean_right,
        summarize_rows=partial(risk_of_rows, coverage=options.coverage),
        failure=(1.0, 0.0, 1.0),
        requires=NEEDS,
        source="Geifman & El-Yaniv 2017",
        version="2",
    )


class AdaptiveOptions(RankOptions):
    """How many bins."""

    bins: Annotated[int, Meta(ge=1, le=1000, description="Number of bins that hold the same number of answers.")] = 15


def adaptive_ece(options: AdaptiveOptions) -> Metric:
    """Expected calibration error over bins that hold the same number of answers each (equal mass)."""
    return Metric(
        name="adaptive_ece",
        unit="share",
        better="lower",
        kind="rank",
        observe=options.observe,
        summarize=mean_right,
        summarize_rows=partial(adaptive_error_of_rows, bins=options.bins),
        failure=(1.0, 0.0, 1.0),
        requires=NEEDS,
        source="Nixon et al. 2019",
        version="2",
    )
