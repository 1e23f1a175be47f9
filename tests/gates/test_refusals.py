"""Samples that are not judged, and what the sentence says would let them be."""

import numpy as np
import pytest

from shipworthy.gates.planning import Size, explain
from shipworthy.metrics import calibration
from shipworthy.protocol.types import DatasetSpec, GateSpec, MetricSpec, ModelSpec, Protocol
from shipworthy.records import Finding

from .conftest import Judge, make_evidence, make_metric, make_question

GATE = GateSpec(metric="x", baseline="old", margin=0.02)


def finding(verdict_of: Judge, gain: object, *, clusters: object = None, **how: object) -> Finding:
    """The finding of a mean score whose gain over a constant baseline is given."""
    gain = np.asarray(gain, dtype=np.float64)
    metric = make_metric("x", kind="mean", **how)
    sign = 1.0 if metric.better == "higher" else -1.0
    evidence = make_evidence(
        {("new", "x"): 0.5 + sign * gain, ("old", "x"): np.full(len(gain), 0.5)}, clusters=clusters
    )
    return verdict_of(make_question(GATE, metrics=[metric]), evidence).metrics[0]


@pytest.mark.parametrize(
    "sizes", [[10] * 99 + [990], [1] * 1000 + [1000], [int(1000 / k) for k in range(1, 41)]], ids=len
)
def test_clusters_of_very_unequal_size_are_refused_by_what_they_weigh(verdict_of: Judge, sizes: list[int]) -> None:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    found = finding(verdict_of, np.random.default_rng(1).normal(0, 0.1, len(codes)), clusters=codes)

    assert "inconclusive" == found.outcome
    assert "of very unequal size weigh like" in found.because and "fewer rows of the largest ones" in found.because
    assert found.n_needed is not None and found.n_needed > len(codes)


def test_one_cluster_somewhat_larger_than_the_others_is_judged(verdict_of: Judge) -> None:
    codes = np.repeat(np.arange(100), [10] * 99 + [100])

    assert "pass" == finding(verdict_of, np.random.default_rng(1).normal(0, 0.05, len(codes)), clusters=codes).outcome


@pytest.mark.parametrize(("n", "outcome"), [(100, "inconclusive"), (140, "inconclusive"), (160, "pass")])
def test_a_bounded_score_needs_n_times_margin_of_three(verdict_of: Judge, n: int, outcome: str) -> None:
    found = finding(verdict_of, np.random.default_rng(2).normal(0, 0.002, n))

    assert outcome == found.outcome
    if outcome == "inconclusive":
        assert f"n x margin = {n * 0.02:.1f}, below 3" in found.because
        assert found.n_needed is not None and 149 <= found.n_needed <= 152


def test_a_loss_that_one_unseen_win_would_undo_does_not_block(verdict_of: Judge) -> None:
    """The mirror image: everybody loses a little, and the answers that win it back are too rare to have been met."""
    found = finding(verdict_of, np.random.default_rng(3).normal(-0.01, 0.002, 100))

    assert "inconclusive" == found.outcome
    assert "fail" == finding(verdict_of, np.random.default_rng(3).normal(-0.06, 0.002, 100)).outcome


def test_copies_within_clusters_do_not_count_towards_n_times_margin(verdict_of: Judge) -> None:
    gain = np.random.default_rng(4).normal(0, 0.002, 100)
    found = finding(verdict_of, np.repeat(gain, 10), clusters=np.repeat(np.arange(100), 10))

    assert "inconclusive" == found.outcome and "n x margin = 2.0" in found.because


def test_a_cost_whose_spread_rests_on_few_rows_is_refused_with_ways_out(verdict_of: Judge) -> None:
    gain = np.r_[np.full(297, 0.0001), -0.4, -0.7, -0.9] + np.random.default_rng(5).normal(0, 1e-5, 300)
    found = finding(verdict_of, gain, unit="usd", better="lower")

    assert "inconclusive" == found.outcome
    for way in ("relative margin", "cap", "median"):
        assert way in found.because


def plan(size: Size, *, kind: str = "mean", margin: float = 0.02) -> object:
    protocol = Protocol(
        shipworthy=1,
        name="p",
        datasets={"test": DatasetSpec(path="a.jsonl")},
        models={"new": ModelSpec(role="candidate", path="a"), "old": ModelSpec(role="production", path="b")},
        metrics={"x": MetricSpec(dataset="test")},
        gates=(GateSpec(metric="x", baseline="old", margin=margin),),
    )
    return explain(protocol, {"test": size}, {"x": make_metric("x", kind=kind)})[0]


def test_what_will_be_refused_is_said_before_any_answer_is_paid_for() -> None:
    giant = plan(Size(n=1980, clusters=100, effective=3.98))
    short = plan(Size(n=50), margin=0.05)

    assert "very unequal size weigh like 4.0" in giant.says and not giant.enough and giant.n_needed == 49_749
    assert not short.enough and short.n_needed is not None and short.n_needed >= 59


def calibrated(n: int, seed: int) -> np.ndarray:
    """ECE counts of a model whose confidence is exactly its accuracy."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.5, 1.0, n)
    bins = np.eye(15)[np.minimum((sure * 15).astype(int), 14)]
    return np.concatenate([bins, bins * sure[:, None], bins * (rng.random(n) < sure)[:, None]], axis=1)


@pytest.mark.parametrize("name", ["ece", "brier_reliability", "brier_resolution"])
def test_no_absolute_limit_on_a_binned_calibration_is_judged(verdict_of: Judge, name: str) -> None:
    metric = getattr(calibration, name)(calibration.BinOptions())
    evidence = make_evidence({("new", name): calibrated(200, 1), ("old", name): calibrated(200, 2)})
    outcomes = {}
    for gate in (GateSpec(metric=name, at_most=0.001), GateSpec(metric=name, at_least=0.9)):
        found = verdict_of(make_question(gate, metrics=[metric]), evidence).metrics[0]
        outcomes[found.outcome] = found.because

    assert ["inconclusive"] == list(outcomes)
    assert "compare it with a baseline" in outcomes["inconclusive"]
    paired = GateSpec(metric=name, baseline="old", margin=0.3)
    assert "pass" == verdict_of(make_question(paired, metrics=[metric]), evidence).metrics[0].outcome
