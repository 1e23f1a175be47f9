"""Findings and verdicts in plain sentences: every number with its n and interval, the worst first."""

from collections import Counter
from collections.abc import Sequence
from math import ceil, isfinite, log10

from shipworthy.gates._rule_cells import GRAVE_ALPHA, GRAVE_MARGINS, Judged, within_limit
from shipworthy.gates.question import Rule
from shipworthy.records import Decision, Interval

_UNITS = {"share": "", "s": " s", "ms": " ms", "usd": " USD", "tokens": " tokens", "points": " points"}
_SLICES_TOLD = 5


def because(judged: Judged, interval: Interval, ours: Interval, base: Interval | None, unit: str) -> str:
    """One sentence: what was compared, how large the difference is, what the gate asks, and what would settle it."""
    rule, n = judged.cell.rule, int(judged.cell.comparison.contrast.n_S[judged.cell.index])
    where = _where(judged.cell.slice)
    if rule.compares and base is not None:
        facts = _compared(rule, interval, ours, base, n, unit)
    else:
        facts = f"{_values(rule.metric, interval, unit)} on n={n:,}; {_limit(rule, unit)}"
    return f"{where}{facts}{_tail(judged, n)}"


def reasons(decision: Decision, judged: Sequence[Judged], sentences: Sequence[str]) -> tuple[str, ...]:
    """Why the verdict is what it is, worst first: what blocks, is unsure, asks for a signature, is open, passed."""
    told = list(zip(judged, sentences, strict=True))
    hard, soft = ([item for item in told if item[0].cell.rule.level == level] for level in ("hard", "soft"))
    lines = _lines("FAIL", [item for item in hard if _failed(item[0])])
    lines += _lines("UNSURE", [item for item in hard or soft if _open(item[0])])
    lines += _lines("SIGN-OFF", [item for item in soft if _failed(item[0])])
    lines += _lines("OPEN", [item for item in soft if hard and _open(item[0])])
    passed = [item for item in hard or soft if item[0].outcome == "pass" and item[0].cell.slice is None]
    if decision == "promote":
        lines += _lines("PASS", passed)
    elif passed:
        lines.append(f"passed: {', '.join(one.cell.rule.name for one, _ in passed)}")
    lines += _lines("WATCH", [item for item in told if item[0].cell.rule.level == "monitored" and _failed(item[0])])
    return tuple(lines) or ("nothing that gates was asked; every finding is monitored",)


def number(value: float, width: float, unit: str) -> str:
    """The value with as many decimals as its interval supports, two at least for shares."""
    half = width / 2
    decimals = ceil(-log10(half)) if isfinite(half) and half > 0 else 2
    return f"{value:,.{min(max(decimals, 2 if unit in ('share', 's', 'points') else 0), 6)}f}"


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
    width = _width(gain)
    pair = (number(value, width, unit) if value is not None else "?" for value in (ours.value, base.value))
    return (
        f"{rule.metric} {next(pair)} against {rule.baseline}'s {next(pair)}{_UNITS.get(unit, '')}: "
        f"{_gain(gain, unit)} on n={n:,}; {_limit(rule, unit)}"
    )


def _gain(gain: Interval, unit: str) -> str:
    if gain.value is None:
        return "no difference can be computed"
    sign = -1.0 if gain.value < 0 else 1.0
    verb = "loses" if gain.value < 0 else "gains" if gain.value > 0 else "no difference,"
    low, high = (gain.low, gain.high) if sign > 0 else (gain.high, gain.low)
    return f"{verb} {_with_limits(sign * gain.value, _times(sign, low), _times(sign, high), unit)}"


def _values(metric: str, interval: Interval, unit: str) -> str:
    value = interval.value if interval.value is not None else float("nan")
    return f"{metric} {_with_limits(value, interval.low, interval.high, unit)}{_UNITS.get(unit, '')}"


def _with_limits(value: float, low: float | None, high: float | None, unit: str) -> str:
    width = high - low if low is not None and high is not None else float("inf")
    if low is None and high is None:
        return number(value, width, unit)
    low_text, high_text = (number(limit, width, unit) if limit is not None else "?" for limit in (low, high))
    return f"{number(value, width, unit)} [{low_text}, {high_text}]"


def _times(sign: float, value: float | None) -> float | None:
    return None if value is None else sign * value + 0.0


def _width(interval: Interval) -> float:
    return interval.high - interval.low if interval.low is not None and interval.high is not None else float("inf")


def _limit(rule: Rule, unit: str) -> str:
    words = {
        "non_inferior": "the margin is",
        "superior": "the gain must exceed",
        "at_least": "the limit is at least",
        "at_most": "the limit is at most",
    }
    return f"{words[rule.kind]} {rule.limit:g}{_UNITS.get(unit, '')}"


def _tail(judged: Judged, n: int) -> str:
    cell = judged.cell
    if judged.forbidden:
        return f"; fails because {judged.forbidden}"
    if judged.outcome != "inconclusive":
        return _published(cell.rule, judged)
    why = f"; not judged: {cell.refused}" if cell.refused else _unsure(judged)
    return f"{why}{_published(cell.rule, judged)}{_settle(judged, n)}"


def _unsure(judged: Judged) -> str:
    cell = judged.cell
    if cell.rule.compares and within_limit(cell.rule, cell.comparison, cell.index):
        grave = GRAVE_MARGINS * cell.rule.limit
        return f", which holds, but so few examples do not rule out a loss of {grave:g} at {GRAVE_ALPHA:.1%}"
    if judged.fails_alone:
        return ", so it is not shown good enough; alone it would fail, but among so many gates it may be luck"
    return ", so it is neither shown good enough nor shown worse"


def _settle(judged: Judged, n: int) -> str:
    if judged.n_needed is None:
        lasts = judged.cell.judged and judged.cell.comparison.contrast.lasting > 0
        return "; no number of examples settles it: the published number itself is too uncertain" if lasts else ""
    return f"; about {judged.n_needed:,} examples in all ({judged.n_needed - n:,} more) would settle it"


def _published(rule: Rule, judged: Judged) -> str:
    unpaired = judged.cell.comparison.contrast.method in ("newcombe_unpaired", "welch")
    return f" (unpaired: {rule.baseline} is a published number without rows)" if unpaired else ""
