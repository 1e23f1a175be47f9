"""Rows that carry no measurement are no examples: of n, clusters, slices, plans and small-sample rules."""

import numpy as np
import pytest

from shipworthy.gates.observed import observed
from shipworthy.gates.planning import Size, explain
from shipworthy.metrics import build
from shipworthy.protocol.types import DatasetSpec, GateSpec, MetricSpec, ModelSpec, Protocol
from shipworthy.records import Example, Finding

from .conftest import Judge, make_evidence, make_metric, make_question


def counts(score: float, carried: int, n: int = 60) -> np.ndarray:
    """(n, 2): a score on the first `carried` rows, no measurement on the others."""
    return np.array([[score, 1.0]] * carried + [[0.0, 0.0]] * (n - carried))


def spread(carried: int, n: int = 60) -> np.ndarray:
    made = counts(0.0, carried, n)
    made[:carried, 0] = np.random.default_rng(0).normal(50, 5, carried)
    return made


def first(verdict_of: Judge, gate: GateSpec, kind: str, **sides: np.ndarray) -> Finding:
    metric = make_metric("x", kind=kind, unit="share" if kind == "binary" else "tokens")
    evidence = make_evidence({(model, "x"): side for model, side in sides.items()})
    return verdict_of(make_question(gate, metrics=[metric]), evidence).metrics[0]


@pytest.mark.parametrize("kind", ["binary", "mean", "corpus"])
def test_an_absolute_gate_counts_the_rows_that_carry_weight(verdict_of: Judge, kind: str) -> None:
    finding = first(verdict_of, GateSpec(metric="x", at_least=0.5), kind, new=counts(1.0, 3))

    assert (3, 3, "inconclusive") == (finding.n, finding.clusters, finding.outcome)
    assert "3 examples are too few" in finding.because


@pytest.mark.parametrize("kind", ["binary", "corpus"])
def test_a_row_without_weight_in_either_model_adds_nothing(verdict_of: Judge, kind: str) -> None:
    gate = GateSpec(metric="x", baseline="old", margin=0.1)
    finding = first(verdict_of, gate, kind, new=counts(1.0, 5), old=counts(1.0, 5))

    assert (5, "inconclusive") == (finding.n, finding.outcome)


@pytest.mark.parametrize(("new", "old"), [(4, 60), (60, 4)])
def test_a_model_measured_on_a_few_rests_on_a_few_whatever_the_other_has(verdict_of: Judge, new: int, old: int) -> None:
    gate = GateSpec(metric="x", baseline="old", margin=1000.0)
    finding = first(verdict_of, gate, "corpus", new=spread(new), old=spread(old))

    assert (4, "inconclusive") == (finding.n, finding.outcome)


def test_clusters_are_those_that_carry_weight(verdict_of: Judge) -> None:
    metric = make_metric("x", kind="corpus", unit="tokens")
    made = spread(30, 300)
    evidence = make_evidence({("new", "x"): made}, clusters=np.arange(300) // 3)
    finding = verdict_of(make_question(GateSpec(metric="x", at_most=80), metrics=[metric]), evidence).metrics[0]

    assert (30, 10, "inconclusive") == (finding.n, finding.clusters, finding.outcome)


def test_a_slice_in_which_one_model_has_nothing_has_no_value_there(verdict_of: Judge) -> None:
    metric = make_metric("x", kind="corpus", unit="tokens", better="lower")
    evidence = make_evidence(
        {("new", "x"): spread(60, 120), ("old", "x"): spread(120, 120)}, slices={"kind": ["a"] * 60 + ["b"] * 60}
    )
    gate = GateSpec(metric="x", baseline="old", margin=20, slices=("kind",))
    (b,) = [f for f in verdict_of(make_question(gate, metrics=[metric]), evidence).metrics if f.slice == {"kind": "b"}]

    assert (0, None, "inconclusive") == (b.n, b.candidate.value, b.outcome)
    assert b.gain is not None
    assert b.gain.value is None


def test_what_one_model_lacks_is_no_disagreement() -> None:
    gate = GateSpec(metric="x", baseline="old", margin=0.1)
    question = make_question(gate, metrics=[make_metric("x")])
    evidence = make_evidence({("new", "x"): counts(1.0, 40), ("old", "x"): counts(1.0, 60)})

    assert observed(question, [evidence]).metrics["x"].disagreement == pytest.approx(1 / 42)


def test_a_constant_score_is_seen_among_rows_without_weight(verdict_of: Judge) -> None:
    metric = make_metric("x", kind="corpus")
    evidence = make_evidence({("new", "x"): counts(0.3, 40)})
    verdict = verdict_of(make_question(GateSpec(metric="x", at_least=0.1), metrics=[metric]), evidence)

    assert [40] == [warning.count for warning in verdict.warnings if warning.code == "constant_output"]


def test_examples_are_read_by_difficulty_where_they_carry_weight(verdict_of: Judge) -> None:
    gate = GateSpec(metric="x", baseline="old", margin=0.1)
    metric = make_metric("x")
    evidence = make_evidence({("new", "x"): counts(1.0, 40), ("old", "x"): counts(1.0, 50)})
    verdict = verdict_of(make_question(gate, metrics=[metric]), evidence)

    assert [40] == [f.n for f in verdict.metrics if f.slice == {"difficulty": "solved by all baselines"}]


def test_a_condition_is_known_before_an_answer_is() -> None:
    bias = build("bias", "bbq_bias", {"condition": "ambiguous"})
    rows = [
        Example(id=str(i), dataset="d", messages=(), fields={"context_condition": kind})
        for i, kind in enumerate(["ambig", "disambig", "disambig"])
    ]

    assert [True, False, False] == [bias.weighs(row) for row in rows]


def test_a_plan_is_made_for_what_carries_weight() -> None:
    promised = Protocol(
        shipworthy=1,
        name="p",
        datasets={"test": DatasetSpec(path="d.jsonl")},
        models={"new": ModelSpec(role="candidate"), "old": ModelSpec(role="production")},
        metrics={"x": MetricSpec(dataset="test")},
        gates=(GateSpec(metric="x", baseline="old", margin=0.05),),
    )
    (row,) = explain(promised, {"test": Size(n=5000)}, {"x": make_metric("x")}, weighed={"x": Size(n=12)})
    (none,) = explain(promised, {"test": Size(n=5000)}, {"x": make_metric("x")}, weighed={"x": Size(n=0)})

    assert (12, False, "12 examples are too few to judge; 20 are needed") == (row.n, row.enough, row.says)
    assert (0, False) == (none.n, none.enough)
