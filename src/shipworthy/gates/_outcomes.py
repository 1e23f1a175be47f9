"""From limits and p-values to pass, fail or inconclusive: multiplicity over all cells of all gates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shipworthy.gates._compare import Comparison
from shipworthy.gates._needed import examples_needed
from shipworthy.gates._rule_cells import Cell, Judged, cell_of
from shipworthy.gates.question import Question, Rule
from shipworthy.protocol.types import Decisions
from shipworthy.records import Outcome
from shipworthy.stats.multiplicity import benjamini_hochberg, hierarchical_holm


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
    cells = [cell_of(question, rule, comparison, 0, None)]
    for index, name in enumerate(comparison.contrast.names[1:], start=1):
        column = next(iter(name or {}))
        own = column in rule.slices
        if own or column in watched:
            held = rule.for_slices() if own else _monitored(rule.for_slices())
            cells.append(cell_of(question, held, comparison, index, name))
    return cells


def decide(question: Question, cells: Sequence[Cell]) -> list[Judged]:
    """Outcomes of all cells: hard ones under hierarchical Holm, soft and monitored ones under Benjamini-Hochberg.

    The whole of a gate that fails fast is held to alpha by itself, outside of the correction (decision 0133).
    """
    decisions, judged = question.decisions, [cell for cell in cells if cell.judged]
    fast = [cell for cell in judged if _fails_fast(cell)]
    bars = {id(cell): _Bar(fails=cell.p_fail <= decisions.alpha, next=decisions.alpha) for cell in fast}
    bars |= _holm([cell for cell in judged if cell.rule.level == "hard" and not _fails_fast(cell)], decisions.alpha)
    for level in ("soft", "monitored"):
        bars |= _false_discovery([cell for cell in judged if cell.rule.level == level], decisions.soft_fdr)
    alone = _Bar(fails=False, next=decisions.alpha)
    return [_judged(decisions, cell, bars.get(id(cell), alone)) for cell in cells]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    """What the correction makes of a cell: whether its p fails it, and the p at which the next of its family would."""

    fails: bool
    next: float


def _fails_fast(cell: Cell) -> bool:
    return cell.rule.level == "hard" and cell.rule.fail_fast and cell.slice is None


def _monitored(rule: Rule) -> Rule:
    return replace(rule, level="monitored")


def _holm(hard: Sequence[Cell], alpha: float) -> dict[int, _Bar]:
    families = [cell for cell in hard if cell.slice is None], [cell for cell in hard if cell.slice is not None]
    adjusted = hierarchical_holm(*([cell.p_fail for cell in family] for family in families))
    share = alpha / 2 if all(families) else alpha
    bars: dict[int, _Bar] = {}
    for family, p in zip(families, adjusted, strict=True):
        left = max(1, int((p > alpha).sum()))
        bars |= {id(cell): _Bar(fails=one <= alpha, next=share / left) for cell, one in zip(family, p, strict=True)}
    return bars


def _false_discovery(family: Sequence[Cell], rate: float) -> dict[int, _Bar]:
    if not family:
        return {}
    p = benjamini_hochberg([cell.p_fail for cell in family])
    following = rate * min(1.0, (int((p <= rate).sum()) + 1) / len(family))
    return {id(cell): _Bar(fails=one <= rate, next=following) for cell, one in zip(family, p, strict=True)}


def _judged(decisions: Decisions, cell: Cell, bar: _Bar) -> Judged:
    outcome: Outcome = "pass" if cell.passes else "fail" if bar.fails else "inconclusive"
    if outcome != "inconclusive":
        return Judged(cell=cell, outcome=outcome, n_needed=None)
    alone = cell.judged and cell.p_fail <= decisions.alpha
    needed = examples_needed(cell, alpha=decisions.alpha, power=decisions.power, alpha_fail=bar.next)
    return Judged(cell=cell, outcome=outcome, n_needed=needed, fails_alone=alone)
