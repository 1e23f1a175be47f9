"""What a reader must know before the numbers: each check is a warning with a stable code and a count."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from msgspec import structs

from shipworthy import records
from shipworthy.gates._compare import Comparison
from shipworthy.gates._coverage import counted, gaps_counted_as, lacking, uneven, unmeasured, unmeasured_uneven
from shipworthy.gates._load import other_load
from shipworthy.gates._pairs import Pair, carries
from shipworthy.gates._rule_cells import Cell, Judged
from shipworthy.gates.question import Question
from shipworthy.records import ANSWERED, Evidence
from shipworthy.stats.refusal import MIN_CLUSTERS, clusters_needed

FEW_DISCORDANT = 10
MANY_HARD_GATES = 10
REASONS = ("identical_results", "contradicting_slices", "uneven_gaps", "assumed_direction", "allowed", "percentile")
"""Warnings that stand among the reasons too: a verdict that leaves them out says something else."""
_PRICES = ("s", "ms", "usd", "tokens")
_ITSELF = 0.5
_SHOWN = 8
_TWINS = 10
_SHOWN_AT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A warning, the metric it is about (None: the whole run), and the model other than the candidate, if any."""

    warning: records.Warning
    metric: str | None = None
    model: str | None = None


def before(question: Question, evidence: Sequence[Evidence], cells: Sequence[Cell]) -> list[Notice]:
    """Everything that can be seen before an outcome is decided, so that a gate can require its absence."""
    comparisons = _distinct([cell.comparison for cell in cells])
    gated = {cell.rule.baseline for cell in cells if cell.rule.level != "monitored"} | {question.candidate}
    found = chain(
        (Notice(warning=structs.replace(one, ungated=""), model=one.ungated or None) for one in question.warnings),
        _identical(question, evidence),
        _constant(question, evidence),
        (replace(n, model=one.baseline) for one in comparisons for n in _about(question, one)),
        _small_slices(cells),
        _not_comparable(question, comparisons),
        _other_load(question, cells),
        _single_seed(question, evidence),
        _seeds_of_answers(question, evidence),
        _gate_count(question),
        _undeclared_split(question),
    )
    return [_marked(n, gated) for n in {(n.warning.code, n.warning.message): n for n in found}.values()]


def _marked(notice: Notice, gated: Collection[str | None]) -> Notice:
    """The same, marked where no gate names its model; what belongs among the reasons stays what it is."""
    if notice.model is None or notice.model in gated or notice.warning.code in REASONS:
        return notice
    return replace(notice, warning=structs.replace(notice.warning, ungated=notice.model))


def after(judged: Sequence[Judged]) -> list[Notice]:
    """What only the outcomes show: hard gates that too few examples left open, slices that all contradict the whole."""
    return [*_underpowered(judged), *_contradicted(judged)]


def noted(reasons: Sequence[str], notices: Sequence[Notice]) -> tuple[str, ...]:
    """The reasons with the warnings that belong among them, unless they say so already."""
    told = [n.warning.message for n in notices if n.warning.code in REASONS]
    return (*reasons, *(f"NOTE {text}" for text in told if not any(text in reason for reason in reasons)))


def _underpowered(judged: Sequence[Judged]) -> list[Notice]:
    hard = [one for one in judged if one.cell.rule.level == "hard" and one.cell.gates]
    short = [one for one in hard if one.outcome == "inconclusive" and one.n_needed is not None]
    if not short:
        return []
    worst = max(short, key=lambda one: one.n_needed or 0)
    message = (
        f"{len(short)} hard gate cells are open because n is small; the largest need is about "
        f"{worst.n_needed:,} examples, for {worst.cell.rule.name}"
    )
    return [Notice(warning=records.Warning(code="underpowered", message=message, count=len(short)))]


def _contradicted(judged: Sequence[Judged]) -> Iterator[Notice]:
    """Simpson: a corpus value can rise while it falls in every slice, because the slices weigh otherwise in it."""
    groups: dict[tuple[int, str], list[Cell]] = {}
    for one in judged:
        for column in one.cell.slice or {}:
            groups.setdefault((id(one.cell.comparison), column), []).append(one.cell)
    for (_, column), cells in groups.items():
        found = cells[0].comparison.contrast
        if found.gain is None or len(cells) < 2:
            continue
        whole = float(found.gain.value_S[0])
        parts = [float(found.gain.value_S[cell.index]) for cell in cells]
        if whole == 0 or not all(part * whole < 0 for part in parts):
            continue
        test = found.p_at_least if whole > 0 else found.p_at_most
        shown = sum(bool(test(0.0)[cell.index] <= _SHOWN_AT) for cell in cells)
        if shown:
            yield _simpson(cells, column, whole, shown)


def _simpson(cells: Sequence[Cell], column: str, whole: float, shown: int) -> Notice:
    metric, verb, other = cells[0].rule.metric, *(("gains", "loses") if whole > 0 else ("loses", "gains"))
    text = (
        f"{metric} {verb} on the whole and {other} in each of the {len(cells)} slices by {column} "
        f"({shown} of them shown): the mix of the slices decides it, read them before the whole"
    )
    return _notice("contradicting_slices", text, len(cells), metric)


def _distinct(comparisons: Sequence[Comparison]) -> list[Comparison]:
    return list({id(comparison): comparison for comparison in comparisons}.values())


def _identical(question: Question, evidence: Sequence[Evidence]) -> Iterator[Notice]:
    """Twins: the same values wherever both answered, whatever the answers took or cost."""
    ours = question.candidate
    for other in question.baselines():
        shared = [
            (metric, same)
            for table in evidence
            for model, metric in table.counts
            if model == ours and (other, metric) in table.counts and metric in question.metrics
            for same in [_same_values(table, metric, ours, other)]
            if same is not None
        ]
        scores = [item for item in shared if question.metrics[item[0]].unit not in _PRICES] or shared
        if scores and all(same for _, (same, _) in scores):
            n = scores[0][1][1]
            text = (
                f"{ours} and {other} have the same values throughout ({n:,} rows); "
                "is it the same model, or one file read twice?"
            )
            yield _notice("identical_results", text, n)


def _same_values(table: Evidence, metric: str, ours: str, other: str) -> tuple[bool, int] | None:
    """Whether the two have the same counts where both answered, and on how many rows; None with too few such rows."""
    both_N = (table.status[ours] == ANSWERED) & (table.status[other] == ANSWERED)
    both_N = both_N & carries(table.counts[ours, metric]) & carries(table.counts[other, metric])  # none: unread
    if both_N.sum() < min(_TWINS, len(both_N)) or not both_N.any():
        return None
    left, right = table.counts[ours, metric][both_N], table.counts[other, metric][both_N]
    return bool(np.array_equal(left, right)), int(both_N.sum())


def _constant(question: Question, evidence: Sequence[Evidence]) -> Iterator[Notice]:
    """A model that scores the same on every example, where its answers cannot be seen.

    All right on a yes-or-no metric is no cause for worry; nor is what something takes or costs, or a win rate against
    itself, which is .5 by definition.
    """
    for table in () if question.texts_read else evidence:
        for (model, metric), counts in table.counts.items():
            how = question.metrics.get(metric)
            counts = counts[carries(counts)]
            if how is None or question.roles.get(model) == "trivial" or len(counts) < MIN_CLUSTERS:
                continue
            if not bool((counts == counts[0]).all()) or how.kind == "quantile" or how.unit in _PRICES:
                continue
            if how.kind == "mean" and how.unit == "share" and counts[0, 0] == _ITSELF:
                continue
            best = 1.0 if how.better == "higher" else 0.0
            if how.kind == "binary" and counts[0, 0] == best:
                continue
            text = f"{model} scores the same {metric} on all {len(counts):,} rows of {table.dataset}"
            yield replace(_notice("constant_output", text, len(counts), metric), model=model)


def _about(question: Question, comparison: Comparison) -> Iterator[Notice]:
    pair, found, metric = comparison.pair, comparison.contrast, comparison.metric
    if pair.missing:
        where = f"; most in {pair.missing_where}" if pair.missing_where else ""
        means = gaps_counted_as(question, comparison)
        text = (
            f"{metric}: {counted(comparison, pair.missing)} lack a row of {lacking(question, comparison)} "
            f"(policy `{question.decisions.missing}`){where}{'; ' if means else ''}{means}"
        )
        yield _notice("missing_examples", text, pair.missing, metric)
        for told in uneven(question, comparison):
            yield _notice("uneven_gaps", f"{metric}: {told}", pair.missing, metric)
    if (lone := unmeasured(question, comparison)) is not None:
        yield _notice(
            "missing_examples", f"{metric}: {lone} (policy `{question.decisions.missing}`)", pair.lone, metric
        )
        for told in unmeasured_uneven(question, comparison):
            yield _notice("uneven_gaps", f"{metric}: {told}", pair.lone, metric)
    weightless = pair.dropped - (pair.missing if question.decisions.missing != "wrong" else 0)
    failed = pair.failed[0] + pair.failed[1]
    if (pair.metric.survivorship and failed) or (_takes(pair) and weightless > 0):
        text = f"{metric} is over what was measured only: {_weightless(question, comparison)}"
        yield _notice("survivorship", text, max(failed, weightless), metric)
    elif pair.metric.unit in ("s", "ms") and failed:
        text = (
            f"{metric}: {failed:,} answers failed ({pair.failed[0]:,} of {question.candidate}) and count as "
            f"{pair.metric.failure[0]:,.0f} {pair.metric.unit}; over successes only it would look better"
        )
        yield _notice("survivorship", text, failed, metric)
    least = clusters_needed(float(found.clusters_S[0]), float(found.effective_S[0]))
    if found.effective_S[0] < least:
        unit = "examples" if pair.independent else "clusters"
        unequal = found.clusters_S[0] >= MIN_CLUSTERS
        weigh = f" so unequal that they weigh like {found.effective_S[0]:.1f}" if unequal else ""
        text = f"{metric} rests on {found.clusters_S[0]:.0f} {unit}{weigh}; an interval needs {least}"
        yield _notice("few_clusters", text, int(found.clusters_S[0]), metric)
    if found.changed_S[0] < FEW_DISCORDANT and comparison.baseline:
        changed = int(found.changed_S[0])
        words = f"{changed} example{'' if changed == 1 else 's'} only"
        text = f"{metric}: {question.candidate} and {comparison.baseline} differ on {words}"
        yield _notice("few_discordant", text, changed, metric)


def _takes(pair: Pair) -> bool:
    """Whether it says what an answer takes or ranks answers: rows without weight are answers that nobody measured."""
    return pair.metric.kind in ("quantile", "rank") or pair.metric.per_answer


def _weightless(question: Question, comparison: Comparison) -> str:
    """How many answers of each model carry no weight, by what they are."""
    pair, told = comparison.pair, []
    for name, failed, bare in zip((question.candidate, comparison.baseline), pair.failed, pair.bare, strict=True):
        parts = [f"{failed:,} failed"] if failed and pair.metric.survivorship else []
        parts += [f"{bare:,} came without a measurement"] if bare else []
        told += [f"of {name}'s answers {' and '.join(parts)}"] if parts and name is not None else []
    both = "; an example counts where both have a measurement" if pair.dropped and comparison.baseline else ""
    return ("; ".join(told) or f"{pair.dropped:,} examples carry no weight") + both


def _small_slices(cells: Sequence[Cell]) -> Iterator[Notice]:
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.slice and not cell.gates and cell.rule.level != "monitored":
            groups.setdefault((cell.rule.name, next(iter(cell.slice))), []).append(cell)
    for (rule, column), small in groups.items():
        sizes = [(int(cell.comparison.contrast.n_S[cell.index]), (cell.slice or {})[column]) for cell in small]
        named = ", ".join(f"{label} ({n:,})" for n, label in sorted(sizes)[:_SHOWN])
        more = f" and {len(sizes) - _SHOWN} more" if len(sizes) > _SHOWN else ""
        text = (
            f"{rule}: {len(sizes)} of {column}'s labels are too small to gate (about {small[0].needed_to_gate:,} "
            f"examples are needed; they are watched and block only when shown worse): {named}{more}"
        )
        yield _notice("slice_too_small", text, len(sizes), small[0].rule.metric)


def _not_comparable(question: Question, comparisons: Sequence[Comparison]) -> Iterator[Notice]:
    ours = question.facts.get(question.candidate, {})
    for baseline in dict.fromkeys(c.baseline for c in comparisons if c.baseline):
        theirs = question.facts.get(baseline, {})
        for key in sorted(set(ours) & set(theirs)):
            if not _same(ours[key], theirs[key]):
                text = f"{question.candidate} and {baseline} differ in {key}: {ours[key]!r} against {theirs[key]!r}"
                yield replace(_notice("not_comparable", text, 1), model=baseline)


def _other_load(question: Question, cells: Sequence[Cell]) -> Iterator[Notice]:
    for rule in {cell.rule.name: cell.rule for cell in cells}.values():
        if (why := other_load(question, rule)) is not None:
            yield _notice("not_comparable", why, 1, rule.metric)


def _same(one: str, other: str) -> bool:
    """Whether two facts say the same; 0 and 0.0 do."""
    try:
        return one == other or float(one) == float(other)
    except ValueError:
        return False


def _single_seed(question: Question, evidence: Sequence[Evidence]) -> Iterator[Notice]:
    temperature = question.facts.get(question.candidate, {}).get("temperature", "0")
    sampled = temperature not in ("0", "0.0", "None", "")
    if sampled and all(len(table.seed_N) and bool((table.seed_N == table.seed_N[0]).all()) for table in evidence):
        text = f"{question.candidate} samples at temperature {temperature} but was asked under one seed only"
        yield _notice("single_seed", text, 1)


def _seeds_of_answers(question: Question, evidence: Sequence[Evidence]) -> Iterator[Notice]:
    """Seeds of one example are one cluster: what another training run would change is in no interval here."""
    several = max((len(np.unique(one.seed_N)) for one in evidence if _repeats(one)), default=0)
    if several > 1:
        text = (
            f"{several} seeds are taken for answers of one set of weights: the verdict is about these weights of "
            f"{question.candidate}, not about the recipe that trained them; another training run may do otherwise, "
            "and where the seeds are training runs no interval here covers it: judge each run by itself"
        )
        yield _notice("seeds_of_answers", text, several)


def _repeats(table: Evidence) -> bool:
    """Whether an example stands under more than one seed."""
    seeds = table.seed_N
    return bool((seeds != seeds[:1]).any()) and len(set(table.example_N.tolist())) < len(seeds)


def _gate_count(question: Question) -> Iterator[Notice]:
    hard = sum(gate.level == "hard" for gate in question.gates)
    if hard > MANY_HARD_GATES:
        text = f"{hard} hard gates must all pass; above {MANY_HARD_GATES} good candidates seldom do, so monitor some"
        yield _notice("many_hard_gates", text, hard)


def _undeclared_split(question: Question) -> Iterator[Notice]:
    if question.unpaired:
        split = "its split is tested" if question.split is not None else "no split was declared, so it is not tested"
        text = f"two arms of different rows: valid where chance dealt the rows; {split}"
        yield _notice("unpaired", text, 1)


def _notice(code: str, message: str, count: int, metric: str | None = None) -> Notice:
    return Notice(warning=records.Warning(code=code, message=message, count=count), metric=metric)
