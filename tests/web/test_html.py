"""The HTML report: one file, no request, every user's text escaped, usable at any size."""

import re
from html.parser import HTMLParser
from types import ModuleType

import msgspec
import pytest

from shipworthy.records import Message, Verdict
from shipworthy.web._html import MOST_SLICES
from shipworthy.web.report import Page, render_page

VOID = {"meta", "link", "br", "img", "circle", "rect", "path", "line"}
HOSTILE = '<script>alert("x")</script><img src=http://evil.example/x onerror=y>'


class Outline(HTMLParser):
    """Headings, ids, tags and attributes; complains about a tag that closes another."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(text)
        self.left_open = self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id" and value]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag


@pytest.mark.parametrize(
    ("decision", "word"),
    [("promote", "Promote"), ("block", "Block"), ("sign_off", "Needs sign-off"), ("inconclusive", "Inconclusive")],
)
def test_the_verdict_is_the_first_heading_and_stands_in_words(decision: str, word: str, pages: ModuleType) -> None:
    text = render_page(pages.story(decision), "html")

    assert [f'<h1 id="verdict-word">{word}</h1>'] == re.findall(r"<h1.*?</h1>", text)
    assert f"<title>{word}: Support desk release gate</title>" in text


def test_an_inconclusive_verdict_says_how_many_examples_would_settle_it(pages: ModuleType) -> None:
    settled = "json_valid: 2,220 more examples would settle it (2,400 examples in all)"

    assert settled in render_page(pages.story("inconclusive"), "html")
    assert settled not in render_page(pages.story("block"), "html")


def test_each_verdict_has_a_shape_of_its_own(pages: ModuleType) -> None:
    shapes = {
        re.findall(r'<svg class="icon".*?</svg>', render_page(pages.story(decision), "html"))[0]
        for decision in ("promote", "block", "sign_off", "inconclusive")
    }

    assert 4 == len(shapes)


def test_nothing_in_the_file_can_ask_for_anything(pages: ModuleType) -> None:
    text = render_page(pages.story(), "html")
    outline = Outline(text)

    assert not {"script", "iframe", "img", "object", "embed", "form", "base"} & set(outline.tags)
    assert all(
        (value or "").startswith(("#", "data:"))
        for name, value in outline.attributes
        if name in ("src", "href", "action")
    )
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in text
    assert "url(" not in text and "@import" not in text


def test_the_document_is_well_formed_with_headings_in_order_and_unique_ids(pages: ModuleType) -> None:
    outline = Outline(render_page(pages.story(), "html"))

    assert [] == outline.left_open
    assert 1 == outline.headings[0] and 1 == outline.headings.count(1)
    assert all(after <= before + 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(outline.ids) == len(set(outline.ids))


def test_every_link_on_the_page_leads_somewhere(pages: ModuleType) -> None:
    outline = Outline(render_page(pages.story(), "html"))
    targets = {value[1:] for name, value in outline.attributes if name == "href" and value and value.startswith("#")}

    assert set() == targets - set(outline.ids)


def test_a_user_s_text_is_never_markup(pages: ModuleType) -> None:
    page = pages.story()
    lost = msgspec.structs.replace(
        pages.regression(HOSTILE, said=HOSTILE),
        prompt=(Message(role="user", content=HOSTILE),),
        reference=HOSTILE,
        slices={HOSTILE: HOSTILE},
        where=HOSTILE,
    )
    findings = (pages.finding(HOSTILE, "fail", because=HOSTILE, baseline_model=HOSTILE, slice={HOSTILE: HOSTILE}),)
    findings += (pages.finding(HOSTILE, "fail", because=HOSTILE, metric=HOSTILE, dataset=HOSTILE, unit=HOSTILE),)
    verdict = pages.verdict("block", findings, reasons=(HOSTILE,))
    hostile = msgspec.structs.replace(
        page,
        title=HOSTILE,
        question=HOSTILE,
        candidate=HOSTILE,
        verdict=verdict,
        regressions=(lost,),
        description=HOSTILE,
    )
    text = render_page(hostile, "html")

    assert not {"script", "img"} & set(Outline(text).tags)
    assert text.count("&lt;script&gt;") > 10


def test_control_characters_surrogates_and_every_script_survive(pages: ModuleType) -> None:
    said = "nul \x00 bell \x07 lone \ud83d עברית \u202eRTL 漢字 🚢 e\u0301"
    page = msgspec.structs.replace(pages.story(), regressions=(pages.regression("x", said=said),))
    text = render_page(page, "html")

    assert "עברית" in text and "漢字" in text and "🚢" in text
    assert "\x00" not in text
    text.encode()


def test_ten_thousand_slices_stay_a_page_that_a_browser_opens(pages: ModuleType) -> None:
    cells = tuple(pages.finding("task", "fail", slice={"subject": f"s{i}"}) for i in range(10_000))
    text = render_page(Page.from_verdict(pages.verdict("block", cells), title="Big", candidate="c"), "html")

    assert len(text) < 400_000
    assert f"and {10_000 - MOST_SLICES:,} more slices, all of them in the JSON report." in text


def test_ten_thousand_gates_warnings_and_reasons_are_cut_with_a_count(pages: ModuleType) -> None:
    gates = tuple(pages.finding(f"g{i}", "fail") for i in range(10_000))
    verdict = pages.verdict("block", gates, reasons=tuple(f"reason {i}" for i in range(10_000)))
    text = render_page(Page.from_verdict(verdict, title="Big", candidate="c"), "html")

    assert len(text) < 400_000
    assert "and 9,940 more gates" in text and "and 9,980 more reasons" in text


def test_a_million_characters_of_answer_are_cut_with_a_count(pages: ModuleType) -> None:
    page = msgspec.structs.replace(pages.story(), regressions=(pages.regression("x", said="y" * 1_000_000),))
    text = render_page(page, "html")

    assert len(text) < 200_000
    assert "and 994,000 more characters" in text


def test_words_that_only_one_of_two_like_answers_says_are_marked(pages: ModuleType) -> None:
    regression = pages.regression("x", said="I cannot help with this. First ask your neighbour.")
    text = render_page(msgspec.structs.replace(pages.story(), regressions=(regression,)), "html")

    assert ["<mark>this</mark>", "<mark>that</mark>"] == re.findall("<mark>.*?</mark>", text)


def test_a_failed_answer_is_shown_as_what_it_is(pages: ModuleType) -> None:
    regression = pages.regression("x")
    silent = msgspec.structs.replace(regression.candidate, text=None, error="timed out after 30 s")
    page = msgspec.structs.replace(pages.story(), regressions=(msgspec.structs.replace(regression, candidate=silent),))

    assert "No answer: timed out after 30 s" in render_page(page, "html")


def test_a_bare_verdict_makes_a_page_without_empty_sections(pages: ModuleType) -> None:
    text = render_page(Page.from_verdict(pages.verdict("promote"), title="a against b", candidate="a"), "html")

    assert "May a ship, compared with production?" in text and "a may ship" in text
    assert all(section not in text for section in ('id="worst"', 'id="ladder"', 'id="pareto"', 'id="provenance"'))


def test_a_sentence_about_an_unnamed_candidate_begins_with_a_capital(pages: ModuleType) -> None:
    text = render_page(Page.from_verdict(pages.verdict("promote"), title="a against b"), "html")

    assert "The candidate may ship" in text and "May the candidate ship" in text


def test_a_verdict_without_any_finding_is_a_page(pages: ModuleType) -> None:
    empty = Verdict(
        verdict="inconclusive",
        reasons=("the run is incomplete",),
        metrics=(),
        coverage=pages.verdict().coverage,
    )

    assert "the run is incomplete" in render_page(Page.from_verdict(empty, title="t", candidate="c"), "html")


def test_the_same_page_renders_to_the_same_bytes(pages: ModuleType) -> None:
    assert render_page(pages.story(), "html") == render_page(pages.story(), "html")
