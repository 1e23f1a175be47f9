"""Every metric of the catalogue with every shape of reference: read as documented, or refused with its line.

Never scored against the JSON text of what it is, never silently 0, whatever the answer says.
"""

from collections.abc import Callable
from typing import Any

import pytest

from shipworthy import metrics
from shipworthy.errors import BadInput, MissingEvidence
from shipworthy.metrics._catalogue import _example, _is_record, _options_type
from shipworthy.plugins import find
from shipworthy.records import Example, Message, Response

SHAPES: dict[str, Any] = {
    "text": "Paris",
    "empty": "",
    "whole": 7,
    "decimal": 7.5,
    "true": True,
    "one": ["Paris"],
    "texts": ["Paris", "London"],
    "none of several": [],
    "mixed": ["Paris", 7],
    "null inside": ["Paris", None],
    "nested list": [["Paris"]],
    "objects": [{"answer": "Paris"}],
    "ids": [{"id": "Paris"}],
    "squad": {"text": ["Paris"], "answer_start": [0]},
    "squad rows": [{"text": "Paris", "answer_start": 0}],
    "squad unanswerable": {"text": [], "answer_start": []},
    "value": {"value": "Paris", "aliases": ["paris"]},
    "nested": {"answer": {"text": "Paris"}},
    "grades": {"Paris": 2, "London": 1},
    "calls": [{"go": {"city": ["Paris"]}}],
    "schema": {"type": "object"},
    "json": '{"city": "Paris"}',
    "assertions": {"contains": "Paris"},
    "null": None,
}

TEXTS = {
    "text", "empty", "whole", "decimal", "true", "one", "texts", "none of several", "mixed", "squad", "squad rows",
    "squad unanswerable", "json",
}  # fmt: skip
LABEL = {"text", "whole", "decimal", "true", "one", "json"}
IDS = {"text", "whole", "decimal", "one", "texts", "mixed", "ids", "grades", "json"}
CLASS = {"text", "one"}
OBJECT = {"squad", "squad unanswerable", "value", "nested", "grades", "schema", "json", "assertions"}
SCHEMA = OBJECT - {"squad", "squad unanswerable", "assertions"}
EVERY = set(SHAPES)

READS: dict[str, set[str]] = {
    **dict.fromkeys(
        "exact_match token_f1 drop bleu chrf ter meteor rouge1 rouge2 rougeL rougeLsum".split(), TEXTS  # noqa: SIM905
    ),
    **dict.fromkeys(
        "accuracy ece brier brier_reliability brier_resolution auroc selective_risk adaptive_ece group_gap".split(),  # noqa: SIM905
        LABEL,
    ),
    **dict.fromkeys("micro_f1 macro_f1 weighted_f1 mcc equalised_odds".split(), CLASS),  # noqa: SIM905
    **dict.fromkeys(("recall_at_k", "mrr", "ndcg"), IDS),
    **dict.fromkeys(("json_match", "json_fields"), OBJECT),
    "schema_valid": SCHEMA,
    "assertions": {"assertions"},
    "tool_call": {"calls", "nested"},
    "bbq_bias": {"text"},
    "number_match": {"whole", "decimal"},
}  # fmt: skip
"""Kind -> the shapes that it reads; kinds that are not named read no reference, so any may stand."""

OPTIONS: dict[str, dict[str, Any]] = {
    **{kind: {"labels": ["Paris", "London"]} for kind in ("micro_f1", "macro_f1", "weighted_f1", "mcc")},
    "equalised_odds": {"labels": ["Paris", "London"], "positive": "Paris", "column": "group", "groups": ["a", "b"]},
}
FIELDS = {
    "variant": "original", "group": "a", "context_condition": "ambig", "question_polarity": "neg", "target_loc": 0,
    "ans0": "Paris", "ans1": "London", "ans2": "Unknown", "sources": ["1"],
    "answer_info": {"ans0": ["", "x"], "ans1": ["", "y"], "ans2": ["", "unknown"]},
}  # fmt: skip
ANSWERS = ("", "Paris", '{"city": "Paris"}', "[go(city='Paris')]", '["Paris"]')


def options_of(kind: str) -> dict[str, Any]:
    type_ = _options_type(find("metric", kind, metrics.BUILT_IN))
    return OPTIONS.get(kind, _example(type_) if _is_record(type_) else {})


def example(reference: Any) -> Example:
    question = (Message(role="user", content="?"),)
    return Example(id="e1", dataset="d", messages=question, reference=reference, fields=FIELDS, where="rows.jsonl:7")


def response(text: str) -> Response:
    extra = {"confidence": 0.5, "probabilities": {"Paris": 1.0}, "nll": 1.0, "tokens": 1, "memory_peak_bytes": 1}
    return Response(
        example_id="e1", dataset="d", model="m", text=text, extra={**extra, "energy_j": 1.0}, latency_s=1.0,
        first_token_s=0.5, input_tokens=3, output_tokens=3, cost_usd=0.1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def built() -> Callable[[str], metrics.Metric]:
    made = {kind: metrics.build(kind, kind, options_of(kind)) for kind in metrics.BUILT_IN}
    return made.__getitem__


def test_the_table_names_kinds_that_there_are() -> None:
    assert set(READS) <= set(metrics.BUILT_IN)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", sorted(metrics.BUILT_IN))
def test_a_reference_is_read_as_documented_or_refused_with_its_line(
    built: Callable[[str], metrics.Metric], kind: str, shape: str
) -> None:
    metric = built(kind)
    for text in ANSWERS:
        if shape in READS.get(kind, EVERY):
            counts = metric.observe(example(SHAPES[shape]), response(text))

            assert len(metric.failure) == len(counts)
            assert all(abs(count) < float("inf") for count in counts)
        else:
            with pytest.raises(BadInput) as refused:
                metric.observe(example(SHAPES[shape]), response(text))

            assert "rows.jsonl:7" == refused.value.where
            assert "example 'e1'" in str(refused.value)


@pytest.mark.parametrize("kind", [kind for kind, shapes in READS.items() if shapes is TEXTS])
def test_each_way_to_write_one_text_scores_as_that_text(built: Callable[[str], metrics.Metric], kind: str) -> None:
    found = {
        shape: built(kind).observe(example(SHAPES[shape]), response("Paris"))
        for shape in ("text", "one", "squad", "squad rows")
    }

    assert 1 == len(set(found.values())), found


@pytest.mark.parametrize("kind", sorted(metrics.BUILT_IN))
def test_a_row_without_the_key_is_a_row_whose_reference_is_null(
    built: Callable[[str], metrics.Metric], kind: str
) -> None:
    absent = Example(id="e1", dataset="d", messages=(), fields=FIELDS, where="rows.jsonl:7")
    if kind in READS:
        with pytest.raises(BadInput, match=r"rows\.jsonl:7"):
            built(kind).observe(absent, response("Paris"))
    else:
        assert built(kind).observe(absent, response("Paris"))


def test_a_row_may_assert_with_keys_that_parquet_filled_with_null() -> None:
    metric = metrics.build("a", "assertions", {})
    given = {"contains": "Paris", "equals": None, "ignore_case": None, "json": None}

    assert (1.0, 1.0) == metric.observe(example(given), response("In Paris"))


@pytest.mark.parametrize("given", [{"contains": []}, {"equals": []}, {"equals": [{"a": 1}]}, {"equals": None}])
def test_an_assertion_of_nothing_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"rows\.jsonl:7"):
        metrics.build("a", "assertions", {}).observe(example(given), response("Paris"))


@pytest.mark.parametrize("source", [{"text": "x"}, ["x", None], [{"text": "x"}], []])
@pytest.mark.parametrize("kind", ["numbers_supported", "quotes_supported"])
def test_a_source_that_is_no_text_is_refused(kind: str, source: Any) -> None:
    row = Example(id="e1", dataset="d", messages=(), fields={"source": source}, where="rows.jsonl:7")
    with pytest.raises(BadInput, match=r"rows\.jsonl:7.*no text"):
        metrics.build(kind, kind, {"source": "source"}).observe(row, response("7"))


@pytest.mark.parametrize("sources", [[None], [{"title": "x"}], ["1", {"id": None}]])
def test_a_source_without_an_id_is_refused(sources: Any) -> None:
    row = Example(id="e1", dataset="d", messages=(), fields={"sources": sources}, where="rows.jsonl:7")
    with pytest.raises(BadInput, match=r"rows\.jsonl:7.*no id"):
        metrics.build("c", "citations_exist", {}).observe(row, response("[null]"))


def test_missing_evidence_is_of_the_answer_and_never_of_the_reference() -> None:
    bare = Response(example_id="e1", dataset="d", model="m", text="Paris")
    with pytest.raises(MissingEvidence):
        metrics.build("p", "perplexity", {}).observe(example(None), bare)
