"""Corpus metrics on which few examples differ: limits that a bootstrap of those few cannot give."""

import numpy as np
import pytest

from shipworthy.protocol.types import GateSpec
from shipworthy.records import Finding
from shipworthy.stats.paired import tango

from .conftest import Judge, make_evidence, make_metric, make_question


def found(verdict_of: Judge, new: object, old: object, *, unit: str = "share", better: str = "higher") -> Finding:
    metric = make_metric("f", kind="corpus", unit=unit, better=better, summarize=lambda s: s[..., 0] / s[..., 1])
    gate = GateSpec(metric="f", baseline="old", margin=0.02)
    evidence = make_evidence({("new", "f"): new, ("old", "f"): old})
    return verdict_of(make_question(gate, metrics=[metric]), evidence).metrics[0]


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_limits_of_a_share_are_at_least_tangos(verdict_of: Judge, better: str) -> None:
    old, new = np.ones(200), np.ones(200)
    new[:3] = 0
    finding = found(verdict_of, new, old, better=better)
    lost, won = (3, 0) if better == "higher" else (0, 3)
    low, high = tango(lost, won, 200)

    assert finding.gain is not None and finding.gain.low is not None and finding.gain.high is not None
    assert finding.gain.low <= low + 1e-9 and high - 1e-9 <= finding.gain.high
    assert finding.outcome == ("inconclusive" if better == "higher" else "pass")  # 3 of 3 is luck one time in eight


def test_no_difference_on_few_rows_is_no_proof_of_equality(verdict_of: Judge) -> None:
    finding = found(verdict_of, np.ones(60), np.ones(60))

    assert "inconclusive" == finding.outcome
    assert finding.gain is not None and finding.gain.low is not None and finding.gain.low < -0.04


def test_a_value_without_range_is_refused_when_hardly_anything_differs(verdict_of: Judge) -> None:
    old = np.random.default_rng(0).normal(20, 5, 60)
    new = old.copy()
    new[0] += 1
    few, many = (
        found(verdict_of, new, old, unit="points"),
        found(verdict_of, old + np.arange(60) % 2, old, unit="points"),
    )

    assert "the models differ on 1 of n=60 only" in few.because
    assert few.n_needed is not None and few.n_needed >= 100
    assert "pass" == many.outcome


def test_a_rare_loss_at_the_margin_is_not_promoted_by_a_bootstrap(verdict_of: Judge) -> None:
    rng = np.random.default_rng(5)
    outcomes = [found(verdict_of, (rng.random(50) >= 0.02).astype(float), np.ones(50)).outcome for _ in range(100)]

    assert outcomes.count("pass") <= 5  # 39 of 100 by the percentile interval alone


def test_a_cell_with_many_differences_keeps_its_bootstrap(verdict_of: Judge) -> None:
    rng = np.random.default_rng(1)
    old, new = (rng.random(400) < 0.8).astype(float), (rng.random(400) < 0.8).astype(float)
    gain = found(verdict_of, new, old).gain

    assert gain is not None and gain.low is not None and gain.high is not None
    assert pytest.approx(2 * 1.645 * (new - old).std() / 20, rel=0.08) == gain.high - gain.low


@pytest.mark.parametrize("kind", ["rank", "quantile"])
def test_ranks_and_tails_of_few_rows_that_do_not_differ_are_refused(verdict_of: Judge, kind: str) -> None:
    scores = np.random.default_rng(3).random(60)
    how = {"quantile": 0.95} if kind == "quantile" else {"summarize_rows": lambda c, w: (w @ c[:, 0]) / w.sum(axis=1)}
    gate = GateSpec(metric="x", baseline="old", margin=0.1)
    evidence = make_evidence({("new", "x"): scores, ("old", "x"): scores})
    finding = verdict_of(make_question(gate, metrics=[make_metric("x", kind=kind, **how)]), evidence).metrics[0]

    assert ("inconclusive", 100) == (finding.outcome, finding.n_needed)
    assert "differ on 0 of n=60 only" in finding.because
