"""What every metric keeps to, whoever wrote it: one suite over all built-in kinds."""

import math
import pickle
from typing import Any

import msgspec
import numpy as np
import pytest

from shipworthy import metrics
from shipworthy.errors import BadInput, MissingEvidence, ShipworthyError
from shipworthy.metrics import Metric
from shipworthy.records import Example, Message, Response

UNPICKLABLE: frozenset[str] = frozenset()
"""Kinds that cannot cross a process boundary; none so far."""

NEEDS_NO_REFERENCE = frozenset({
    "cost", "energy", "entropy", "first_token", "json_number", "json_valid", "latency", "latency_p50",
    "latency_p95", "length", "loss", "memory_peak", "tokens_per_second",
    "numbers_supported", "over_refusal", "perplexity", "quotes_supported", "refusal", "regex_match", "repetition",
    "required_sections", "schema_valid", "tokens",
})  # fmt: skip

OPTIONS: dict[str, dict[str, Any]] = {
    "schema_valid": {"schema": {"type": "object"}},
    "regex_match": {"pattern": "a"},
    "bbq_bias": {"condition": "ambiguous"},
    "group_gap": {"column": "variant", "groups": ["original", "other"]},
    "equalised_odds": {"column": "variant", "groups": ["original", "other"], "positive": "a"},
    "required_sections": {"sections": ["a"]},
    **{kind: {"labels": ["a", "b", "ü"]} for kind in ("micro_f1", "macro_f1", "weighted_f1", "mcc")},
}
REFERENCES: dict[str, Any] = {
    "json_match": {"a": 1, "b": "ü"},
    "json_fields": {"a": 1, "b": "ü"},
    "assertions": {"contains": "a"},
    "number_match": "7",
    "tool_call": [{"f": {"a": [1]}}],
}
ANSWERS = [
    "", " ", "a", "the answer is a", '{"a": 1, "b": "ü"}', "I'm sorry, but I can't help with that.",
    "naïve 日本語 🚀 \u202e", "a\x00b", "\ud800", "x" * 5000, "```json\n{}\n```", "[[[[", "1 2 3", "- a\n- b",
    "A. B. C.", '[{"name": "f", "arguments": {}}]',
]  # fmt: skip


BBQ: dict[str, Any] = {
    "ans0": "a",
    "ans1": "not known",
    "ans2": "b",
    "answer_info": {"ans0": ["a", "one"], "ans1": ["n", "unknown"], "ans2": ["b", "other"]},
    "additional_metadata": {"stereotyped_groups": ["one"]},
    "question_polarity": "neg",
    "context_condition": "ambig",
}


def _metric(kind: str) -> Metric:
    return metrics.build(f"my_{kind}", kind, OPTIONS.get(kind, {}))


def _example(kind: str) -> Example:
    return Example(
        id="e",
        dataset="d",
        messages=(Message(role="user", content="What is a?"),),
        reference=REFERENCES.get(kind, "a"),
        fields={"sources": 3, "variant": "original", **BBQ},
    )


def _response(text: str, **more: Any) -> Response:
    extra = {
        "confidence": 0.7,
        "nll": 2.5,
        "tokens": 2,
        "probabilities": {"a": 0.7, "b": 0.3},
        "memory_peak_bytes": 2**30,
        "energy_j": 1.5,
    }
    measured = {
        "extra": extra,
        "latency_s": 0.5,
        "first_token_s": 0.1,
        "input_tokens": 3,
        "output_tokens": 2,
        "cost_usd": 0.1,
    }
    return Response(example_id="e", dataset="d", model="m", text=text, **measured | more)


def _observed(metric: Metric, kind: str) -> np.ndarray:
    return np.array([metric.observe(_example(kind), _response(text)) for text in ANSWERS])


RANK = sorted(kind for kind in metrics.BUILT_IN if metrics.describe(kind).interval == "rank")
every_kind = pytest.mark.parametrize("kind", sorted(metrics.BUILT_IN))


@every_kind
def test_counts_are_finite_and_of_constant_number_for_any_answer(kind):
    metric = _metric(kind)
    counts = [metric.observe(_example(kind), _response(text)) for text in ANSWERS]

    assert {len(metric.failure)} == {len(row) for row in counts}
    assert all(math.isfinite(count) for row in counts for count in row)
    assert all(isinstance(row, tuple) for row in counts)


@every_kind
def test_a_failure_is_as_many_finite_counts(kind):
    metric = _metric(kind)
    failed = Response(example_id="e", dataset="d", model="m", error="timeout")

    for counts in (metric.failure, metric.counts(_example(kind), None), metric.counts(_example(kind), failed)):
        assert len(metric.failure) == len(counts)
        assert all(math.isfinite(count) for count in counts)


@every_kind
def test_a_failure_is_never_better_than_a_right_answer(kind):
    """A failure either costs its model or carries no weight and says so."""
    metric = _metric(kind)
    failure = np.array(metric.counts(_example(kind), None))
    best = np.array([1.0, 1.0]) if metric.better == "higher" else np.array([0.0, 1.0])

    if metric.survivorship:
        np.testing.assert_array_equal(np.zeros_like(failure), failure)
    elif metric.kind in ("binary", "mean"):
        np.testing.assert_array_less(0.0, np.abs(failure - best).sum())


@every_kind
def test_identical_answers_give_identical_counts(kind):
    np.testing.assert_array_equal(_observed(_metric(kind), kind), _observed(_metric(kind), kind))


@every_kind
def test_the_value_of_a_whole_comes_from_the_sums_of_its_halves(kind):
    metric, counts = _metric(kind), _observed(_metric(kind), kind)
    halves = counts[::2].sum(0) + counts[1::2].sum(0)

    np.testing.assert_allclose(metric.summarize(counts.sum(0)), metric.summarize(halves), rtol=1e-12)


@every_kind
def test_summarize_works_on_any_leading_axes_and_on_nothing(kind):
    metric, counts = _metric(kind), _observed(_metric(kind), kind)
    sums = np.stack([counts.sum(0), counts[:3].sum(0), np.zeros(counts.shape[1])])
    one_by_one = [float(metric.summarize(row)) for row in sums]

    np.testing.assert_allclose(metric.summarize(sums), one_by_one)
    np.testing.assert_allclose(metric.summarize(sums[None, :, None]), np.array(one_by_one)[None, :, None])
    assert np.isfinite(one_by_one).all()


@every_kind
def test_summarize_leaves_its_argument_as_it_was(kind):
    metric, counts = _metric(kind), _observed(_metric(kind), kind)
    before = counts.copy()
    metric.summarize(counts)

    np.testing.assert_array_equal(before, counts)


@every_kind
def test_counts_match_the_declared_kind(kind):
    metric, counts = _metric(kind), _observed(_metric(kind), kind)
    rows = np.vstack([counts, metric.failure])

    if metric.kind in ("binary", "mean"):
        np.testing.assert_array_equal(np.ones(len(rows)), rows[:, 1])
    if metric.kind == "binary":
        assert set(rows[:, 0]) <= {0.0, 1.0}


@pytest.mark.parametrize("kind", RANK)
def test_a_rank_statistic_of_rows_takes_weights(kind):
    metric, counts = _metric(kind), _observed(_metric(kind), kind)
    assert metric.summarize_rows is not None
    weights = np.vstack([np.ones(len(counts)), np.zeros(len(counts))])

    assert (2,) == metric.summarize_rows(counts, weights).shape
    assert np.isfinite(metric.summarize_rows(counts, weights)).all()
    twice = metric.summarize_rows(np.repeat(counts, 2, axis=0), np.ones((1, 2 * len(counts))))
    np.testing.assert_allclose(metric.summarize_rows(counts, 2 * weights[:1]), twice, atol=0.02)


@every_kind
def test_a_metric_can_be_sent_to_another_process(kind):
    if kind in UNPICKLABLE:
        pytest.skip("documented as local to one process")
    metric = _metric(kind)
    copy = pickle.loads(pickle.dumps(metric))

    np.testing.assert_array_equal(_observed(metric, kind), _observed(copy, kind))


@every_kind
def test_name_unit_direction_and_source_are_stated(kind):
    metric, description = _metric(kind), metrics.describe(kind)

    assert f"my_{kind}" == metric.name
    assert all([metric.unit, metric.better in ("higher", "lower"), len(metric.source) > 3, metric.margin > 0])
    assert description.summary.endswith(".")


@every_kind
def test_a_failed_response_is_not_observed(kind):
    failed = Response(example_id="e", dataset="d", model="m", error="timeout")

    with pytest.raises(ValueError, match="failure"):
        _metric(kind).observe(_example(kind), failed)


@every_kind
def test_the_description_survives_json(kind):
    description = metrics.describe(kind)

    assert description == msgspec.json.decode(msgspec.json.encode(description), type=type(description))


def _refusal(kind: str, example: Example) -> ShipworthyError | None:
    """What a metric raises on a blank answer: BadInput is the example's fault, MissingEvidence the backend's."""
    try:
        _metric(kind).observe(example, Response(example_id="e", dataset="d", model="m", text=""))
    except ShipworthyError as error:
        return error
    return None


@every_kind
def test_an_example_is_found_scorable_before_a_model_measured_anything(kind):
    refusal = _refusal(kind, _example(kind))

    assert refusal is None or isinstance(refusal, MissingEvidence)


@every_kind
def test_an_example_that_cannot_be_scored_is_named_with_its_line(kind):
    bare = msgspec.structs.replace(_example(kind), reference=None, fields={}, where="rows.jsonl:3")
    refusal = _refusal(kind, bare)

    assert not isinstance(refusal, BadInput) or "rows.jsonl:3" == refusal.where
    assert isinstance(refusal, BadInput) or kind in NEEDS_NO_REFERENCE
