"""What a table of findings shows, formatted once for HTML and Markdown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from shipworthy.records import Finding, Outcome, Verdict, Warning  # noqa: A004
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
    note: str


class Group(NamedTuple):
    """The slices of one gate, worst first; `more` is how many were left off the end."""

    gate: str
    summary: str
    rows: tuple[Row, ...]
    more: int
    findings: tuple[Finding, ...]
    is_open: bool


def row(finding: Finding, notes: Mapping[str, str] | None = None) -> Row:
    """One finding as text, with the note of its gate."""
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
        note=(notes or {}).get(finding.gate, ""),
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


LABELS: Mapping[str, str] = {
    "FAIL": "a hard gate is shown not to hold; it blocks",
    "UNSURE": "shown neither good enough nor worse; more evidence would tell",
    "SIGN-OFF": "a soft gate fails; a person may sign for it",
    "OPEN": "a soft gate that is not settled; it stops nothing",
    "WATCH": "shown worse where nothing is gated; it decides nothing",
    "NOTE": "to be read before the numbers are believed",
}
"""The words that reasons begin with, and what each means."""


def label(finding: Finding, *, hard: bool) -> str:
    """The word under which the reasons name a finding; empty where it passed. `hard`: the protocol has hard gates."""
    if finding.outcome == "pass":
        return ""
    if finding.level == "monitored":
        return "WATCH" if finding.outcome == "fail" else ""
    if finding.outcome == "fail":
        return "FAIL" if finding.level == "hard" else "SIGN-OFF"
    return "OPEN" if finding.level == "soft" and hard else "UNSURE"


def legend(words: Iterable[str]) -> list[tuple[str, str]]:
    """What the labels that occur mean, in the order of their weight; FAIL alone needs no words."""
    there = set(words)
    return [(word, means) for word, means in LABELS.items() if word in there] if there - {"FAIL", "NOTE"} else []


def labels_of(reasons: Iterable[str]) -> list[str]:
    """The labels that reasons begin with."""
    return [word for reason in reasons if (word := reason.partition(" ")[0]) in LABELS]


def folded(warnings: Sequence[Warning]) -> tuple[list[Warning], str]:
    """The warnings that are told one by one, and one sentence for those about models that no gate names."""
    told = [one for one in warnings if not one.ungated]
    rest = [one for one in warnings if one.ungated]
    if not rest:
        return told, ""
    models = list(dict.fromkeys(one.ungated for one in rest))
    named = f"{', '.join(models[:MOST_NAMED])}{', …' if len(models) > MOST_NAMED else ''}"
    codes = ", ".join(f"{code} ({count(n)})" for code, n in Counter(one.code for one in rest).items())
    return told, f"{plural(len(rest), 'more warning')} about models that no gate names ({named}): {codes}"


MOST_NAMED = 3


def settling(verdict: Verdict) -> list[str]:
    """What would settle an inconclusive verdict, largest need first: of the gates whose need no shown reason tells."""
    told, _ = telling(verdict.reasons)
    if verdict.verdict != "inconclusive":
        return []
    open_gates = [
        f
        for f in verdict.metrics
        if f.outcome == "inconclusive"
        and f.level != "monitored"
        and f.slice is None
        and f.n_needed
        and not any(f.because in reason for reason in told)
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
