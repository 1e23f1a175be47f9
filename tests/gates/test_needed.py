"""The n that an open gate names: right by simulation, and by the correction, the error or the clusters that bind."""

import numpy as np
import pytest

from shipworthy.protocol.types import GateSpec, PublishedNumber
from shipworthy.records import Evidence, Finding
from shipworthy.stats.paired import p_non_inferior
from shipworthy.stats.power import smoothed_discordance

from .conftest import Judge, make_evidence, make_metric, make_question, paired_scores

MARGIN = GateSpec(metric="accuracy", baseline="old", margin=0.02)


def scored(n: int, *, lost: int, won: int, clusters: object = None) -> Evidence:
    new, old = paired_scores(n, lost=lost, won=won)
    return make_evidence({("new", "accuracy"): new, ("old", "accuracy"): old}, clusters=clusters)


@pytest.mark.parametrize("differ", [0, 2, 4, 10, 20])
def test_a_run_with_the_n_that_is_named_passes_four_times_in_five(verdict_of: Judge, differ: int) -> None:
    finding = verdict_of(make_question(MARGIN), scored(100, lost=differ // 2, won=differ // 2)).metrics[0]
    n, share = finding.n_needed, smoothed_discordance(differ // 2, differ // 2, 100)
    assert n is not None
    draws = np.random.default_rng(1).multinomial(n, [share / 2, share / 2, 1 - share], size=4000)
    lost, won = draws[:, 0], draws[:, 1]
    passes = (p_non_inferior(lost, won, n, margin=0.02) < 0.05) & (p_non_inferior(lost, won, n, margin=0.05) <= 0.002)

    assert pytest.approx(0.8, abs=0.05) == passes.mean()


def test_a_gate_without_any_difference_needs_as_many_as_rule_out_a_grave_loss(verdict_of: Judge) -> None:
    open_, passed = (verdict_of(make_question(MARGIN), scored(n, lost=0, won=0)).metrics[0] for n in (157, 158))

    assert ("inconclusive", "pass") == (open_.outcome, passed.outcome)


def test_clusters_that_show_no_difference_need_many_more_than_one_example(verdict_of: Judge) -> None:
    finding = verdict_of(make_question(MARGIN), scored(100, lost=0, won=0, clusters=np.arange(100) // 4)).metrics[0]

    assert "inconclusive" == finding.outcome
    assert finding.n_needed is not None and finding.n_needed > 4 * 133  # no fewer clusters than single examples


def among_ten(verdict_of: Judge, n: int, *, lost: int, won: int, **gate: object) -> Finding:
    """The finding of a gate on `m0` beside nine gates whose models come out equal."""
    metrics = [make_metric(f"m{i}") for i in range(10)]
    scores = {}
    for metric in metrics:
        pair = paired_scores(n, lost=lost, won=won) if metric.name == "m0" else paired_scores(n, lost=100, won=100)
        scores["new", metric.name], scores["old", metric.name] = pair
    gates = [GateSpec(metric=m.name, baseline="old", margin=0.012, **gate if m.name == "m0" else {}) for m in metrics]  # type: ignore[arg-type]
    return next(
        finding
        for finding in verdict_of(make_question(*gates, metrics=metrics), make_evidence(scores)).metrics
        if finding.metric == "m0"
    )


def test_a_loss_that_ten_gates_may_show_by_luck_needs_more_than_it_would_alone(verdict_of: Judge) -> None:
    alone = GateSpec(metric="accuracy", baseline="old", margin=0.012)

    assert "fail" == verdict_of(make_question(alone), scored(4000, lost=150, won=110)).metrics[0].outcome
    among = among_ten(verdict_of, 4000, lost=150, won=110)
    assert "inconclusive" == among.outcome
    assert "among so many gates it may be luck" in among.because
    assert among.n_needed is not None and among.n_needed > 6000  # 4,026 by the level of a single gate


def test_a_gate_that_fails_fast_is_not_corrected_for_the_others(verdict_of: Judge) -> None:
    slow, fast = (among_ten(verdict_of, 4000, lost=150, won=110, fail_fast=choice) for choice in (False, True))

    assert ("inconclusive", "fail") == (slow.outcome, fast.outcome)


def against_paper(verdict_of: Judge, n: int, number: PublishedNumber, **metric: object) -> Finding:
    gate = GateSpec(metric="accuracy", baseline="paper", margin=0.02)
    question = make_question(
        gate,
        metrics=[make_metric(**metric)],  # type: ignore[arg-type]
        roles={"new": "candidate", "paper": "published"},
        published={"paper": {"accuracy": number}},
    )
    right = np.arange(n) < round(0.85 * n)
    return verdict_of(question, make_evidence({("new", "accuracy"): right.astype(float)})).metrics[0]


def test_no_n_of_ours_makes_up_for_an_uncertain_published_number(verdict_of: Judge) -> None:
    vague = PublishedNumber(value=0.85, source="a paper", n=200)  # its own error is .025, the margin .02
    finding = against_paper(verdict_of, 4000, vague)

    assert "inconclusive" == finding.outcome
    assert finding.n_needed is None
    assert "the published number itself is too uncertain" in finding.because


def test_a_published_error_leaves_less_room_for_ours(verdict_of: Judge) -> None:
    sharp, rough = (
        against_paper(verdict_of, 400, PublishedNumber(value=0.85, source="a paper", standard_error=error))
        for error in (0.0, 0.006)
    )
    assert sharp.n_needed is not None and rough.n_needed is not None

    # room for ours: (.02 / 2.4865)^2 = 6.47e-5, and 3.6e-5 less
    assert pytest.approx(6.47 / (6.47 - 3.6), rel=0.01) == rough.n_needed / sharp.n_needed


def test_the_n_of_a_published_mean_share_bounds_its_error(verdict_of: Judge) -> None:
    finding = against_paper(verdict_of, 4000, PublishedNumber(value=0.70, source="a paper", n=1000), kind="mean")

    assert ("pass", "welch") == (finding.outcome, finding.method)


def test_of_two_published_errors_the_larger_counts_throughout(verdict_of: Judge) -> None:
    told = {"value": 0.84, "source": "a paper"}
    both, alone, sharp, n_only = (
        against_paper(verdict_of, 4000, PublishedNumber(**told, **more))  # type: ignore[arg-type]
        for more in (
            {"n": 100_000, "standard_error": 0.05},
            {"standard_error": 0.05},
            {"n": 1000, "standard_error": 0.0},
            {"n": 1000},
        )
    )

    assert ("inconclusive", "welch") == (both.outcome, both.method)
    assert (alone.gain, alone.baseline) == (both.gain, both.baseline)
    assert (n_only.gain, n_only.method, n_only.outcome) == (sharp.gain, sharp.method, sharp.outcome)


def test_an_absolute_gate_plans_with_the_variance_at_its_limit(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", at_least=0.98)
    right = np.r_[np.ones(990), np.zeros(10)][::2]
    finding = verdict_of(make_question(gate), make_evidence({("new", "accuracy"): right})).metrics[0]

    assert ("inconclusive", 500, 0.99) == (finding.outcome, finding.n, pytest.approx(finding.candidate.value))
    assert finding.n_needed is not None and 950 < finding.n_needed < 1150  # 674 by the variance at .99


@pytest.mark.parametrize(("limit", "words"), [(1.0, "is 1 point;"), (2.0, "is 2 points;"), (0.5, "is 0.5 points;")])
def test_one_point_is_no_plural(verdict_of: Judge, limit: float, words: str) -> None:
    rng = np.random.default_rng(0)
    evidence = make_evidence({(name, "x"): rng.normal(30, 5, 50) for name in ("new", "old")})
    metric = make_metric("x", kind="mean", unit="points")
    finding = verdict_of(make_question(GateSpec(metric="x", baseline="old", margin=limit), metrics=[metric]), evidence)

    assert f"the margin {words}"[:-1] in finding.metrics[0].because.replace(",", ";")
