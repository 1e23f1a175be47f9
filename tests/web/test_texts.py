"""Markdown for a pull request, JUnit for CI, JSON for programs."""

import json
import re
from types import ModuleType
from xml.etree import ElementTree

import msgspec
import pytest

from shipworthy.records import Interval
from shipworthy.web._markdown import LONGEST
from shipworthy.web.report import Page, render_page

CONTRACT = {
    "metric", "slice", "n", "clusters", "candidate", "baseline", "gain", "method", "p_worse", "p_better", "effect",
    "outcome", "margin", "n_needed", "because",
}  # fmt: skip


def suite(page: Page) -> ElementTree.Element:
    found = ElementTree.fromstring(render_page(page, "junit")).find("testsuite")
    assert found is not None
    return found


# --- Markdown


def test_a_comment_opens_with_the_verdict_in_words(pages: ModuleType) -> None:
    first = render_page(pages.story(), "md").splitlines()[0]

    assert "## BLOCK: desk-full must not ship: a hard gate fails." == first


def test_every_gate_has_its_numbers_with_interval_and_n(pages: ModuleType) -> None:
    text = render_page(pages.story(), "md")

    assert "| 2.1% [0.9, 4.8] | 99.2% [97.0, 99.8] | −97.1 pts [−98.6, −94.0] | 240 |" in text
    assert "| **Inconclusive** |" in text and "180 in 60 clusters" in text


def test_a_comment_ends_with_the_next_command(pages: ModuleType) -> None:
    last = render_page(pages.story(), "md").rstrip().splitlines()[-1]

    assert "Next: `shipworthy release show 20250101-000000-ab12`" == last


def test_a_comment_never_grows_beyond_what_a_forge_accepts(pages: ModuleType) -> None:
    gates = tuple(pages.finding("g" * 500 + str(i), "fail", because="b" * 5_000) for i in range(10_000))
    cells = tuple(pages.finding(f"c{i}", "fail", slice={"s": "x" * 500}) for i in range(10_000))
    verdict = pages.verdict("block", gates + cells, reasons=tuple("r" * 5_000 for _ in range(1_000)))
    long = pages.regression("x", said="`" * 100_000)
    page = msgspec.structs.replace(pages.story(), verdict=verdict, regressions=(long,) * 3)
    text = render_page(page, "md")

    assert len(text) <= LONGEST
    assert text.startswith("## BLOCK") and "Next: " in text


def test_a_user_s_text_notifies_nobody_and_breaks_no_table(pages: ModuleType) -> None:
    gate = pages.finding("a|b @octocat #12 <img src=x> [l](http://evil.example) `x`", "fail")
    text = render_page(Page.from_verdict(pages.verdict("block", (gate,)), title="t", candidate="c"), "md")
    line = next(line for line in text.splitlines() if line.startswith("| **Fail**"))

    assert 7 == len(re.findall(r"(?<!\\)\|", line))
    assert "@octocat" not in text and "#12" not in text and "<img" not in text and "http://" not in text


def test_an_answer_full_of_backticks_stays_inside_its_block(pages: ModuleType) -> None:
    page = msgspec.structs.replace(pages.story(), regressions=(pages.regression("x", said="```\n@all\n````"),))

    assert "`````text\n```\n@all\n````\n`````" in render_page(page, "md")


# --- JUnit


def test_a_failing_gate_is_a_failure_and_an_unsettled_one_an_error(pages: ModuleType) -> None:
    cases = {case.get("name"): case for case in suite(pages.story()).iter("testcase")}

    assert cases["refusal"].find("failure") is not None
    assert cases["json_valid"].find("error") is not None
    assert cases["task"].find("failure") is None and cases["task"].find("error") is None
    assert cases["task [intent = refund]"].find("failure") is not None


@pytest.mark.parametrize(
    ("decision", "is_red"), [("promote", False), ("block", True), ("sign_off", True), ("inconclusive", True)]
)
def test_ci_is_red_exactly_when_the_verdict_is_not_promote(decision: str, is_red: bool, pages: ModuleType) -> None:
    found = suite(Page.from_verdict(pages.verdict(decision), title="t", candidate="c"))

    assert is_red == (int(found.get("failures", "0")) + int(found.get("errors", "0")) > 0)


def test_under_a_promote_an_unsettled_soft_gate_is_skipped(pages: ModuleType) -> None:
    verdict = pages.verdict("promote", (pages.finding(), pages.finding("tone", "inconclusive", level="soft")))
    found = suite(Page.from_verdict(verdict, title="t", candidate="c"))

    assert ("0", "0", "1") == (found.get("failures"), found.get("errors"), found.get("skipped"))


def test_the_counts_of_the_suite_are_those_of_its_cases(pages: ModuleType) -> None:
    found = suite(pages.story())
    tags = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}

    assert {name: str(len(list(found.iter(tag)))) for name, tag in tags.items()} == {
        name: found.get(name) for name in tags
    }


def test_monitored_metrics_are_no_test_cases(pages: ModuleType) -> None:
    verdict = pages.verdict("promote", (pages.finding(), pages.finding("watched", "fail", level="monitored")))

    assert ["verdict", "task"] == [
        case.get("name") for case in suite(Page.from_verdict(verdict, title="t", candidate="c")).iter("testcase")
    ]


def test_characters_that_xml_forbids_do_not_break_it(pages: ModuleType) -> None:
    verdict = pages.verdict("block", (pages.finding("a\x00b\x1b ]]> <é>", "fail", because="\ud800\uffff"),))

    assert "a\ufffdb\ufffd ]]> <é>" == suite(Page.from_verdict(verdict, title="\x01", candidate="c"))[2].get("name")


# --- JSON


def test_the_json_is_the_document_of_the_contract(pages: ModuleType) -> None:
    document = json.loads(render_page(pages.story(), "json"))

    assert {"verdict", "reasons", "metrics", "coverage", "warnings"} == set(document)
    assert all(set(row) >= CONTRACT for row in document["metrics"])
    assert {"value", "low", "high"} == set(document["metrics"][0]["gain"])
    assert {"candidate": 1000, "baseline": 1000, "common": 1000, "policy": "fail"} == document["coverage"]


def test_the_json_holds_every_finding_however_many(pages: ModuleType) -> None:
    cells = tuple(pages.finding(slice={"s": str(i)}, gain=Interval(value=0.1, low=0, high=1)) for i in range(3_000))

    assert 3_000 == len(
        json.loads(render_page(Page.from_verdict(pages.verdict("block", cells), title="t"), "json"))["metrics"]
    )
