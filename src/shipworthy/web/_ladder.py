"""All models side by side: the ladder and frontier of the gates, with latency and cost out of the responses."""

from collections.abc import Sequence

import msgspec
import numpy as np

from shipworthy import gates
from shipworthy.gates import Question
from shipworthy.gates._ladder import Rung
from shipworthy.records import Evidence, Finding, Interval, ModelRole
from shipworthy.web._page import Column, Ladder, LadderRow, Measured, Pareto, ParetoPoint, Place
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
_NOTHING = Measured(value=None, low=None, high=None, n=0)


def ladder(question: Question, evidence: Sequence[Evidence], prices: Prices) -> Ladder:
    """Every model by role on every metric, with its latency and cost; columns that nobody has are left out."""
    columns = [
        Column(name=name, dataset=question.datasets[name], unit=metric.unit, better=metric.better)
        for name, metric in question.metrics.items()
    ]
    rungs = gates.ladder(question, evidence, rng=np.random.default_rng(0))
    rungs.sort(key=lambda rung: _ROLE_ORDER.index(rung.role))
    alpha = question.decisions.alpha
    rows = [
        LadderRow(
            model=rung.model,
            role=rung.role,
            cells=(
                *(_measured(rung.cells.get(name), rung.n.get(name, 0)) for name in question.metrics),
                prices.latency(rung.model, alpha=alpha),
                prices.cost(rung.model, alpha=alpha),
            ),
        )
        for rung in rungs
    ]
    return _without_empty_columns(Ladder(columns=(*columns, LATENCY, COST), rows=tuple(rows)))


def paretos(table: Ladder, findings: Sequence[Finding]) -> tuple[Pareto, ...]:
    """The first gate's metric that is no price itself, against each price that at least two models have."""
    names = [column.name for column in table.columns]
    gating = (f for f in findings if f.level != "monitored" and f.metric in names)
    quality = next((f.metric for f in gating if f.unit not in ("s", "usd", "tokens")), None)
    if quality is None:
        return ()
    at = names.index(quality)
    charts = [_pareto(table, at, names.index(price.name)) for price in (LATENCY, COST) if price.name in names]
    return tuple(chart for chart in charts if len(chart.points) > 1)


def _pareto(table: Ladder, quality: int, price: int) -> Pareto:
    rows = [row for row in table.rows if row.cells[quality].value is not None and row.cells[price].value is not None]
    columns = table.columns[quality], table.columns[price]
    if not rows:
        return Pareto(quality=columns[0], price=columns[1], points=())
    rungs = [_rung(row, table.columns) for row in rows]
    standings = gates.pareto(rungs, [column.name for column in columns])
    points = [
        ParetoPoint(
            model=row.model,
            role=row.role,
            quality=row.cells[quality],
            price=row.cells[price],
            place=_place(beaten=bool(standing.dominated_by), sure=standing.sure),
            says=standing.says,
        )
        for row, standing in zip(rows, standings, strict=True)
    ]
    return Pareto(quality=columns[0], price=columns[1], points=tuple(points))


def _place(*, beaten: bool, sure: bool) -> Place:
    if not beaten:
        return "frontier"
    return "dominated" if sure else "within_noise"


def _rung(row: LadderRow, columns: Sequence[Column]) -> Rung:
    """A row as the gates see it, prices beside metrics."""
    named = {column.name: (column, cell) for column, cell in zip(columns, row.cells, strict=True)}
    return Rung(
        model=row.model,
        role=row.role or "candidate",
        cells={name: Interval(value=cell.value, low=cell.low, high=cell.high) for name, (_, cell) in named.items()},
        n={name: cell.n for name, (_, cell) in named.items()},
        method={},
        unit={name: column.unit for name, (column, _) in named.items()},
        better={name: column.better for name, (column, _) in named.items()},
    )


def _measured(shown: Interval | None, n: int) -> Measured:
    return _NOTHING if shown is None else Measured(value=shown.value, low=shown.low, high=shown.high, n=n)


def _without_empty_columns(table: Ladder) -> Ladder:
    kept = [i for i in range(len(table.columns)) if any(row.cells[i].value is not None for row in table.rows)]
    return Ladder(
        columns=tuple(table.columns[i] for i in kept),
        rows=tuple(msgspec.structs.replace(row, cells=tuple(row.cells[i] for i in kept)) for row in table.rows),
    )
