"""Before any model is run: what each gate can detect with this many examples, and how many it should have."""

from collections.abc import Mapping
from math import ceil

from shipworthy.gates._rule_cells import GRAVE
from shipworthy.gates.question import CENSUS, Rule, undirected_rule
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import Decisions, GateSpec, Planning, Protocol
from shipworthy.records import Record
from shipworthy.stats.power import (
    design_effect_of,
    detectable,
    detectable_binary,
    detectable_rate,
    examples_flawless,
    examples_for,
    examples_margin,
)
from shipworthy.stats.refusal import MIN_CLUSTERS, clusters_needed, few_clusters, unseen_share


class Size(Record):
    """What a dataset holds: examples, clusters (None: every example is its own) and the labels of its slice columns."""

    n: int
    clusters: int | None = None
    effective: float | None = None
    """as many clusters of one size as these weigh; None: all are of one size"""
    labels: dict[str, dict[str, int]] = {}
    """slice column -> label -> examples"""
    repeats: int = 0
    """examples that ask what another has asked already, and teach nothing new"""


class Power(Record):
    """One row of the power table, in the metric's unit.

    Attributes:
        gate: its name or its metric. slice: None for the whole, else `column=label`.
        n, clusters: what is there. effective_n: independent examples that the clusters are worth.
        limit: the margin, the gain to exceed, or the absolute limit. relative: it is a share of the baseline's value,
            and so is `detectable`.
        detectable: smallest margin that an equal candidate passes (smallest gain above `min_gain`, or distance from
            an absolute limit, that is found) with the declared power; None where the metric has no plan (quantiles,
            corpus values, units other than a share), or where no candidate could lie so far beyond the limit.
        n_needed: examples in all for that power at the declared limit; for an absolute gate those below which not even
            a candidate without a failure passes; None where there is no answer.
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
    relative: bool = False


def explain(
    protocol: Protocol,
    sizes: Mapping[str, Size],
    metrics: Mapping[str, Metric],
    *,
    usd_per_example: Mapping[str, float] | None = None,
    weighed: Mapping[str, Size] | None = None,
) -> list[Power]:
    """The power table of `validate`: one row a gate, then one a slice label that the gate names.

    Uses `planning` of the protocol, by metric where it differs: the share of examples on which two models disagree,
    the sd of a continuous difference, and the intraclass correlation of clusters. `observed` takes it from a run.

    Args:
        sizes: dataset -> what it holds; gates on other datasets are left out.
        weighed: metric -> the part of its dataset that has weight for it, where a condition leaves some out.
        usd_per_example: dataset -> what one more example costs for all models together.
    """
    rows: list[Power] = []
    prices, parts = usd_per_example or {}, weighed or {}
    for gate in protocol.gates:
        dataset = protocol.metrics[gate.metric].dataset
        if dataset in sizes:
            size = parts.get(gate.metric, sizes[dataset])
            rows += _gate_rows(protocol, gate, metrics[gate.metric], size, prices.get(dataset))
    return rows


def _gate_rows(protocol: Protocol, gate: GateSpec, metric: Metric, size: Size, price: float | None) -> list[Power]:
    rule = undirected_rule(gate, metric)
    rows = [_row(protocol, rule, metric, size, price, None, size.n)]
    for column in gate.slices:
        labels = sorted(size.labels.get(column, {}).items(), key=lambda item: item[1])
        held = rule.for_slices()
        rows += [_row(protocol, held, metric, size, price, f"{column}={label}", n) for label, n in labels]
    return rows


def _row(
    protocol: Protocol, rule: Rule, metric: Metric, size: Size, price: float | None, where: str | None, n: int
) -> Power:
    planning, dataset = protocol.planning.of(rule.metric), protocol.metrics[rule.metric].dataset
    census = not rule.compares and protocol.datasets[dataset].role in CENSUS
    clusters = n if size.clusters is None else max(1, round(size.clusters * n / max(size.n, 1)))
    effective = clusters * (size.effective / size.clusters if size.effective and size.clusters else 1.0)
    copies = max(size.n, 1) / max(size.n - size.repeats, 1)
    effect = copies * design_effect_of(n / copies / clusters, planning.intraclass) if clusters else 1.0
    plan = _Plan(rule, metric, planning, protocol.decisions)
    found = None if census else plan.detectable(n / effect)
    wanted = None if census else plan.needed(n, effect)
    needed = n if census else None if wanted is None else max(wanted, _floor(n, clusters, effective))
    missing = 0 if needed is None else max(0, needed - n)
    unit = "examples" if size.clusters is None else "clusters"
    few = f"{clusters} {unit} are too few to judge; {MIN_CLUSTERS} are needed" if clusters < MIN_CLUSTERS else ""
    few = few or few_clusters(clusters, effective) or ("" if rule.compares else metric.compared_only)
    return Power(
        gate=rule.name,
        metric=rule.metric,
        slice=where,
        n=n,
        clusters=clusters,
        effective_n=n / effect,
        limit=rule.limit,
        detectable=found,
        n_needed=needed,
        enough=needed is not None and n >= needed,
        cost_usd=missing * price if price is not None and needed is not None else None,
        says=f"{n:,} cases, read as they are" if census else few or plan.says(n, found, needed),
        relative=rule.relative,
    )


def _floor(n: int, clusters: int, effective: float) -> int:
    return ceil(clusters_needed(clusters, effective) * n / max(effective, 1.0) - 1e-9)


class _Plan:
    """The variance one example is expected to add, and what follows from it for one gate."""

    def __init__(self, rule: Rule, metric: Metric, planning: Planning, decisions: Decisions) -> None:
        self._rule, self._unit = rule, metric.unit
        self._binary = metric.kind == "binary" and not rule.relative
        self._alpha, self._power = decisions.alpha, decisions.power
        self._margin = rule.kind == "non_inferior"
        self._disagreement = planning.disagreement
        self._variance = self._of(metric, planning)

    def _of(self, metric: Metric, planning: Planning) -> float | None:
        if self._rule.relative:
            known = planning.relative_sd is not None and metric.kind in ("binary", "mean", "corpus")
            return (planning.relative_sd or 0.0) ** 2 if known else None
        if metric.unit != "share" or metric.kind not in ("binary", "mean"):
            return None
        if not self._binary:
            return planning.sd**2
        if self._rule.compares:
            return planning.disagreement
        return max(self._rule.limit * (1 - self._rule.limit), 0.01)

    def detectable(self, effective_n: float) -> float | None:
        if self._variance is None or effective_n < 2:
            return None
        alpha, power = self._alpha, self._power
        if self._binary and self._margin:
            return detectable_binary(int(effective_n), self._disagreement, alpha=alpha, power=power, grave=GRAVE)
        if self._binary and not self._rule.compares:
            return (
                detectable_rate(int(effective_n), self._room(), alpha=alpha, power=power) if self._room() > 0 else None
            )
        found = detectable(int(effective_n), self._variance, alpha=alpha, power=power)
        if not self._binary and not self._rule.relative:
            found = max(found, float(unseen_share(effective_n, alpha=alpha)))
        return None if found > self._room() else found

    def needed(self, n: int, effect: float) -> int | None:
        """Only a margin names the distance that must be found. For an absolute gate the truth decides it, but below
        some n nothing passes."""
        if self._variance is None or self._rule.kind == "superior":
            return None
        if not self._margin:
            plain = examples_flawless(1 - self._room(), alpha=self._alpha) if self._binary else None
            return None if plain is None or plain * effect <= n else ceil(plain * effect)
        if self._binary:
            plain = examples_margin(
                self._disagreement, margin=self._rule.limit, alpha=self._alpha, power=self._power, grave=GRAVE
            )
        else:
            plain = examples_for(self._rule.limit, self._variance, alpha=self._alpha, power=self._power)
            unseen = None if self._rule.relative else examples_flawless(1 - self._rule.limit, alpha=self._alpha)
            plain = plain if plain is None or unseen is None else max(plain, unseen)  # answers that lose everything
        return None if plain is None else ceil(plain * effect - 1e-9)

    def says(self, n: int, found: float | None, needed: int | None) -> str:
        limit = f"{100 * self._rule.limit:g}%" if self._rule.relative else f"{self._rule.limit:g}"
        least = f"{100 * (found or 0):.3g}%" if self._rule.relative else f"{found or 0:.3g}"
        finds = f"{n:,} examples find {least} with {self._power:.0%} power"
        if self._variance is None and self._rule.relative:
            return f"{n:,} examples; no plan for a margin in percent without `planning: relative_sd`, or --from RUN"
        if self._variance is None:
            return f"{n:,} examples; no plan for {self._unit or 'this unit'}: the spread is known after the first run"
        if not self._rule.compares and self._room() <= 0:
            return f"no sample shows a share of exactly {limit}; role golden, regression or unit reads it as it is"
        if not self._margin and needed is not None:
            return f"{n:,} examples cannot show {limit}: below {needed:,} not even one without a failure passes"
        if found is None:
            return f"{n:,} examples show {limit} only for a candidate that hardly ever fails"
        if needed is None:
            return finds
        return (
            f"{finds}, enough for the margin of {limit}"
            if n >= needed
            else f"{finds}; the margin of {limit} needs {needed:,}"
        )

    def _room(self) -> float:
        """How far beyond an absolute limit a share can lie; a gain has all the room there is."""
        room = {"at_least": 1 - self._rule.limit, "at_most": self._rule.limit}
        return room.get(self._rule.kind, 1.0)
