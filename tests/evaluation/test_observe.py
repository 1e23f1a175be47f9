"""Responses become evidence."""

from typing import Any

import msgspec
import numpy as np
import pytest

from shipworthy import metrics, records
from shipworthy.errors import BadInput
from shipworthy.evaluation.observe import observe, refuse_unscorable
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import DatasetSpec, GateSpec, MetricSpec, ModelSpec, Protocol, PublishedNumber
from shipworthy.records import Evidence, Example, Message, Response


def exact(example: Example, response: Response) -> tuple[float, ...]:
    if response.text == "boom":
        raise ZeroDivisionError("boom")
    if response.text == "nan":
        return (float("nan"), 1.0)
    if response.text == "three":
        return (1.0, 1.0, 1.0)
    return (float(response.text == example.reference), 1.0)


EXACT = Metric(name="exact", unit="share", better="higher", kind="binary", observe=exact)
PROTOCOL = Protocol(
    shipworthy=1,
    name="t",
    datasets={"d": DatasetSpec(path="d.jsonl", slices=("topic",)), "e": DatasetSpec(path="e.jsonl")},
    models={
        "new": ModelSpec(role="candidate"),
        "old": ModelSpec(role="production"),
        "paper": ModelSpec(role="published", published={"exact": PublishedNumber(value=0.5, source="x")}),
    },
    metrics={"exact": MetricSpec(dataset="d"), "exact_e": MetricSpec(dataset="e", metric="exact")},
    gates=(GateSpec(metric="exact", baseline="old", margin=0.02),),
    seeds=(0, 5),
)
METRICS = {"exact": EXACT, "exact_e": EXACT}


def example(id: str, text: str, **others: Any) -> Example:
    return Example(
        **{"id": id, "dataset": "d", "messages": (Message(role="user", content=text),), "reference": "x", **others}
    )


EXAMPLES = [
    example("1", "one", slices={"topic": "b"}),
    example("2", "two", slices={"topic": "a"}),
    example("3", "three"),
    example("1", "other", dataset="e"),
]


def response(id: str, text: str | None, *, model: str = "new", seed: int = 0, dataset: str = "d") -> Response:
    error = "e" if text is None else None
    return Response(example_id=id, dataset=dataset, model=model, seed=seed, text=text, error=error)


def evidence(*responses: Response, examples: list[Example] = EXAMPLES) -> tuple[Evidence, list[records.Warning]]:
    warnings: list[records.Warning] = []
    return observe(PROTOCOL, examples, responses, METRICS, warn=warnings.append)[0], warnings


def test_units_are_examples_under_seeds_in_their_order() -> None:
    table, _ = evidence()

    assert ["1", "2", "3"] * 2 == list(table.example_N)
    assert [0, 0, 0, 5, 5, 5] == list(table.seed_N)
    assert ["b", "a", None] * 2 == [
        table.slices["topic"].names[c] if c >= 0 else None for c in table.slices["topic"].code_N
    ]
    assert {"new", "old"} == set(table.status)
    assert {("new", "exact"), ("old", "exact")} == set(table.counts)


def test_answers_are_counted_where_they_belong() -> None:
    table, _ = evidence(
        response("2", "x"), response("1", "y"), response("3", "x", seed=5), response("2", "x", model="old")
    )

    assert [0, 0, 1, 1, 1, 0] == list(table.status["new"])
    assert [0, 1, 0, 0, 0, 1] == list(table.counts["new", "exact"][:, 0])
    assert [0, 1, 0, 0, 0, 0] == list(table.counts["old", "exact"][:, 0])


def test_what_errored_or_never_came_is_a_failure_and_not_dropped() -> None:
    table, _ = evidence(response("1", None), response("2", "x"))

    assert 6 == len(table.status["new"])
    assert [1, 0, 1] == list(table.status["new"][:3])
    assert [[0, 1], [1, 1], [0, 1]] == table.counts["new", "exact"][:3].tolist()


def test_an_answer_that_came_after_an_error_counts_and_an_error_after_an_answer_does_not() -> None:
    for order in (1, -1):
        table, _ = evidence(*[response("1", None), response("1", "x")][::order])

        assert (0, 1.0) == (table.status["new"][0], table.counts["new", "exact"][0, 0])


def test_responses_of_others_are_left_out() -> None:
    table, _ = evidence(
        response("9", "x"), response("1", "x", model="?"), response("1", "x", seed=9), response("1", "x", dataset="?")
    )

    assert 12 == table.status["new"].sum() + table.status["old"].sum()


@pytest.mark.parametrize("odd", ["boom", "nan", "three"])
def test_an_answer_that_a_metric_cannot_digest_is_a_failure_and_said(odd: str) -> None:
    table, warnings = evidence(response("1", odd), response("2", odd), response("3", "x"))

    assert [[0, 1], [0, 1], [1, 1]] == table.counts["new", "exact"][:3].tolist()
    assert [0, 0, 0] == list(table.status["new"][:3])
    assert [("metric_error", 2)] == [(warning.code, warning.count) for warning in warnings]
    assert "exact could not digest 2 answers of new" in warnings[0].message


def test_seeds_of_one_example_are_one_cluster() -> None:
    table, _ = evidence()

    assert 3 == len(np.unique(table.cluster_N))
    assert list(table.cluster_N[:3]) == list(table.cluster_N[3:])


def test_the_same_question_under_two_ids_is_one_cluster_and_said() -> None:
    rows = [example("1", "Same  thing"), example("2", "other"), example("3", "same thing")]
    table, warnings = evidence(examples=rows)

    assert table.cluster_N[0] == table.cluster_N[2] != table.cluster_N[1]
    assert [("duplicate_examples", 1)] == [(warning.code, warning.count) for warning in warnings]


def test_declared_clusters_hold() -> None:
    rows = [example("1", "a", cluster="doc"), example("2", "b"), example("3", "c", cluster="doc")]
    table, _ = evidence(examples=rows)

    assert table.cluster_N[0] == table.cluster_N[2] != table.cluster_N[1]


def test_an_example_that_can_never_be_scored_is_refused_with_its_line() -> None:
    def needs_reference(example: Example, response: Response) -> tuple[float, ...]:
        if example.reference is None:
            raise BadInput("exact needs a reference")
        return (1 / len(str(response.text)), 1.0)  # an odd answer is no reason to refuse the example

    metric = Metric(name="exact", unit="share", better="higher", kind="mean", observe=needs_reference)
    rows = [example("1", "a", where="d.jsonl:1"), example("2", "b", where="d.jsonl:2", reference=None)]
    with pytest.raises(BadInput, match=r"d\.jsonl:2: exact needs a reference"):
        refuse_unscorable(rows, PROTOCOL, {"exact": metric, "exact_e": EXACT})

    refuse_unscorable(rows[:1], PROTOCOL, {"exact": metric, "exact_e": EXACT})


LENGTHS = Metric(
    name="lengths",
    unit="share",
    better="higher",
    kind="corpus",
    observe=lambda example, response: (1.0, 1.0),
    failure=(0.0, 0.0),
    failure_of=lambda example: (0.0, float(len(example.id))),
)


def test_an_answer_that_never_came_counts_what_its_example_still_asks_for() -> None:
    protocol = msgspec.structs.replace(PROTOCOL, metrics={"lengths": MetricSpec(dataset="d")}, gates=(), seeds=(0, 5))
    rows = [example("a", "one"), example("bcd", "two")]
    (table, _) = observe(protocol, rows, [response("a", "right")], {"lengths": LENGTHS})

    assert [[1.0, 1.0], [0.0, 3.0], [0.0, 1.0], [0.0, 3.0]] == table.counts["new", "lengths"].tolist()


@pytest.mark.parametrize(
    ("name", "options"), [("bleu", {}), ("chrf", {}), ("ter", {}), ("macro_f1", {"labels": ["x", "y"]})]
)
def test_a_model_that_fails_on_half_of_the_rows_loses_on_every_corpus_metric(name: str, options: Any) -> None:
    metric = metrics.build(name, name, options)
    rows = [
        example(str(i), f"question {i}", reference="x" if name == "macro_f1" else f"the answer of row {i}")
        for i in range(8)
    ]
    protocol = msgspec.structs.replace(PROTOCOL, metrics={name: MetricSpec(dataset="d")}, gates=(), seeds=(0,))
    answers = [response(row.id, row.reference, model="old") for row in rows]
    answers += [response(row.id, row.reference if int(row.id) % 2 else None) for row in rows]
    table = observe(protocol, rows, answers, {name: metric})[0]
    new, old = (float(metric.summarize(table.counts[model, name].sum(axis=0))) for model in ("new", "old"))

    assert new < old if metric.better == "higher" else new > old
