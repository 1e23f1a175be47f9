"""A margin in percent of the baseline: a ratio of two values, whichever kind of metric it is."""

import numpy as np
import pytest

from shipworthy.gates.observed import observed
from shipworthy.gates.planning import Size, explain
from shipworthy.protocol.types import GateSpec
from tests.gates.conftest import Judge, make_evidence, make_metric, make_question
from tests.gates.test_side_by_side import protocol

COST = make_metric("cost", unit="usd", better="lower", kind="mean")
ACCURACY = make_metric("accuracy")
LATENCY = make_metric("latency", unit="s", better="lower", kind="quantile", quantile=0.5)


def _perplexity(sums):
    return np.exp(sums[..., 0] / np.maximum(sums[..., 1], 1))


CORPUS = make_metric("perplexity", unit="perplexity", better="lower", kind="corpus", summarize=_perplexity)


def _gate(metric, **rule):
    return GateSpec(metric=metric.name, baseline="old", **({"margin": "5%"} | rule))


def _judged(verdict_of, metric, ours, base, *, clusters=None, labels=None, **rule):
    evidence = make_evidence({("new", metric.name): ours, ("old", metric.name): base}, clusters=clusters, slices=labels)
    return verdict_of(make_question(_gate(metric, **rule), metrics=[metric]), evidence)


def _costs(n, factor, noise=0.1, seed=3):
    rng = np.random.default_rng(seed)
    base = rng.lognormal(-7, 1, n)
    return factor * base * rng.lognormal(-(noise**2) / 2, noise, n), base


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, "promote"), (1.02, "promote"), (1.2, "block"), (0.8, "promote"), (1.05, "block")]
)
def test_a_cost_is_judged_in_percent_of_the_baseline(verdict_of: Judge, factor: float, verdict: str) -> None:
    found = _judged(verdict_of, COST, *_costs(600, factor))

    assert verdict == found.verdict
    assert ("relative", 0.05, "fieller") == ((one := found.metrics[0]).margin_kind, one.margin, one.method)
    assert one.gain is not None and one.gain.value == pytest.approx(1 - factor, abs=0.03)


def test_the_price_unit_does_not_matter(verdict_of: Judge) -> None:
    ours, base = _costs(300, 1.02)
    gains = [_judged(verdict_of, COST, scale * ours, scale * base).metrics[0].gain for scale in (1, 1e6)]

    assert gains[0].low == pytest.approx(gains[1].low, rel=1e-6)


def test_the_limits_are_fiellers(verdict_of: Judge) -> None:
    """Against the closed form with the t quantile: roots of (x - r y)^2 = t^2 var(x - r y)."""
    from scipy.special import stdtrit

    rng = np.random.default_rng(5)
    base = rng.normal(10, 2, 400)
    ours = base + rng.normal(0.2, 1, 400)
    found = _judged(verdict_of, COST, ours, base).metrics[0]
    t2 = stdtrit(399, 0.05) ** 2 / 400
    (vx, cov), (_, vy) = np.cov(ours, base)
    a, b, c = base.mean() ** 2 - t2 * vy, ours.mean() * base.mean() - t2 * cov, ours.mean() ** 2 - t2 * vx
    low, high = ((b - s * np.sqrt(b * b - a * c)) / a for s in (1, -1))

    assert found.gain.low == pytest.approx(1 - high, abs=5e-4)
    assert found.gain.high == pytest.approx(1 - low, abs=5e-4)


@pytest.mark.parametrize("metric", [COST, LATENCY])
def test_clusters_widen_the_limits(verdict_of: Judge, metric) -> None:
    rng = np.random.default_rng(8)
    clusters = np.repeat(np.arange(60), 10)
    base = rng.lognormal(0, 0.5, 600)
    ours = base * np.exp(np.repeat(rng.normal(0, 0.2, 60), 10))
    alone, together = (
        _judged(verdict_of, metric, ours, base, clusters=codes).metrics[0].gain for codes in (None, clusters)
    )

    assert together.high - together.low > 1.3 * (alone.high - alone.low)


def test_a_corpus_value_is_redrawn_as_a_ratio(verdict_of: Judge) -> None:
    rng = np.random.default_rng(2)
    base = np.stack([rng.gamma(2, 20, 300), rng.integers(20, 60, 300)], axis=1).astype(float)
    ours = base.copy()
    ours[:, 0] *= 1.01
    found = _judged(verdict_of, CORPUS, ours, base)
    exact = 1 - _perplexity(ours.sum(axis=0)) / _perplexity(base.sum(axis=0))

    assert ("promote", "cluster_bootstrap") == (found.verdict, found.metrics[0].method)
    assert found.metrics[0].gain.value == pytest.approx(exact)


def test_a_share_takes_percent_of_the_baseline_and_no_spread_is_no_proof(verdict_of: Judge) -> None:
    few, many = (_judged(verdict_of, ACCURACY, np.ones(n), np.ones(n)) for n in (30, 400))

    assert ("inconclusive", "promote") == (few.verdict, many.verdict)
    assert few.metrics[0].n_needed is not None


def test_a_baseline_around_zero_has_no_percent(verdict_of: Judge) -> None:
    rng = np.random.default_rng(4)
    profit = make_metric("profit", unit="usd", kind="mean", bounds=(-np.inf, np.inf))

    found = _judged(verdict_of, profit, rng.normal(0, 1, 200), rng.normal(0, 1, 200))

    assert "inconclusive" == found.verdict
    assert "is not shown to lie above 0, so no share of it can be judged" in found.metrics[0].because


def test_slices_lose_two_and_a_half_times_the_margin(verdict_of: Judge) -> None:
    ours, base = _costs(800, 1.0)
    labels = {"part": ["a", "b"] * 400}

    found = [one.margin for one in _judged(verdict_of, COST, ours, base, labels=labels, slices=("part",)).metrics]

    assert [0.05, 0.125, 0.125] == found


def test_a_gain_may_be_asked_in_percent(verdict_of: Judge) -> None:
    found = _judged(verdict_of, COST, *_costs(600, 0.8), margin=None, min_gain="10%")

    assert ("promote", "superior", 0.1) == (found.verdict, (one := found.metrics[0]).rule, one.margin)


def test_an_absolute_and_a_relative_gate_on_one_metric_stand_side_by_side(verdict_of: Judge) -> None:
    ours, base = _costs(600, 1.02)
    evidence = make_evidence({("new", "cost"): ours, ("old", "cost"): base})
    both = make_question(_gate(COST), _gate(COST, margin=0.001, name="in dollars"), metrics=[COST])
    kinds = {one.gate: one.margin_kind for one in verdict_of(both, evidence).metrics}

    assert {"cost not worse than old": "relative", "in dollars": "absolute"} == kinds


def test_the_sentence_speaks_in_percent(verdict_of: Judge) -> None:
    text = _judged(verdict_of, COST, *_costs(600, 1.2)).metrics[0].because

    assert "the margin is 5% of old's, and cost is shown to be worse" in text
    assert "loses 19.5% [17.2%, 21.1%]" in text


def test_a_finished_run_plans_a_relative_margin(verdict_of: Judge) -> None:
    ours, base = _costs(600, 1.0, noise=0.3)
    question = make_question(_gate(COST), metrics=[COST])
    seen = observed(question, [make_evidence({("new", "cost"): ours, ("old", "cost"): base})]).metrics["cost"]
    declared = protocol(GateSpec(metric="accuracy", baseline="old", margin="5%"))
    (blind,) = explain(declared, {"test": Size(n=500)}, {"accuracy": COST})

    assert seen.relative_sd is not None and 0.2 < seen.relative_sd < 1.5
    assert blind.n_needed is None and "relative_sd" in blind.says and blind.relative
