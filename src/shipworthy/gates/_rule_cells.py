"""One rule on one cell of a comparison: what passes, what a failure is tested by, and how large a slice must be."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from shipworthy.gates._compare import Comparison
from shipworthy.gates._coverage import (
    diluted,
    lost_refused,
    missing_refused,
    undecided,
    uneven_refused,
    unmeasured_refused,
    unread_refused,
)
from shipworthy.gates._load import other_load
from shipworthy.gates.question import CENSUS, Question, Rule
from shipworthy.records import Outcome
from shipworthy.stats.power import design_effect_of, examples_binary, examples_flawless, examples_for
from shipworthy.stats.refusal import MIN_CLUSTERS, few_clusters

_EPSILON = 1e-12
_CHANCE = 0.5
"""A slice gates when an equal candidate would pass there at least this often, by what the protocol plans for."""
GRAVE = GRAVE_MARGINS, GRAVE_ALPHA = 2.5, 0.002
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
    """A cell with its outcome and, where it is inconclusive, the number of examples in all that would settle it.

    `fails_alone`: by itself it would have failed; among all that are judged together it may be luck.
    """

    cell: Cell
    outcome: Outcome
    n_needed: int | None
    fails_alone: bool = False
    forbidden: str | None = None


def cell_of(question: Question, rule: Rule, comparison: Comparison, index: int, name: dict[str, str] | None) -> Cell:
    """The rule on the whole (index 0, no name) or on one slice; size alone says whether a slice gates."""
    found = comparison.contrast
    fixed = question.role_of(rule.metric) in CENSUS
    same = fixed and nothing_differs(rule, comparison, index)
    census = same or (fixed and not rule.compares)
    needed = 0 if name is None or census else size_to_gate(question, rule, comparison)
    large = found.n_S[index] >= needed and (
        census or few_clusters(int(found.clusters_S[index]), float(found.effective_S[index])) is None
    )
    refused = None if census else found.refused[index] or _compared_only(question, rule)
    passes = same or _passes(rule, comparison, index, census=census)
    p_fail = 1.0 if same else _p_fail(rule, comparison, index, census=census)
    kindly = comparison.leniently(index)
    p_kindly = p_fail if kindly is None else max(p_fail, _p_fail(rule, *kindly, census=census))
    refused = (
        other_load(question, rule)
        or withheld(question, rule, comparison)
        or unread_refused(question, comparison)
        or (_not_read_against(question, rule, comparison, index, census=census) if passes else None)
        or (undecided(question, comparison) if p_fail <= question.decisions.alpha < p_kindly else None)
        or refused
        or (margin_too_wide(rule, comparison, index) if passes and name is None else None)
    )
    return Cell(
        rule=rule,
        comparison=comparison,
        index=index,
        slice=name,
        census=census,
        gates=name is None or bool(large),
        refused=refused,
        p_fail=p_kindly,
        passes=refused is None and passes,
        needed_to_gate=needed,
    )


def margin_too_wide(rule: Rule, comparison: Comparison, index: int) -> str | None:
    """Why a default margin lets nothing be said of a candidate that looks worse: the margin is as large as all that
    the baseline has, so a candidate that doubles its errors, or loses every success, would pass."""
    found = comparison.contrast
    if not rule.defaulted or found.base is None or found.gain is None or not found.gain.value_S[index] < 0:
        return None
    value = float(found.base.value_S[index])
    if not 0 <= value <= rule.limit:
        return None
    return (
        f"the default margin {rule.limit:g} is as large as {rule.baseline}'s own {value:.3g}, so it would let any such "
        "loss pass; declare what may be lost (margin, --margin)"
    )


def nothing_differs(rule: Rule, comparison: Comparison, index: int) -> bool:
    """A margin of 0 over a fixed list of cases on which no answer scores otherwise than the baseline's: nothing was
    lost, and there is nothing to generalise to."""
    changed = comparison.contrast.changed_S[index]
    return rule.kind == "non_inferior" and rule.limit == 0 and bool(changed == 0)


def _compared_only(question: Question, rule: Rule) -> str | None:
    """A binned estimate is biased: only two of them on the same rows can be judged."""
    measured = rule.compares and question.roles.get(rule.baseline or "") != "published"
    return None if measured else question.metrics[rule.metric].compared_only or None


def withheld(question: Question, rule: Rule, comparison: Comparison) -> str | None:
    """Why gaps keep a cell from being judged, None where they do not: the coverage policy comes before every rule."""
    if (lone := unmeasured_refused(question, comparison)) is not None:
        return lone
    if not comparison.pair.missing:
        return None
    if question.decisions.missing == "fail":
        return missing_refused(comparison)
    if not rule.compares or comparison.baseline is None:
        return None
    return uneven_refused(question, comparison)


def _not_read_against(
    question: Question, rule: Rule, comparison: Comparison, index: int, *, census: bool
) -> str | None:
    """Why a gate that would pass is not judged: it does not where what is unsettled is read against the candidate."""
    if comparison.strict is None or (comparison.pair.unread is None and not rule.compares):
        return None
    strictly = comparison.strictly(index)
    fixed = census and not rule.compares
    if strictly is None or (strictly[0].contrast.refused[strictly[1]] is not None and not fixed):
        return diluted(question, comparison)
    if not _passes(rule, *strictly, census=fixed):
        return diluted(question, comparison)
    return lost_refused(question, comparison)


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


def size_to_gate(question: Question, rule: Rule, comparison: Comparison) -> int:
    """How many examples a slice needs before it gates, by what was planned before any result was seen.

    Depends on nothing observed but the sizes of clusters: a slice cannot escape its gate by how it comes out. Never
    less than what an interval needs at all.
    """
    planning, alpha, margin = question.planning.of(rule.metric), question.decisions.alpha, rule.limit
    metric, pair = question.metrics[rule.metric], comparison.pair
    plain: int | None
    if rule.relative:
        plain = examples_for(margin, (planning.relative_sd or 0.0) ** 2, alpha=alpha, power=_CHANCE)
    elif metric.kind == "binary" and rule.compares:
        plain = examples_binary(planning.disagreement, margin=margin, alpha=alpha, power=_CHANCE)
    elif metric.unit == "share" and rule.compares:
        plain = examples_for(margin, planning.sd**2, alpha=alpha, power=_CHANCE)
    elif metric.kind == "binary":
        plain = _to_show(rule, alpha)
    else:
        plain = None
    if pair.independent:
        return max(plain or 0, MIN_CLUSTERS)
    size = float(comparison.contrast.n_S[0]) / max(float(comparison.contrast.clusters_S[0]), 1.0)
    return ceil(max((plain or 0) * design_effect_of(size, planning.intraclass), MIN_CLUSTERS * size))


def _to_show(rule: Rule, alpha: float) -> int | None:
    """n at which a share that lies 2.5 margins beyond its limit (or is flawless, where that is nearer) shows it."""
    room = 1 - rule.limit if rule.kind == "at_least" else rule.limit
    reach = min(rule.slice_reach, room)
    spread = max(rule.limit * (1 - rule.limit), 0.01)
    plain = examples_for(reach, spread, alpha=alpha, power=_CHANCE)
    flawless = examples_flawless(1 - room, alpha=alpha)
    return None if plain is None or flawless is None else max(plain, flawless)
