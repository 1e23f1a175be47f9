"""Markdown for a pull request comment: verdict, gates, reasons, worst examples; never longer than a comment may be."""

import re
from collections.abc import Iterable, Sequence

from shipworthy.web._format import VERDICT_WORDS, clipped, count, interval, plural, printable, quantity, shorten
from shipworthy.web._page import Answer, Ladder, Page, Regression, answer_of
from shipworthy.web._rows import Row, folded, groups, labels_of, legend, row, settling, tally, telling

LONGEST = 60_000
"""Characters; GitHub refuses a comment above 65,536."""
_MOST_GATES, _MOST_SLICES, _MOST_WARNINGS, _LONGEST_ANSWER, _LONGEST_SENTENCE = 40, 20, 12, 1_500, 400
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$@&])")


def markdown(page: Page) -> str:
    """The page as GitHub-flavoured Markdown of at most `LONGEST` characters, whole sections only."""
    sections = [
        _head(page),
        _gates(page),
        _slices(page),
        _warnings(page),
        _regressions(page.regressions),
        _ladder(page.ladder),
        _provenance(page),
    ]
    foot = _foot(page)
    kept, left = [], LONGEST - len(foot) - 200
    for section in filter(None, sections):
        if len(section) <= left:
            kept.append(section)
            left -= len(section) + 1
    if len(kept) < len([section for section in sections if section]):
        kept.append("_Some sections are left out to keep this comment short; the HTML report has them all._\n")
    return printable("\n".join([*kept, foot]))


def _head(page: Page) -> str:
    shown, more = telling(page.verdict.reasons)
    reasons = [*(f"- {_sentence(reason)}" for reason in shown), *_more(more, "reason")]
    words = [f"**{label}** {means}." for label, means in legend(labels_of(shown))]
    reasons += ["", " ".join(words)] if words else []
    settle = [f"- {_sentence(what)}" for what in settling(page.verdict)[:5]]
    lines = [f"## {VERDICT_WORDS[page.verdict.verdict].upper()}: {_plain(answer_of(page), 300)}", ""]
    lines += [f"**{_plain(page.title, 200)}** · {_plain(page.question, 300)}", "", *reasons, ""]
    return "\n".join([*lines, *(["What would settle it:", "", *settle, ""] if settle else [])])


def _gates(page: Page) -> str:
    gates = [row(finding, page.notes) for finding in page.gates]
    lines = [f"### Gates\n\n{tally(page.gates, 'gate')}\n"]
    lines += ["| | Gate | Candidate | Baseline | Gain | n |", "|---|---|---|---|---|---|"]
    lines += [_gate_line(shown) for shown in gates[:_MOST_GATES]]
    return "\n".join([*lines, *_more(len(gates) - _MOST_GATES), ""])


def _gate_line(shown: Row) -> str:
    name = f"**{_plain(shown.gate, 80)}**{'' if shown.level == 'hard' else f' ({shown.level})'}"
    rule = f"{_plain(shown.about, 80)}; {_plain(shown.rule, 120)}"
    rule += f"<br>why this gate: {_plain(shown.note, 200)}" if shown.note else ""
    cells = (f"**{shown.word}**", f"{name}<br>{rule}", shown.candidate, shown.baseline, shown.gain, _n(shown))
    return "| " + " | ".join(cells) + " |"


def _n(shown: Row) -> str:
    return f"{shown.n} {shown.clusters}".strip()


def _slices(page: Page) -> str:
    telling = [finding for finding in page.cells if finding.outcome != "pass" and finding.level != "monitored"]
    if not page.cells:
        return ""
    lines = [f"### Slices\n\n{tally(page.cells, 'slice')}\n"]
    for group in groups(telling, most=_MOST_SLICES):
        lines += ["<details>", f"<summary>{_plain(group.gate, 80)}: {group.summary} (not passing)</summary>", ""]
        lines += ["| | Slice | Candidate | Baseline | Gain | n |", "|---|---|---|---|---|---|"]
        lines += [
            f"| {r.word} | {_plain(r.slice, 80)} | {r.candidate} | {r.baseline} | {r.gain} | {_n(r)} |"
            for r in group.rows
        ]
        lines += [*_more(group.more), "", "</details>", ""]
    return "\n".join(lines)


def _warnings(page: Page) -> str:
    warnings, rest = folded(page.verdict.warnings)
    if not warnings and not rest:
        return ""
    lines = [f"- `{w.code}`: {_sentence(w.message)}" for w in warnings[:_MOST_WARNINGS]]
    lines += [f"- {_plain(rest, _LONGEST_SENTENCE)}"] if rest else []
    return "\n".join(["### Warnings", "", *lines, *_more(len(warnings) - _MOST_WARNINGS, "warning"), ""])


def _regressions(regressions: Iterable[Regression]) -> str:
    shown = [_regression(regression) for regression in regressions]
    return "\n".join(["### Worst examples", "", *shown]) if shown else ""


def _regression(regression: Regression) -> str:
    title = f"{_plain(regression.example_id, 80)}: {_plain(regression.metric, 60)} {_scores(regression)}"
    parts = [f"<details>\n<summary>{title}</summary>\n"]
    parts += [f"**{turn.role.capitalize()}**\n\n{_fenced(turn.content)}\n" for turn in regression.prompt[-4:]]
    if regression.reference is not None:
        parts.append(f"**Reference**\n\n{_fenced(regression.reference)}\n")
    for answer in (regression.candidate, regression.baseline):
        parts.append(f"**{_plain(answer.model, 80)}**\n\n{_fenced(_said(answer))}\n")
    return "\n".join([*parts, "</details>\n"])


def _scores(regression: Regression) -> str:
    ours, theirs = (quantity(a.score, regression.unit) for a in (regression.candidate, regression.baseline))
    return f"{ours} against {theirs}"


def _said(answer: Answer) -> str:
    return answer.text if answer.text is not None else f"no answer: {answer.error}"


def _ladder(ladder: Ladder | None) -> str:
    if ladder is None:
        return ""
    names = [_plain(column.name, 60) for column in ladder.columns]
    lines = ["<details>\n<summary>All models</summary>\n", "| Model | Role | " + " | ".join(names) + " |"]
    lines.append("|---|---|" + "---|" * len(names))
    for model in ladder.rows[:_MOST_GATES]:
        cells = [
            f"{interval(cell, column.unit)}<br>n {count(cell.n)}" if cell.value is not None else "–"
            for cell, column in zip(model.cells, ladder.columns, strict=True)
        ]
        lines.append(f"| {_plain(model.model, 80)} | {model.role or ''} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", "</details>", ""])


def _provenance(page: Page) -> str:
    if not page.provenance:
        return ""
    lines = ["<details>\n<summary>Provenance</summary>\n"]
    for group in page.provenance:
        rows = [f"- {_plain(fact.name, 80)}: {_code(shorten(fact.value, 200))}" for fact in group.rows[:30]]
        lines += [f"**{_plain(group.title, 80)}**", "", *rows, *_more(len(group.rows) - 30), ""]
    return "\n".join([*lines, "</details>", ""])


def _foot(page: Page) -> str:
    cover = page.verdict.coverage
    lines = [
        f"Answered: candidate {count(cover.candidate)}, baseline {count(cover.baseline)}, both {count(cover.common)}; "
        f"missing counts as `{cover.policy}`.",
    ]
    if page.next_command:
        lines += ["", f"Next: {_code(page.next_command)}"]
    return "\n".join([*lines, ""])


def _sentence(text: str) -> str:
    return _plain(text, _LONGEST_SENTENCE)


def _plain(text: str, limit: int) -> str:
    """One line of text that Markdown and GitHub leave alone: no markup, no mention, no issue link."""
    words = shorten(" ".join(text.split()), limit)
    safe = _SPECIAL.sub(lambda found: _ENTITIES.get(found[0], "\\" + found[0]), words)
    return safe.replace("://", ":\u200b//")


_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "@\u200b", "#": "#\u200b"}


def _fenced(text: str) -> str:
    """A code block longer than any run of backticks inside it."""
    shown, more = clipped(text, _LONGEST_ANSWER)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return f"{fence}text\n{shown}{f'… {count(more)} more characters' if more else ''}\n{fence}"


def _code(text: str) -> str:
    """Inline code on one line."""
    line = " ".join(text.split())
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def _more(n: int, noun: str = "row") -> Sequence[str]:
    return [f"\nand {plural(n, f'more {noun}')}, all in the JSON"] if n > 0 else []
