"""Each warning code on the smallest evidence that deserves it, and not on its neighbour."""

import numpy as np
import pytest

from shipworthy import records
from shipworthy.protocol.types import GateSpec
from shipworthy.records import FAILED, Verdict

from .conftest import Judge, make_evidence, make_metric, make_question, paired_scores

GATE = GateSpec(metric="accuracy", baseline="old", margin=0.02)


def codes(verdict: Verdict) -> list[str]:
    return [warning.code for warning in verdict.warnings]


def scored(new: object, old: object, **rest: object) -> records.Evidence:
    return make_evidence({("new", "accuracy"): new, ("old", "accuracy"): old}, **rest)  # type: ignore[arg-type]


def test_the_same_model_twice_is_noticed(verdict_of: Judge) -> None:
    same = np.r_[np.ones(50), np.zeros(50)]

    assert "identical_results" in codes(verdict_of(make_question(GATE), scored(same, same)))


def test_a_single_different_row_is_not_the_same_model(verdict_of: Judge) -> None:
    new, old = paired_scores(100, lost=1, won=0, both=50)

    assert "identical_results" not in codes(verdict_of(make_question(GATE), scored(new, old)))


def test_a_model_that_is_always_wrong_is_constant_and_one_always_right_is_not(verdict_of: Judge) -> None:
    verdict = verdict_of(make_question(GATE), scored(np.zeros(60), np.ones(60)))

    assert ["new scores the same accuracy on all 60 rows of test"] == [
        warning.message for warning in verdict.warnings if warning.code == "constant_output"
    ]


def test_one_discordant_pair_is_told_as_one_example(verdict_of: Judge) -> None:
    new, old = paired_scores(100, lost=1, won=0, both=50)
    verdict = verdict_of(make_question(GATE), scored(new, old))

    assert ["accuracy: new and old differ on 1 example only"] == [
        warning.message for warning in verdict.warnings if warning.code == "few_discordant"
    ]


def test_few_discordant_pairs_are_counted(verdict_of: Judge) -> None:
    verdict = verdict_of(make_question(GATE), scored(*paired_scores(500, lost=2, won=3)))

    assert [5] == [warning.count for warning in verdict.warnings if warning.code == "few_discordant"]


def test_failed_answers_behind_a_latency_over_successes_are_survivors(verdict_of: Judge) -> None:
    metric = make_metric(
        "latency", kind="quantile", quantile=0.95, unit="s", better="lower", failure=(0.0, 0.0), survivorship=True
    )
    seconds = np.random.default_rng(0).lognormal(0, 0.3, (200, 1))
    old = np.hstack([seconds, np.ones((200, 1))])
    new = old.copy()
    new[:30] = 0
    verdict = verdict_of(
        make_question(GateSpec(metric="latency", baseline="old", margin=0.5), metrics=[metric]),
        make_evidence(
            {("new", "latency"): new, ("old", "latency"): old},
            status={"new": np.r_[np.full(30, FAILED), np.zeros(170)]},
        ),
    )

    assert 170 == verdict.metrics[0].n
    assert [30] == [warning.count for warning in verdict.warnings if warning.code == "survivorship"]


def test_more_than_ten_hard_gates_are_too_many(verdict_of: Judge) -> None:
    metrics = [make_metric(f"m{i}") for i in range(11)]
    new, old = paired_scores(400, lost=10, won=60)
    evidence = make_evidence({(model, m.name): s for m in metrics for model, s in (("new", new), ("old", old))})
    gates = [GateSpec(metric=m.name, baseline="old", margin=0.02) for m in metrics]

    assert "many_hard_gates" in codes(verdict_of(make_question(*gates, metrics=metrics), evidence))
    assert "many_hard_gates" not in codes(verdict_of(make_question(*gates[:10], metrics=metrics), evidence))


@pytest.mark.parametrize("fact", ["prompt", "tokenizer", "precision"])
def test_what_was_not_run_alike_is_said(verdict_of: Judge, fact: str) -> None:
    question = make_question(GATE, facts={"new": {fact: "a"}, "old": {fact: "b"}})
    verdict = verdict_of(question, scored(*paired_scores(400, lost=10, won=60)))

    assert [f"new and old differ in {fact}: 'a' against 'b'"] == [
        warning.message for warning in verdict.warnings if warning.code == "not_comparable"
    ]


@pytest.mark.parametrize(("ours", "theirs", "said"), [("0", "1", 1), ("0", "0.0", 0)])
def test_models_that_sample_at_different_temperatures_are_not_compared_alike(
    verdict_of: Judge, ours: str, theirs: str, said: int
) -> None:
    question = make_question(GATE, facts={"new": {"temperature": ours}, "old": {"temperature": theirs}})
    verdict = verdict_of(question, scored(*paired_scores(400, lost=10, won=60)))

    assert said == codes(verdict).count("not_comparable")


def test_a_sampling_model_asked_once_is_noticed(verdict_of: Judge) -> None:
    question = make_question(GATE, facts={"new": {"temperature": "0.7"}})

    assert "single_seed" in codes(verdict_of(question, scored(*paired_scores(400, lost=10, won=60))))


def test_what_the_readers_saw_reaches_the_verdict_and_can_stop_a_gate(verdict_of: Judge) -> None:
    seen = records.Warning(code="gold_mismatch", message="3 gold answers differ", count=3)
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02, require_absent=("gold_mismatch",))
    verdict = verdict_of(make_question(gate, warnings=(seen,)), scored(*paired_scores(400, lost=10, won=60)))

    assert seen in verdict.warnings
    assert "block" == verdict.verdict


def test_a_warning_about_another_metric_does_not_stop_the_gate(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02, require_absent=("few_discordant",))
    rare, base = paired_scores(400, lost=0, won=2)
    good, old = paired_scores(400, lost=10, won=60)
    evidence = make_evidence(
        {("new", "accuracy"): good, ("old", "accuracy"): old, ("new", "rare"): rare, ("old", "rare"): base}
    )

    assert "promote" == verdict_of(make_question(gate, metrics=[make_metric(), make_metric("rare")]), evidence).verdict


def test_an_open_hard_gate_is_underpowered_and_says_how_much_it_needs(verdict_of: Judge) -> None:
    verdict = verdict_of(make_question(GATE), scored(*paired_scores(100, lost=5, won=5)))

    assert "underpowered" in codes(verdict)


def test_many_open_slices_are_told_by_the_worst_few(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02, slices=("suite",))
    rng = np.random.default_rng(1)
    new, old = paired_scores(4000, lost=400, won=400)
    order = rng.permutation(4000)
    evidence = scored(new[order], old[order], slices={"suite": [f"s{i % 20}" for i in range(4000)]})
    verdict = verdict_of(make_question(gate), evidence)
    told = [reason for reason in verdict.reasons if "in suite=" in reason]

    assert 5 == len(told)
    assert any("more slices" in reason for reason in verdict.reasons)


def test_examples_every_baseline_solves_are_shown_without_a_gain(verdict_of: Judge) -> None:
    verdict = verdict_of(make_question(GATE), scored(*paired_scores(400, lost=10, won=60, both=200)))
    shown = {finding.slice["difficulty"]: finding for finding in verdict.metrics if finding.slice}

    assert (210, 200 / 210) == (
        shown["solved by all baselines"].n,
        pytest.approx(shown["solved by all baselines"].candidate.value),
    )
    assert shown["solved by no baseline"].gain is None


@pytest.mark.parametrize(("seeds", "told"), [([0, 1, 2], True), ([4, 4, 4], False)])
def test_a_verdict_over_seeds_of_answers_is_about_these_weights(
    verdict_of: Judge, seeds: list[int], told: bool
) -> None:
    scores = {("new", "accuracy"): np.ones(300), ("old", "accuracy"): np.arange(300) % 2}
    ids = [f"e{i}" for i in np.tile(np.arange(100), 3)] if told else [f"e{i}" for i in range(300)]
    table = make_evidence(scores, clusters=np.tile(np.arange(100), 3), seeds=np.repeat(seeds, 100), ids=ids)
    said = [one for one in verdict_of(make_question(GATE), table).warnings if one.code == "seeds_of_answers"]

    assert told == bool(said)
    assert not told or ("3 seeds" in said[0].message and "not about the recipe" in said[0].message)


def test_examples_that_each_have_a_seed_of_their_own_are_no_repeats(verdict_of: Judge) -> None:
    scores = {("new", "accuracy"): np.ones(300), ("old", "accuracy"): np.arange(300) % 2}
    verdict = verdict_of(make_question(GATE), make_evidence(scores, seeds=np.arange(300)))

    assert "seeds_of_answers" not in {one.code for one in verdict.warnings}


def test_seeds_of_an_example_do_not_multiply_what_a_difficulty_slice_rests_on(verdict_of: Judge) -> None:
    new, old = paired_scores(100, lost=5, won=20)
    evidence = make_evidence(
        {("new", "accuracy"): np.tile(new, 3), ("old", "accuracy"): np.tile(old, 3)},
        clusters=np.tile(np.arange(100), 3),
        seeds=np.repeat([0, 1, 2], 100),
        ids=[f"e{i}" for i in range(100)] * 3,
    )
    found = {f.slice["difficulty"]: f for f in verdict_of(make_question(GATE), evidence).metrics if f.slice}

    assert [(80, 80, "cr1_t"), (20, 20, "cr1_t")] == [(f.n, f.clusters, f.method) for f in found.values()]
