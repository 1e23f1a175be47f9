"""A metric that a run's verdict states, where its kind is not one of Shipworthy's own and no code may be loaded."""

from collections.abc import Sequence

import numpy as np

from shipworthy.errors import BadInput, MissingEvidence
from shipworthy.metrics.types import Kind, Metric, mean_of
from shipworthy.records import ANSWERED, FAILED, Evidence, Example, Finding, Response
from shipworthy.store import RunFolder

_KINDS: dict[str, Kind] = {"tango": "binary", "cr1_t": "mean"}
_CLOSE = 1e-9


def stated(name: str, runs: Sequence[tuple[RunFolder, Evidence]]) -> Metric | None:
    """The metric as the verdicts state its unit, direction and method; None where they do not suffice.

    Only means of (value, 1) are taken, and only where the means of the evidence are the values that the verdict gives.
    """
    findings = [(finding, evidence) for folder, evidence in runs for finding in _findings(folder, name)]
    found = {(one.unit, one.better, one.method) for one, _ in findings if one.method in _KINDS}
    if len(found) != 1 or not all(_borne_out(finding, evidence) for finding, evidence in findings):
        return None
    unit, better, method = next(iter(found))
    values = np.concatenate([counts for _, evidence in runs for counts in _counts(evidence, name, ANSWERED)])
    failures = np.concatenate([counts for _, evidence in runs for counts in _counts(evidence, name, FAILED)])
    if values.shape[1] != 2 or not (values[:, 1] == 1).all():
        return None
    worst = failures[0] if len(failures) else (values.min() if better == "higher" else values[:, 0].max(), 1.0)
    return Metric(
        name=name,
        unit=unit,
        better=better,
        kind=_KINDS[method],
        observe=_not_observed,
        failure=(float(worst[0]), float(worst[1])),
        source="as the verdict of its run states it",
    )


def _findings(folder: RunFolder, name: str) -> list[Finding]:
    try:
        verdict = folder.verdict()
    except BadInput:
        return []
    return [one for one in verdict.metrics if one.metric == name and one.slice is None]


def _borne_out(finding: Finding, evidence: Evidence) -> bool:
    """Whether some model's mean in the evidence is the value that the finding gives its candidate."""
    means = [
        float(mean_of(counts[evidence.status[model] != 2].sum(axis=0)))
        for (model, metric), counts in evidence.counts.items()
        if metric == finding.metric and counts.shape[1] == 2
    ]
    value = finding.candidate.value
    return value is not None and any(abs(mean - value) <= _CLOSE * max(1.0, abs(value)) for mean in means)


def _counts(evidence: Evidence, name: str, status: int) -> list[np.ndarray]:
    return [
        counts[evidence.status[model] == status]
        for (model, metric), counts in evidence.counts.items()
        if metric == name
    ]


def _not_observed(example: Example, response: Response) -> tuple[float, ...]:
    raise MissingEvidence(f"the score of {example.id!r} and {response.model!r} comes from a run, not from an answer")
