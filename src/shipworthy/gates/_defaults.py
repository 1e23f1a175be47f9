"""Rules that nobody had to write: beat the trivial model, and watch what no gate names."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shipworthy.gates._cells import cells_of
from shipworthy.gates._means import binary_alone, clustered
from shipworthy.gates._pairs import Pair, Rows, carries, kept
from shipworthy.gates.question import Question, Rule
from shipworthy.records import ABSENT, Evidence, Finding


def trivial_rules(question: Question, rows: Rows, declared: Sequence[Rule]) -> list[Rule]:
    """ "Cannot beat trivial": a hard gate against every trivial model on the task's test metric, unless declared.

    One rule a model, all under Holm: the best of them, picked on the rows it is then judged on, looks better than it
    is, and a candidate that equals ten of them was blocked in .23 of samples (decision 0168).
    """
    metric = task_metric(question, declared)
    if not question.decisions.beat_trivial or metric is None or not rows.has(question.candidate, metric):
        return []
    named = {rule.baseline for rule in declared if rule.kind == "superior"}
    names = [name for name, role in question.roles.items() if role == "trivial" and rows.has(name, metric)]
    return [
        Rule(name=f"beats trivial: {name}", metric=metric, baseline=name, kind="superior", limit=0.0, level="hard")
        for name in names
        if name not in named
    ]


def monitored_rules(question: Question, rows: Rows, declared: Sequence[Rule]) -> list[Rule]:
    """Every other metric against the first baseline that has it, at the metric's own margin; nothing hangs on it."""
    named = {rule.metric for rule in declared}
    found = []
    for metric, how in question.metrics.items():
        against = [name for name in question.baselines() if _comparable(question, rows, name, metric)]
        if metric not in named and against and rows.has(question.candidate, metric):
            found.append(
                Rule(
                    name=f"{metric} (monitored)",
                    metric=metric,
                    baseline=against[0],
                    kind="non_inferior",
                    limit=how.margin,
                    level="monitored",
                )
            )
    return found


def task_metric(question: Question, declared: Sequence[Rule]) -> str | None:
    """The metric of the task: the first one, gated ones before others, on a test set where more is better."""
    names = [*(rule.metric for rule in declared), *question.metrics]
    for name in names:
        metric = question.metrics[name]
        if question.role_of(name) == "test" and metric.better == "higher" and metric.kind != "quantile":
            return name
    return None


def difficulty_findings(question: Question, rows: Rows) -> list[Finding]:
    """The candidate on the examples that every baseline solves, and on those that none does; for reading only.

    The groups are chosen by the baselines' own luck, so a fresh run of a baseline would lose some of the first and
    win some of the second as well: no gain is computed.
    """
    found = []
    for metric, how in question.metrics.items():
        if how.kind != "binary" or not rows.has(question.candidate, metric):
            continue
        table = rows.table(metric)
        names = [n for n in question.baselines() if question.roles[n] != "trivial" and (n, metric) in table.counts]
        if names:
            found += _difficulty(question, rows, table, metric, names)
    return found


def _difficulty(question: Question, rows: Rows, table: Evidence, metric: str, names: Sequence[str]) -> list[Finding]:
    good = 1.0 if question.metrics[metric].better == "higher" else 0.0
    solved = np.stack([table.counts[name, metric][:, 0] == good for name in names])
    there = [(table.status[n] != ABSENT) & carries(table.counts[n, metric]) for n in (*names, question.candidate)]
    present = np.logical_and.reduce(there)
    right_N = (table.counts[question.candidate, metric][:, 0] == good).astype(np.float64)
    every = np.stack([right_N, np.ones(len(right_N))], axis=1)
    ours = rows.pair(metric, None, "wrong")
    ours = replace(
        ours, ours_NK=every, cluster_N=table.cluster_N, crossed=table.crossed, slices={}, lost_N=None, unread=None
    )
    groups = {"solved by all baselines": solved.all(axis=0), "solved by no baseline": ~solved.any(axis=0)}
    return [
        _difficulty_finding(question, table, metric, label, kept(ours, np.asarray(mask & present)))
        for label, mask in groups.items()
        if (mask & present).any()
    ]


def _difficulty_finding(question: Question, table: Evidence, metric: str, label: str, solved: Pair) -> Finding:
    """The share solved, as any absolute value is estimated: rows of one cluster count for what they are."""
    alpha, cells = question.decisions.alpha, cells_of(solved, ())
    found = binary_alone(solved, cells, alpha) if solved.independent else clustered(solved, cells, alpha)
    told = found.ours.at(0, refused=found.refused[0] is not None)
    n = int(found.n_S[0])
    limits = "" if told.low is None or told.high is None else f" [{told.low:.2f}, {told.high:.2f}]"
    text = (
        f"on {n:,} examples {label}, {question.candidate} solves {told.value:.2f}{limits}; "
        "a baseline run afresh would differ there too, so no gain is given"
    )
    return Finding(
        gate=f"{metric} by difficulty",
        metric=metric,
        dataset=table.dataset,
        slice={"difficulty": label},
        level="monitored",
        rule="at_least",
        baseline_model=None,
        n=n,
        clusters=int(found.clusters_S[0]),
        candidate=told,
        baseline=None,
        gain=None,
        method=found.method,
        p_worse=None,
        p_better=None,
        effect=None,
        outcome="inconclusive",
        margin=0.0,
        n_needed=None,
        because=text,
        unit="share",
        better="higher",
    )


def _comparable(question: Question, rows: Rows, name: str, metric: str) -> bool:
    published = question.roles[name] == "published" and metric in question.published.get(name, {})
    return published or (question.roles[name] != "published" and rows.has(name, metric))
