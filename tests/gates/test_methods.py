"""Evidence chooses its method, and each method is held to an independent answer."""

import numpy as np
import pytest

from shipworthy.gates._resampled import _linear_draws
from shipworthy.protocol.types import GateSpec
from shipworthy.stats.quantiles import quantile_difference

from .conftest import Judge, make_evidence, make_metric, make_question, paired_scores


@pytest.mark.parametrize(
    ("kind", "clusters", "method"),
    [
        ("binary", None, "tango"),
        ("binary", np.arange(200) // 2, "cr1_t"),
        ("mean", None, "cr1_t"),
        ("mean", np.arange(200) // 2, "cr1_t"),
        ("corpus", None, "cluster_bootstrap"),
        ("corpus", np.arange(200) // 2, "cluster_bootstrap"),
        ("quantile", None, "order_statistic"),
    ],
)
def test_evidence_chooses_its_method(verdict_of: Judge, kind: str, clusters: object, method: str) -> None:
    new, old = paired_scores(200, lost=10, won=30)
    metric = make_metric("x", kind=kind, quantile=0.5 if kind == "quantile" else None)
    evidence = make_evidence({("new", "x"): new, ("old", "x"): old}, clusters=clusters)
    finding = verdict_of(
        make_question(GateSpec(metric="x", baseline="old", margin=0.02), metrics=[metric]), evidence
    ).metrics[0]

    assert method == finding.method
    assert 0.95 == pytest.approx(finding.candidate.value) or kind == "quantile"


def test_a_paired_mean_has_the_paired_t_interval(verdict_of: Judge) -> None:
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(1)
    old, half = rng.normal(5, 2, 150), rng.normal(0, 0.5, 75)
    new = old + 0.1 + np.r_[half, -half]  # without skewness, so that Hall's limit has nothing to add
    metric = make_metric("x", kind="mean", unit="points")
    finding = verdict_of(
        make_question(GateSpec(metric="x", baseline="old", margin=0.2), metrics=[metric]),
        make_evidence({("new", "x"): new, ("old", "x"): old}),
    ).metrics[0]
    wanted = ttest_rel(new, old).confidence_interval(0.90)

    assert finding.gain is not None
    assert (wanted.low, wanted.high) == (pytest.approx(finding.gain.low), pytest.approx(finding.gain.high))
    assert ttest_rel(new, old, alternative="less").pvalue == pytest.approx(finding.p_worse)


def test_a_slice_alone_says_what_the_slice_in_the_whole_says(verdict_of: Judge) -> None:
    rng = np.random.default_rng(2)
    new, old = rng.normal(5, 1, (2, 400))
    label = np.array(["a", "b"])[rng.integers(0, 2, 400)]
    clusters = rng.integers(0, 120, 400)
    metric = make_metric("x", kind="mean", unit="points")
    gate = GateSpec(metric="x", baseline="old", margin=0.2, slices=("part",), slice_margin=0.2)
    inside = verdict_of(
        make_question(gate, metrics=[metric]),
        make_evidence({("new", "x"): new, ("old", "x"): old}, clusters=clusters, slices={"part": list(label)}),
    )
    mask = label == "b"
    alone = verdict_of(
        make_question(GateSpec(metric="x", baseline="old", margin=0.2), metrics=[metric]),
        make_evidence({("new", "x"): new[mask], ("old", "x"): old[mask]}, clusters=clusters[mask]),
    )
    part = next(finding for finding in inside.metrics if finding.slice == {"part": "b"})

    assert part.gain is not None and alone.metrics[0].gain is not None
    assert alone.metrics[0].gain.low == pytest.approx(part.gain.low)
    assert (alone.metrics[0].n, alone.metrics[0].clusters) == (part.n, part.clusters)


def test_a_rank_statistic_is_drawn_again_by_rows(verdict_of: Judge) -> None:
    rng = np.random.default_rng(3)
    truth = (rng.random(300) < 0.5).astype(float)
    good, bad = truth + rng.normal(0, 0.5, 300), truth + rng.normal(0, 2.0, 300)
    metric = make_metric("auroc", kind="rank", summarize_rows=_auroc)
    evidence = make_evidence({("new", "auroc"): np.c_[good, truth], ("old", "auroc"): np.c_[bad, truth]})
    finding = verdict_of(
        make_question(GateSpec(metric="auroc", baseline="old", min_gain=0.1), metrics=[metric]), evidence
    ).metrics[0]

    assert ("pass", "cluster_bootstrap") == (finding.outcome, finding.method)
    assert finding.candidate.value is not None and finding.candidate.value > 0.9


def _auroc(counts_NK: np.ndarray, weights_BN: np.ndarray) -> np.ndarray:
    order = np.argsort(counts_NK[:, 0])
    positive = weights_BN[:, order] * counts_NK[order, 1]
    negative = weights_BN[:, order] * (1 - counts_NK[order, 1])
    below = np.cumsum(negative, axis=1) - negative
    return (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))


@pytest.mark.parametrize("size", [1, 5])
def test_the_linearised_quantile_has_the_spread_of_the_bootstrap(size: int) -> None:
    rng = np.random.default_rng(4)
    n = 6000
    shared = rng.lognormal(0, 0.4, n)
    ours, base = (shared * np.exp(rng.normal(0, 0.2, n) + np.repeat(rng.normal(0, 0.2, n // size), size)) for _ in "ab")
    codes = None if size == 1 else np.arange(n) // size
    quick = _linear_draws(ours, base, 0.95, codes)
    _, drawn = quantile_difference(ours, base, 0.95, rng=rng, clusters_N=codes, n_draws=400)

    assert drawn.std() == pytest.approx(quick.std(), rel=0.25)


def test_57_slices_of_14042_rows_take_well_under_a_second(verdict_of: Judge) -> None:
    import time

    rng = np.random.default_rng(5)
    scores = {(model, "accuracy"): rng.random(14_042) < 0.7 for model in ("new", "old")}
    evidence = make_evidence(scores, slices={"subject": [f"s{i % 57}" for i in range(14_042)]})
    start = time.process_time()
    verdict = verdict_of(
        make_question(GateSpec(metric="accuracy", baseline="old", margin=0.02, slices=("subject",))), evidence
    )

    assert 58 <= len(verdict.metrics)
    assert time.process_time() - start < 1.0
