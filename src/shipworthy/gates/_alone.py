"""One model's corpus value or rank statistic: limits that redrawing a few errors cannot give.

A bootstrap redraws the errors that it has. Where they are few, a sample that holds still fewer looks too good and too
steady at once, and its percentile limits pass a value at its limit in .10 to .25 of samples. So the limits are no
narrower than those which means get (t and Hall's, from the jackknife over clusters), and those of a share no narrower
than the exact limits of as many right or wrong answers as its spread is worth.
"""

from dataclasses import dataclass, replace

import numpy as np

from shipworthy.gates._cells import Cells
from shipworthy.gates._contrast import Contrast, Spread
from shipworthy.gates._few_changes import FEW
from shipworthy.gates._jackknife import dense, in_order, left_out
from shipworthy.gates._pairs import Ints, Pair
from shipworthy.gates._still import worths_of
from shipworthy.metrics.types import Floats
from shipworthy.stats._tails import Moments
from shipworthy.stats.proportion import clopper_pearson, rate_p_at_least, rate_p_at_most
from shipworthy.stats.refusal import unseen_p, unseen_share

_RANKED = 1_000
"""Up to this many clusters a rank statistic is left out cluster by cluster; the time grows with their square."""


def as_cautious_as_errors(found: Contrast, pair: Pair, cells: Cells, alpha: float) -> Contrast:
    """The contrast of one model with limits no narrower and p-values no smaller than its jackknife's and, of a share,
    than those of so many right or wrong answers.

    Source: Tukey 1958 (jackknife); Hall 1992; Korn & Graubard 1998 (exact limits of an effective sample size).
    """
    if pair.metric.kind == "rank" and pair.metric.span != (0.0, 1.0):
        return found  # ratios of quantiles come here too, and a jackknife of quantiles says nothing
    parts = [_shape(pair, rows, float(value)) for rows, value in zip(cells.rows(), found.ours.value_S, strict=True)]
    se, skew, answers_S = np.array(parts).T
    moments = Moments(mean=found.ours.value_S, se=se, skew=skew, groups=np.maximum(found.clusters_S, 2.0))
    answers = _answers(pair, found, se, answers_S)
    low, high = moments.low(alpha), moments.high(alpha)
    if answers is not None:
        least, most = answers.limits(alpha)
        low, high = np.fmin(low, least), np.fmax(high, most)
    tests: list[Moments | _Answers] = [moments] if answers is None else [moments, answers]
    return replace(
        found,
        ours=Spread(
            value_S=found.ours.value_S,
            low_S=np.fmin(found.ours.low_S, low),
            high_S=np.fmax(found.ours.high_S, high),
        ),
        p_at_least=lambda limit: np.fmax.reduce([found.p_at_least(limit), *(test.p_at_least(limit) for test in tests)]),
        p_at_most=lambda limit: np.fmax.reduce([found.p_at_most(limit), *(test.p_at_most(limit) for test in tests)]),
        variance_S=np.fmax(found.variance_S, found.n_S * se**2),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """A value as the share of right ones among `worth_S` independent answers; what was not met may cost them too."""

    value_S: Floats
    se_S: Floats
    worth_S: Floats
    exact_S: Floats

    def limits(self, alpha: float) -> tuple[Floats, Floats]:
        low, high = clopper_pearson(self.value_S * self.exact_S, self.exact_S, alpha=alpha)
        missed, up, down = unseen_share(self.worth_S, alpha=alpha), self.value_S + self.se_S, self.value_S - self.se_S
        return np.fmin(low, up - up * missed), np.fmax(high, down + (1 - down) * missed)

    def p_at_least(self, limit: float) -> Floats:
        exact = rate_p_at_least(self.value_S * self.exact_S, self.exact_S, limit)
        return np.fmax(exact, unseen_p(1 - self.value_S + self.se_S, 1 - limit, self.worth_S))

    def p_at_most(self, limit: float) -> Floats:
        exact = rate_p_at_most(self.value_S * self.exact_S, self.exact_S, limit)
        return np.fmax(exact, unseen_p(self.value_S + self.se_S, limit, self.worth_S))


def _answers(pair: Pair, found: Contrast, se_S: Floats, at_most_S: Floats) -> _Answers | None:
    """None where the value is no share: of other units nobody knows what an answer can be worth.

    So many right or wrong answers vary like this: value (1 - value) / se^2, and where few errors are behind it no more
    than `at_most_S`. What was not met is bounded by the rows.
    """
    if pair.metric.span != (0.0, 1.0):
        return None
    value = np.clip(np.nan_to_num(found.ours.value_S), 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        like = np.nan_to_num(np.where(se_S > 0, value * (1 - value) / se_S**2, found.clusters_S), posinf=1e12)
    units, groups = np.maximum(found.n_S, 1.0), np.maximum(found.clusters_S, 1.0)
    return _Answers(
        value_S=value,
        se_S=se_S,
        worth_S=np.clip(like, np.minimum(groups, units), units),
        exact_S=np.maximum(np.minimum(like, at_most_S), 1.0),
    )


def _shape(pair: Pair, rows_n: Ints, value: float) -> tuple[float, float, float]:
    """(standard error, skewness) of one cell's value by leaving its clusters out in turn, 0 where it cannot vary, and
    the right or wrong answers that it is worth at most, infinite where its spread rests on many."""
    rows_n = in_order(pair.ours_NK, rows_n)
    code_n = np.arange(len(rows_n)) if pair.independent else dense(pair.cluster_N[rows_n])
    groups = int(code_n.max(initial=-1)) + 1
    if groups < 3 or not np.isfinite(value) or (pair.metric.kind == "rank" and groups > _RANKED):
        return 0.0, 0.0, np.inf
    moves = np.sort(np.nan_to_num(value - _without(pair, rows_n, code_n, groups)))
    squares = float((moves**2).mean())
    if squares <= 1e-24:
        return 0.0, 0.0, np.inf
    few = groups * squares**2 < FEW * float((moves**4).mean())
    answers = groups / _size_of_an_error(pair, rows_n) if few else np.inf
    return float(np.sqrt((groups - 1) * squares)), float((moves**3).mean()) / squares**1.5, answers


def _size_of_an_error(pair: Pair, rows_n: Ints) -> float:
    """How much larger than one in n an error is in the mean, large ones weighing more; 1 where all count alike.

    The next error may strike another row than those that were met: one of a rare class costs macro-F1 more.
    """
    if pair.metric.kind != "corpus":
        return 1.0
    worth, many = worths_of(pair, rows_n)
    total = float(many @ worth)
    return max(1.0, float(many @ worth**2) / total) if total > 0 else 1.0


def _without(pair: Pair, rows_n: Ints, code_n: Ints, groups: int) -> Floats:
    """(G,) the value without each cluster."""
    counts_nK, metric = pair.ours_NK[rows_n], pair.metric
    if metric.kind == "rank":
        assert metric.summarize_rows is not None  # Metric refuses kind "rank" without it
        return np.asarray(metric.summarize_rows(counts_nK, (code_n[None, :] != np.arange(groups)[:, None]) * 1.0))
    return left_out(metric, counts_nK, code_n, groups)[1]
