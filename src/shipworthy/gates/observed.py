"""What a finished run teaches the next one's plan: how often two models really disagree, and how alike clusters are."""

from collections.abc import Sequence

import msgspec
import numpy as np

from shipworthy.gates._pairs import Pair, Rows, kept
from shipworthy.gates.question import Question, declared_rules
from shipworthy.metrics.types import Floats
from shipworthy.protocol.types import MetricPlanning, Planning
from shipworthy.records import Evidence
from shipworthy.stats.crossed import design_effect
from shipworthy.stats.power import paired_variance, smoothed_discordance


def observed(question: Question, evidence: Sequence[Evidence]) -> Planning:
    """The protocol's `planning` with what the run showed for every metric whose gate compares two measured models.

    A binary metric gets its share of discordant examples (never 0: half a pair more in each cell) less the square of
    the gain, which is what an equal candidate of the same spread would show; a mean gets the sd of its paired
    differences, and both the intraclass correlation that their design effect implies. Corpus metrics,
    quantiles, absolute gates and published numbers have no plan and keep what the protocol says.

    Raises: MissingEvidence: a gate asks for a metric or a model that the run did not measure.
    """
    rows, found = Rows(evidence, question), dict(question.planning.metrics)
    for rule in declared_rules(question):
        if rule.compares and rule.baseline and question.roles[rule.baseline] != "published":
            pair = rows.pair(rule.metric, rule.baseline, question.decisions.missing)
            own = _relative(pair) if rule.relative else _of(pair)
            found[rule.metric] = _joined(found.get(rule.metric), own)
    return Planning(
        disagreement=question.planning.disagreement,
        sd=question.planning.sd,
        relative_sd=question.planning.relative_sd,
        intraclass=question.planning.intraclass,
        metrics=found,
    )


def _of(pair: Pair) -> MetricPlanning | None:
    if pair.base_NK is None or pair.metric.kind not in ("binary", "mean"):
        return None
    pair = kept(pair, np.asarray(np.logical_and.reduce(pair.carried)))  # what one lacks is no disagreement
    if pair.base_NK is None or len(pair) < 2:
        return None
    gains_N = _scores(pair.ours_NK) - _scores(pair.base_NK)
    alike = None if pair.independent else _intraclass(pair, gains_N)
    if pair.metric.kind == "binary":
        won, lost = int((gains_N > 0).sum()), int((gains_N < 0).sum())
        share = paired_variance(smoothed_discordance(lost, won, len(pair)), (won - lost) / (len(pair) + 2))
        return MetricPlanning(disagreement=share, intraclass=alike)
    return MetricPlanning(sd=float(gains_N.std(ddof=1)), intraclass=alike)


def _joined(earlier: MetricPlanning | None, own: MetricPlanning | None) -> MetricPlanning:
    """What was seen, over what was believed; a margin in percent and one in the unit each teach their own spread."""
    if earlier is None or own is None:
        return own or earlier or MetricPlanning()
    seen = {key: value for key, value in msgspec.structs.asdict(own).items() if value is not None}
    return msgspec.structs.replace(earlier, **seen)


def _relative(pair: Pair) -> MetricPlanning | None:
    """The spread of what an example adds to the ratio of the two values (Cochran 1977, section 6)."""
    if pair.base_NK is None or pair.metric.kind not in ("binary", "mean") or len(pair) < 2:
        return None
    ours_N, base_N = _scores(pair.ours_NK), _scores(pair.base_NK)
    if not base_N.mean() > 0:
        return None
    residuals_N = (ours_N - ours_N.mean() / base_N.mean() * base_N) / base_N.mean()
    alike = None if pair.independent else _intraclass(pair, residuals_N)
    return MetricPlanning(relative_sd=float(residuals_N.std(ddof=1)), intraclass=alike)


def _scores(counts_NK: Floats) -> Floats:
    return np.asarray(counts_NK[:, 0] / np.where(counts_NK[:, 1] == 0, 1.0, counts_NK[:, 1]))


def _intraclass(pair: Pair, gains_N: Floats) -> float:
    """Design effect = 1 + (size - 1) correlation, with the size-weighted mean size of a cluster (Kish 1965)."""
    sizes = [np.bincount(way) for way in pair.ways if way is not None]
    size = max((float((one**2).sum() / one.sum()) for one in sizes), default=1.0)  # of two ways, as planning counts
    if size <= 1:
        return 0.0
    return float(np.clip((design_effect(gains_N, *pair.ways) - 1) / (size - 1), 0.0, 1.0))
