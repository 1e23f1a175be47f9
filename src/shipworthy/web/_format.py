"""Numbers, rules and outcomes as a reader sees them: typographic minus, a unit behind every number."""

import re

from shipworthy.gates.numbers import plain, telling
from shipworthy.records import Decision, Finding, Interval, Outcome
from shipworthy.web._page import Measured

NOTHING = "–"
VERDICT_WORDS: dict[Decision, str] = {
    "promote": "Promote",
    "block": "Block",
    "sign_off": "Needs sign-off",
    "inconclusive": "Inconclusive",
}
OUTCOME_WORDS: dict[Outcome, str] = {"pass": "Pass", "fail": "Fail", "inconclusive": "Inconclusive"}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """`text` with every character that HTML, XML 1.0 or UTF-8 cannot carry replaced by U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, an ellipsis for what is cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def clipped(text: str, limit: int) -> tuple[str, int]:
    """The first `limit` characters and how many were left off."""
    return text[:limit], max(0, len(text) - limit)


def gain_unit(finding: Finding) -> str:
    """The unit of a finding's gain and margin: percent of the baseline where the margin is relative."""
    return "relative" if finding.margin_kind == "relative" else finding.unit


def gain_text(finding: Finding) -> str:
    """A finding's gain with its limits, told apart from what it is held to."""
    bar = {"non_inferior": -finding.margin, "superior": finding.margin}.get(finding.rule)
    return interval(finding.gain, gain_unit(finding), difference=True, bar=bar)


def candidate_text(finding: Finding) -> str:
    """The candidate's value with its limits, told apart from an absolute limit."""
    bar = finding.margin if finding.rule in ("at_least", "at_most") else None
    return interval(finding.candidate, finding.unit, bar=bar)


def number(value: float | None, unit: str = "", *, signed: bool = False, decimals: int | None = None) -> str:
    """A value in its unit, without the unit's name: shares (and shares of a baseline) as percent, else as it is."""
    if value is None:
        return NOTHING
    scaled = _scale(unit) * value
    places = _places(scaled, unit) if decimals is None else decimals
    text = f"{scaled:,.{places}f}"
    text = text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
    return ("+" if signed and not text.startswith("-") else "") + text.replace("-", "−")


def unit_name(unit: str, *, difference: bool) -> str:
    """What stands behind a number: a share is a percentage, a difference of shares is percentage points."""
    if unit == "relative":
        return "%"
    if unit == "share":
        return "pts" if difference else "%"
    return {"usd": "USD", "points": "pts"}.get(unit, unit)


def quantity(
    value: float | None, unit: str = "", *, difference: bool = False, signed: bool = False, decimals: int | None = None
) -> str:
    """`80.6%`, `+1.2 pts`, `0.42 s`."""
    if value is None:
        return NOTHING
    name = unit_name(unit, difference=difference)
    said = number(value, unit, signed=signed, decimals=decimals)
    return said + ("" if not name else name if name == "%" else f" {name}")


def interval(
    shown: Interval | Measured | None, unit: str = "", *, difference: bool = False, bar: float | None = None
) -> str:
    """`80.6% [79.9, 81.3]`, `+1.2 pts [+0.4, +2.0]`; limits that were refused are said to be.

    `bar`: what the limits are held to; they are told with digits enough to lie on their side of it.
    """
    if shown is None or shown.value is None:
        return NOTHING
    places = _decisive(shown, unit, bar) if bar is not None else None
    value = quantity(shown.value, unit, difference=difference, signed=difference, decimals=places)
    return f"{value} {_limits(shown, unit, signed=difference, decimals=places)}"


def count(n: int) -> str:
    """`14,042`."""
    return f"{n:,}"


def size(finding: Finding) -> str:
    """How many examples, and in how many clusters where that differs."""
    clusters = "" if finding.clusters == finding.n else f" in {count(finding.clusters)} clusters"
    return f"{count(finding.n)}{clusters}"


def rule(finding: Finding) -> str:
    """What the gate asks, in words."""
    against = finding.baseline_model or "the baseline"
    alone, between = _asked(finding.margin, finding.unit), _asked(finding.margin, gain_unit(finding), difference=True)
    if finding.margin_kind == "relative":
        return (
            f"may lose at most {between} of {against}'s"
            if finding.rule == "non_inferior"
            else (f"must gain more than {between} of {against}'s")
        )
    if finding.rule == "non_inferior":
        return f"may lose at most {between} to {against}"
    if finding.rule == "superior":
        return f"must gain more than {between} over {against}"
    return f"must be at {'least' if finding.rule == 'at_least' else 'most'} {alone}"


def _asked(limit: float, unit: str, *, difference: bool = False) -> str:
    """A limit with every digit that somebody wrote, and not fewer than numbers of its unit have."""
    scaled = _scale(unit) * limit
    digits = len(plain(scaled).partition(".")[2])
    return quantity(limit, unit, difference=difference, decimals=max(digits, _places(scaled, unit)))


def slice_label(finding: Finding) -> str:
    """`subject = law`, `language = de, length = long`; `all` without a slice."""
    return ", ".join(f"{column} = {label}" for column, label in (finding.slice or {}).items()) or "all"


def plural(n: int, noun: str, several: str = "") -> str:
    """`1 gate`, `2 gates`; `several` where an s is not enough."""
    return f"{count(n)} {noun if n == 1 else several or noun + 's'}"


def _limits(shown: Interval | Measured, unit: str, *, signed: bool, decimals: int | None) -> str:
    if shown.low is None and shown.high is None:
        return "[no interval]"
    low, high = (
        number(limit, unit, signed=signed, decimals=decimals) if limit is not None else None
        for limit in (shown.low, shown.high)
    )
    return f"[{low or '−∞'}, {high or '∞'}]"


def _decisive(shown: Interval | Measured, unit: str, bar: float) -> int | None:
    """Decimals at which no limit is printed as the bar, None where the usual ones do."""
    limits = [_scale(unit) * limit for limit in (shown.low, shown.high) if limit is not None]
    usual = max((_places(limit, unit) for limit in limits), default=0)
    needed = telling(_scale(unit) * bar, limits, usual)
    return needed if needed > usual else None


def _scale(unit: str) -> float:
    return 100.0 if unit in ("share", "relative") else 1.0


def _places(scaled: float, unit: str) -> int:
    """One decimal for percent; otherwise about three significant digits."""
    if unit in ("share", "points", "relative"):
        return 1
    size = abs(scaled)
    if size == 0:
        return 0
    return next((places for places, least in ((0, 1000), (1, 100), (2, 1), (3, 0.1), (4, 0.01)) if size >= least), 5)
