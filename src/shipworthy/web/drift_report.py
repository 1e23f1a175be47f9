"""The report of `shipworthy data drift`: one HTML page in the look of the verdict's, Markdown, or JSON."""

import re
from typing import NamedTuple

import msgspec

from shipworthy.data._drift_report import DriftReport, Shape, as_document
from shipworthy.errors import UnknownName
from shipworthy.records import Outcome
from shipworthy.stats.drift.look import name
from shipworthy.stats.drift.types import Drift, Look
from shipworthy.web._format import count, plural, printable, shorten
from shipworthy.web._histogram import paired
from shipworthy.web._templates import style, template

MOST_FINDINGS, MOST_GROUPS, MOST_MARKDOWN = 100, 41, 60
_LONGEST = 60_000
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$@&])")
_ORDER: dict[Outcome, int] = {"fail": 0, "inconclusive": 1, "pass": 2}
_WORDS: dict[Outcome, str] = {"fail": "drift", "inconclusive": "unsure", "pass": "same"}


class _Tone(NamedTuple):
    """How an outcome looks: the class of the page, its word, its answer, its icon."""

    page: str
    word: str
    answer: str
    icon: str


_TONES: dict[Outcome, _Tone] = {
    "fail": _Tone(
        "block", "Drift", "The rows changed, by more than chance and more than matters.", "m16 16 16 16M32 16 16 32"
    ),
    "inconclusive": _Tone(
        "inconclusive",
        "Inconclusive",
        "No drift was shown, but these rows are too few to see one that matters.",
        "M18.5 19.5c0-7.5 11-7.5 11 0 0 4.5-5.5 4.5-5.5 9M24 33.5v.1",
    ),
    "pass": _Tone(
        "promote", "No drift", "A drift that matters would have been seen, and none was.", "m14 25 7 7 13-15"
    ),
}


class _Group(NamedTuple):
    """All findings on all rows or on one slice; `title` is empty for all rows; `folded` ones are behind a click."""

    title: str
    open: list[Drift]
    folded: list[Drift]


def render(report: DriftReport, kind: str) -> str:
    """The report as text. Raises: UnknownName: a kind other than html, md and json."""
    if kind == "html":
        return _html(report)
    if kind == "md":
        return _markdown(report)
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(as_document(report)), indent=2).decode() + "\n"
    raise UnknownName(f"there is no report of kind {kind!r}; known: html, md, json")


def _html(report: DriftReport) -> str:
    text = template("drift.html.j2").render(
        report=report,
        look=report.look,
        tone=_TONES[report.look.outcome],
        subject="Drift",
        css=style(),
        groups=_groups(report.look),
        most_findings=MOST_FINDINGS,
        most_groups=MOST_GROUPS,
        words=_WORDS,
        tally=_tally(report),
        drawings=[(_title(one), paired(one.labels, _shares(one), title=_title(one))) for one in report.shapes],
    )
    return printable(text)


def _tally(report: DriftReport) -> str:
    """`42 tests: 3 drift, 1 unsure, 38 same`."""
    outcomes = [one.outcome for one in report.look.findings]
    said = ", ".join(f"{count(outcomes.count(outcome))} {word}" for outcome, word in _WORDS.items())
    return f"{plural(len(outcomes), 'test')}: {said}"


def _groups(look: Look) -> list[_Group]:
    """All rows first, then the slices, those with drift before the others; open is what decided the look."""
    by: dict[str, list[Drift]] = {}
    for one in sorted(look.findings, key=_rank):
        by.setdefault(_slice(one.slice), []).append(one)
    least = _ORDER[look.outcome]
    groups = [
        _Group(
            title,
            [one for one in some if _ORDER[one.outcome] <= least and one.outcome != "pass"],
            [one for one in some if _ORDER[one.outcome] > least or one.outcome == "pass"],
        )
        for title, some in by.items()
    ]
    return sorted(groups, key=lambda group: group.title != "")


def _rank(one: Drift) -> tuple[int, float]:
    return _ORDER[one.outcome], 1.0 if one.p_adjusted is None else one.p_adjusted


def _slice(where: dict[str, str] | None) -> str:
    return ", ".join(f"{column} = {label}" for column, label in (where or {}).items())


def _title(one: Shape) -> str:
    where = _slice(one.slice)
    return f"{one.column} ({one.kind})" + (f" where {where}" if where else "")


def _shares(one: Shape) -> list[tuple[float, float]]:
    before, now = max(1, sum(one.reference)), max(1, sum(one.current))
    return [(left / before, right / now) for left, right in zip(one.reference, one.current, strict=True)]


# --- Markdown --------------------------------------------------------------------------------------------------------


def _markdown(report: DriftReport) -> str:
    tone = _TONES[report.look.outcome]
    findings = [one for group in _groups(report.look) for one in (*group.open, *group.folded)]
    lines = [
        f"## {tone.word.upper()}: {tone.answer}",
        "",
        f"{_plain(report.current.path, 200)} ({plural(report.current.rows, 'row')}) beside "
        f"{_plain(report.reference.path, 200)} ({plural(report.reference.rows, 'row')}); {_tally(report)}.",
        "",
        "| | What | Rows before, now | Why |",
        "|---|---|---|---|",
        *(_line(one) for one in findings[:MOST_MARKDOWN]),
        "",
    ]
    if len(findings) > MOST_MARKDOWN:
        lines += [f"and {plural(len(findings) - MOST_MARKDOWN, 'more test')}, all of them in the JSON report", ""]
    lines += [f"- {warning.code}: {_plain(warning.message, 300)}" for warning in report.look.warnings]
    return printable("\n".join(lines)[:_LONGEST]) + "\n"


def _line(one: Drift) -> str:
    rows = f"{count(one.n_reference)}, {count(one.n_current)}"
    return f"| **{_WORDS[one.outcome]}** | {_plain(name(one), 160)} | {rows} | {_plain(one.because, 240)} |"


def _plain(text: str, limit: int) -> str:
    return _SPECIAL.sub(r"\\\1", shorten(" ".join(text.split()), limit))
