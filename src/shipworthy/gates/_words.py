"""Findings and verdicts in plain sentences: every number with its n and interval, the worst first."""

from collections import Counter
from collections.abc import Sequence
from math import isfinite

from shipworthy.gates._rule_cells import GRAVE_ALPHA, GRAVE_MARGINS, Cell, Judged, within_limit
from shipworthy.gates.numbers import decimals, plain, shown, significant
from shipworthy.gates.question import Rule
from shipworthy.records import Decision, Interval
from shipworthy.stats.refusal import RULE_OF_THREE

_UNITS = {"share": "", "s": " s", "ms": " ms", "usd": " USD", "tokens": " tokens", "points": " points"}
_SLICES_TOLD = 5


def because(judged: Judged, interval: Interval, ours: Interval, base: Interval | None, unit: str) -> str:
    """One sentence: what was compared, how large the difference is, what the gate asks, and what would settle it."""
    rule, n = judged.cell.rule, int(judged.cell.comparison.contrast.n_S[judged.cell.index])
    where = _where(judged.cell.slice)
    if rule.compares and base is not None:
        facts = _compared(rule, interval, ours, base, n, unit)
    else:
        facts = f"{_values(rule, interval, unit)} on n={n:,}; {_limit(rule, unit)}"
    return f"{where}{facts}{_tail(judged, n)}"


def reasons(decision: Decision, judged: Sequence[Judged], sentences: Sequence[str]) -> tuple[str, ...]:
    """Why the verdict is what it is, worst first: what blocks, is unsure, asks for a signature, is open, passed."""
    told = list(zip(judged, sentences, strict=True))
    hard, soft = ([item for item in told if item[0].cell.rule.level == level] for level in ("hard", "soft"))
    lines = _lines("FAIL", [item for item in hard if _failed(item[0])])
    lines += _lines("UNSURE", [item for item in hard or soft if _open(item[0])])
    lines += _lines("SIGN-OFF", [item for item in soft if _failed(item[0])])
    lines += _lines("OPEN", [item for item in soft if hard and _open(item[0])])
    broken = {item[0].cell.rule.name for item in told if _failed(item[0]) or _open(item[0])}
    passed = [item for item in hard or soft if item[0].outcome == "pass" and item[0].cell.slice is None]
    passed = [item for item in passed if decision == "promote" or item[0].cell.rule.name not in broken]
    if decision == "promote":
        lines += _lines("PASS", passed)
    elif passed:
        lines.append(f"passed: {', '.join(one.cell.rule.name for one, _ in passed)}")
    lines += _lines("WATCH", [item for item in told if item[0].cell.rule.level == "monitored" and _failed(item[0])])
    return tuple(lines) or ("nothing that gates was asked; every finding is monitored",)


def _failed(one: Judged) -> bool:
    return one.outcome == "fail"


def _open(one: Judged) -> bool:
    return one.outcome == "inconclusive" and one.cell.gates


def _lines(label: str, told: list[tuple[Judged, str]]) -> list[str]:
    """Fail-fast gates first, the whole before slices, then by p; of one gate's slices only the worst few."""
    shown: Counter[str] = Counter()
    lines = []
    for one, text in sorted(told, key=lambda item: _urgency(item[0])):
        name = one.cell.rule.name
        shown[name] += one.cell.slice is not None
        if one.cell.slice is None or shown[name] <= _SLICES_TOLD:
            lines.append(f"{label} {name}: {text}")
    hidden = {name: count - _SLICES_TOLD for name, count in shown.items() if count > _SLICES_TOLD}
    return lines + [f"{label} {name}: {count} more slices, listed with the findings" for name, count in hidden.items()]


def _urgency(one: Judged) -> tuple[bool, bool, float]:
    return not one.cell.rule.fail_fast, one.cell.slice is not None, one.cell.p_fail


def _where(name: dict[str, str] | None) -> str:
    return "".join(f"in {column}={label}: " for column, label in (name or {}).items())


def _compared(rule: Rule, gain: Interval, ours: Interval, base: Interval, n: int, unit: str) -> str:
    told = ours if rule.relative else gain
    places = max(_places(told, unit), *(_small(value, unit) for value in (ours.value, base.value)))
    pair = (shown(value, places) if value is not None else "?" for value in (ours.value, base.value))
    return (
        f"{rule.metric} {next(pair)} against {rule.baseline}'s {next(pair)}{_UNITS.get(unit, '')}: "
        f"{_gain(rule, gain, unit)} on n={n:,}; {_limit(rule, unit)}"
    )


def _gain(rule: Rule, gain: Interval, unit: str) -> str:
    """The gain as a loss where it is one; of a relative margin in percent."""
    if gain.value is None:
        return "no difference can be computed"
    sign, scale = -1.0 if gain.value < 0 else 1.0, 100.0 if rule.relative else 1.0
    verb = "loses" if gain.value < 0 else "gains" if gain.value > 0 else "no difference,"
    low, high = (gain.low, gain.high) if sign > 0 else (gain.high, gain.low)
    value, low, high = (None if one is None else sign * scale * one + 0.0 for one in (gain.value, low, high))
    told = Interval(value=value, low=low, high=high)
    return f"{verb} {_with_limits(told, 'relative' if rule.relative else unit, sign * scale * rule.threshold)}"


def _values(rule: Rule, interval: Interval, unit: str) -> str:
    if interval.value is None:
        return f"{rule.metric} ?"
    return f"{rule.metric} {_with_limits(interval, unit, rule.threshold)}{_UNITS.get(unit, '')}"


def _with_limits(told: Interval, unit: str, bar: float) -> str:
    places, sign = _places(told, unit, bar=bar), "%" if unit == "relative" else ""
    value, low, high = (
        "?" if one is None else f"{shown(one, places)}{sign}" for one in (told.value, told.low, told.high)
    )
    return value if told.low is None and told.high is None else f"{value} [{low}, {high}]"


def _places(told: Interval, unit: str, *, bar: float | None = None) -> int:
    least = {"share": 2, "s": 2, "points": 2, "relative": 1}.get(unit, 0)
    return decimals(told.value, told.low, told.high, least=least, bar=bar)


def _small(value: float | None, unit: str) -> int:
    return 0 if unit in ("share", "points") else significant(value)


def _limit(rule: Rule, unit: str) -> str:
    words = {
        "non_inferior": "the margin is",
        "superior": "the gain must exceed",
        "at_least": "the limit is at least",
        "at_most": "the limit is at most",
    }
    if rule.relative:
        return f"{words[rule.kind]} {plain(100 * rule.limit)}% of {rule.baseline}'s"
    named = _UNITS.get(unit, "")
    if rule.limit == 1 and unit in ("points", "tokens"):
        named = named.removesuffix("s")
    return f"{words[rule.kind]} {plain(rule.limit)}{named}"


def _tail(judged: Judged, n: int) -> str:
    cell = judged.cell
    if judged.forbidden:
        return f"; fails because {judged.forbidden}"
    if judged.outcome != "inconclusive":
        return f"{_fails(cell) if judged.outcome == 'fail' else ''}{_published(cell.rule, judged)}"
    why = f"; not judged: {cell.refused}" if cell.refused else _unsure(judged)
    return f"{why}{_published(cell.rule, judged)}{_settle(judged, n)}"


def _fails(cell: Cell) -> str:
    """What the failure was: a loss that is shown, a gain that is missed, a limit that is not kept."""
    rule = cell.rule
    if rule.kind == "non_inferior":
        return f", and {rule.metric} is shown to be worse"
    if rule.kind == "superior":
        return (
            ", and that gain is shown not to be there"
            if rule.limit > 0
            else f", and {rule.metric} is shown to be worse"
        )
    side = "below" if rule.kind == "at_least" else "above"
    return f", and {rule.metric} {'is' if cell.census else 'is shown to be'} {side} it"


def _unsure(judged: Judged) -> str:
    cell = judged.cell
    if cell.rule.compares and within_limit(cell.rule, cell.comparison, cell.index):
        grave = GRAVE_MARGINS * cell.rule.limit
        loss = f"{plain(100 * grave)}%" if cell.rule.relative else plain(grave)
        return f", which holds, but so few examples do not rule out a loss of {loss} at {GRAVE_ALPHA:.1%}"
    unseen = _rare_losses(cell) or _costliest(cell) or _noise(cell)
    if unseen:
        return unseen
    if judged.fails_alone:
        return ", so it is not shown good enough; alone it would fail, but among so many gates it may be luck"
    return ", so it is neither shown good enough nor shown worse"


def _rare_losses(cell: Cell) -> str | None:
    """What the unseen answers of a bounded mean can cost, where that alone is more than the margin; None elsewhere."""
    worth = cell.comparison.contrast.worth_S
    if (
        worth is None
        or cell.rule.kind != "non_inferior"
        or cell.rule.relative
        or float(worth[cell.index]) * cell.rule.limit >= RULE_OF_THREE
    ):
        return None
    product = float(worth[cell.index]) * cell.rule.limit
    return (
        f"; so few examples say nothing of answers that lose everything but are rarer than 3 in n (n x margin = "
        f"{product:.1f}, below 3): more rows or a wider margin would let it be judged"
    )


def _costliest(cell: Cell) -> str | None:
    """What one answer that was not met could cost, where 3 in n of them cost more than the margin; None elsewhere."""
    found, rule = cell.comparison.contrast, cell.rule
    if found.costliest_S is None or rule.kind != "non_inferior":
        return None
    cost, clusters = float(found.costliest_S[cell.index]), float(found.clusters_S[cell.index])
    if cost <= 0 or clusters * rule.limit / cost >= RULE_OF_THREE:
        return None
    longest = cell.comparison.pair.longest[0]
    limit = "an answer twice as long as the longest met (no max_tokens is known)"
    limit = limit if longest is None else f"an answer of max_tokens ({longest:,.0f})"
    one = cost / float(found.n_S[cell.index]) * (100 if rule.relative else 1)
    return (
        f"; so few examples say nothing of answers that run on or stay empty, if rarer than 3 in n: {limit} could "
        f"cost {one:.2g}{'%' if rule.relative else ''}, and margin / cost = {clusters * rule.limit / cost:.1f} is "
        "below 3; more rows, a smaller max_tokens, a wider margin or a metric that scores each answer by itself would "
        "let it be judged"
    )


def _noise(cell: Cell) -> str | None:
    """How much chance alone may lift the calibration error of a baseline that may be perfect; None elsewhere."""
    room = cell.comparison.contrast.noise_S
    if room is None or cell.rule.kind != "non_inferior" or not room[cell.index] > 0:
        return None
    return (
        f"; chance alone gives a perfectly calibrated {cell.rule.baseline} up to {room[cell.index]:.2g} on so few "
        "rows, which hides a loss of that size: more rows, fewer bins or the plain Brier score would let it be judged"
    )


def _settle(judged: Judged, n: int) -> str:
    cell = judged.cell
    if judged.n_needed is not None:
        return f"; about {judged.n_needed:,} examples in all ({judged.n_needed - n:,} more) would settle it"
    if not cell.judged or not isfinite(cell.comparison.contrast.variance_S[cell.index]):
        return ""
    if cell.comparison.contrast.lasting > 0:
        return "; no number of examples settles it: the published number itself is too uncertain"
    return "; no number of examples that can be reached would settle it: the value lies too near what is asked"


def _published(rule: Rule, judged: Judged) -> str:
    if judged.cell.comparison.arms is not None:
        mine, theirs = judged.cell.comparison.arms
        return f" (unpaired: {mine:,} rows of one arm against {theirs:,} of {rule.baseline}'s)"
    unpaired = judged.cell.comparison.contrast.method in ("newcombe_unpaired", "welch")
    return f" (unpaired: {rule.baseline} is a published number without rows)" if unpaired else ""
