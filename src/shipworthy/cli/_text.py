"""A verdict as a terminal shows it: every gate once, worst first; every number with its n and interval."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from shipworthy.cli._plain import plain
from shipworthy.records import Decision, Finding, Interval, Verdict
from shipworthy.web._rows import folded, label, labels_of, legend, telling

WORDS: dict[Decision, str] = {
    "promote": "PROMOTE",
    "block": "BLOCK",
    "sign_off": "NEEDS SIGN-OFF",
    "inconclusive": "INCONCLUSIVE",
}
_COLOUR: dict[str, str] = {"promote": "32", "pass": "32", "block": "31", "fail": "31", "sign_off": "33"}
MOST_CELLS, MOST_WATCHED = 12, 3
_TOLD_BY_GATES = ("underpowered",)
"""Warnings that only add up what the lines of the gates say already."""


def verdict_text(verdict: Verdict, *, title: str = "", notes: Mapping[str, str] | None = None) -> str:
    """The verdict in words, what no gate says, each gate once (worst first), its warnings.

    Args: notes: gate -> why its protocol says it exists.
    """
    gating = [f for f in verdict.metrics if f.level != "monitored"]
    hard = any(f.level == "hard" for f in gating)
    line = partial(_line, hard=hard, notes=notes or {})
    overall = sorted((f for f in gating if f.slice is None), key=_weight)
    sliced = [f for f in gating if f.slice is not None]
    cells = sorted((f for f in sliced if f.outcome != "pass"), key=_worst_first)
    watched = [f for f in verdict.metrics if f.level == "monitored"]
    worse = sorted((f for f in watched if f.outcome == "fail"), key=_worst_first)
    others = _beside_gates(verdict)
    lines = [f"{_paint(WORDS[verdict.verdict], verdict.verdict)}{f'  {plain(title)}' if title else ''}"]
    lines += [*_reason_lines(others), *([""] if others else []), "Gates:", *map(line, overall)]
    if sliced:
        head = f"Slices: {len(cells)} of {len(sliced)} do not pass"
        lines += _some_lines(head, [line(f) for f in cells], MOST_CELLS)
    if watched:
        head = f"Watched, and decides nothing: {len(worse)} of {len(watched)} shown worse"
        lines += _some_lines(head, [line(f) for f in worse], MOST_WATCHED)
    lines += _legend_line([*(label(f, hard=hard) for f in (*overall, *cells, *worse)), *labels_of(others)])
    return "\n".join([*lines, _coverage_line(verdict), *_warning_lines(verdict)])


def interval(value: Interval | None) -> str:
    """`0.81 [0.79, 0.83]`, or the value alone where a small sample was refused."""
    if value is None or value.value is None:
        return "-"
    limits = f" [{value.low:.4g}, {value.high:.4g}]" if value.low is not None and value.high is not None else ""
    return f"{value.value:.4g}{limits}"


def _beside_gates(verdict: Verdict) -> list[str]:
    """The reasons that are not the line of a gate, a count of its slices, or the list of what passed."""
    said = {f"{f.gate}: {f.because}" for f in verdict.metrics}
    gates = {f.gate for f in verdict.metrics}

    def repeats(reason: str) -> bool:
        rest = reason.partition(" ")[2]
        counted = rest.endswith("more slices, listed with the findings") and rest.rpartition(": ")[0] in gates
        return rest in said or counted or reason.startswith("passed: ")

    return [reason for reason in verdict.reasons if not repeats(reason)]


def _line(finding: Finding, *, hard: bool, notes: Mapping[str, str]) -> str:
    """One gate on one line: its label, its name, and the sentence that says why; below it the note of the gate."""
    mark = _paint(f"{label(finding, hard=hard) or finding.outcome:<8}", finding.outcome)
    soft = " (soft)" if finding.level == "soft" else ""
    told = f"  {mark} {plain(finding.gate)}{_slice(finding)}{soft}: {plain(finding.because)}"
    note = "" if finding.slice else notes.get(finding.gate, "")
    return f"{told}\n{'':11}why this gate: {plain(note)}" if note else told


def _reason_lines(reasons: Sequence[str]) -> Iterable[str]:
    shown, more = telling(reasons)
    yield from (f"  - {plain(reason)}" for reason in shown)
    if more:
        yield f"  … and {more} more (all of them with --json)"


def _some_lines(head: str, lines: Sequence[str], most: int) -> Iterable[str]:
    """The first lines of a group under its head."""
    yield head + (":" if lines else "")
    yield from lines[:most]
    if len(lines) > most:
        yield f"  … and {len(lines) - most} more (all of them with --json)"


def _legend_line(labels: Iterable[str]) -> Iterable[str]:
    if words := legend(labels):
        yield "Words: " + " · ".join(f"{word}: {means}" for word, means in words)


def _warning_lines(verdict: Verdict) -> Iterable[str]:
    told, rest = folded([w for w in verdict.warnings if w.code not in _TOLD_BY_GATES])
    yield from (f"  warning {w.code}: {plain(w.message)}" for w in told)
    if rest:
        yield f"  {plain(rest)} (all of them with --json)"


def _coverage_line(verdict: Verdict) -> str:
    c = verdict.coverage
    return f"Answered: candidate {c.candidate}, baseline {c.baseline}, both {c.common} (missing counts as: {c.policy})"


def _slice(finding: Finding) -> str:
    return "" if not finding.slice else " [" + plain(", ".join(f"{k}={v}" for k, v in finding.slice.items())) + "]"


def _weight(finding: Finding) -> tuple[int, bool]:
    """Failing before unsettled before passing, hard before soft; else as the judge ordered them."""
    return ("fail", "inconclusive", "pass").index(finding.outcome), finding.level == "soft"


def _worst_first(finding: Finding) -> tuple[bool, float]:
    gain = finding.gain.value if finding.gain and finding.gain.value is not None else 0.0
    return finding.outcome != "fail", gain


def _paint(text: str, meaning: str) -> str:
    code = _COLOUR.get(meaning, "33")
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\033[1;{code}m{text}\033[0m" if wanted else text
