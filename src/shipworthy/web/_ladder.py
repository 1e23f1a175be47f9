"""All models side by side: quality by the judge of the gates, latency and cost out of the responses."""

from collections.abc import Sequence

import msgspec
import numpy as np

from shipworthy.gates.judge import judge
from shipworthy.gates.question import Question
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import GateSpec
from shipworthy.records import Evidence, Finding, ModelRole
from shipworthy.web._page import Column, Ladder, LadderRow, Measured, Pareto, ParetoPoint
from shipworthy.web._prices import COST, LATENCY, Prices

_ROLE_ORDER: tuple[ModelRole, ...] = (
    "trivial",
    "pretrained",
    "published",
    "peft",
    "full",
    "production",
    "human",
    "candidate",
)


def ladder(question: Question, evidence: Sequence[Evidence], prices: Prices) -> Ladder:
    """Every model that answered, judged alone on every metric, with its latency and cost."""
    models = sorted(
        {model for table in evidence for model in table.status}, key=lambda m: (_ROLE_ORDER.index(question.roles[m]), m)
    )
    columns = [
        Column(name=name, dataset=question.datasets[name], unit=metric.unit, better=metric.better)
        for name, metric in question.metrics.items()
    ]
    alpha = question.decisions.alpha
    rows = [
        (*_alone(question, evidence, model), prices.latency(model, alpha=alpha), prices.cost(model, alpha=alpha))
        for model in models
    ]
    every = (*columns, LATENCY, COST)
    kept = [i for i in range(len(every)) if any(cells[i].value is not None for cells in rows)]
    return Ladder(
        columns=tuple(every[i] for i in kept),
        rows=tuple(
            LadderRow(model=model, role=question.roles[model], cells=tuple(cells[i] for i in kept))
            for model, cells in zip(models, rows, strict=True)
        ),
    )


def _alone(question: Question, evidence: Sequence[Evidence], model: str) -> tuple[Measured, ...]:
    """One model's value and interval on every metric, by the same judge that judges the candidate."""
    measured = {metric for table in evidence for name, metric in table.counts if name == model}
    metrics = {name: metric for name, metric in question.metrics.items() if name in measured}
    asked = Question(
        candidate=model,
        roles={model: question.roles[model]},
        gates=tuple(_any_value(metric) for metric in metrics.values()),
        metrics=metrics,
        datasets=question.datasets,
        decisions=msgspec.structs.replace(question.decisions, beat_trivial=False),
        dataset_roles=question.dataset_roles,
    )
    found = judge(asked, evidence, rng=np.random.default_rng(0)).metrics
    by_metric = {finding.metric: finding for finding in found if finding.slice is None}
    return tuple(_measured(by_metric.get(name)) for name in question.metrics)


def _any_value(metric: Metric) -> GateSpec:
    """A gate on the metric alone; its limit is never read, only the interval that it makes the judge compute."""
    return GateSpec(
        metric=metric.name,
        at_least=0.0 if metric.better == "higher" else None,
        at_most=None if metric.better == "higher" else 0.0,
    )


def _measured(finding: Finding | None) -> Measured:
    if finding is None:
        return Measured(value=None, low=None, high=None, n=0)
    shown = finding.candidate
    return Measured(value=shown.value, low=shown.low, high=shown.high, n=finding.n)


def paretos(table: Ladder, gates: Sequence[Finding]) -> tuple[Pareto, ...]:
    """The first hard gate's metric that is no price itself, against each price that at least two models have."""
    names = [column.name for column in table.columns]
    quality = next((f.metric for f in gates if f.metric in names and f.unit not in ("s", "usd", "tokens")), None)
    if quality is None:
        return ()
    at = names.index(quality)
    prices = [names.index(column.name) for column in (LATENCY, COST) if column.name in names]
    charts = [_pareto(table, at, price) for price in prices]
    return tuple(chart for chart in charts if len(chart.points) > 1)


def _pareto(ladder: Ladder, quality: int, price: int) -> Pareto:
    points = [
        ParetoPoint(model=row.model, role=row.role, quality=row.cells[quality], price=row.cells[price])
        for row in ladder.rows
        if row.cells[quality].value is not None and row.cells[price].value is not None
    ]
    return Pareto(quality=ladder.columns[quality], price=ladder.columns[price], points=tuple(points))
