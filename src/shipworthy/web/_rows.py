"""What a table of findings shows, formatted once for HTML and Markdown."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shipworthy.records import Finding, Outcome, Verdict
from shipworthy.web._format import OUTCOME_WORDS, candidate_text, count, gain_text, interval, plural, rule, slice_label


class Row(NamedTuple):
    """One finding as text; `about` is metric and dataset, `clusters` is empty where each example stands alone."""

    outcome: Outcome
    word: str
    gate: str
    about: str
    level: str
    slice: str
    rule: str
    candidate: str
    baseline: str
    gain: str
    n: str
    clusters: str
    because: str


class Group(NamedTuple):
    """The slices of one gate, worst first; `more` is how many were left off the end."""

    gate: str
    summary: str
    rows: tuple[Row, ...]
    more: int
    findings: tuple[Finding, ...]
    is_open: bool


def row(finding: Finding) -> Row:
    """One finding as text."""
    return Row(
        outcome=finding.outcome,
        word=OUTCOME_WORDS[finding.outcome],
        gate=finding.gate,
        about=f"{finding.metric} on {finding.dataset}" if finding.dataset else finding.metric,
        level=finding.level,
        slice=slice_label(finding),
        rule=rule(finding),
        candidate=candidate_text(finding),
        baseline=interval(finding.baseline, finding.unit),
        gain=gain_text(finding),
        n=count(finding.n),
        clusters="" if finding.clusters == finding.n else f"in {plural(finding.clusters, 'cluster')}",
        because=finding.because,
    )


def groups(cells: Iterable[Finding], *, most: int) -> list[Group]:
    """Cells by gate in the order given, each gate's rows cut at `most`; a gate with a failing cell opens by itself."""
    by_gate: dict[str, list[Finding]] = {}
    for cell in cells:
        by_gate.setdefault(cell.gate, []).append(cell)
    return [_group(gate, found, most) for gate, found in by_gate.items()]


def tally(findings: Sequence[Finding], noun: str) -> str:
    """`5 gates: 1 fail, 1 inconclusive, 3 pass`; what decides nothing is counted as watched only."""
    words = [
        "watched only" if f.level == "monitored" and f.outcome != "fail" else OUTCOME_WORDS[f.outcome].lower()
        for f in findings
    ]
    order = ("fail", "inconclusive", "pass", "watched only")
    counts = [f"{count(n)} {word}" for word in order if (n := words.count(word))]
    return f"{plural(len(findings), noun)}: {', '.join(counts)}" if counts else f"no {noun}s"


MOST_REASONS, MOST_WATCHED = 20, 3
_WATCHED = "WATCH "


def telling(reasons: Sequence[str]) -> tuple[list[str], int]:
    """The reasons that a reader is shown, and how many are left off: what decides, then a few of what is watched."""
    watched = [reason for reason in reasons if reason.startswith(_WATCHED)]
    deciding = [reason for reason in reasons if not reason.startswith(_WATCHED)]
    shown = [*deciding, *watched[:MOST_WATCHED]][:MOST_REASONS]
    return shown, len(reasons) - len(shown)


def settling(verdict: Verdict) -> list[str]:
    """What would settle an inconclusive verdict: the examples each of its gates still needs, largest need first."""
    if verdict.verdict != "inconclusive":
        return []
    open_gates = [
        f
        for f in verdict.metrics
        if f.outcome == "inconclusive" and f.level != "monitored" and f.slice is None and f.n_needed
    ]
    return [f"{f.gate}: {_settle(f)}" for f in sorted(open_gates, key=lambda f: -(f.n_needed or 0))]


def _group(gate: str, found: list[Finding], most: int) -> Group:
    return Group(
        gate=gate,
        summary=tally(found, "slice"),
        rows=tuple(row(finding) for finding in found[:most]),
        more=max(0, len(found) - most),
        findings=tuple(found[:most]),
        is_open=any(finding.outcome == "fail" for finding in found),
    )


def _settle(finding: Finding) -> str:
    needed = finding.n_needed or 0
    more = needed - finding.n
    total = f"{plural(needed, 'example')} in all"
    return f"{count(more)} more examples would settle it ({total})" if more > 0 else f"needs {total}"
