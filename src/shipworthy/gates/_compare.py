"""Evidence chooses its method: every comparison of the judge comes through here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from shipworthy.errors import BadInput
from shipworthy.gates._arms import two_arms
from shipworthy.gates._cells import Cells, cells_of
from shipworthy.gates._contrast import Contrast
from shipworthy.gates._generators import Generators
from shipworthy.gates._means import binary_alone, binary_pair, clustered
from shipworthy.gates._pairs import NO_GAP, Pair, Rows
from shipworthy.gates._relative import relative_to_baseline
from shipworthy.gates._resampled import corpus, quantiles, rank
from shipworthy.gates._unpaired import against_published
from shipworthy.gates._unsettled import against, in_favour, without_lost
from shipworthy.gates.question import Question, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The rows of a metric for the candidate and one baseline (None: alone), and what they came to.

    `strict`: the same as hard on the candidate as what is unsettled allows: without the rows that the baseline lacks
    or failed on, and with every unread verdict against the candidate; None: nothing is unsettled.
    `lenient`: the same with every unread verdict in its favour; None: all were read.
    `arms`: rows of the candidate and of the baseline, where nothing is paired.
    """

    metric: str
    baseline: str | None
    pair: Pair
    contrast: Contrast
    strict: Contrast | None = None
    lenient: Contrast | None = None
    arms: tuple[int, int] | None = None

    def strictly(self, index: int) -> "tuple[Comparison, int] | None":
        """The same cell read against the candidate; None where nothing is left of it, or nothing is unsettled."""
        return self._as(self.strict, index)

    def leniently(self, index: int) -> "tuple[Comparison, int] | None":
        """The same cell read in the candidate's favour; None where every verdict was read."""
        return self._as(self.lenient, index)

    def _as(self, other: Contrast | None, index: int) -> "tuple[Comparison, int] | None":
        name = self.contrast.names[index]
        if other is None or name not in other.names:
            return None
        return replace(self, contrast=other, strict=None, lenient=None), other.names.index(name)


def contrast(pair: Pair, columns: Sequence[str], *, alpha: float, draws: int, rng: np.random.Generator) -> Contrast:
    """Every cell of one pair, by the method its evidence asks for (STATISTICS: one row of the table each)."""
    return _by_method(pair, cells_of(pair, columns), alpha, draws, rng)


def relative_contrast(
    pair: Pair, columns: Sequence[str], *, alpha: float, draws: int, rng: np.random.Generator
) -> Contrast:
    """The same with the gain as a share of the baseline's value."""
    cells = cells_of(pair, columns)
    return relative_to_baseline(_by_method(pair, cells, alpha, draws, rng), pair, cells, alpha, draws, rng)


def _by_method(pair: Pair, cells: Cells, alpha: float, draws: int, rng: np.random.Generator) -> Contrast:
    kind = pair.metric.kind
    if len(pair.ways) > 1 and (kind not in ("binary", "mean") or not _weigh_one(pair)):
        return _one_way_only(_by_method(replace(pair, crossed=None), cells, alpha, draws, rng), pair)
    if kind == "quantile":
        return quantiles(pair, cells, alpha, draws, rng)
    if kind == "rank":
        return rank(pair, cells, alpha, draws, rng)
    if kind == "corpus" or not _weigh_one(pair):
        return corpus(pair, cells, alpha, draws, rng)
    if kind != "binary" or not pair.independent:
        return clustered(pair, cells, alpha)
    return binary_alone(pair, cells, alpha) if pair.base_NK is None else binary_pair(pair, pair.base_NK, cells, alpha)


def _one_way_only(found: Contrast, pair: Pair) -> Contrast:
    """Nothing is judged where rows hang together in two ways and the method redraws one of them."""
    assert pair.crossed is not None
    counts = [len(np.unique(way)) for way in (pair.cluster_N, pair.crossed.code_N)]
    (few, coarse), (_, fine) = sorted(zip(counts, pair.crossed.ways, strict=True))
    why = (
        f"{pair.metric.name} is judged by redrawing clusters of one way, and rows hang together by {coarse} and by "
        f"{fine}: declare `cluster: {coarse}` alone ({few:,} clusters) if {fine} is known to matter little here, or "
        "gate a mean or a rate of single examples, which has a two-way error"
    )
    nothing = np.full(len(found.names), np.nan)
    return replace(found, refused=tuple(one or why for one in found.refused), variance_S=nothing)


def compare_all(question: Question, rows: Rows, rules: Sequence[Rule], rng: np.random.Generator) -> list[Comparison]:
    """One comparison for each rule, in their order; rules on the same metric and baseline share theirs.

    Each comparison draws from a generator keyed by its names: no other rule or metric can change its interval.
    """
    wanted: dict[tuple[str, str, bool], list[str]] = {}
    for rule in rules:
        columns = wanted.setdefault(_key(rule), [])
        there = rows.table(rule.metric).slices
        new = [*rule.slices, *(column for column in question.slices if column in there)]
        columns += [column for column in dict.fromkeys(new) if column not in columns]
    generators = Generators(rng)
    made = {
        key: _compare(question, rows, key, columns, generators.of(key[0], key[1], "relative" if key[2] else ""))
        for key, columns in wanted.items()
    }
    return [made[_key(rule)] for rule in rules]


def _key(rule: Rule) -> tuple[str, str, bool]:
    return rule.metric, rule.baseline or "", rule.relative


def _compare(
    question: Question, rows: Rows, key: tuple[str, str, bool], columns: list[str], rng: np.random.Generator
) -> Comparison:
    metric, baseline, relative = key[0], key[1] or None, key[2]
    decisions, judged = question.decisions, relative_contrast if relative else contrast
    published = baseline is not None and question.roles[baseline] == "published"
    if question.unpaired and baseline is not None and not published:
        if relative:
            raise BadInput("a relative margin is judged on pairs; give it in the metric's unit for two arms of rows")
        return _arms(question, rows, metric, baseline, columns, rng)
    pair = rows.pair(metric, None if published else baseline, decisions.missing)
    own = () if published else columns

    def contrasted(rows_: Pair) -> Contrast:
        found = (contrast if published else judged)(rows_, own, alpha=decisions.alpha, draws=decisions.draws, rng=rng)
        if not published or baseline is None:
            return found
        return against_published(found, rows_, question.published[baseline][metric], decisions.alpha)

    found, hard, easy = contrasted(pair), against(pair), in_favour(pair)
    return Comparison(
        metric=metric,
        baseline=baseline,
        pair=pair,
        contrast=found,
        strict=None if hard is None else contrasted(hard),
        lenient=None if easy is None else contrasted(easy),
    )


def _arms(
    question: Question, rows: Rows, metric: str, baseline: str, columns: Sequence[str], rng: np.random.Generator
) -> Comparison:
    """Two arms of different rows: each estimated alone, then set against the other."""
    decisions = question.decisions
    ours, base = (rows.pair(metric, None, "common", model) for model in (question.candidate, baseline))

    def contrasted(mine: Pair, theirs: Pair, dealt: float | None = None) -> Contrast:
        alone = [
            contrast(one, columns, alpha=decisions.alpha, draws=decisions.draws, rng=rng) for one in (mine, theirs)
        ]
        return two_arms(alone[0], alone[1], (mine, theirs), decisions.alpha, dealt)

    found = contrasted(ours, base, question.split)
    unread = ours.unread is not None or base.unread is not None
    unsettled = unread or base.lost_N is not None
    hard = without_lost(in_favour(base) or base)
    return Comparison(
        metric=metric,
        baseline=baseline,
        pair=_of_both(ours, base),
        contrast=found,
        strict=contrasted(against(ours) or ours, hard) if unsettled and len(hard) else None,
        lenient=contrasted(in_favour(ours) or ours, against(base) or base) if unread else None,
        arms=(len(ours), len(base)),
    )


def _of_both(ours: Pair, base: Pair) -> Pair:
    """The candidate's arm, with what is to be told of both."""
    sides = [one.unread for one in (ours, base)]
    mine, theirs = ((one.counts[0], one.shares[0]) if one else (0, 0.0) for one in sides)
    some = sides[0] or sides[1]
    return replace(
        ours,
        missing=0,
        gaps=(NO_GAP, NO_GAP),
        dropped=0,
        failed=(ours.failed[0], base.failed[0]),
        bare=(ours.bare[0], base.bare[0]),
        lost_N=base.lost_N,
        unread=None if some is None else replace(some, counts=(mine[0], theirs[0]), shares=(mine[1], theirs[1])),
    )


def _weigh_one(pair: Pair) -> bool:
    tables = [pair.ours_NK] if pair.base_NK is None else [pair.ours_NK, pair.base_NK]
    return all(bool((table[:, 1] == 1).all()) for table in tables)
