"""Before any model is run: what each gate can detect with this many examples, and how many it should have."""

from collections.abc import Mapping, Sequence

from shipworthy.gates.question import DEFAULT_MARGIN
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import GateSpec, Planning, Protocol
from shipworthy.records import Record
from shipworthy.stats.power import design_effect_of, detectable, detectable_binary, examples_binary, examples_for
from shipworthy.stats.refusal import MIN_CLUSTERS


class Size(Record):
    """What a dataset holds: examples, clusters (None: every example is its own) and the labels of its slice columns."""

    n: int
    clusters: int | None = None
    labels: dict[str, dict[str, int]] = {}
    """slice column -> label -> examples"""


class Power(Record):
    """One row of the power table, in the metric's unit.

    Attributes:
        gate: its name or its metric. slice: None for the whole, else `column=label`.
        n, clusters: what is there. effective_n: independent examples that the clusters are worth.
        limit: the margin, the gain to exceed, or the absolute limit.
        detectable: smallest margin that an equal candidate passes (smallest gain above `min_gain`, or distance from
            an absolute limit, that is found) with the declared power; None where the metric has no plan (quantiles,
            corpus values, units other than a share).
        n_needed: examples in all for that power at the declared limit; None where there is no answer.
        enough: `n_needed` is there. cost_usd: price of the missing examples for every model, where one is known.
    """

    gate: str
    metric: str
    slice: str | None
    n: int
    clusters: int
    effective_n: float
    limit: float
    detectable: float | None
    n_needed: int | None
    enough: bool
    cost_usd: float | None
    says: str


def explain(
    protocol: Protocol,
    sizes: Mapping[str, Size],
    metrics: Mapping[str, Metric],
    *,
    usd_per_example: Mapping[str, float] | None = None,
) -> list[Power]:
    """The power table of `validate`: one row a gate, then one a slice label that the gate names.

    Uses `planning` of the protocol, by metric where it differs: the share of examples on which two models disagree,
    the sd of a continuous difference, and the intraclass correlation of clusters. `observed` takes it from a run.

    Args:
        sizes: dataset -> what it holds; gates on other datasets are left out.
        usd_per_example: dataset -> what one more example costs for all models together.
    """
    rows: list[Power] = []
    prices = usd_per_example or {}
    for gate in protocol.gates:
        dataset = protocol.metrics[gate.metric].dataset
        if dataset in sizes:
            rows += _gate_rows(protocol, gate, metrics[gate.metric], sizes[dataset], prices.get(dataset))
    return rows


def _gate_rows(protocol: Protocol, gate: GateSpec, metric: Metric, size: Size, price: float | None) -> list[Power]:
    rows = [_row(protocol, gate, metric, size, price, None, size.n)]
    for column in gate.slices:
        labels = sorted(size.labels.get(column, {}).items(), key=lambda item: item[1])
        rows += [_row(protocol, gate, metric, size, price, f"{column}={label}", n) for label, n in labels]
    return rows


def _row(
    protocol: Protocol, gate: GateSpec, metric: Metric, size: Size, price: float | None, where: str | None, n: int
) -> Power:
    decisions, planning = protocol.decisions, protocol.planning.of(gate.metric)
    share = n / max(size.n, 1)
    clusters = n if size.clusters is None else max(1, round(size.clusters * share))
    effect = design_effect_of(n / clusters, planning.intraclass) if clusters else 1.0
    limit = gate.slice_margin if where else _limit(gate)
    plan = _Plan(gate, metric, planning, limit, decisions.alpha, decisions.power)
    found = plan.detectable(n / effect)
    wanted = plan.needed(effect)
    needed = None if wanted is None else max(wanted, _floor(n, clusters))
    enough = needed is not None and n >= needed
    missing = 0 if needed is None else max(0, needed - n)
    cost = missing * price if price is not None and needed is not None else None
    return Power(
        gate=gate.name or gate.metric,
        metric=gate.metric,
        slice=where,
        n=n,
        clusters=clusters,
        effective_n=n / effect,
        limit=limit,
        detectable=found,
        n_needed=needed,
        enough=enough,
        cost_usd=cost,
        says=_says(n, found, needed, limit, metric.unit, decisions.power, clusters),
    )


def _limit(gate: GateSpec) -> float:
    declared: Sequence[float | None] = (gate.margin, gate.min_gain, gate.at_least, gate.at_most)
    return next((value for value in declared if value is not None), DEFAULT_MARGIN)


def _floor(n: int, clusters: int) -> int:
    return -(-MIN_CLUSTERS * n // max(clusters, 1))


class _Plan:
    """The variance one example is expected to add, and what follows from it for one gate."""

    def __init__(
        self, gate: GateSpec, metric: Metric, planning: Planning, limit: float, alpha: float, power: float
    ) -> None:
        self._absolute = gate.at_least is not None or gate.at_most is not None
        self._superior = gate.min_gain is not None
        self._binary = metric.kind == "binary"
        self._limit, self._alpha, self._power = limit, alpha, power
        self._variance = self._of(gate, metric, planning)
        self._disagreement = planning.disagreement

    def _of(self, gate: GateSpec, metric: Metric, planning: Planning) -> float | None:
        if metric.unit != "share" or metric.kind not in ("binary", "mean"):
            return None
        if not self._binary:
            return planning.sd**2
        if self._absolute:
            rate = gate.at_least if gate.at_least is not None else gate.at_most or 0.0
            return max(rate * (1 - rate), 0.01)
        return planning.disagreement

    def detectable(self, effective_n: float) -> float | None:
        if self._variance is None or effective_n < 2:
            return None
        if self._binary and not self._absolute and not self._superior:
            return detectable_binary(int(effective_n), self._disagreement, alpha=self._alpha, power=self._power)
        return detectable(int(effective_n), self._variance, alpha=self._alpha, power=self._power)

    def needed(self, effect: float) -> int | None:
        """Only a margin names the distance that must be found; for other gates the truth decides it."""
        if self._variance is None or self._absolute or self._superior:
            return None
        if self._binary:
            plain = examples_binary(self._disagreement, margin=self._limit, alpha=self._alpha, power=self._power)
        else:
            plain = examples_for(self._limit, self._variance, alpha=self._alpha, power=self._power)
        return None if plain is None else int(-(-plain * effect // 1))


def _says(n: int, found: float | None, needed: int | None, limit: float, unit: str, power: float, clusters: int) -> str:
    if clusters < MIN_CLUSTERS:
        return f"{clusters} clusters are too few to judge; {MIN_CLUSTERS} are needed"
    if found is None:
        return f"{n:,} examples; no plan for {unit or 'this unit'}: the spread is known after the first run"
    finds = f"{n:,} examples find {found:.3g} with {power:.0%} power"
    if needed is None:
        return finds
    if n >= needed:
        return f"{finds}, enough for the margin of {limit:g}"
    return f"{finds}; the margin of {limit:g} needs {needed:,}"
