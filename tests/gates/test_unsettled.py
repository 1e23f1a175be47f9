"""What says nothing of a model decides nothing: a baseline's failed answers, and verdicts that nobody could read."""

from typing import Any

import numpy as np
import pytest

from shipworthy.protocol.types import Decisions, GateSpec
from shipworthy.records import FAILED, Evidence, Verdict
from tests.gates.conftest import Judge, make_evidence, make_metric, make_question

N = 600
JUDGED = make_metric("score", kind="mean", unread=(0.0, 1.0))
PAIRED = make_metric("score", kind="mean", unread=(0.5, 1.0))
ATTACK = make_metric("score", better="lower", failure=(1.0, 1.0), unread=(1.0, 1.0))
GATE = GateSpec(metric="score", baseline="old", margin=0.05)


def judged(new: Any, old: Any, unread_new: Any = (), unread_old: Any = ()) -> Evidence:
    columns = [np.stack([np.asarray(one, np.float64), np.ones(len(one))], axis=1) for one in (new, old)]
    for column, rows in zip(columns, (unread_new, unread_old), strict=True):
        column[list(rows)] = 0
    return make_evidence({("new", "score"): columns[0], ("old", "score"): columns[1]})


def scores(mean: float, seed: int, n: int = N) -> Any:
    return np.clip(np.random.default_rng(seed).normal(mean, 0.1, n), 0, 1)


def failing(rate_new: float, rate_old: float, failed_N: Any, *, metric: str = "accuracy") -> Evidence:
    rng = np.random.default_rng(3)
    new, old = (rng.random(N) < rate_new).astype(float), (rng.random(N) < rate_old).astype(float)
    return make_evidence(
        {("new", metric): new, ("old", metric): np.where(failed_N, 0.0, old)},
        status={"old": np.where(failed_N, FAILED, 0)},
    )


def reasons(verdict: Verdict) -> str:
    return " ".join(verdict.reasons)


# --- Verdicts that could not be read ----------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [JUDGED, PAIRED, ATTACK], ids=["worst", "middle", "attack"])
def test_a_judge_that_nobody_could_read_promotes_nothing(verdict_of: Judge, metric: Any) -> None:
    rows = range(N)
    evidence = judged(np.zeros(N), np.zeros(N), rows, rows)
    verdict = verdict_of(make_question(GATE, metrics=[metric]), evidence)

    assert "inconclusive" == verdict.verdict
    assert f"{N} verdicts of the judge on old's answers could not be read" in reasons(verdict)
    assert "identical_results" not in {warning.code for warning in verdict.warnings}


@pytest.mark.parametrize("metric", [JUDGED, PAIRED], ids=["worst", "middle"])
@pytest.mark.parametrize("share", [0.4, 1.0])
def test_unread_verdicts_on_the_baseline_are_no_losses_of_it(verdict_of: Judge, metric: Any, share: float) -> None:
    verdict = verdict_of(
        make_question(GATE, metrics=[metric]),
        judged(scores(0.4, 1), scores(0.4, 2), unread_old=range(int(share * N))),
    )

    assert "inconclusive" == verdict.verdict
    assert f"{int(share * N)} verdicts of the judge on old's answers could not be read" in reasons(verdict)


def test_unread_verdicts_on_the_candidate_alone_do_not_block_it(verdict_of: Judge) -> None:
    new = scores(0.7, 1)
    verdict = verdict_of(make_question(GATE, metrics=[JUDGED]), judged(new, scores(0.7, 2), range(120)))

    assert "inconclusive" == verdict.verdict
    assert "120 verdicts of the judge on new's answers could not be read; read in favour of new" in reasons(verdict)


def test_a_few_unread_verdicts_leave_a_clear_verdict(verdict_of: Judge) -> None:
    better = judged(scores(0.7, 1), scores(0.7, 2), (3, 4), (5, 6))
    worse = judged(scores(0.5, 1), scores(0.7, 2), (3, 4), (5, 6))
    question = make_question(GATE, metrics=[JUDGED])

    assert ("promote", "block") == (verdict_of(question, better).verdict, verdict_of(question, worse).verdict)


def test_an_absolute_limit_is_neither_kept_nor_broken_by_unread_verdicts(verdict_of: Judge) -> None:
    gate = GateSpec(metric="score", at_most=0.1)
    evidence = judged(np.zeros(N), np.zeros(N), range(100))

    assert "inconclusive" == verdict_of(make_question(gate, metrics=[ATTACK]), evidence).verdict


# --- Failed answers of the baseline -----------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [8, 2])
def test_a_candidate_does_not_win_by_failures_of_its_baseline(verdict_of: Judge, every: int) -> None:
    failed_N = np.arange(N) % every == 0
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02)
    verdict = verdict_of(make_question(gate), failing(0.85, 0.9, failed_N))

    assert "promote" != verdict.verdict
    assert f"{int(failed_N.sum())} failed answers of old count as its errors" in reasons(verdict)


def test_a_baseline_that_hardly_answered_is_beaten_by_nobody(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="old", min_gain=0.0)
    failed_N = np.arange(N) >= 10

    assert "inconclusive" == verdict_of(make_question(gate), failing(0.6, 0.9, failed_N)).verdict


def test_failures_of_the_baseline_that_follow_difficulty_leave_another_test(verdict_of: Judge) -> None:
    failed_N = np.arange(N) < 200
    new = np.r_[(np.arange(200) % 2).astype(float), np.ones(400)]
    old = np.r_[np.zeros(200), np.r_[np.zeros(20), np.ones(380)]]
    evidence = make_evidence(
        {("new", "accuracy"): new, ("old", "accuracy"): old}, status={"old": np.where(failed_N, FAILED, 0)}
    )
    verdict = verdict_of(make_question(GateSpec(metric="accuracy", baseline="old", margin=0.02)), evidence)

    assert "inconclusive" == verdict.verdict
    assert "failed answers of old follow difficulty" in reasons(verdict)


def test_a_gain_on_what_the_baseline_answered_is_promoted_and_its_failures_named(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02)
    verdict = verdict_of(make_question(gate), failing(0.97, 0.85, np.arange(N) % 20 == 0))

    assert "promote" == verdict.verdict
    assert "30 failed answers of old count as its errors, and nothing passes by them alone" in reasons(verdict)


def test_a_loss_is_blocked_although_the_baseline_failed_too(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02)

    assert "block" == verdict_of(make_question(gate), failing(0.5, 0.95, np.arange(N) % 20 == 0)).verdict


def test_an_arm_does_not_win_by_failures_of_the_other(verdict_of: Judge) -> None:
    rng = np.random.default_rng(1)
    ours_N = np.arange(4 * N) % 2 == 0
    failed_N = ~ours_N & (np.arange(4 * N) % 4 == 1)
    values = (rng.random(4 * N) < 0.8).astype(float)
    evidence = make_evidence(
        {("new", "accuracy"): values, ("old", "accuracy"): np.where(failed_N, 0.0, values)},
        status={"new": np.where(ours_N, 0, 2), "old": np.where(ours_N, 2, np.where(failed_N, FAILED, 0))},
    )
    gate = GateSpec(metric="accuracy", baseline="old", min_gain=0.05)
    question = make_question(gate, unpaired=True, decisions=Decisions(draws=1000, missing="common"))
    verdict = verdict_of(question, evidence)

    assert "inconclusive" == verdict.verdict
    assert "failed answers of old" in reasons(verdict)


@pytest.mark.parametrize("model", ["new", "old"])
def test_failures_beside_rows_that_nobody_is_measured_on_are_judged(verdict_of: Judge, model: str) -> None:
    new, old = (np.stack([np.ones(200), np.ones(200)], axis=1) for _ in range(2))
    new[0], old[0] = 0, 0
    failed = {"new": new, "old": old}[model]
    failed[5] = (0, 1)
    evidence = make_evidence(
        {("new", "accuracy"): new, ("old", "accuracy"): old},
        status={model: np.where(np.arange(200) == 5, FAILED, 0)},
    )
    verdict = verdict_of(make_question(GateSpec(metric="accuracy", baseline="old", margin=0.05)), evidence)

    assert 199 == verdict.metrics[0].n


# --- What carries no weight -------------------------------------------------------------------------------------------


def test_survivors_are_told_by_what_they_are(verdict_of: Judge) -> None:
    metric = make_metric(
        "latency", kind="quantile", quantile=0.95, unit="s", better="lower", failure=(0.0, 0.0), survivorship=True
    )
    old = np.stack([np.random.default_rng(0).lognormal(0, 0.3, 200), np.ones(200)], axis=1)
    new = old.copy()
    new[:30] = 0
    old[100:107] = 0
    verdict = verdict_of(
        make_question(GateSpec(metric="latency", baseline="old", margin=0.5), metrics=[metric]),
        make_evidence(
            {("new", "latency"): new, ("old", "latency"): old},
            status={"new": np.r_[np.full(10, FAILED), np.zeros(190)]},
        ),
    )

    (told,) = [one.message for one in verdict.warnings if one.code == "survivorship"]
    assert "of new's answers 10 failed and 20 came without a measurement" in told
    assert "of old's answers 7 came without a measurement" in told
