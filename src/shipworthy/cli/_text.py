"""A verdict as a terminal shows it: words first, then one line a gate; every number with its n and interval."""

import os
import sys
from collections.abc import Iterable, Sequence

from shipworthy.cli._plain import plain
from shipworthy.records import Decision, Finding, Interval, Outcome, Verdict
from shipworthy.web._rows import telling

WORDS: dict[Decision, str] = {
    "promote": "PROMOTE",
    "block": "BLOCK",
    "sign_off": "NEEDS SIGN-OFF",
    "inconclusive": "INCONCLUSIVE",
}
_COLOUR: dict[str, str] = {"promote": "32", "pass": "32", "block": "31", "fail": "31", "sign_off": "33"}
_MARK: dict[Outcome, str] = {"pass": "pass", "fail": "FAIL", "inconclusive": "unsure"}
MOST_CELLS = 12


def verdict_text(verdict: Verdict, *, title: str = "") -> str:
    """The verdict in words, its reasons, its gates (worst first), its warnings."""
    head = f"{_paint(WORDS[verdict.verdict], verdict.verdict)}{f'  {plain(title)}' if title else ''}"
    gating = [f for f in verdict.metrics if f.level != "monitored"]
    overall = [f for f in gating if f.slice is None]
    cells = sorted((f for f in gating if f.slice is not None and f.outcome != "pass"), key=_worst_first)
    lines = [head, *_reason_lines(verdict.reasons), "", "Gates:"]
    lines += [finding_line(f) for f in overall]
    lines += _cell_lines("Slices", cells, passed=len(gating) - len(overall) - len(cells))
    watched = [f for f in verdict.metrics if f.level == "monitored" and f.slice is not None]
    worse = sorted((f for f in watched if f.outcome == "fail"), key=_worst_first)
    lines += _cell_lines("Slices that are watched and decide nothing", worse, passed=len(watched) - len(worse))
    lines += [_coverage_line(verdict)]
    lines += [f"  warning {w.code}: {plain(w.message)}" for w in verdict.warnings]
    return "\n".join(lines)


def finding_line(finding: Finding) -> str:
    """One gate on one line: outcome, name, and the sentence that says why."""
    mark = _paint(f"{_MARK[finding.outcome]:<6}", finding.outcome)
    soft = " (soft)" if finding.level == "soft" else ""
    return f"  {mark} {plain(finding.gate)}{_slice(finding)}{soft}: {plain(finding.because)}"


def interval(value: Interval | None) -> str:
    """`0.81 [0.79, 0.83]`, or the value alone where a small sample was refused."""
    if value is None or value.value is None:
        return "-"
    limits = f" [{value.low:.4g}, {value.high:.4g}]" if value.low is not None and value.high is not None else ""
    return f"{value.value:.4g}{limits}"


def _reason_lines(reasons: Sequence[str]) -> Iterable[str]:
    shown, more = telling(reasons)
    yield from (f"  - {plain(reason)}" for reason in shown)
    if more:
        yield f"  … and {more} more (all of them with --json)"


def _cell_lines(title: str, cells: list[Finding], *, passed: int) -> Iterable[str]:
    if not cells and not passed:
        return
    yield f"{title}: {len(cells)} of {len(cells) + passed} do not pass" + (":" if cells else "")
    yield from (finding_line(cell) for cell in cells[:MOST_CELLS])
    if len(cells) > MOST_CELLS:
        yield f"  … and {len(cells) - MOST_CELLS} more (all of them with --json)"


def _coverage_line(verdict: Verdict) -> str:
    c = verdict.coverage
    return f"Answered: candidate {c.candidate}, baseline {c.baseline}, both {c.common} (missing counts as: {c.policy})"


def _slice(finding: Finding) -> str:
    return "" if not finding.slice else " [" + plain(", ".join(f"{k}={v}" for k, v in finding.slice.items())) + "]"


def _worst_first(finding: Finding) -> tuple[bool, float]:
    gain = finding.gain.value if finding.gain and finding.gain.value is not None else 0.0
    return finding.outcome != "fail", gain


def _paint(text: str, meaning: str) -> str:
    code = _COLOUR.get(meaning, "33")
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\033[1;{code}m{text}\033[0m" if wanted else text
