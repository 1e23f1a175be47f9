"""One HTML file that opens from disk and asks nobody for anything: style inlined, charts drawn here.

Its only script filters the list of failing examples; the policy of the page names it by its digest and allows no other.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from shipworthy.records import Decision
from shipworthy.web import _format
from shipworthy.web._diff import Marker, Span, marked
from shipworthy.web._forest import forests
from shipworthy.web._methods import notes
from shipworthy.web._page import Answer, Failed, Failure, Page, Regression, answer_of
from shipworthy.web._pareto import pareto
from shipworthy.web._rows import folded, groups, labels_of, legend, row, settling, tally, telling
from shipworthy.web._templates import script, style, template

MOST_GATES, MOST_SLICES, MOST_GROUPS, MOST_IN_FOREST, MOST_WARNINGS, MOST_MODELS = 60, 60, 40, 16, 30, 60
"""Rows of each table; what is left off is counted and stands in the JSON."""
_LONGEST_TEXT, _MOST_SLICES_TO_CHOOSE = 6_000, 200

_ICONS: dict[Decision, str] = {
    "promote": '<circle cx="24" cy="24" r="21"/><path d="m14 25 7 7 13-15"/>',
    "block": '<path d="M15.5 3.5h17l12 12v17l-12 12h-17l-12-12v-17z"/><path d="m16 16 16 16M32 16 16 32"/>',
    "sign_off": '<rect x="4" y="4" width="40" height="40" rx="6"/><path d="M12 35h24M15 28l1-6L29 9l5 5-13 13z"/>',
    "inconclusive": '<path d="M24 2.5 45.5 24 24 45.5 2.5 24z"/>'
    '<path d="M18.5 19.5c0-7.5 11-7.5 11 0 0 4.5-5.5 4.5-5.5 9M24 33.5v.1"/>',
}
"""Octagon, circle, sheet and diamond: told apart without colour."""
_ICON_COLOURS: dict[Decision, str] = {
    "promote": "#17693b",
    "block": "#b3261e",
    "sign_off": "#8a4b08",
    "inconclusive": "#365b8c",
}


class _Side(NamedTuple):
    """One answer of a worst example, ready to print."""

    answer: Answer
    score: str
    spans: tuple[Span, ...]
    more: int


def html(page: Page) -> str:
    """The whole document."""
    gates, cells = page.gates, page.cells
    reasons, reasons_more = telling(page.verdict.reasons)
    warnings, warnings_folded = folded(page.verdict.warnings)
    text = template("report.html.j2").render(
        page=page,
        css=style(),
        icon=_ICONS[page.verdict.verdict],
        favicon=_favicon(page.verdict.verdict),
        word=_format.VERDICT_WORDS[page.verdict.verdict],
        answer=answer_of(page),
        reasons=reasons,
        reasons_more=reasons_more,
        settle=settling(page.verdict)[:8],
        words=legend(labels_of(reasons)),
        gates=[row(finding, page.notes) for finding in gates[:MOST_GATES]],
        gates_more=max(0, len(gates) - MOST_GATES),
        gates_tally=tally(gates, "gate"),
        cells_tally=tally(cells, "slice"),
        monitored=[row(finding) for finding in page.monitored[:MOST_GATES]],
        monitored_more=max(0, len(page.monitored) - MOST_GATES),
        gate_forests=forests(gates[:MOST_IN_FOREST], title="Gain of each gate with its interval", key="gates"),
        forest_more=max(0, len(gates) - MOST_IN_FOREST),
        groups=groups(cells, most=MOST_SLICES)[:MOST_GROUPS],
        groups_more=max(0, len(groups(cells, most=1)) - MOST_GROUPS),
        most_in_forest=MOST_IN_FOREST,
        forests=forests,
        regressions=[(regression, *_sides(regression)) for regression in page.regressions],
        paretos=[(svg, chart) for i, chart in enumerate(page.paretos) if (svg := pareto(chart, key=f"pareto-{i}"))],
        ladder_rows=page.ladder.rows[:MOST_MODELS] if page.ladder else (),
        warnings=warnings[:MOST_WARNINGS],
        warnings_more=max(0, len(warnings) - MOST_WARNINGS),
        warnings_folded=warnings_folded,
        notes=notes(page.verdict.metrics),
        longest=_LONGEST_TEXT,
        failures=_failures(page.failures.shown) if page.failures else [],
        failures_total=page.failures.total if page.failures else 0,
        filters=_filters(page.failures.shown if page.failures else ()),
        outcomes=_OUTCOMES,
        script=script() if page.failures and page.failures.shown else "",
        script_digest=base64.b64encode(hashlib.sha256(script().encode()).digest()).decode(),
    )
    return _format.printable(text)


def _sides(regression: Regression) -> tuple[_Side, _Side]:
    """Candidate and baseline side by side; words that only one of them says are marked."""
    ours, more = _format.clipped(_said(regression.candidate), _LONGEST_TEXT)
    theirs, more_theirs = _format.clipped(_said(regression.baseline), _LONGEST_TEXT)
    spans, other_spans = marked(ours, theirs)
    return (
        _Side(regression.candidate, _format.quantity(regression.candidate.score, regression.unit), spans, more),
        _Side(
            regression.baseline, _format.quantity(regression.baseline.score, regression.unit), other_spans, more_theirs
        ),
    )


_OUTCOMES: dict[Failed, str] = {
    "lost": "worse than the baseline",
    "unanswered": "no answer",
    "wrong": "not right, baseline no better",
}


def _failures(shown: Sequence[Failure]) -> list[tuple[Failure, list[_Side], str]]:
    marker = Marker()
    return [(one, *_side_by_side(one, marker)) for one in shown]


def _side_by_side(failure: Failure, marker: Marker) -> tuple[list[_Side], str]:
    """Candidate and, where there is one, baseline, differing words marked; and the labels it is filtered by."""
    answers = [failure.candidate, *([failure.baseline] if failure.baseline else [])]
    spans = marker.marked(*map(_said, answers)) if len(answers) == 2 else ((Span(_said(answers[0]), differs=False),),)
    sides = [
        _Side(answer, _format.quantity(answer.score, failure.unit) if answer.score is not None else "none", span, 0)
        for answer, span in zip(answers, spans, strict=True)
    ]
    return sides, json.dumps(_labels(failure))


def _labels(failure: Failure) -> list[str]:
    slices = [f"{column}={label}" for column, label in failure.slices.items()]
    return [failure.outcome, f"metric {failure.metric}", *(f"slice {one}" for one in slices)]


def _filters(failures: Sequence[Failure]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(name, [(label, words)]) of every filter that tells examples apart; the commonest slices of many."""
    outcomes: list[tuple[str, str]] = [
        (key, words) for key, words in _OUTCOMES.items() if any(one.outcome == key for one in failures)
    ]
    labels = Counter(label for one in failures for label in _labels(one)[1:])
    metrics = sorted(label for label in labels if label.startswith("metric "))
    slices = sorted(label for label, _ in labels.most_common(_MOST_SLICES_TO_CHOOSE) if label.startswith("slice "))
    named = [("Outcome", outcomes), ("Metric", _words(metrics)), ("Slice", _words(slices))]
    return [(name, choices) for name, choices in named if len(choices) > 1]


def _words(labels: list[str]) -> list[tuple[str, str]]:
    return [(label, label.partition(" ")[2]) for label in labels]


def _said(answer: Answer) -> str:
    return answer.text if answer.text is not None else f"No answer: {answer.error}"


def _favicon(verdict: Decision) -> str:
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" fill="none" stroke-width="5" '
        f'stroke="{_ICON_COLOURS[verdict]}">{_ICONS[verdict]}</svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode()
