"""What must hold for any evidence: swap, order, shift, more of the same."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.gates import judge
from shipworthy.protocol.types import Decisions, GateSpec
from shipworthy.records import Evidence, Finding, Labels

from .conftest import make_evidence, make_metric, make_question

KINDS = ["binary", "mean", "corpus", "quantile"]
MIRROR = {"pass": "fail", "fail": "pass", "inconclusive": "inconclusive"}


def world(kind: str, seed: int, *, clustered: bool, n: int = 120, shift: float = 0.0) -> Evidence:
    rng = np.random.default_rng(seed)
    draw = (lambda: rng.random(n) < 0.7) if kind == "binary" else (lambda: rng.normal(5, 1, n) + shift)
    return make_evidence(
        {("new", "x"): draw(), ("old", "x"): draw()},
        clusters=rng.integers(0, n // 4, n) if clustered else None,
        slices={"half": ["a", "b"] * (n // 2)},
    )


def metric_of(kind: str, better: str = "higher") -> Any:
    return make_metric("x", kind=kind, better=better, quantile=0.5 if kind == "quantile" else None, unit="points")


def findings(kind: str, evidence: Evidence, *, candidate: str = "new", better: str = "higher") -> list[Finding]:
    baseline = "old" if candidate == "new" else "new"
    gate = GateSpec(metric="x", baseline=baseline, margin=0.1, slices=("half",), slice_margin=0.1)
    question = replace(
        make_question(gate, metrics=[metric_of(kind, better)]),
        candidate=candidate,
        roles={candidate: "candidate", baseline: "production"},
        decisions=Decisions(draws=1000),
    )
    found = judge(question, [evidence], rng=np.random.default_rng(1)).metrics
    return [finding for finding in found if finding.gain is not None]


def shuffled(evidence: Evidence, seed: int) -> Evidence:
    order = np.random.default_rng(seed).permutation(len(evidence.example_N))
    return Evidence(
        dataset=evidence.dataset,
        example_N=evidence.example_N[order],
        seed_N=evidence.seed_N[order],
        cluster_N=evidence.cluster_N[order],
        slices={key: Labels(names=label.names, code_N=label.code_N[order]) for key, label in evidence.slices.items()},
        status={key: column[order] for key, column in evidence.status.items()},
        counts={key: column[order] for key, column in evidence.counts.items()},
    )


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("kind", ["binary", "mean"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_swapping_the_models_flips_every_sign(kind: str, clustered: bool, seed: int) -> None:
    evidence = world(kind, seed, clustered=clustered)
    there, back = findings(kind, evidence), findings(kind, evidence, candidate="old")

    for one, other in zip(there, back, strict=True):
        assert one.gain is not None and other.gain is not None
        assert one.gain.value == pytest.approx(-(other.gain.value or 0.0), abs=1e-9)
        if one.gain.low is not None and other.gain.high is not None:
            assert one.gain.low == pytest.approx(-other.gain.high, abs=1e-6)
        if one.p_worse is not None:
            assert one.p_worse == pytest.approx(other.p_better, abs=1e-9)
        assert one.candidate == other.baseline and one.baseline == other.candidate


@pytest.mark.parametrize("kind", ["corpus", "quantile"])
def test_swapping_the_models_flips_every_sign_up_to_the_draws(kind: str) -> None:
    evidence = world(kind, 3, clustered=True)
    there, back = findings(kind, evidence)[0], findings(kind, evidence, candidate="old")[0]

    assert there.gain is not None and back.gain is not None
    assert there.gain.value == pytest.approx(-(back.gain.value or 0.0))
    assert there.gain.low == pytest.approx(-(back.gain.high or 0.0), abs=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_swapping_a_superior_candidate_swaps_pass_and_fail(seed: int) -> None:
    rng = np.random.default_rng(seed)
    old = (rng.random(400) < 0.6).astype(float)
    new = np.where(rng.random(400) < [0.0, 0.02, 0.1, 0.3, 0.5][seed], 1.0, old)
    evidence = make_evidence({("new", "x"): new, ("old", "x"): old})
    outcomes = []
    for candidate, baseline in (("new", "old"), ("old", "new")):
        gate = GateSpec(metric="x", baseline=baseline, min_gain=0.0)
        question = replace(
            make_question(gate, metrics=[metric_of("binary")]),
            candidate=candidate,
            roles={candidate: "candidate", baseline: "production"},
        )
        outcomes.append(judge(question, [evidence], rng=rng).metrics[0].outcome)

    assert MIRROR[outcomes[0]] == outcomes[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clustered", [False, True])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_never_matters(kind: str, clustered: bool, seed: int) -> None:
    evidence = world(kind, seed, clustered=clustered)
    one, other = findings(kind, evidence), findings(kind, shuffled(evidence, seed))

    for left, right in zip(one, other, strict=True):
        assert left.outcome == right.outcome and left.n == right.n
        assert left.gain is not None and right.gain is not None
        assert left.gain.value == pytest.approx(right.gain.value, abs=1e-9)
        assert left.gain.low == pytest.approx(right.gain.low, abs=1e-9)
        assert left.gain.high == pytest.approx(right.gain.high, abs=1e-9)


@pytest.mark.parametrize("kind", ["mean", "corpus", "quantile"])
def test_adding_a_constant_to_both_changes_no_gain(kind: str) -> None:
    one, other = (findings(kind, world(kind, 5, clustered=False, shift=shift))[0] for shift in (0.0, 100.0))

    assert one.gain is not None and other.gain is not None
    assert one.gain.value == pytest.approx(other.gain.value, abs=1e-9)
    assert one.gain.low == pytest.approx(other.gain.low, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_metric_where_less_is_better_is_the_mirror_of_one_where_more_is(kind: str) -> None:
    evidence = world(kind, 8, clustered=False)
    more, less = findings(kind, evidence)[0], findings(kind, evidence, better="lower")[0]

    assert more.gain is not None and less.gain is not None
    assert more.gain.value == pytest.approx(-(less.gain.value or 0.0))


@pytest.mark.parametrize("kind", KINDS)
def test_more_clusters_of_the_same_kind_narrow_the_interval(kind: str) -> None:
    widths = []
    for n in (120, 480):
        seen = [findings(kind, world(kind, seed, clustered=True, n=n))[0].gain for seed in range(6)]
        widths.append(np.mean([(gain.high or 0.0) - (gain.low or 0.0) for gain in seen if gain is not None]))

    assert widths[1] < 0.75 * widths[0]


def test_the_same_question_and_generator_give_the_same_verdict() -> None:
    evidence = world("corpus", 2, clustered=True)

    assert findings("corpus", evidence) == findings("corpus", evidence)


def test_one_more_gate_does_not_move_anothers_interval() -> None:
    rng = np.random.default_rng(0)
    scores = {(model, name): rng.normal(5, 1, 100) for model in ("new", "old") for name in ("x", "y")}
    both = [make_metric(name, kind="corpus", unit="points") for name in ("x", "y")]
    gates = [GateSpec(metric=name, baseline="old", margin=0.5) for name in ("x", "y")]
    one = judge(make_question(gates[0], metrics=both), [make_evidence(scores)], rng=np.random.default_rng(1))
    two = judge(make_question(*gates, metrics=both), [make_evidence(scores)], rng=np.random.default_rng(1))

    assert one.metrics[0].gain == two.metrics[0].gain
