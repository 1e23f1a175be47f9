"""The report of `shipworthy data check`: one HTML page in the look of the verdict's, Markdown, or JSON."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from shipworthy.data.training.limits import LimitFinding
from shipworthy.data.training.types import SEVERITIES, DataReport, Found, Histogram, LeakPair, Overlap, Severity
from shipworthy.errors import UnknownName
from shipworthy.web._diff import Span, marked
from shipworthy.web._format import count, plural, printable, shorten
from shipworthy.web._histogram import Bar, columns, rows
from shipworthy.web._templates import style, template

if TYPE_CHECKING:
    from shipworthy.data.split import SplitReport

Kind = Literal["html", "md", "json"]
MOST_FINDINGS, MOST_SOURCES, MOST_LABELS, MOST_EXAMPLES = 100, 50, 30, 50
MOST_PAIRS, MOST_OPEN, MOST_PAIRS_MARKDOWN = 50, 12, 10
_LONGEST = 60_000
"""Characters of the Markdown; GitHub refuses a comment above 65,536."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$@&])")


class _Tone(NamedTuple):
    """How a severity looks: the class of the page, the class of its chip, its words."""

    page: str
    chip: str
    word: str
    answer: str
    icon: str


_TONES: dict[Severity | None, _Tone] = {
    "error": _Tone(
        "block",
        "fail",
        "Repair first",
        "Some rows would teach the wrong thing, or nothing at all.",
        "m16 16 16 16M32 16 16 32",
    ),
    "warning": _Tone(
        "sign_off", "sign_off", "Look at it", "Nothing is broken; some rows deserve a look.", "M24 13v15M24 34v.1"
    ),
    "note": _Tone(
        "promote", "inconclusive", "Clean", "Nothing stands against training on these rows.", "m14 25 7 7 13-15"
    ),
    None: _Tone("promote", "pass", "Clean", "Nothing stands against training on these rows.", "m14 25 7 7 13-15"),
}

_TIER_CHIPS = {"certain": "fail", "likely": "fail", "look_at_it": "inconclusive"}
_TIER_WORDS = {"certain": "certain", "likely": "likely", "look_at_it": "to look at"}


def render(
    report: DataReport, kind: str, *, limits: Sequence[LimitFinding] = (), split: "SplitReport | None" = None
) -> str:
    """The report as text. Args: split: what the rows are a part of. Raises: UnknownName: a kind other than html, md and
    json."""
    if kind == "html":
        return _html(report, limits, split)
    if kind == "md":
        return _markdown(report, limits, split)
    if kind == "json":
        said = {"report": report, "limits": limits} | ({"split": split} if split else {})
        return msgspec.json.format(msgspec.json.encode(said), indent=2).decode() + "\n"
    raise UnknownName(f"there is no report of kind {kind!r}; known: html, md, json")


def _html(report: DataReport, limits: Sequence[LimitFinding], split: "SplitReport | None") -> str:
    from shipworthy.web import _split

    tone = _tone(report, limits)
    text = template("data_report.html.j2").render(
        report=report,
        limits=limits,
        tone=tone,
        subject="Training data",
        css=style(),
        groups=[(level, [one for one in report.findings if one.severity == level]) for level in SEVERITIES],
        chips={level: _TONES[level].chip for level in SEVERITIES},
        tally=_tally(report),
        histograms=[(one, columns(_bars(one), title=one.name)) for one in report.histograms],
        labels=_labels(report),
        most=MOST_EXAMPLES,
        most_findings=MOST_FINDINGS,
        sources=report.sources[:MOST_SOURCES],
        leaks=[(one, _tiers(one), _sides(one)) for one in report.leakage],
        tier_chips=_TIER_CHIPS,
        most_open=MOST_OPEN,
        **_split.context(split, report.sources),
    )
    return printable(text)


def _tone(report: DataReport, limits: Sequence[LimitFinding]) -> _Tone:
    """How the whole looks: as its worst finding, copied test rows and broken limits included."""
    if any(one.severity == "error" for one in report.findings):
        return _TONES["error"]
    if any(one.leaks for one in report.leakage):
        return _TONES["error"]._replace(answer="Rows that are to be tested on stand among the rows to be trained on.")
    if any(one.outcome == "fail" for one in limits):
        return _TONES["error"]._replace(answer="A limit that was set for this data is broken.")
    if any(one.tiers["look_at_it"] for one in report.leakage):
        return _TONES["warning"]._replace(answer="Rows that are to be tested on have near twins among the others.")
    return _TONES[report.worst()]


def _tally(report: DataReport) -> str:
    """`2 errors, 1 warning, 0 notes`."""
    return ", ".join(plural(sum(one.severity == level for one in report.findings), level) for level in SEVERITIES)


def _tiers(one: Overlap) -> str:
    """`6 certain, 0 likely, 12 to look at, of 3,080 rows`."""
    said = ", ".join(f"{count(n)} {_TIER_WORDS[tier]}" for tier, n in one.tiers.items())
    return f"{said}, of {plural(one.rows, 'row')}"


def _sides(one: Overlap) -> list[tuple[LeakPair, tuple[Span, ...], tuple[Span, ...]]]:
    """The strongest pairs, the words marked that only one side has."""
    return [(pair, *marked(pair.test_text, pair.train_text)) for pair in one.pairs[:MOST_PAIRS]]


def _bars(histogram: Histogram) -> list[Bar]:
    edges = histogram.edges
    return [Bar(_span(low, high), n) for low, high, n in zip(edges, edges[1:], histogram.counts, strict=False)]


def _span(low: float, high: float) -> str:
    """A bin holds low to high - 1 (whole numbers)."""
    return _short(low) if high - low <= 1 else f"{_short(low)}–{_short(high - 1)}"


def _short(value: float) -> str:
    return f"{value / 1000:.0f}k" if value >= 10_000 else f"{value:.0f}"


def _labels(report: DataReport) -> str | None:
    if not report.labels:
        return None
    ranked = sorted(report.labels.items(), key=lambda item: (-item[1], item[0]))[:MOST_LABELS]
    return rows([Bar(name, n) for name, n in ranked], title="Rows of each label")


# --- Markdown --------------------------------------------------------------------------------------------------------


def _markdown(report: DataReport, limits: Sequence[LimitFinding], split: "SplitReport | None") -> str:
    from shipworthy.web import _split

    tone = _tone(report, limits)
    kept_out = f", {count(report.bad)} bad rows kept out" if report.bad else ""
    lines = [
        f"## {tone.word.upper()}: {tone.answer}",
        "",
        f"{plural(report.rows, 'row')}{kept_out}: {_tally(report)}.",
        "",
    ]
    if limits:
        lines += [
            "| | Limit |",
            "|---|---|",
            *(f"| **{one.outcome}** | {_plain(one.because, 200)} |" for one in limits),
            "",
        ]
    if report.findings:
        lines += ["| | Defect | Rows | Share | First place | Remedy |", "|---|---|---|---|---|---|"]
        lines += [_line(found) for found in report.findings[:MOST_FINDINGS]]
        lines.append("")
    for overlap in report.leakage:
        lines += _overlap(overlap)
    if split is not None:
        whole, *parts = (_plain(line, 400) for line in _split.lines(split, report.sources))
        lines += [f"**Split.** {whole}", "", *(f"- {part}" for part in parts), ""]
    lines += [f"- not run: {one.check} ({_plain(one.because, 200)})" for one in report.skipped]
    return printable("\n".join(lines)[:_LONGEST]) + "\n"


def _line(found: Found) -> str:
    place = f"`{found.examples[0].where.replace('`', '')}`" if found.examples else ""
    cells = (
        f"**{found.severity}**",
        f"`{found.code}` {_plain(found.title, 160)}",
        count(found.count),
        f"{found.share:.2%}",
    )
    return "| " + " | ".join((*cells, place, _plain(found.remedy, 160))) + " |"


def _overlap(one: Overlap) -> list[str]:
    """One test set's copies, the test row beside the training row."""
    lines = [f"**Leakage** of {_plain(one.against, 160)}: {_tiers(one)}.", ""]
    if one.pairs:
        lines += ["| | Test row | Training row |", "|---|---|---|"]
        lines += [_pair(pair) for pair in one.pairs[:MOST_PAIRS_MARKDOWN]]
        lines.append("")
    return lines


def _pair(pair: LeakPair) -> str:
    sides = ((pair.test_where, pair.test_text), (pair.train_where, pair.train_text))
    cells = (f"{_plain(where, 120)}: {_plain(text, 200)}" for where, text in sides)
    return f"| **{_TIER_WORDS[pair.tier]}** ({pair.kind}, {pair.similarity:.2f}) | " + " | ".join(cells) + " |"


def _plain(text: str, limit: int) -> str:
    return _SPECIAL.sub(r"\\\1", shorten(" ".join(text.split()), limit))
