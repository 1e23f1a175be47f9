"""Numbers, rules and outcomes as a reader sees them: typographic minus, a unit behind every number."""

import re

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


def number(value: float | None, unit: str = "", *, signed: bool = False, decimals: int | None = None) -> str:
    """A value in its unit, without the unit's name: shares as percent, everything else as it is."""
    if value is None:
        return NOTHING
    scaled = 100 * value if unit == "share" else value
    places = _places(scaled, unit) if decimals is None else decimals
    text = f"{scaled:,.{places}f}"
    text = text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
    return ("+" if signed and not text.startswith("-") else "") + text.replace("-", "−")


def unit_name(unit: str, *, difference: bool) -> str:
    """What stands behind a number: a share is a percentage, a difference of shares is percentage points."""
    if unit == "share":
        return "pts" if difference else "%"
    return {"usd": "USD", "points": "pts"}.get(unit, unit)


def quantity(value: float | None, unit: str = "", *, difference: bool = False, signed: bool = False) -> str:
    """`80.6%`, `+1.2 pts`, `0.42 s`."""
    if value is None:
        return NOTHING
    name = unit_name(unit, difference=difference)
    return number(value, unit, signed=signed) + ("" if not name else name if name == "%" else f" {name}")


def interval(shown: Interval | Measured | None, unit: str = "", *, difference: bool = False) -> str:
    """`80.6% [79.9, 81.3]`, `+1.2 pts [+0.4, +2.0]`; limits that were refused are said to be."""
    if shown is None or shown.value is None:
        return NOTHING
    value = quantity(shown.value, unit, difference=difference, signed=difference)
    return f"{value} {_limits(shown, unit, signed=difference)}"


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
    alone = quantity(finding.margin, finding.unit)
    between = quantity(finding.margin, finding.unit, difference=True)
    if finding.rule == "non_inferior":
        return f"may lose at most {between} to {against}"
    if finding.rule == "superior":
        return f"must gain more than {between} over {against}"
    return f"must be at {'least' if finding.rule == 'at_least' else 'most'} {alone}"


def slice_label(finding: Finding) -> str:
    """`subject = law`, `language = de, length = long`; `all` without a slice."""
    return ", ".join(f"{column} = {label}" for column, label in (finding.slice or {}).items()) or "all"


def plural(n: int, noun: str, several: str = "") -> str:
    """`1 gate`, `2 gates`; `several` where an s is not enough."""
    return f"{count(n)} {noun if n == 1 else several or noun + 's'}"


def _limits(shown: Interval | Measured, unit: str, *, signed: bool) -> str:
    if shown.low is None and shown.high is None:
        return "[no interval]"
    low = number(shown.low, unit, signed=signed) if shown.low is not None else "−∞"
    high = number(shown.high, unit, signed=signed) if shown.high is not None else "∞"
    return f"[{low}, {high}]"


def _places(scaled: float, unit: str) -> int:
    """One decimal for percent; otherwise about three significant digits."""
    if unit in ("share", "points"):
        return 1
    size = abs(scaled)
    if size == 0:
        return 0
    return next((places for places, least in ((0, 1000), (1, 100), (2, 1), (3, 0.1), (4, 0.01)) if size >= least), 5)
