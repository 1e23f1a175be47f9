"""Length, repetition, form, grounding, tools and retrieval."""

import time

import pytest

from shipworthy import metrics
from shipworthy.errors import BadInput
from shipworthy.metrics.tools import Call, calls_in


def test_length_counts_words_or_characters(observe):
    assert (3.0, 1.0) == observe("length", None, "one  two three")
    assert (5.0, 1.0) == observe("length", None, "größe", {"count": "characters"})
    assert "higher" == metrics.build("l", "length", {"better": "higher"}).better


def test_repetition_is_the_share_of_runs_that_came_before(observe):
    assert (0.0, 1.0) == observe("repetition", None, "a b c")
    assert (0.5, 1.0) == observe("repetition", None, "A b a b a", {"words": 2})


def test_a_form_is_searched_or_filled(observe):
    assert (1.0, 1.0) == observe("regex_match", None, "see AB-12.", {"pattern": r"[A-Z]{2}-\d+"})
    assert (0.0, 1.0) == observe("regex_match", None, "see AB-12.", {"pattern": r"[A-Z]{2}-\d+", "match": "full"})
    assert (1.0, 1.0) == observe("regex_match", None, " AB-12\n", {"pattern": r"[A-Z]{2}-\d+", "match": "full"})


@pytest.mark.parametrize("text", ["## Summary\nx\n**Steps:**\ny", "summary\n1. steps\n", "# SUMMARY #\n\n> Steps"])
def test_required_sections_are_found_as_headings(observe, text):
    assert (1.0, 1.0) == observe("required_sections", None, text, {"sections": ["Summary", "Steps"]})


def test_sections_out_of_order_or_inside_a_line_do_not_count(observe):
    backwards = "# Steps\n# Summary"

    assert (0.0, 1.0) == observe("required_sections", None, backwards, {"sections": ["Summary", "Steps"]})
    assert (1.0, 1.0) == observe(
        "required_sections", None, backwards, {"sections": ["Summary", "Steps"], "order": "any"}
    )
    assert (0.0, 1.0) == observe("required_sections", None, "In summary, no.", {"sections": ["Summary"]})


SOURCE = {"text": "It cost $1,200.50 in 2019 (up 7 %). “We are not selling,” the owner said on 3 May."}


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("It cost 1200.5 dollars in 2019.", 1.0),
        ("It cost 1200.5 dollars in 2020.", 0.5),
        ("Nothing to count.", 1.0),
        ("-7 percent, v2.0 aside", 1.0),
        ("8 and 9", 0.0),
    ],
)
def test_numbers_are_looked_up_in_the_source(observe, answer, share):
    assert (share, 1.0) == observe("numbers_supported", None, answer, {"source": "text"}, SOURCE)


def test_without_a_source_column_the_conversation_is_the_source(observe):
    assert (0.0, 1.0) == observe("numbers_supported", None, "42")
    with pytest.raises(BadInput, match="no column 'text' with its source"):
        observe("numbers_supported", None, "42", {"source": "text"})


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ('He said "we are not selling".', 1.0),
        ("He said “We are   not selling.”", 1.0),
        ('He said "we are selling everything".', 0.0),
        ('The "owner" spoke.', 1.0),
    ],
)
def test_quotations_must_stand_in_the_source(observe, answer, share):
    assert (share, 1.0) == observe("quotes_supported", None, answer, {"source": "text"}, SOURCE)


def test_citations_must_name_a_source(observe):
    assert (0.5, 1.0) == observe("citations_exist", None, "So [1], but [9].", {}, {"sources": 3})
    assert (1.0, 1.0) == observe("citations_exist", None, "So [doc-2].", {}, {"sources": [{"id": "doc-2"}]})
    assert (0.0, 1.0) == observe("citations_exist", None, "So it is.", {}, {"sources": 3})
    with pytest.raises(BadInput, match="needs the column 'sources'"):
        observe("citations_exist", None, "So [1].")


@pytest.mark.parametrize(
    "text",
    [
        '[{"name": "f", "arguments": {"a": 1}}]',
        '{"name": "f", "parameters": {"a": 1}}',
        '[{"function": {"name": "f", "arguments": "{\\"a\\": 1}"}}]',
        '{"f": {"a": 1}}',
        "f(a=1)",
        "[f(a=1)]",
        "```python\nf(a=1)\n```",
    ],
)
def test_a_call_is_read_in_every_common_notation(text):
    assert [Call("f", {"a": 1})] == calls_in(text)


@pytest.mark.parametrize("text", ["", "f", "f(1)", "f(**x)", "f(a=g())", "[]", "prose", "1", "[" * 500, '[{"x": 1}]'])
def test_what_is_no_call_is_none(text):
    assert calls_in(text) is None


WANTED = [{"f": {"a": [1], "b": ["New York", "NYC"], "c": ["", 2.5]}}]


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("f(a=1, b='new-york')", 1),
        ("f(a=1, b='NYC', c=2.5)", 1),
        ("f(a=True, b='NYC')", 0),
        ("f(a='1', b='NYC')", 0),
        ("f(a=1)", 0),
        ("f(a=1, b='NYC', c=3)", 0),
        ("f(a=1, b='NYC', d=3)", 0),
        ("[f(a=1, b='NYC'), f(a=1, b='NYC')]", 0),
        ("g(a=1, b='NYC')", 0),
    ],
)
def test_arguments_must_be_accepted_ones(observe, text, passes):
    assert (float(passes), 1.0) == observe("tool_call", WANTED, text)


@pytest.mark.parametrize(
    ("wanted", "given", "same"),
    [
        ("5", "-5", False), ("15", "1.5", False), ("102", "10/2", False), ("25", "2^5", False),
        ("2024", "20-24", False), ("1000", "1,000", True), ("-5", " -5 ", True), ("10/2", "10 / 2", True),
        ("New York", "new-york", True), ("Room 5-A", "room 5a", True), ("15 kg", "1.5 kg", False),
        ("x = 5", "x = -5", False), ("15", "1 5", False), ("2024/05/06", "2024-05-06", True),
        ("COVID-19", "covid 19", True), (".5", "5", False), ("2024-05-06", "2024-05-06", True),
        ("2024-05-06", "2024-0-506", False),
    ],
)  # fmt: skip
def test_numbers_in_texts_keep_their_marks(observe, wanted, given, same):
    assert (float(same), 1.0) == observe("tool_call", [{"f": {"a": [wanted]}}], f"f(a={given!r})")


@pytest.mark.parametrize(
    "text",
    [
        "f(a=2, a=1)", "f(a=1, a=1)", '{"name": "f", "arguments": {"a": 2, "a": 1}}',
        '[{"name": "f", "arguments": "{\\"a\\": 2, \\"a\\": 1}"}]', "f(a={'k': 2, 'k': 1})",
    ],
)  # fmt: skip
def test_an_argument_that_is_given_twice_is_no_argument(observe, text):
    assert (0.0, 1.0) == observe("tool_call", [{"f": {"a": [1, {"k": [1]}]}}], text)


def test_several_calls_come_in_any_order(observe):
    wanted = [{"f": {"a": [1]}}, {"f": {"a": [2]}}]

    assert (1.0, 1.0) == observe("tool_call", wanted, "[f(a=2), f(a=1)]")
    assert (0.0, 1.0) == observe("tool_call", wanted, "[f(a=1), f(a=1)]")


def test_a_description_makes_types_strict(observe):
    schema = {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}}

    assert (1.0, 1.0) == observe("tool_call", [{"f": {"a": [5]}}], "f(a=5.0)")
    assert (0.0, 1.0) == observe("tool_call", [{"f": {"a": [5]}}], "f(a=5.0)", {}, {"function": [schema]})
    assert (0.0, 1.0) == observe("tool_call", [{"f": {"a": ["", 5]}}], "f()", {}, {"function": [schema]})


def test_retrieval_by_hand(observe):
    found = {"retrieved": ["x", "a", "a", "y", "b"]}

    assert (0.5, 1.0) == observe("recall_at_k", ["a", "b"], "", {"k": 3}, extra=found)
    assert (1.0, 1.0) == observe("recall_at_k", ["a", "b"], "", {"k": 4}, extra=found)
    assert (0.5, 1.0) == observe("mrr", ["a", "b"], "", extra=found)
    assert (1.0, 1.0) == observe("ndcg", {"x": 2, "a": 1}, "", extra=found)


def test_retrieved_ids_may_stand_in_the_answer(observe):
    assert (1.0, 1.0) == observe("mrr", [7], 'Sources: ["7", "8"]')
    assert (0.0, 1.0) == observe("mrr", ["a"], "none")


def test_an_example_without_relevant_documents_is_refused(observe):
    with pytest.raises(BadInput, match="names no relevant document"):
        observe("mrr", {"a": 0}, "")


@pytest.mark.parametrize(
    "kind", ["required_sections", "tool_call", "json_valid", "quotes_supported", "numbers_supported"]
)
@pytest.mark.parametrize("filler", [" ", "\n", "#", '"', "[", "1", "1,", "`", "f(", "\\d"])
def test_an_answer_of_one_sign_a_hundred_thousand_times_is_scored_at_once(observe, kind, filler):
    options = {"required_sections": {"sections": ["a"]}, "json_valid": {"where": "anywhere"}}.get(kind)
    started = time.process_time()
    observe(kind, WANTED, "```\nx" + filler * 100_000 + "x", options)

    assert 2.0 > time.process_time() - started
