"""What a terminal says of a verdict: each gate once, the words explained, notes printed, what nobody gates folded."""

import json
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.cli._text import verdict_text
from shipworthy.records import Verdict, Warning  # noqa: A004
from shipworthy.web._rows import LABELS, folded
from tests.web import pages

UNSETTLED = "the interval reaches below -2.0 pts; about 2,400 examples in all would settle it"


def lines(verdict: Verdict, **more: dict[str, str]) -> list[str]:
    return verdict_text(verdict, **more).splitlines()  # type: ignore[arg-type]


def test_a_gate_is_told_once() -> None:
    lost = pages.finding("refusal", "fail", because="it loses 97 points")
    unsettled = pages.finding("task", "inconclusive", because=UNSETTLED, n_needed=2400)
    sliced = pages.finding("task", "fail", slice={"intent": "refund"}, because="it loses 13 points there")
    told = pages.verdict(
        "block",
        (lost, unsettled, pages.finding("tone"), sliced),
        reasons=(
            "FAIL refusal: it loses 97 points",
            "FAIL task: it loses 13 points there",
            f"UNSURE task: {UNSETTLED}",
            "UNSURE task: 3 more slices, listed with the findings",
            "passed: tone",
            "NOTE a and b have the same values throughout",
        ),
        warnings=(Warning(code="underpowered", message="1 hard gate cells are open because n is small"),),
    )
    text = verdict_text(told)

    assert [1, 1, 1] == [text.count(lost.because), text.count(UNSETTLED), text.count(sliced.because)]
    assert "  - NOTE a and b have the same values throughout" in text
    assert "passed:" not in text and "underpowered" not in text


def test_gates_stand_worst_first() -> None:
    found = [pages.finding("a"), pages.finding("b", "inconclusive"), pages.finding("c", "fail", level="soft")]
    found.append(pages.finding("d", "fail"))
    told = lines(pages.verdict("block", tuple(found), reasons=()))
    names = [line.split()[1].rstrip(":") for line in told if line.startswith("  ")]

    assert ["d", "c", "b", "a"] == names


@pytest.mark.parametrize(
    ("level", "outcome", "word"),
    [
        ("hard", "inconclusive", "UNSURE"),
        ("soft", "inconclusive", "OPEN"),
        ("soft", "fail", "SIGN-OFF"),
        ("monitored", "fail", "WATCH"),
    ],
)
def test_a_word_that_occurs_is_explained_on_one_line(level: str, outcome: str, word: str) -> None:
    found = (pages.finding("a"), pages.finding("b", outcome, level=level))
    told = [line for line in lines(pages.verdict("inconclusive", found)) if line.startswith("Words: ")]

    assert [f"Words: {word}: {LABELS[word]}"] == told


def test_without_such_a_word_there_is_no_legend() -> None:
    assert not [line for line in lines(pages.verdict("promote", (pages.finding("a"),))) if line.startswith("Words")]


@pytest.mark.parametrize("kind", ["html", "md"])
def test_reports_explain_the_words_of_their_reasons(kind: str) -> None:
    from shipworthy.web.report import Page, render_page

    told = pages.verdict("inconclusive", reasons=("UNSURE task: it is not settled", "WATCH tone: worse"))
    text = render_page(Page.from_verdict(told, title="t"), kind)  # type: ignore[arg-type]

    assert LABELS["UNSURE"] in text and LABELS["WATCH"] in text and LABELS["OPEN"] not in text


def test_a_watched_metric_that_is_worse_is_still_told() -> None:
    found = (pages.finding("a"), pages.finding("slow", "fail", level="monitored", because="it takes longer"))
    told = pages.verdict("promote", found, reasons=("PASS a", "WATCH slow: it takes longer"))

    assert ["  WATCH    slow: it takes longer"] == [line for line in lines(told) if "it takes longer" in line]


def test_warnings_about_models_that_no_gate_names_are_one_line() -> None:
    about = tuple(Warning(code="few_discordant", message=f"m{at}", ungated=f"model-{at % 5}") for at in range(9))
    told = pages.verdict("promote", warnings=(Warning(code="few_clusters", message="near"), *about))
    text = verdict_text(told)

    assert "warning few_clusters: near" in text
    assert "9 more warnings about models that no gate names (model-0, model-1, model-2, …): few_discordant (9)" in text
    assert not [one for one in about if one.message in text]
    assert ([], "") == folded([])


PROTOCOL_NOTE = "  - metric: ticket_match          # may lose at most 2 points to production\n"


def test_the_note_of_a_gate_is_printed_everywhere(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = first / "shipworthy.yaml"
    assert PROTOCOL_NOTE in path.read_text()
    path.write_text(path.read_text().replace(PROTOCOL_NOTE, PROTOCOL_NOTE + "    note: the desk routes by it\n"))
    capsys.readouterr()

    main(["run", "--quiet", "--out", "r"])
    ran = capsys.readouterr().out
    main(["gate", "r"])
    again = capsys.readouterr().out

    assert [1, 1] == [text.count("why this gate: the desk routes by it") for text in (ran, again)]
    assert "Why this gate: the desk routes by it" in (first / "r" / "report.html").read_text()
    assert "why this gate: the desk routes by it" in (first / "r" / "report.md").read_text()


def test_what_the_judge_warns_of_a_model_no_gate_names_is_marked(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(row) for row in (first / "responses" / "candidate.jsonl").read_text().splitlines()]
    same = "\n".join(json.dumps({**row, "text": "always this"}) for row in rows)
    (first / "responses" / "older.jsonl").write_text(same)
    path = first / "shipworthy.yaml"
    more = (
        "  older:\n    role: full\n    backend: recorded\n    path: responses/older.jsonl\n"
        "  majority:                       #"
    )
    path.write_text(path.read_text().replace("  majority:                       #", more))
    capsys.readouterr()
    main(["run", "--quiet", "--json"])
    warned = json.loads(capsys.readouterr().out)["warnings"]

    assert {"older"} == {one["ungated"] for one in warned if one["ungated"]}
    assert [] == [one for one in warned if not one["ungated"] and "older" in one["message"]]
