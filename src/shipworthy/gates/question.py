"""What is asked of the evidence: who is judged against whom, on which metrics, by which rules."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from shipworthy import records
from shipworthy.errors import BadInput, MissingEvidence
from shipworthy.gates.limits import meant, refuse_impossible
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import Decisions, GateSpec, Planning, PublishedNumber
from shipworthy.records import DatasetRole, ModelRole

RuleKind = Literal["non_inferior", "superior", "at_least", "at_most"]
SLICE_MARGINS = 2.5
"""A slice may lose so many of the metric's own margins, where the gate does not say how much."""
RELATIVE_SLICE_MARGIN = 0.05
"""What a slice may lose of the baseline's value under a gain in percent, where the gate does not say how much."""
BASELINE_ORDER: tuple[ModelRole, ...] = ("production", "full", "peft", "pretrained", "human", "published", "trivial")
"""Whose place is the baseline's where nobody named one: the first role of this order that has a model."""
CENSUS: tuple[DatasetRole, ...] = ("golden", "regression", "unit")
"""Fixed lists of cases: an absolute gate over one reads the value itself, there is nothing to generalise to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything the judge needs besides the evidence.

    Attributes:
        candidate: name of the model under judgement.
        roles: every model's role, the candidate's included. Published models have a role and no evidence.
        gates: the declared rules, in the order in which they are reported.
        metrics: name in the protocol -> how it is scored. Metrics that no gate names are monitored.
        datasets: metric name -> name of the dataset whose evidence holds it.
        dataset_roles: dataset -> role; one that is not listed counts as "test".
        slices: slice columns that are reported for every metric and gate nothing (a gate names its own).
        published: model -> metric -> number from a paper; only unpaired comparison is possible with it.
        facts: model -> what must be alike for a fair comparison: "prompt", "tokenizer", "precision", "batch_size",
            "scorer", ... -> any printable value. "temperature" above 0 asks for several seeds.
        loads: model -> under what its seconds were measured ("measured", "in flight", "order", "batch", "warm-up").
        warnings: what the readers of the data have already seen.
        unpaired: the candidate and the others answered different rows, arms that chance dealt; `split` is the share
            that was meant for the candidate, None: nobody said.
        texts_read: the answers themselves were looked at, so `constant_output` is known from them and not from scores.
        planning: what is believed before the results, for the size a slice needs before it can gate.
    """

    candidate: str
    roles: Mapping[str, ModelRole]
    gates: tuple[GateSpec, ...]
    metrics: Mapping[str, Metric]
    datasets: Mapping[str, str]
    decisions: Decisions = field(default_factory=Decisions)
    dataset_roles: Mapping[str, DatasetRole] = field(default_factory=dict)
    slices: tuple[str, ...] = ()
    published: Mapping[str, Mapping[str, PublishedNumber]] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    loads: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    warnings: tuple[records.Warning, ...] = ()
    planning: Planning = field(default_factory=Planning)
    texts_read: bool = False
    unpaired: bool = False
    split: float | None = None

    def __post_init__(self) -> None:
        if self.candidate not in self.roles:
            raise BadInput(f"the candidate {self.candidate!r} has no role; known models: {', '.join(self.roles)}")

    def baselines(self) -> list[str]:
        """Every model but the candidate, in the order in which they stand in for an unnamed baseline."""
        others = [name for name, role in self.roles.items() if name != self.candidate and role != "candidate"]
        return sorted(others, key=lambda name: BASELINE_ORDER.index(self.roles[name]))

    def role_of(self, metric: str) -> DatasetRole:
        return self.dataset_roles.get(self.datasets[metric], "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One gate with every default filled in. `limit` is the margin, the gain to exceed or the absolute limit.

    `slice_margin`: what a slice may lose, or by how much it may miss an absolute limit. `slice_reach`: the distance
    from an absolute limit that a slice must be able to show before it gates. `relative`: `limit` and `slice_margin`
    are shares of the baseline's value. `defaulted`: nobody said the margin, it is the metric's own.
    """

    name: str
    metric: str
    baseline: str | None
    kind: RuleKind
    limit: float
    level: Literal["hard", "soft", "monitored"]
    fail_fast: bool = False
    slices: tuple[str, ...] = ()
    slice_margin: float = 0.05
    slice_reach: float = 0.05
    relative: bool = False
    defaulted: bool = False
    require_absent: tuple[str, ...] = ()

    @property
    def compares(self) -> bool:
        return self.kind in ("non_inferior", "superior")

    def for_slices(self) -> "Rule":
        """The rule every slice is held to: lose at most `slice_margin`; an absolute limit is itself, unless the gate
        names a `slice_margin` by which a slice may miss it."""
        if self.compares:
            return dataclasses.replace(self, kind="non_inferior", limit=self.slice_margin)
        give = self.slice_margin if self.kind == "at_most" else -self.slice_margin
        return dataclasses.replace(self, limit=self.limit + give)

    @property
    def threshold(self) -> float:
        """What the whole interval of a passing gate lies beyond, in the metric's unit."""
        return -self.limit if self.kind == "non_inferior" else self.limit

    @property
    def reference(self) -> float:
        """What the whole interval of a failing gate falls short of: any loss is shown, or the limit is missed."""
        return 0.0 if self.kind == "non_inferior" else max(self.limit, 0.0) if self.compares else self.limit


def declared_rules(question: Question) -> list[Rule]:
    """The rules of the protocol, those that fail fast first.

    Raises: MissingEvidence: a gate names a metric that is not measured, or compares and there is no baseline.
    """
    rules = [_rule(question, spec) for spec in question.gates]
    return sorted(rules, key=lambda rule: not rule.fail_fast)


def notes(question: Question) -> dict[str, str]:
    """Gate -> why it exists, of the gates whose protocol says so."""
    return {_rule(question, spec).name: spec.note for spec in question.gates if spec.note}


def undirected_rule(spec: GateSpec, metric: Metric) -> Rule:
    """The rule before it is known which models there are, for planning; the baseline is as the gate names it."""
    kind, limit, relative = _kind_and_limit(spec, metric)
    return Rule(
        name=spec.name or spec.metric,
        metric=spec.metric,
        baseline=spec.baseline,
        kind=kind,
        limit=limit,
        level=spec.level,
        slices=spec.slices,
        slice_margin=_slice_margin(spec, metric),
        slice_reach=SLICE_MARGINS * metric.margin,
        relative=relative,
    )


def _rule(question: Question, spec: GateSpec) -> Rule:
    if spec.metric not in question.metrics:
        known = ", ".join(sorted(question.metrics))
        raise MissingEvidence(f"a gate asks for {spec.metric!r}; measured: {known}. Add it under `metrics:`")
    metric = question.metrics[spec.metric]
    refuse_impossible(spec, metric)
    kind, limit, relative = _kind_and_limit(spec, metric)
    compares = kind in ("non_inferior", "superior")
    baseline = _baseline(question, spec) if compares else None
    return Rule(
        name=spec.name or _name(spec.metric, kind, baseline),
        metric=spec.metric,
        baseline=baseline,
        kind=kind,
        limit=limit,
        level=spec.level,
        fail_fast=spec.fail_fast,
        slices=spec.slices,
        slice_margin=_slice_margin(spec, metric),
        slice_reach=SLICE_MARGINS * metric.margin,
        relative=relative,
        defaulted=kind == "non_inferior" and spec.margin is None,
        require_absent=spec.require_absent,
    )


def _kind_and_limit(spec: GateSpec, metric: Metric) -> tuple[RuleKind, float, bool]:
    """The rule, its limit, and whether that is a share of the baseline's value."""
    if spec.min_gain is not None:
        return "superior", *meant(spec.min_gain, metric)
    if spec.at_least is not None:
        return "at_least", spec.at_least, False
    if spec.at_most is not None:
        return "at_most", spec.at_most, False
    return "non_inferior", *(meant(spec.margin, metric) if spec.margin is not None else (metric.margin, False))


def _slice_margin(spec: GateSpec, metric: Metric) -> float:
    """As declared; else nothing of an absolute limit, of a margin in percent 2.5 times that (5 % under a gain), and
    2.5 of the metric's own margins otherwise, never less than the whole may lose."""
    if spec.slice_margin is not None:
        return meant(spec.slice_margin, metric)[0]
    kind, limit, relative = _kind_and_limit(spec, metric)
    if kind in ("at_least", "at_most"):
        return 0.0
    if relative:
        return SLICE_MARGINS * limit if kind == "non_inferior" else RELATIVE_SLICE_MARGIN
    return max(SLICE_MARGINS * metric.margin, limit if kind == "non_inferior" else 0.0)


def _baseline(question: Question, spec: GateSpec) -> str:
    known = question.baselines()
    if spec.baseline is None and known:
        return known[0]
    if spec.baseline in known:
        return spec.baseline
    asked = "needs a baseline" if spec.baseline is None else f"names the baseline {spec.baseline!r}"
    raise MissingEvidence(f"the gate on {spec.metric!r} {asked}; known: {', '.join(known) or 'none'}")


def _name(metric: str, kind: RuleKind, baseline: str | None) -> str:
    words = {"non_inferior": "not worse than", "superior": "better than", "at_least": "at least", "at_most": "at most"}
    return f"{metric} {words[kind]} {baseline}" if baseline else f"{metric} {words[kind]} its limit"
