"""Which examples the candidate fails: every one that is not right, or on which it lost against its baseline."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from shipworthy.metrics.types import Metric
from shipworthy.records import ABSENT, FAILED, Evidence, Finding
from shipworthy.web._page import Failed

_PRICES = ("s", "ms", "usd", "tokens")
"""Units of what an answer takes or costs: dear is not wrong."""
_ORDER: tuple[Failed, ...] = ("lost", "unanswered", "wrong")


class Failing(NamedTuple):
    """One example of one metric; scores in its unit, None where there is none. `baseline` is empty without one."""

    dataset: str
    example_id: str
    seed: int
    metric: str
    outcome: Failed
    baseline: str
    ours: float | None
    theirs: float | None


def failing(
    findings: Sequence[Finding],
    evidence: Sequence[Evidence],
    metrics: Mapping[str, Metric],
    *,
    candidate: str,
    most: int,
    floor: Collection[str] = (),
) -> tuple[list[Failing], int]:
    """The first `most`, one metric after the other in turn, worst first; and how many there are in all.

    Args:
        findings: of the gates over all examples, worst first; monitored ones show nothing.
        floor: trivial models; a metric is laid beside one of them only where it has no other baseline.
    """
    by_dataset = {table.dataset: table for table in evidence}
    found = [
        _of_metric(by_dataset[one.dataset], metrics[one.metric], candidate, one.baseline_model or "", most)
        for one in _one_a_metric(findings, floor)
        if one.metric in metrics  # a limit on training data is a gate without examples
        and metrics[one.metric].unit not in _PRICES
        and metrics[one.metric].kind not in ("quantile", "rank")
    ]
    turns = (one for turn in zip_longest(*(rows for rows, _ in found)) for one in turn if one is not None)
    return [one for _, one in zip(range(most), turns, strict=False)], sum(total for _, total in found)


def _one_a_metric(findings: Sequence[Finding], floor: Collection[str]) -> Iterator[Finding]:
    chosen: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        if finding.level == "monitored" or finding.slice is not None:
            continue
        there = chosen.get((finding.dataset, finding.metric))
        real = finding.baseline_model is not None and finding.baseline_model not in floor
        if there is None or (real and (there.baseline_model is None or there.baseline_model in floor)):
            chosen[finding.dataset, finding.metric] = finding
    yield from chosen.values()


def _of_metric(table: Evidence, metric: Metric, candidate: str, baseline: str, most: int) -> tuple[list[Failing], int]:
    """The worst `most` examples of one metric, each once, and how many examples fail it."""
    ours_N, theirs_N = _scores(table, metric, candidate), _scores(table, metric, baseline)
    sign = 1.0 if metric.better == "higher" else -1.0
    loss_N = np.nan_to_num(sign * (theirs_N - ours_N), nan=0.0)
    silent_N = table.status[candidate] == FAILED
    right = 1.0 if metric.better == "higher" else 0.0
    short_N = np.zeros(len(ours_N), bool)
    if metric.unit == "share" and metric.kind in ("binary", "mean"):
        short_N = np.isfinite(ours_N) & (sign * (right - ours_N) > 0)
    rank_N = np.where(silent_N, 1, np.where(loss_N > 0, 0, np.where(short_N, 2, 3)))
    rank_N[table.status[candidate] == ABSENT] = 3
    total = len(set(table.example_N[rank_N < 3]))
    return _first(table, metric, (baseline, ours_N, theirs_N), np.lexsort((-loss_N, rank_N)), rank_N, most), total


def _first(
    table: Evidence,
    metric: Metric,
    scores: "tuple[str, np.ndarray, np.ndarray]",
    order_N: "np.ndarray",
    rank_N: "np.ndarray",
    most: int,
) -> list[Failing]:
    baseline, ours_N, theirs_N = scores
    rows: dict[str, Failing] = {}
    for i in order_N:
        if rank_N[i] == 3 or len(rows) == most:
            break
        id = str(table.example_N[i])
        outcome, seed = _ORDER[int(rank_N[i])], int(table.seed_N[i])
        values = _number(ours_N[i]), _number(theirs_N[i])
        rows.setdefault(id, Failing(table.dataset, id, seed, metric.name, outcome, baseline, *values))
    return list(rows.values())


def _scores(table: Evidence, metric: Metric, model: str) -> "np.ndarray":
    """(N,) scores, NaN where the model has none or the row carries no weight."""
    counts_NK = table.counts.get((model, metric.name))
    if counts_NK is None:
        return np.full(len(table.example_N), np.nan)
    with np.errstate(all="ignore"):
        score_N = np.array(metric.summarize(counts_NK), dtype=float)
    score_N[~counts_NK.any(axis=1) | (table.status[model] == ABSENT)] = np.nan
    return score_N


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
