"""From limits and p-values to pass, fail or inconclusive: multiplicity, power and the slices a gate can hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from shipworthy.gates._compare import Comparison
from shipworthy.gates.question import CENSUS, Question, Rule
from shipworthy.records import Outcome
from shipworthy.stats.multiplicity import benjamini_hochberg, hierarchical_holm
from shipworthy.stats.power import design_effect_of, examples_binary, examples_for, examples_to_settle

_EPSILON = 1e-12
_CHANCE = 0.5
"""A slice gates when an equal candidate would pass there at least this often, by what the protocol plans for."""
_FAR = 10**9
GRAVE_MARGINS, GRAVE_ALPHA = 2.5, 0.002
"""A loss of 2.5 margins must be ruled out at 1 in 500 as well: it only asks more where n is small (decision 0051)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One rule on the whole or on one slice, before and after the decision.

    `rule` is the slice's own (see `Rule.for_slices`) where `slice` is set. `gates`: it must pass before a candidate is
    promoted; a slice too small for that is only watched, and still blocks when it is shown worse.
    """

    rule: Rule
    comparison: Comparison
    index: int
    slice: dict[str, str] | None
    census: bool
    gates: bool
    refused: str | None
    p_fail: float
    passes: bool
    needed_to_gate: int = 0

    @property
    def judged(self) -> bool:
        return self.refused is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A cell with its outcome and, where it is inconclusive, the number of examples in all that would settle it."""

    cell: Cell
    outcome: Outcome
    n_needed: int | None
    forbidden: str | None = None


def all_cells(question: Question, rules: Sequence[Rule], comparisons: Sequence[Comparison]) -> list[Cell]:
    """The cells of every rule, in order; the monitored slices of a metric stand once, under its first rule."""
    watched: set[str] = set()
    cells: list[Cell] = []
    for rule, comparison in zip(rules, comparisons, strict=True):
        columns = () if rule.metric in watched else question.slices
        watched.add(rule.metric)
        cells += _cells_of(question, rule, comparison, columns)
    return cells


def _cells_of(question: Question, rule: Rule, comparison: Comparison, watched: Sequence[str]) -> list[Cell]:
    """The whole, the labels of the gate's own slice columns, and those of the watched ones."""
    cells = [_cell(question, rule, comparison, 0, None)]
    for index, name in enumerate(comparison.contrast.names[1:], start=1):
        column = next(iter(name or {}))
        own = column in rule.slices
        if own or column in watched:
            held = rule.for_slices() if own else _monitored(rule.for_slices())
            cells.append(_cell(question, held, comparison, index, name))
    return cells


def decide(question: Question, cells: Sequence[Cell]) -> list[Judged]:
    """Outcomes of all cells: hard ones under hierarchical Holm, soft and monitored ones under Benjamini-Hochberg."""
    decisions = question.decisions
    fails = {id(cell) for cell in _hard_failures(cells, decisions.alpha)}
    for level in ("soft", "monitored"):
        fails |= {id(cell) for cell in _false_discovery(cells, level, decisions.soft_fdr)}
    return [_judged(question, cell, failed=id(cell) in fails) for cell in cells]


def _monitored(rule: Rule) -> Rule:
    return replace(rule, level="monitored")


def _cell(question: Question, rule: Rule, comparison: Comparison, index: int, name: dict[str, str] | None) -> Cell:
    found = comparison.contrast
    census = not rule.compares and question.role_of(rule.metric) in CENSUS
    needed = 0 if name is None else size_to_gate(question, rule, comparison)
    refused = None if census else found.refused[index]
    if question.decisions.missing == "fail" and comparison.pair.missing:
        refused = _gaps(comparison)
    return Cell(
        rule=rule,
        comparison=comparison,
        index=index,
        slice=name,
        census=census,
        gates=found.n_S[index] >= needed and (name is None or found.refused[index] is None),
        refused=refused,
        p_fail=_p_fail(rule, comparison, index, census=census),
        passes=refused is None and _passes(rule, comparison, index, census=census),
        needed_to_gate=needed,
    )


def _gaps(comparison: Comparison) -> str:
    where = f" ({comparison.pair.missing_where})" if comparison.pair.missing_where else ""
    return (
        f"{comparison.pair.missing:,} examples have no row for one of the models{where}, and the policy for missing "
        "examples is `fail`; complete them, or choose `wrong` or `common`"
    )


def _passes(rule: Rule, comparison: Comparison, index: int, *, census: bool) -> bool:
    tested = comparison.contrast.tested
    low, high = (tested.value_S, tested.value_S) if census else (tested.low_S, tested.high_S)
    if rule.kind == "at_most":
        return bool(high[index] <= rule.limit + _EPSILON)
    if rule.kind == "at_least":
        return bool(low[index] >= rule.limit - _EPSILON)
    return within_limit(rule, comparison, index) and _no_grave_loss(rule, comparison, index)


def within_limit(rule: Rule, comparison: Comparison, index: int) -> bool:
    """The lower limit of the gain lies above -margin, or above the gain to exceed."""
    return bool(comparison.contrast.tested.low_S[index] > rule.threshold + _EPSILON)


def _no_grave_loss(rule: Rule, comparison: Comparison, index: int) -> bool:
    if rule.kind != "non_inferior" or rule.limit == 0:
        return True
    return bool(comparison.contrast.p_at_most(-GRAVE_MARGINS * rule.limit)[index] <= GRAVE_ALPHA)


def _p_fail(rule: Rule, comparison: Comparison, index: int, *, census: bool) -> float:
    if census:
        return 0.0 if not _passes(rule, comparison, index, census=True) else 1.0
    test = comparison.contrast.p_at_most if rule.kind == "at_most" else comparison.contrast.p_at_least
    return float(np.clip(np.nan_to_num(test(rule.reference)[index], nan=1.0), 0, 1))


def _hard_failures(cells: Sequence[Cell], alpha: float) -> list[Cell]:
    hard = [cell for cell in cells if cell.rule.level == "hard" and cell.judged]
    overall = [cell for cell in hard if cell.slice is None]
    slices = [cell for cell in hard if cell.slice is not None]
    adjusted = hierarchical_holm([cell.p_fail for cell in overall], [cell.p_fail for cell in slices])
    both = zip([*overall, *slices], [*adjusted.overall, *adjusted.cells], strict=True)
    return [cell for cell, p in both if p <= alpha and not cell.passes]


def _false_discovery(cells: Sequence[Cell], level: str, rate: float) -> list[Cell]:
    family = [cell for cell in cells if cell.rule.level == level and cell.judged]
    if not family:
        return []
    adjusted = benjamini_hochberg([cell.p_fail for cell in family])
    return [cell for cell, p in zip(family, adjusted, strict=True) if p <= rate and not cell.passes]


def _judged(question: Question, cell: Cell, *, failed: bool) -> Judged:
    outcome: Outcome = "fail" if failed else "pass" if cell.passes else "inconclusive"
    needed = _needed(question, cell) if outcome == "inconclusive" else None
    return Judged(cell=cell, outcome=outcome, n_needed=needed)


def _needed(question: Question, cell: Cell) -> int | None:
    """Examples in all at which the gate settles with the declared power, on the variance observed.

    First what an equal candidate would need; where that many are there already, what the observed gain would.
    """
    found, rule = cell.comparison.contrast, cell.rule
    alpha, power = question.decisions.alpha, question.decisions.power
    n, variance = int(found.n_S[cell.index]), float(found.variance_S[cell.index])
    if not np.isfinite(variance) or (cell.refused is not None and found.refused[cell.index] is None):
        return None
    sign = -1.0 if rule.kind == "at_most" else 1.0
    value = sign * float(found.tested.value_S[cell.index])
    above, below = sign * rule.threshold, sign * rule.reference
    wanted = examples_for(rule.limit, variance, alpha=alpha, power=power) if rule.kind == "non_inferior" else None
    if wanted is None or wanted <= n:
        wanted = examples_to_settle(value, variance, pass_above=above, fail_below=below, alpha=alpha, power=power)
    if rule.kind == "non_inferior" and cell.refused is None and within_limit(rule, cell.comparison, cell.index):
        wanted = examples_for(value + GRAVE_MARGINS * rule.limit, variance, alpha=GRAVE_ALPHA, power=power)
    floor = _smallest(cell)
    wanted = floor or None if wanted is None else max(wanted, floor)
    return None if wanted is None or wanted > _FAR else max(wanted, n + 1)


def _smallest(cell: Cell) -> int:
    """The n below which a refused sample stays refused: 20 clusters of the size seen, 100 where scores are skewed."""
    found = cell.comparison.contrast
    if found.refused[cell.index] is None:
        return 0
    n, clusters = float(found.n_S[cell.index]), float(found.clusters_S[cell.index])
    return 100 if clusters >= 20 else ceil(20 * n / max(clusters, 1.0))


def size_to_gate(question: Question, rule: Rule, comparison: Comparison) -> int:
    """How many examples a slice needs before it gates, by what was planned before any result was seen.

    Depends on nothing observed but the sizes of clusters: a slice cannot escape its gate by how it comes out.
    """
    planning, alpha, margin = question.planning.of(rule.metric), question.decisions.alpha, rule.limit
    metric, pair = question.metrics[rule.metric], comparison.pair
    if metric.kind == "binary" and rule.compares:
        plain = examples_binary(planning.disagreement, margin=margin, alpha=alpha, power=_CHANCE)
    elif metric.unit == "share" and rule.compares:
        plain = examples_for(margin, planning.sd**2, alpha=alpha, power=_CHANCE)
    elif metric.kind == "binary":
        spread = max(rule.limit * (1 - rule.limit), 0.01)
        plain = examples_for(rule.slice_margin, spread, alpha=alpha, power=_CHANCE)
    else:
        plain = None
    if plain is None or pair.independent:
        return plain or 0
    clusters = max(float(comparison.contrast.clusters_S[0]), 1.0)
    return ceil(plain * design_effect_of(float(comparison.contrast.n_S[0]) / clusters, planning.intraclass))
