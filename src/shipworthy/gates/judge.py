"""The judge: evidence in, verdict out. Pure: the same question, evidence and generator give the same verdict."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shipworthy.gates import checks
from shipworthy.gates._baseline_too import baseline_too
from shipworthy.gates._compare import Comparison, compare_all
from shipworthy.gates._contrast import Spread
from shipworthy.gates._coverage import counted_as
from shipworthy.gates._defaults import difficulty_findings, monitored_rules, trivial_rules
from shipworthy.gates._load import measured_under
from shipworthy.gates._outcomes import all_cells, decide
from shipworthy.gates._pairs import Rows
from shipworthy.gates._rule_cells import Cell, Judged
from shipworthy.gates._words import because, reasons
from shipworthy.gates.question import Question, declared_rules
from shipworthy.records import ANSWERED, Coverage, Decision, Evidence, Finding, Interval, Method, Verdict


def judge(question: Question, evidence: Sequence[Evidence], *, rng: np.random.Generator) -> Verdict:
    """Promote, block, sign-off or inconclusive, with every finding and its reason.

    A hard gate passes when the lower one-sided limit of the gain lies above -margin (or the gain to exceed), on the
    whole and on every slice that is large enough to gate. Promote: all hard gates pass. Block: one fails under
    hierarchical Holm (a gate that fails fast: by itself). Sign-off: all hard gates pass and a soft one fails
    (Benjamini-Hochberg). Else inconclusive; so is a run without hard gates in which a soft one stays open.

    Raises: MissingEvidence: a gate asks for a metric, model or slice that was not measured, or no row is shared.
    Source: Berger 1982 (intersection-union); Holm 1979; Benjamini & Hochberg 1995; docs/decisions/0050.
    """
    rows = Rows(evidence, question)
    rules = declared_rules(question)
    rules += trivial_rules(question, rows, rules)
    rules += monitored_rules(question, rows, rules)
    comparisons = compare_all(question, rows, rules, rng)
    cells = all_cells(question, rules, comparisons)
    notices = checks.before(question, evidence, cells)
    judged = [_required(one, notices) for one in decide(question, cells)]
    decision = _decision(judged)
    too = baseline_too(question, rows, judged, rng)
    findings = [_finding(question, one, too.get(id(one.cell), "")) for one in judged]
    notices += checks.after(judged)
    return Verdict(
        verdict=decision,
        reasons=checks.noted(reasons(decision, judged, [finding.because for finding in findings]), notices),
        metrics=(*findings, *difficulty_findings(question, rows)),
        coverage=_coverage(question, rows, comparisons),
        warnings=tuple(notice.warning for notice in notices),
    )


def _required(judged: Judged, notices: Sequence[checks.Notice]) -> Judged:
    """The same, failed where a warning is there whose absence the gate requires."""
    rule = judged.cell.rule
    there = [
        notice.warning
        for notice in notices
        if notice.warning.code in rule.require_absent and notice.metric in (None, rule.metric)
    ]
    if not there or judged.cell.slice is not None:
        return judged
    text = f"the gate requires the absence of {there[0].code}: {there[0].message}"
    return replace(judged, outcome="fail", forbidden=text, n_needed=None)


def _decision(judged: Sequence[Judged]) -> Decision:
    hard, soft = ([one for one in judged if one.cell.rule.level == level] for level in ("hard", "soft"))
    if any(one.outcome == "fail" for one in hard):
        return "block"
    if not _shown(hard):
        return "inconclusive"
    if any(one.outcome == "fail" for one in soft):
        return "sign_off"
    enough = bool(hard) or (bool(soft) and _shown(soft))  # without a hard gate the soft ones must show it
    return "promote" if enough else "inconclusive"


def _shown(judged: Sequence[Judged]) -> bool:
    return all(one.outcome == "pass" for one in judged if one.cell.gates)


def _finding(question: Question, judged: Judged, too: str) -> Finding:
    cell, found, index = judged.cell, judged.cell.comparison.contrast, judged.cell.index
    rule, metric = cell.rule, question.metrics[cell.rule.metric]
    ours = _interval(cell)
    base = found.base.at(index, refused=not cell.judged) if found.base else None
    gain = _as_it_is(found.gain, cell) if found.gain else None
    sign = rule.kind == "at_most"
    worse, better = (found.p_at_most, found.p_at_least) if sign else (found.p_at_least, found.p_at_most)
    null = 0.0 if rule.compares else rule.limit
    told = cell.judged and not cell.census
    method: Method = "none" if cell.census else found.method
    return Finding(
        gate=rule.name,
        metric=rule.metric,
        dataset=question.datasets[rule.metric],
        slice=cell.slice,
        level="monitored" if cell.slice and not cell.gates and judged.outcome != "fail" else rule.level,
        rule=rule.kind,
        baseline_model=rule.baseline,
        n=int(found.n_S[index]),
        clusters=int(found.clusters_S[index]),
        candidate=ours,
        baseline=base,
        gain=gain,
        method=method,
        p_worse=_p(worse(null)[index]) if told else None,
        p_better=_p(better(null)[index]) if told else None,
        effect=found.effects[index],
        outcome=judged.outcome,
        margin=rule.limit,
        n_needed=judged.n_needed,
        because=because(judged, gain or ours, ours, base, metric.unit)
        + too
        + _counted_as(question, cell)
        + measured_under(question, rule),
        unit=metric.unit,
        better=metric.better,
        margin_kind="relative" if rule.relative else "absolute",
    )


def _counted_as(question: Question, cell: Cell) -> str:
    told = "" if cell.slice else counted_as(question, cell.comparison)
    return told and f"; {told}"


def _interval(cell: Cell) -> Interval:
    return _as_it_is(cell.comparison.contrast.ours, cell)


def _as_it_is(spread: Spread, cell: Cell) -> Interval:
    """Over a fixed list of cases the value itself, else with its limits."""
    if not cell.census:
        return spread.at(cell.index, refused=not cell.judged)
    value = float(spread.value_S[cell.index])
    return Interval(value=value, low=value, high=value)


def _p(value: float) -> float:
    return float(np.clip(np.nan_to_num(value, nan=1.0), 0.0, 1.0))


def _coverage(question: Question, rows: Rows, comparisons: Sequence[Comparison]) -> Coverage:
    """Units answered, over the datasets on which the candidate meets the first baseline that a gate names."""
    paired = [c for c in comparisons if c.baseline and rows.has(c.baseline, c.metric)]
    baseline = paired[0].baseline if paired else None
    metrics = [c.metric for c in paired if c.baseline == baseline] or [c.metric for c in comparisons]
    tables = {rows.table(metric).dataset: rows.table(metric) for metric in metrics}.values()
    ours = [table.status[question.candidate] == ANSWERED for table in tables]
    base = [table.status[baseline] == ANSWERED for table in tables] if baseline else ours
    return Coverage(
        candidate=sum(int(one.sum()) for one in ours),
        baseline=sum(int(one.sum()) for one in base) if baseline else 0,
        common=sum(int((left & right).sum()) for left, right in zip(ours, base, strict=True)),
        policy=question.decisions.missing,
    )
