"""Every path to a verdict, each on a table small enough to check by hand."""

import numpy as np
import pytest

from shipworthy.errors import MissingEvidence
from shipworthy.gates import judge
from shipworthy.protocol.types import Decisions, GateSpec, Planning, PublishedNumber
from shipworthy.records import ABSENT, FAILED, Evidence, Verdict

from .conftest import Judge, make_evidence, make_metric, make_question, paired_scores

MARGIN = GateSpec(metric="accuracy", baseline="old", margin=0.02)


def table(n: int, *, lost: int, won: int, metric: str = "accuracy", **rest: object) -> Evidence:
    new, old = paired_scores(n, lost=lost, won=won)
    return make_evidence({("new", metric): new, ("old", metric): old}, **rest)  # type: ignore[arg-type]


def codes(verdict: Verdict) -> set[str]:
    return {warning.code for warning in verdict.warnings}


def test_a_clear_gain_is_promoted_and_the_sentence_says_why(verdict_of: Judge) -> None:
    verdict = verdict_of(make_question(MARGIN), table(200, lost=10, won=30))

    assert "promote" == verdict.verdict
    assert (
        "accuracy 0.95 against old's 0.85: gains 0.10 [0.05, 0.15] on n=200; the margin is 0.02"
        == verdict.metrics[0].because
    )


def test_lost_refusals_are_blocked_with_the_numbers(verdict_of: Judge) -> None:
    gate = GateSpec(metric="refusal", baseline="old", margin=0.02, fail_fast=True)
    new, old = np.r_[np.ones(4), np.zeros(196)], np.ones(200)
    verdict = verdict_of(
        make_question(gate, metrics=[make_metric("refusal")]),
        make_evidence({("new", "refusal"): new, ("old", "refusal"): old}),
    )

    assert "block" == verdict.verdict
    assert (
        "FAIL refusal not worse than old: refusal 0.02 against old's 1.00: loses 0.98 [0.95, 0.99] on n=200; "
        "the margin is 0.02, and refusal is shown to be worse"
    ) == verdict.reasons[0]


@pytest.mark.parametrize(("own", "outcome"), [(1.0, "pass"), (0.02, "inconclusive")])
def test_without_a_rule_a_gate_holds_to_the_margin_of_its_metric(verdict_of: Judge, own: float, outcome: str) -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(50, 10, 200)
    metric = make_metric("points", kind="mean", unit="points", margin=own)
    evidence = make_evidence({("new", "points"): base + rng.normal(0, 3, 200), ("old", "points"): base})

    finding = verdict_of(make_question(GateSpec(metric="points", baseline="old"), metrics=[metric]), evidence).metrics[
        0
    ]

    assert (outcome, own) == (finding.outcome, finding.margin)


def test_a_slice_may_lose_two_and_a_half_margins_of_the_metric_and_never_less_than_the_whole(verdict_of: Judge) -> None:
    metric = make_metric("accuracy", margin=0.04)
    gates = [GateSpec(metric="accuracy", baseline="old", margin=m, slices=("suite",)) for m in (None, 0.3)]
    evidence = table(400, lost=1, won=1, slices={"suite": ["a", "b"] * 200})
    question = make_question(*gates, metrics=[metric])

    assert {0.1, 0.3} == {
        found.margin for found in verdict_of(question, evidence).metrics if found.slice == {"suite": "a"}
    }


def test_equal_models_on_few_examples_are_inconclusive_and_n_needed_is_said(verdict_of: Judge) -> None:
    finding = verdict_of(make_question(MARGIN), table(200, lost=5, won=5)).metrics[0]

    assert "inconclusive" == finding.outcome
    assert finding.n_needed is not None and 700 < finding.n_needed < 1000  # .0545 x 6.18 / .0004 = 842
    assert f"{finding.n_needed:,} examples in all" in finding.because


def test_a_small_loss_within_the_margin_passes_on_many_examples(verdict_of: Judge) -> None:
    verdict = verdict_of(make_question(MARGIN), table(20_000, lost=600, won=500))

    assert "promote" == verdict.verdict
    assert verdict.metrics[0].p_worse is not None and verdict.metrics[0].p_worse < 0.05  # worse, by less than allowed


def test_a_superiority_gate_wants_the_lower_limit_above_the_gain(verdict_of: Judge) -> None:
    near, far = (GateSpec(metric="accuracy", baseline="old", min_gain=gain) for gain in (0.08, 0.04))
    evidence = table(200, lost=10, won=30)

    assert "inconclusive" == verdict_of(make_question(near), evidence).verdict
    assert "promote" == verdict_of(make_question(far), evidence).verdict


@pytest.mark.parametrize(("limit", "expected"), [(0.80, "promote"), (0.84, "inconclusive"), (0.90, "block")])
def test_an_absolute_gate_reads_the_candidate_alone(verdict_of: Judge, limit: float, expected: str) -> None:
    verdict = verdict_of(make_question(GateSpec(metric="accuracy", at_least=limit)), table(200, lost=30, won=0))

    assert expected == verdict.verdict
    assert verdict.metrics[0].baseline is None and "clopper_pearson" == verdict.metrics[0].method


def test_an_upper_limit_reads_the_upper_end(verdict_of: Judge) -> None:
    metric = make_metric("over_refusal", better="lower")
    scores = np.r_[np.ones(4), np.zeros(196)]
    evidence = make_evidence({("new", "over_refusal"): scores})
    roles = {"new": "candidate"}

    outcomes = [
        verdict_of(
            make_question(GateSpec(metric="over_refusal", at_most=limit), metrics=[metric], roles=roles), evidence
        ).verdict
        for limit in (0.05, 0.03, 0.005)
    ]

    assert ["promote", "inconclusive", "block"] == outcomes


def test_a_golden_set_is_read_as_it_is(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", at_least=1.0)
    question = make_question(gate, dataset_roles={"test": "golden"}, roles={"new": "candidate"})

    assert "promote" == verdict_of(question, make_evidence({("new", "accuracy"): np.ones(8)})).verdict
    assert "block" == verdict_of(question, make_evidence({("new", "accuracy"): [1, 1, 1, 0]})).verdict


def test_lower_is_better_flips_the_gain(verdict_of: Judge) -> None:
    finding = verdict_of(
        make_question(MARGIN, metrics=[make_metric(better="lower")]), table(200, lost=30, won=10)
    ).metrics[0]

    assert finding.gain is not None
    assert 0.10 == pytest.approx(finding.gain.value)
    assert "pass" == finding.outcome


def test_a_failing_soft_gate_asks_for_a_signature(verdict_of: Judge) -> None:
    soft = GateSpec(metric="format", baseline="old", margin=0.02, level="soft")
    new, old = paired_scores(400, lost=60, won=10)
    good, base = paired_scores(400, lost=10, won=60)
    evidence = make_evidence(
        {("new", "accuracy"): good, ("old", "accuracy"): base, ("new", "format"): new, ("old", "format"): old}
    )
    verdict = verdict_of(make_question(MARGIN, soft, metrics=[make_metric(), make_metric("format")]), evidence)

    assert "sign_off" == verdict.verdict
    assert verdict.reasons[0].startswith("SIGN-OFF format")


def test_a_soft_failure_does_not_carry_an_open_hard_gate_to_a_signature(verdict_of: Judge) -> None:
    soft = GateSpec(metric="format", baseline="old", margin=0.02, level="soft")
    new, old = paired_scores(200, lost=60, won=10)
    same, base = paired_scores(200, lost=10, won=10)
    evidence = make_evidence(
        {("new", "accuracy"): same, ("old", "accuracy"): base, ("new", "format"): new, ("old", "format"): old}
    )

    assert (
        "inconclusive"
        == verdict_of(make_question(MARGIN, soft, metrics=[make_metric(), make_metric("format")]), evidence).verdict
    )


def test_one_bad_slice_stops_a_candidate_that_gains_overall(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02, slices=("suite",))
    bad, worse = paired_scores(400, lost=100, won=10)
    good, base = paired_scores(1600, lost=50, won=350)
    evidence = make_evidence(
        {("new", "accuracy"): np.r_[good, bad], ("old", "accuracy"): np.r_[base, worse]},
        slices={"suite": ["a"] * 800 + ["b"] * 800 + ["c"] * 400},
    )
    verdict = verdict_of(make_question(gate), evidence)

    assert "block" == verdict.verdict
    assert "in suite=c" in verdict.reasons[0]


def test_a_slice_too_small_to_gate_is_named_and_does_not_hold_up_the_rest(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02, slices=("suite",))
    evidence = table(1000, lost=50, won=150, slices={"suite": ["large"] * 953 + ["small"] * 40 + ["tiny"] * 7})
    verdict = verdict_of(make_question(gate), evidence)

    assert "promote" == verdict.verdict
    warning = next(warning for warning in verdict.warnings if warning.code == "slice_too_small")
    assert 2 == warning.count
    assert "small (40)" in warning.message and "tiny (7)" in warning.message


def test_a_monitored_slice_is_told_and_blocks_nothing(verdict_of: Judge) -> None:
    new, old = paired_scores(270, lost=80, won=5)
    rest, base = paired_scores(2000, lost=100, won=400)
    evidence = make_evidence(
        {("new", "accuracy"): np.r_[rest, new], ("old", "accuracy"): np.r_[base, old]},
        slices={"subject": ["other"] * 2000 + ["mathematics"] * 270},
    )
    verdict = verdict_of(make_question(MARGIN, slices=("subject",)), evidence)

    assert "promote" == verdict.verdict
    assert any(reason.startswith("WATCH") and "subject=mathematics" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("policy", "expected", "n"), [("fail", "inconclusive", 400), ("common", "promote", 400), ("wrong", "block", 500)]
)
def test_missing_examples_are_counted_and_the_policy_decides(
    verdict_of: Judge, policy: str, expected: str, n: int
) -> None:
    new, old = paired_scores(500, lost=5, won=30)
    status = np.where(np.arange(500) % 5 == 0, ABSENT, 0)  # no harder than the others: else nothing is judged
    evidence = make_evidence(
        {("new", "accuracy"): new, ("old", "accuracy"): old},
        status={"new": status},
        slices={"topic": ["law"] * 450 + ["tax"] * 50},
    )
    decisions = Decisions(missing=policy, draws=1000)  # type: ignore[arg-type]
    verdict = verdict_of(make_question(MARGIN, decisions=decisions), evidence)

    assert expected == verdict.verdict
    assert n == verdict.metrics[0].n
    warning = next(warning for warning in verdict.warnings if warning.code == "missing_examples")
    assert 100 == warning.count and "topic=law 90, topic=tax 10" in warning.message
    assert (400, 500, 400) == (verdict.coverage.candidate, verdict.coverage.baseline, verdict.coverage.common)


def test_an_answer_that_errored_counts_as_its_failure(verdict_of: Judge) -> None:
    new, old = paired_scores(200, lost=40, won=0)
    verdict = verdict_of(
        make_question(MARGIN),
        make_evidence(
            {("new", "accuracy"): new, ("old", "accuracy"): old},
            status={"new": np.r_[np.full(40, FAILED), np.zeros(160)]},
        ),
    )

    assert "block" == verdict.verdict
    assert 160 == verdict.coverage.candidate


def test_few_clusters_are_refused_with_the_value_but_without_limits(verdict_of: Judge) -> None:
    verdict = verdict_of(make_question(MARGIN), table(200, lost=60, won=0, clusters=np.arange(200) % 10))
    finding = verdict.metrics[0]

    assert "inconclusive" == verdict.verdict
    assert finding.gain is not None
    assert (-0.3, None, None) == (pytest.approx(finding.gain.value), finding.gain.low, finding.gain.high)
    assert "10 clusters are too few" in finding.because
    assert "few_clusters" in codes(verdict)
    assert 400 == finding.n_needed  # 20 clusters of the 20 examples each has


def test_a_small_sample_of_a_skewed_score_is_refused(verdict_of: Judge) -> None:
    old = np.zeros(60)
    new = np.r_[np.full(3, 40.0), np.zeros(57)]
    metric = make_metric("cost", kind="mean", unit="usd", better="lower")
    gate = GateSpec(metric="cost", baseline="old", margin=0.5)
    finding = verdict_of(
        make_question(gate, metrics=[metric]), make_evidence({("new", "cost"): new, ("old", "cost"): old})
    ).metrics[0]

    assert "inconclusive" == finding.outcome
    assert "skewed" in finding.because
    assert finding.n_needed is not None and finding.n_needed >= 100


def test_clusters_without_any_difference_do_not_prove_equality(verdict_of: Judge) -> None:
    same = np.ones(100)
    finding = verdict_of(
        make_question(MARGIN),
        make_evidence({("new", "accuracy"): same, ("old", "accuracy"): same}, clusters=np.arange(100) // 4),
    ).metrics[0]

    assert "cr1_t" == finding.method
    assert finding.gain is not None and finding.gain.low is not None and finding.gain.low < -0.05
    assert "inconclusive" == finding.outcome


def test_a_candidate_that_cannot_beat_trivial_is_not_promoted(verdict_of: Judge) -> None:
    new, old = paired_scores(500, lost=10, won=12, both=40)
    majority = np.r_[np.ones(150), np.zeros(350)]
    evidence = make_evidence({("new", "accuracy"): new, ("old", "accuracy"): old, ("most", "accuracy"): majority})
    roles = {"new": "candidate", "old": "production", "most": "trivial"}
    verdict = verdict_of(make_question(MARGIN, roles=roles), evidence)

    assert "block" == verdict.verdict
    assert verdict.reasons[0].startswith("FAIL beats trivial: most")


def test_a_published_number_is_compared_unpaired_and_that_is_said(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="paper", margin=0.02)
    number = PublishedNumber(value=0.70, source="a paper", n=1000)
    question = make_question(
        gate, roles={"new": "candidate", "paper": "published"}, published={"paper": {"accuracy": number}}
    )
    finding = verdict_of(question, make_evidence({("new", "accuracy"): np.r_[np.ones(400), np.zeros(100)]})).metrics[0]

    assert ("pass", "newcombe_unpaired") == (finding.outcome, finding.method)
    assert "unpaired" in finding.because


def test_a_published_number_without_error_settles_nothing(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="paper", margin=0.02)
    question = make_question(
        gate,
        roles={"new": "candidate", "paper": "published"},
        published={"paper": {"accuracy": PublishedNumber(value=0.70, source="a paper")}},
    )

    assert (
        "inconclusive"
        == verdict_of(question, make_evidence({("new", "accuracy"): np.r_[np.ones(400), np.zeros(100)]})).verdict
    )


def test_a_corpus_metric_is_resampled_and_lower_perplexity_gains(verdict_of: Judge) -> None:
    rng = np.random.default_rng(3)
    tokens = rng.integers(5, 50, 300).astype(float)
    old = np.stack([tokens * rng.normal(2.0, 0.2, 300), tokens], axis=1)
    new = np.stack([old[:, 0] - 0.1 * tokens, tokens], axis=1)
    metric = make_metric(
        "perplexity", kind="corpus", unit="points", better="lower", summarize=lambda s: np.exp(s[..., 0] / s[..., 1])
    )
    finding = verdict_of(
        make_question(GateSpec(metric="perplexity", baseline="old", margin=0.1), metrics=[metric]),
        make_evidence({("new", "perplexity"): new, ("old", "perplexity"): old}),
    ).metrics[0]

    assert ("pass", "cluster_bootstrap") == (finding.outcome, finding.method)
    assert finding.gain is not None and finding.gain.low is not None and finding.gain.low > 0.5


def test_a_slower_tail_is_found(verdict_of: Judge) -> None:
    rng = np.random.default_rng(4)
    old = rng.lognormal(0, 0.3, 600)
    new = old * np.where(rng.random(600) < 0.1, 3, 1)
    metric = make_metric("latency", kind="quantile", quantile=0.95, unit="s", better="lower")
    finding = verdict_of(
        make_question(GateSpec(metric="latency", baseline="old", margin=0.2), metrics=[metric]),
        make_evidence({("new", "latency"): new, ("old", "latency"): old}),
    ).metrics[0]

    assert ("fail", "order_statistic") == (finding.outcome, finding.method)


def test_a_gate_can_require_the_absence_of_a_warning(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.2, require_absent=("identical_results",))
    same = np.r_[np.ones(300), np.zeros(100)]
    verdict = verdict_of(make_question(gate), make_evidence({("new", "accuracy"): same, ("old", "accuracy"): same}))

    assert "block" == verdict.verdict
    assert "requires the absence of identical_results" in verdict.reasons[0]


def test_what_was_not_measured_is_named(verdict_of: Judge) -> None:
    with pytest.raises(MissingEvidence, match=r"'bleu'; measured: accuracy"):
        verdict_of(make_question(GateSpec(metric="bleu", baseline="old")), table(50, lost=1, won=1))


def test_a_baseline_nobody_ran_is_named() -> None:
    question = make_question(GateSpec(metric="accuracy", baseline="ghost"))

    with pytest.raises(MissingEvidence, match=r"'ghost'; known: old"):
        judge(question, [table(50, lost=1, won=1)], rng=np.random.default_rng(0))


def test_seeds_of_one_example_are_one_cluster_and_n_counts_examples(verdict_of: Judge) -> None:
    new, old = paired_scores(100, lost=5, won=20)
    evidence = make_evidence(
        {("new", "accuracy"): np.tile(new, 3), ("old", "accuracy"): np.tile(old, 3)},
        clusters=np.tile(np.arange(100), 3),
        seeds=np.repeat([0, 1, 2], 100),
        ids=[f"e{i}" for i in range(100)] * 3,
    )
    finding = verdict_of(make_question(MARGIN), evidence).metrics[0]

    assert (100, 100, "cr1_t") == (finding.n, finding.clusters, finding.method)


def test_monitored_slices_of_a_metric_stand_once(verdict_of: Judge) -> None:
    gates = (MARGIN, GateSpec(metric="accuracy", at_least=0.5))
    evidence = table(400, lost=10, won=40, slices={"topic": ["law", "tax"] * 200})
    found = verdict_of(make_question(*gates, slices=("topic",)), evidence).metrics

    assert [{"topic": "law"}, {"topic": "tax"}] == [f.slice for f in found if f.slice and "topic" in f.slice]


def test_a_fail_fast_gate_is_told_first(verdict_of: Judge) -> None:
    safety = GateSpec(metric="refusal", baseline="old", margin=0.02, fail_fast=True)
    new, old = paired_scores(400, lost=40, won=10)
    bad, base = paired_scores(400, lost=150, won=0)
    evidence = make_evidence(
        {("new", "accuracy"): bad, ("old", "accuracy"): base, ("new", "refusal"): new, ("old", "refusal"): old}
    )
    verdict = verdict_of(make_question(MARGIN, safety, metrics=[make_metric(), make_metric("refusal")]), evidence)

    assert verdict.reasons[0].startswith("FAIL refusal") and verdict.reasons[1].startswith("FAIL accuracy")


def test_a_grave_loss_that_is_not_ruled_out_holds_a_gate_back(verdict_of: Judge) -> None:
    finding = verdict_of(make_question(MARGIN), table(200, lost=16, won=24)).metrics[0]

    assert finding.gain is not None and finding.gain.low is not None and finding.gain.low > -0.02
    assert "inconclusive" == finding.outcome
    assert "do not rule out a loss of 0.05" in finding.because
    assert finding.n_needed is not None and finding.n_needed > 200


def test_soft_gates_alone_promote_only_what_they_show(verdict_of: Judge) -> None:
    soft = GateSpec(metric="accuracy", baseline="old", margin=0.02, level="soft")
    open_, shown = (
        verdict_of(make_question(soft), table(n, lost=lost, won=won)) for n, lost, won in ((100, 10, 10), (400, 5, 30))
    )

    assert ("inconclusive", "promote") == (open_.verdict, shown.verdict)
    assert open_.reasons[0].startswith("UNSURE accuracy") and shown.reasons[0].startswith("PASS accuracy")


def test_a_soft_gate_that_stays_open_beside_hard_ones_is_told(verdict_of: Judge) -> None:
    gates = (
        GateSpec(metric="accuracy", baseline="old", margin=0.02),
        GateSpec(metric="format", at_least=0.95, level="soft"),
    )
    new, old = paired_scores(400, lost=5, won=30)
    scores = {("new", "accuracy"): new, ("old", "accuracy"): old, ("new", "format"): np.arange(400) % 20 > 0}
    verdict = verdict_of(make_question(*gates, metrics=[make_metric(), make_metric("format")]), make_evidence(scores))

    assert "promote" == verdict.verdict
    assert any(reason.startswith("OPEN format") for reason in verdict.reasons)


def test_a_slice_that_is_large_enough_does_not_escape_by_its_skew(verdict_of: Judge) -> None:
    rng = np.random.default_rng(0)
    old = rng.normal(0.8, 0.03, 499)
    new = old + rng.normal(0.02, 0.02, 499)
    new[400:403] = 0  # three answers of the slice are lost altogether
    gate = GateSpec(metric="score", baseline="old", margin=0.02, slices=("topic",))
    question = make_question(gate, metrics=[make_metric("score", kind="mean")], planning=Planning(sd=0.1))
    evidence = make_evidence(
        {("new", "score"): new, ("old", "score"): old}, slices={"topic": ["law"] * 400 + ["tax"] * 99}
    )
    verdict = verdict_of(question, evidence)

    assert "inconclusive" == verdict.verdict
    assert "in topic=tax" in verdict.reasons[0] and "skewed" in verdict.reasons[0]
    assert "slice_too_small" not in codes(verdict)


def test_a_few_equal_scores_without_limits_are_no_proof_of_equality(verdict_of: Judge) -> None:
    metric = make_metric("rating", kind="mean", unit="points")
    gate = GateSpec(metric="rating", baseline="old", margin=0.1)
    few, many = (
        verdict_of(
            make_question(gate, metrics=[metric]),
            make_evidence({(model, "rating"): np.full(n, 4.0) for model in ("new", "old")}),
        ).metrics[0]
        for n in (60, 100)
    )

    assert ("inconclusive", 100, "pass") == (few.outcome, few.n_needed, many.outcome)
    assert "nothing varies on n=60" in few.because


def test_slices_of_a_golden_set_are_read_as_they_are(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", at_least=1.0, slices=("topic",), slice_margin=0.0)
    question = make_question(gate, dataset_roles={"test": "golden"}, roles={"new": "candidate"})
    verdict = verdict_of(question, make_evidence({("new", "accuracy"): np.ones(6)}, slices={"topic": list("aabbcc")}))

    assert "promote" == verdict.verdict
    assert ["hard"] * 4 == [finding.level for finding in verdict.metrics]
    assert "slice_too_small" not in codes(verdict)


def test_a_limit_beyond_what_a_share_can_be_is_judged_all_the_same(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", at_most=1.0, slices=("topic",))
    question = make_question(gate, roles={"new": "candidate"})
    few, many = (
        verdict_of(question, make_evidence({("new", "accuracy"): np.zeros(n)}, slices={"topic": ["law"] * n}))
        for n in (10, 60)
    )

    assert ("inconclusive", "promote") == (few.verdict, many.verdict)
