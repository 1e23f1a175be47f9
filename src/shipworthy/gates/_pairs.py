"""The rows of two models on one metric, after the coverage policy: nothing is dropped without being counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shipworthy.errors import MissingEvidence
from shipworthy.gates.question import Question
from shipworthy.metrics.types import Floats, Metric
from shipworthy.records import ABSENT, ANSWERED, FAILED, Crossed, Evidence, Labels
from shipworthy.stats.gaps import Unevenness, unevenness

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Policy = Literal["fail", "wrong", "common"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How many units one model has no row for, and how the other one scores there (None: it cannot be asked)."""

    count: int
    other: Unevenness | None = None

    @property
    def uneven(self) -> bool:
        return self.other is not None and self.other.uneven


NO_GAP = Gap(count=0)
_TIMED = ("s", "ms", "usd", "tokens")
LONGEST = "longest answer"
"""The fact that says how many tokens a model's answer can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """(N,) the answers of the candidate and of the baseline whose verdict could not be read, their number before any
    row was left out, and their share of the answers of each."""

    ours_N: Bools
    base_N: Bools
    counts: tuple[int, int]
    shares: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What is compared: the counts of the candidate and of its baseline (None: the candidate alone), row by row.

    Attributes:
        metric: how the counts are read.
        ours_NK, base_NK: (N, K) additive counts, row i the same unit in both.
        cluster_N: (N,) codes of what rises and falls together.
        independent: every unit is a cluster of its own.
        crossed: a second way of clusters beside the first; None where there is one.
        slices: the slice columns of these rows.
        example_N: (N,) codes of the examples where several units (seeds, epochs) share one; None: a unit each.
        missing: units without a row for one of the models, before the policy dealt with them.
        missing_where: the slice labels that lack most, in words.
        gaps: the gaps of (candidate, baseline), before the policy dealt with them.
        unmeasured: rows that (candidate, baseline) answered without a measurement, where the other model has one.
        both_N: under the policy `wrong`, which rows the baseline really has; None where it has all of them.
        lost_N: (N,) units on which the baseline (of a model alone: the model) failed, where that counts as an error;
            None where there is none.
        unread: units whose verdict could not be read; None where there is none.
        bare: answers of (candidate, baseline) that came and carry no measurement.
        failed: how many units of (candidate, baseline) errored or never came; they count as failures.
        longest: tokens that an answer of (candidate, baseline) can have at most; None: nobody said.
        dropped: units left out under the policy "common" or because neither model has a measurement there.
    """

    metric: Metric
    ours_NK: Floats
    base_NK: Floats | None
    cluster_N: Ints
    independent: bool
    slices: Mapping[str, Labels]
    example_N: Ints | None = None
    missing: int = 0
    missing_where: str = ""
    gaps: tuple[Gap, Gap] = (NO_GAP, NO_GAP)
    unmeasured: tuple[Gap, Gap] = (NO_GAP, NO_GAP)
    both_N: Bools | None = None
    lost_N: Bools | None = None
    unread: Unread | None = None
    bare: tuple[int, int] = (0, 0)
    failed: tuple[int, int] = (0, 0)
    dropped: int = 0
    longest: tuple[float | None, float | None] = (None, None)
    crossed: Crossed | None = None

    def __len__(self) -> int:
        return len(self.ours_NK)

    @property
    def ways(self) -> tuple[Ints | None, ...]:
        """(N,) codes of every way of clusters; None alone: every unit is its own."""
        if self.independent:
            return (None,)
        return (self.cluster_N,) if self.crossed is None else (self.cluster_N, self.crossed.code_N)

    @property
    def lone(self) -> int:
        """Rows that both models answered and one of them has no measurement for."""
        return self.unmeasured[0].count + self.unmeasured[1].count

    @property
    def carried(self) -> tuple[Bools, ...]:
        """(N,) for the candidate, and for the baseline: which rows carry a measurement."""
        sides = (self.ours_NK,) if self.base_NK is None else (self.ours_NK, self.base_NK)
        return tuple(carries(side) for side in sides)

    @property
    def per_example(self) -> float:
        """Units per example (seeds or trials) of the rows that are left, 1.0 without repetition."""
        if self.example_N is None or not len(self.example_N):
            return 1.0
        return len(self.example_N) / len(np.unique(self.example_N))


class Rows:
    """Evidence by dataset, with what every metric of one dataset shares worked out once."""

    def __init__(self, evidence: Sequence[Evidence], question: Question) -> None:
        self._question = question
        self._by_dataset = {table.dataset: table for table in evidence}
        self._independent: dict[str, bool] = {}
        self._examples: dict[str, Ints | None] = {}

    def table(self, metric: str) -> Evidence:
        """Raises: MissingEvidence: nothing was observed on the metric's dataset."""
        dataset = self._question.datasets[metric]
        if dataset not in self._by_dataset:
            known = ", ".join(sorted(self._by_dataset)) or "none"
            raise MissingEvidence(
                f"metric {metric!r} is measured on {dataset!r}, which has no evidence; known: {known}"
            )
        return self._by_dataset[dataset]

    def has(self, model: str, metric: str) -> bool:
        dataset = self._question.datasets[metric]
        return dataset in self._by_dataset and (model, metric) in self._by_dataset[dataset].counts

    def pair(self, metric: str, baseline: str | None, policy: Policy, model: str | None = None) -> Pair:
        """The rows on which `model` (default: the candidate) and `baseline` are compared.

        Raises: MissingEvidence: a model has no evidence for the metric.
        """
        table, ours = self.table(metric), model or self._question.candidate
        models = [ours] if baseline is None else [ours, baseline]
        for name in models:
            if (name, metric) not in table.counts:
                raise MissingEvidence(f"{name!r} has no evidence for {metric!r} on {table.dataset!r}; run it first")
        how = self._question.metrics[metric]
        pair = Pair(
            metric=how,
            ours_NK=table.counts[ours, metric],
            base_NK=None if baseline is None else table.counts[baseline, metric],
            cluster_N=table.cluster_N,
            independent=self._is_independent(table),
            slices=table.slices,
            failed=_failed(table, models),
            example_N=self._several_units(table),
            longest=(self._longest(models[0]), self._longest(models[-1])),
            crossed=table.crossed,
        )
        seen, statuses = _seen(pair, table, models), [table.status[name] for name in models]
        return measured(_covered(replace(seen, unmeasured=_unmeasured(seen, statuses)), statuses, policy))

    def _longest(self, model: str) -> float | None:
        told = self._question.facts.get(model, {}).get(LONGEST, "")
        return float(told) if told.isdecimal() and int(told) > 0 else None

    def _is_independent(self, table: Evidence) -> bool:
        if table.dataset not in self._independent:
            ways = [table.cluster_N] if table.crossed is None else [table.cluster_N, table.crossed.code_N]
            self._independent[table.dataset] = all(bool((np.bincount(way) <= 1).all()) for way in ways if len(way))
        return self._independent[table.dataset]

    def _several_units(self, table: Evidence) -> Ints | None:
        """(N,) codes of the examples; None where every unit is an example of its own."""
        if table.dataset not in self._examples:
            several = len(table.seed_N) > 0 and bool((table.seed_N != table.seed_N[0]).any())
            self._examples[table.dataset] = np.array(codes(table.example_N.tolist()), np.int64) if several else None
        return self._examples[table.dataset]


def codes(names: Sequence[str]) -> list[int]:
    """0.. in the order of first appearance."""
    known: dict[str, int] = {}
    return [known.setdefault(name, len(known)) for name in names]


def _seen(pair: Pair, table: Evidence, models: Sequence[str]) -> Pair:
    """The pair with what says nothing of a model marked: failed answers of the baseline, unread verdicts."""
    metric = pair.metric
    answered = [np.asarray(table.status[name] == ANSWERED, dtype=np.bool_) for name in models]
    lost_N = table.status[models[-1]] == FAILED if _failures_matter(metric) else None
    filtered_N = _measured_for_nobody(pair, table)
    bare = [int((at & ~side & ~filtered_N).sum()) for at, side in zip(answered, pair.carried, strict=True)]
    marked = replace(
        pair,
        lost_N=np.asarray(lost_N) if lost_N is not None and lost_N.any() else None,
        bare=(bare[0], bare[1] if len(bare) > 1 else 0),
    )
    return _with_unread(marked, answered, filtered_N)


def _measured_for_nobody(pair: Pair, table: Evidence) -> Bools:
    """(N,): units that a condition of the metric leaves out, so that they weigh nothing for any model."""
    if pair.metric.failure_of is None:
        return np.zeros(len(pair), dtype=np.bool_)
    sides = [carries(counts) for (_, metric), counts in table.counts.items() if metric == pair.metric.name]
    return np.asarray(~np.logical_or.reduce([*sides, *pair.carried]), dtype=np.bool_)


def _failures_matter(metric: Metric) -> bool:
    """Whether a failed answer counts as an error here: seconds and prices have a rule of their own."""
    return not metric.survivorship and metric.kind != "quantile" and metric.unit not in _TIMED


def _with_unread(pair: Pair, answered: Sequence[Bools], filtered_N: Bools) -> Pair:
    """The pair with unread verdicts filled in: the candidate's as its metric says, the baseline's as ties.

    Args:
        answered: (N,) of the candidate, and of the baseline: which units have an answer.
        filtered_N: (N,) units that nobody is measured on.
    """
    told = pair.metric.unread
    if told is None:
        return pair
    masks = [np.asarray(at & ~side & ~filtered_N) for at, side in zip(answered, pair.carried, strict=False)]
    ours_N, base_N = masks[0], masks[1] if len(masks) > 1 else np.zeros(len(pair), dtype=np.bool_)
    if not ours_N.any() and not base_N.any():
        return pair
    ours_NK = put(pair.ours_NK, ours_N, np.array(told))
    base_NK = None if pair.base_NK is None else put(pair.base_NK, base_N, ours_NK[base_N])
    there = (float(answered[0].sum()), float(answered[-1].sum()))
    shares = (ours_N.sum() / max(there[0], 1.0), base_N.sum() / max(there[1], 1.0))
    unread = Unread(
        ours_N=ours_N,
        base_N=base_N,
        counts=(int(ours_N.sum()), int(base_N.sum())),
        shares=(float(shares[0]), float(shares[1])),
    )
    return replace(pair, ours_NK=ours_NK, base_NK=base_NK, unread=unread)


def _failed(table: Evidence, models: Sequence[str]) -> tuple[int, int]:
    counts = [int((table.status[name] == FAILED).sum()) for name in models]
    return counts[0], counts[1] if len(counts) > 1 else 0


def _covered(pair: Pair, statuses: Sequence[NDArray[np.uint8]], policy: Policy) -> Pair:
    """The pair after the coverage policy. `wrong` favours nobody: a gap of the candidate is its error, one of the
    baseline a tie (decision 0155)."""
    absent = [np.asarray(status == ABSENT, dtype=np.bool_) for status in statuses]
    either: Bools = np.asarray(np.logical_or.reduce(absent))
    if not either.any():
        return pair
    seen = replace(pair, missing=int(either.sum()), missing_where=_where(pair.slices, either), gaps=_gaps(pair, absent))
    if policy != "wrong":
        return kept(seen, ~either)
    ours = _failing(pair, absent[0])
    if pair.base_NK is None:
        return replace(seen, ours_NK=ours)
    both = ~absent[1] if absent[1].any() else None
    return replace(seen, ours_NK=ours, base_NK=put(pair.base_NK, absent[1], ours[absent[1]]), both_N=both)


def _failing(pair: Pair, absent_N: Bools) -> Floats:
    """The candidate's counts with its gaps as failures.

    Raises: MissingEvidence: what a failure counts depends on the example (a reference's length), and the rows that lack
        an answer do not hold it: counted as nothing, a gap would cost nothing.
    """
    if pair.metric.failure_of is None:
        return put(pair.ours_NK, absent_N, np.array(pair.metric.failure))
    other_NK = pair.ours_NK if pair.base_NK is None else pair.base_NK
    unknown = absent_N & ~carries(pair.ours_NK) & carries(other_NK)
    if unknown.any():
        raise MissingEvidence(
            f"missing rows cannot count as wrong under {pair.metric.name!r}: what a failure costs depends on the row, "
            f"and {int(unknown.sum())} missing rows do not say; use `missing: common` or `missing: fail`"
        )
    return pair.ours_NK


def put(counts_NK: Floats, at_N: Bools, by: Floats) -> Floats:
    """The counts with those of a mask replaced."""
    filled = counts_NK.copy()
    filled[at_N] = by
    return filled


def _gaps(pair: Pair, absent: Sequence[Bools]) -> tuple[Gap, Gap]:
    if pair.base_NK is None:
        return Gap(count=int(absent[0].sum())), NO_GAP
    ours, base = absent
    return _gap(pair, pair.base_NK, ours, ~base), _gap(pair, pair.ours_NK, base, ~ours)


def _gap(pair: Pair, other_NK: Floats, lacks_N: Bools, other_there_N: Bools) -> Gap:
    """One model's gaps, and whether the other one scores otherwise there."""
    if not lacks_N.any():
        return NO_GAP
    other_there_N = other_there_N & carries(other_NK)
    scores_N, lacks_n = pair.metric.summarize(other_NK[other_there_N]), lacks_N[other_there_N]
    ways = [None if way is None else way[other_there_N] for way in pair.ways]
    asked = [unevenness(scores_N, lacks_n, way) for way in ways]
    told = [one for one in asked if one is not None]
    return Gap(count=int(lacks_N.sum()), other=max(told, key=lambda one: one.p, default=None))


def _unmeasured(pair: Pair, statuses: Sequence[NDArray[np.uint8]]) -> tuple[Gap, Gap]:
    """Answers without a measurement that the other model has one for, where every row is measured by itself."""
    if pair.base_NK is None or not pair.metric.row_by_row:
        return NO_GAP, NO_GAP
    sides = (pair.ours_NK, pair.base_NK)
    has = [carries(side) & (status != ABSENT) for side, status in zip(sides, statuses, strict=True)]
    lacks = [~carries(side) & (status == ANSWERED) for side, status in zip(sides, statuses, strict=True)]

    def gap(mine: int, other: int) -> Gap:
        lone_N = lacks[mine] & has[other]
        return _gap(pair, sides[other], lone_N, has[other] & (lone_N | has[mine]))

    return gap(0, 1), gap(1, 0)


def measured(pair: Pair) -> Pair:
    """Without the units that carry no measurement: a quantile or a score has no place for a row of weight 0.

    Nor has a comparison a place for a row that only one model measured (prices of other rows are other prices). The
    sums of a corpus may hold one (a row with nothing to count); a row that neither has is no example of anything.
    Where a model has no measurement at all there is no value: 0 would be invented.
    """
    sides = pair.carried
    if not all(side.any() for side in sides):
        return kept(pair, np.zeros(len(pair), dtype=np.bool_))
    carried: Bools = np.asarray(np.logical_and.reduce(sides) if pair.metric.row_by_row else np.logical_or.reduce(sides))
    return pair if carried.all() else kept(pair, carried)


def carries(counts_NK: Floats) -> Bools:
    """(N,): which rows carry a measurement; counts of nothing but zeros are none."""
    return np.asarray(counts_NK.any(axis=1), dtype=np.bool_)


def kept(pair: Pair, keep_N: Bools) -> Pair:
    """The units of a mask alone; the others are counted as dropped."""
    labels = {name: Labels(names=label.names, code_N=label.code_N[keep_N]) for name, label in pair.slices.items()}
    return replace(
        pair,
        ours_NK=pair.ours_NK[keep_N],
        base_NK=None if pair.base_NK is None else pair.base_NK[keep_N],
        cluster_N=pair.cluster_N[keep_N],
        example_N=None if pair.example_N is None else pair.example_N[keep_N],
        crossed=None if pair.crossed is None else replace(pair.crossed, code_N=pair.crossed.code_N[keep_N]),
        both_N=None if pair.both_N is None else pair.both_N[keep_N],
        lost_N=None if pair.lost_N is None else pair.lost_N[keep_N],
        unread=None
        if pair.unread is None
        else replace(pair.unread, ours_N=pair.unread.ours_N[keep_N], base_N=pair.unread.base_N[keep_N]),
        slices=labels,
        dropped=pair.dropped + int((~keep_N).sum()),
    )


def _where(slices: Mapping[str, Labels], lost_N: Bools) -> str:
    """The labels that lose most rows, in words: `topic=law 12, topic=tax 3`."""
    counts = [
        (int(count), f"{column}={label.names[code]}")
        for column, label in slices.items()
        for code, count in enumerate(np.bincount(label.code_N[lost_N & (label.code_N >= 0)], minlength=0))
        if count
    ]
    worst = sorted(counts, key=lambda item: (-item[0], item[1]))[:5]
    return ", ".join(f"{name} {count}" for count, name in worst)
