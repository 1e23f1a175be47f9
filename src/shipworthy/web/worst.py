"""Which examples show best what a gate found: those on which the candidate lost most against that gate's baseline."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from shipworthy.metrics.types import Metric
from shipworthy.records import ABSENT, Evidence, Finding


class Loss(NamedTuple):
    """One unit of evidence on which the candidate scored lower than the baseline (in the metric's better direction)."""

    dataset: str
    example_id: str
    seed: int
    metric: str
    baseline: str
    ours: float
    theirs: float


def worst(
    findings: Sequence[Finding],
    evidence: Sequence[Evidence],
    metrics: Mapping[str, Metric],
    *,
    candidate: str,
    most: int,
) -> list[Loss]:
    """The largest losses of the findings that fail (of all, where none fails), one finding after the other in turn.

    Args: findings: worst first; those without a baseline and monitored ones show nothing.
    """
    compared = [finding for finding in findings if finding.baseline_model and finding.level != "monitored"]
    failing = [finding for finding in compared if finding.outcome == "fail"]
    by_dataset = {table.dataset: table for table in evidence}
    rounds = zip_longest(
        *(_losses(f, by_dataset[f.dataset], metrics[f.metric], candidate, most) for f in (failing or compared)[:most])
    )
    chosen: dict[tuple[str, str], Loss] = {}
    for loss in (loss for turn in rounds for loss in turn if loss is not None):
        chosen.setdefault((loss.dataset, loss.example_id), loss)
    return list(chosen.values())[:most]


def _losses(finding: Finding, table: Evidence, metric: Metric, candidate: str, most: int) -> Iterator[Loss]:
    baseline = finding.baseline_model or ""
    ours_NK, base_NK = (table.counts.get((model, metric.name)) for model in (candidate, baseline))
    if ours_NK is None or base_NK is None:
        return
    ours_N, base_N = metric.summarize(ours_NK), metric.summarize(base_NK)
    loss_N = (base_N - ours_N) * (1 if metric.better == "higher" else -1)
    measured_N = ours_NK.any(axis=1) & base_NK.any(axis=1)
    loss_N = np.where(_shown(finding, table, candidate, baseline) & measured_N, loss_N, 0.0)
    seen: set[str] = set()
    for i in np.argsort(-loss_N, kind="stable"):
        example_id = str(table.example_N[i])
        if not loss_N[i] > 0 or len(seen) == most:
            return
        if example_id not in seen:
            seen.add(example_id)
            values = float(ours_N[i]), float(base_N[i])
            yield Loss(table.dataset, example_id, int(table.seed_N[i]), metric.name, baseline, *values)


def _shown(
    finding: Finding, table: Evidence, candidate: str, baseline: str
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Units of the finding's slice that both models were asked."""
    shown_N = (table.status[candidate] != ABSENT) & (table.status[baseline] != ABSENT)
    for column, label in (finding.slice or {}).items():
        if column in table.slices:
            labels = table.slices[column]
            code = labels.names.index(label) if label in labels.names else -2
            shown_N &= labels.code_N == code
    return np.asarray(shown_N)
