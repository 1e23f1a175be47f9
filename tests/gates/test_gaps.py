"""A policy for missing rows favours nobody: ties, errors, what is left out, and gaps that follow difficulty."""

from typing import Any

import numpy as np
import pytest

from shipworthy.protocol.types import Decisions, GateSpec
from shipworthy.records import ABSENT, FAILED, Evidence, Verdict
from shipworthy.stats.gaps import fisher, unevenness

from .conftest import Judge, make_evidence, make_metric, make_question

MARGIN = GateSpec(metric="accuracy", baseline="old", margin=0.02)


def codes(verdict: Verdict) -> list[str]:
    return [warning.code for warning in verdict.warnings]


def world(n: int = 1000, *, loss: float, seed: int = 0) -> tuple[Any, Any]:
    """(new, old): the new one is right less often by `loss`."""
    rng = np.random.default_rng(seed)
    p = np.where(rng.random(n) < 0.7, 0.95, 0.2)
    return (rng.random(n) < np.clip(p - loss, 0, 1)).astype(float), (rng.random(n) < p).astype(float)


def evidence(new: Any, old: Any, *, lacks: str, where: Any, metric: str = "accuracy", **rest: Any) -> Evidence:
    """The rows `where` are absent for the model `lacks`."""
    status = {lacks: np.where(where, ABSENT, 0)}
    scores = {"new": np.where(where, 0, new) if lacks == "new" else new}
    scores["old"] = np.where(where, 0, old) if lacks == "old" else old
    return make_evidence({(name, metric): values for name, values in scores.items()}, status=status, **rest)


def judged(verdict_of: Judge, policy: Any, table: Evidence, **rest: Any) -> Verdict:
    return verdict_of(make_question(MARGIN, decisions=Decisions(missing=policy, draws=500), **rest), table)


def test_a_gap_of_the_baseline_is_a_tie_and_not_its_error(verdict_of: Judge) -> None:
    new, old = world(loss=0.08)
    gaps = np.arange(1000) % 8 == 0
    verdict = judged(verdict_of, "wrong", evidence(new, old, lacks="old", where=gaps))
    tied = np.where(gaps, new, old)

    assert "block" == verdict.verdict
    assert verdict.metrics[0].gain is not None
    assert pytest.approx(float((new - tied).mean())) == verdict.metrics[0].gain.value


def test_the_sentence_says_what_a_gap_counts_as_and_whom_it_would_favour(verdict_of: Judge) -> None:
    new, old = world(loss=0.0)
    gaps = np.arange(1000) % 8 == 0
    theirs = judged(verdict_of, "wrong", evidence(new, old, lacks="old", where=gaps)).metrics[0].because
    mine = judged(verdict_of, "wrong", evidence(new, old, lacks="new", where=gaps)).metrics[0].because
    common = judged(verdict_of, "common", evidence(new, old, lacks="old", where=gaps)).metrics[0].because

    assert "125 examples without a row of old count as ties (as its errors they would favour new)" in theirs
    assert "125 examples without a row of new count as its errors, which favours old" in mine
    assert "125 examples without a row of old are left out" in common


def test_ties_for_most_of_the_baseline_do_not_hide_a_loss(verdict_of: Judge) -> None:
    new, old = world(20_000, loss=0.06)
    where = np.random.default_rng(1).random(20_000) < 0.8
    verdict = judged(verdict_of, "wrong", evidence(new, old, lacks="old", where=where))

    assert verdict.metrics[0].gain is not None
    assert -0.02 < verdict.metrics[0].gain.value if verdict.metrics[0].gain.value is not None else False
    assert "promote" != verdict.verdict
    assert "count as ties; on those that old has it is not shown" in verdict.metrics[0].because


def test_a_gap_of_the_candidate_stays_its_error(verdict_of: Judge) -> None:
    new, old = world(loss=0.0)
    gaps = np.arange(1000) % 8 == 0

    assert "block" == judged(verdict_of, "wrong", evidence(new, old, lacks="new", where=gaps)).verdict


@pytest.mark.parametrize("lacks", ["new", "old"])
def test_gaps_that_follow_difficulty_leave_no_verdict_on_what_is_common(verdict_of: Judge, lacks: str) -> None:
    new, old = world(loss=0.0575)
    mine = new if lacks == "new" else old
    wrong = np.flatnonzero(mine == 0)[::2]
    where = np.isin(np.arange(1000), wrong)
    verdict = judged(verdict_of, "common", evidence(new, old, lacks=lacks, where=where))

    assert "inconclusive" == verdict.verdict
    assert "uneven_gaps" in codes(verdict)
    assert any(f"the gaps of {lacks} follow difficulty" in reason for reason in verdict.reasons)


def test_gaps_of_the_candidate_that_follow_difficulty_are_named_where_they_are_its_errors(verdict_of: Judge) -> None:
    new, old = world(loss=-0.1)
    where = np.isin(np.arange(1000), np.flatnonzero(new == 0)[::2])
    verdict = judged(verdict_of, "wrong", evidence(new, old, lacks="new", where=where))

    assert "promote" == verdict.verdict  # its gaps are rows that it had wrong: nothing is lost by calling them so
    assert any(reason.startswith("NOTE") and "follow difficulty" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("policy", ["wrong", "common"])
def test_gaps_at_random_are_not_named(verdict_of: Judge, policy: str) -> None:
    new, old = world(loss=-0.1)
    verdict = judged(verdict_of, policy, evidence(new, old, lacks="old", where=np.arange(1000) % 8 == 0))

    assert ("promote", False) == (verdict.verdict, "uneven_gaps" in codes(verdict))


def test_gaps_of_scores_and_of_whole_documents_are_seen_as_well(verdict_of: Judge) -> None:
    rng = np.random.default_rng(3)
    hard = np.repeat(rng.random(100), 10)  # a hundred documents of ten rows
    old = np.clip(0.8 - 0.5 * hard + rng.normal(0, 0.1, 1000), 0, 1)
    new = np.clip(old + rng.normal(0, 0.05, 1000), 0, 1)
    metric = make_metric(kind="mean")
    for clusters in (None, np.repeat(np.arange(100), 10)):
        table = evidence(new, old, lacks="new", where=hard > 0.8, clusters=clusters)
        verdict = judged(verdict_of, "common", table, metrics=[metric])

        assert ("inconclusive", True) == (verdict.verdict, "uneven_gaps" in codes(verdict))


def test_one_lost_document_is_no_pattern(verdict_of: Judge) -> None:
    old = np.repeat(np.random.default_rng(3).random(100) > 0.5, 10).astype(float)
    table = evidence(old, old, lacks="new", where=np.arange(1000) < 10, clusters=np.repeat(np.arange(100), 10))

    assert "uneven_gaps" not in codes(judged(verdict_of, "common", table))


def test_fishers_test_is_scipys() -> None:
    from scipy.stats import fisher_exact

    for both, first, second, n in ((3, 10, 40, 100), (0, 5, 20, 60), (9, 10, 50, 80), (20, 40, 300, 1000)):
        table = [[both, first - both], [second - both, n - first - second + both]]

        assert pytest.approx(fisher_exact(table)[1]) == fisher(both, first, second, n)


def test_the_rank_sum_is_scipys() -> None:
    from scipy.stats import mannwhitneyu

    scores = np.round(np.random.default_rng(5).random(200), 1)
    lacks = np.random.default_rng(6).random(200) < 0.2
    found = unevenness(scores, lacks)
    p = mannwhitneyu(scores[lacks], scores[~lacks], use_continuity=False, method="asymptotic").pvalue

    assert found is not None
    assert pytest.approx(p) == found.p


def test_twins_with_gaps_and_other_latencies_are_still_twins_and_stand_in_the_reasons(verdict_of: Judge) -> None:
    new, _ = world(loss=0.0)
    rng = np.random.default_rng(0)
    seconds = make_metric("latency", kind="quantile", quantile=0.95, unit="s", better="lower", margin=1.0)
    table = make_evidence(
        {
            ("new", "accuracy"): np.where(np.arange(1000) < 30, 0, new),
            ("old", "accuracy"): new,
            ("new", "latency"): rng.random(1000),
            ("old", "latency"): rng.random(1000),
        },
        status={"new": np.where(np.arange(1000) < 30, FAILED, 0)},
    )
    verdict = verdict_of(make_question(MARGIN, metrics=[make_metric(), seconds]), table)

    assert "identical_results" in codes(verdict)
    assert any(reason.startswith("NOTE new and old have the same values") for reason in verdict.reasons)


def counts_of_f1(seed: int, errors: tuple[int, int, int, int]) -> tuple[Any, list[str]]:
    """Macro-F1 counts (hit, answered, asked for two classes) of two mirrored slices, with so many errors a cell."""
    rows, labels = [], []
    for (place, gold, size), wrong in zip(((0, 0, 470), (0, 1, 30), (1, 0, 30), (1, 1, 470)), errors, strict=True):
        chosen = np.random.default_rng(seed).permutation(size)[:wrong]
        for at in range(size):
            said = 1 - gold if at in chosen else gold
            eye = np.eye(2)
            rows.append(np.r_[eye[gold] * (gold == said), eye[said], eye[gold]])
            labels.append(str(place))
    return np.array(rows), labels


def macro_f1(sums: Any) -> Any:
    return (2 * sums[..., :2] / np.maximum(sums[..., 2:4] + sums[..., 4:6], 1e-9)).mean(axis=-1)


def test_a_corpus_value_that_rises_while_every_slice_falls_is_named(verdict_of: Judge) -> None:
    new, labels = counts_of_f1(1, (65, 25, 30, 3))
    old, _ = counts_of_f1(1, (52, 1, 2, 126))
    metric = make_metric(kind="corpus", summarize=macro_f1, failure=(0.0,) * 6)
    table = make_evidence({("new", "accuracy"): new, ("old", "accuracy"): old}, slices={"side": labels})
    verdict = verdict_of(make_question(MARGIN, metrics=[metric], slices=("side",)), table)

    assert "contradicting_slices" in codes(verdict)
    assert any("gains on the whole and loses in each of the 2 slices by side" in reason for reason in verdict.reasons)
    swapped = make_evidence({("new", "accuracy"): old, ("old", "accuracy"): new}, slices={"side": labels})
    verdict = verdict_of(make_question(MARGIN, metrics=[metric], slices=("side",)), swapped)

    assert any("loses on the whole and gains in each of the 2 slices by side" in reason for reason in verdict.reasons)


def test_a_corpus_value_that_rises_with_one_of_its_slices_contradicts_nothing(verdict_of: Judge) -> None:
    new, labels = counts_of_f1(1, (40, 1, 2, 126))
    old, _ = counts_of_f1(1, (52, 1, 2, 126))
    metric = make_metric(kind="corpus", summarize=macro_f1, failure=(0.0,) * 6)
    table = make_evidence({("new", "accuracy"): new, ("old", "accuracy"): old}, slices={"side": labels})

    assert "contradicting_slices" not in codes(
        verdict_of(make_question(MARGIN, metrics=[metric], slices=("side",)), table)
    )


def priced(n: int = 600, *, dearer: float = 1.13) -> tuple[Any, Any]:
    """(new, old) counts (price, 1): the new one is dearer on every row, every other row is three times as long."""
    rng = np.random.default_rng(4)
    old = np.where(np.arange(n) % 2, 0.01, 0.03) * rng.uniform(0.9, 1.1, n)
    return np.stack([old * dearer, np.ones(n)], axis=1), np.stack([old, np.ones(n)], axis=1)


def price_of(kind: str, **rest: Any) -> Any:
    more = {"quantile": 0.95} if kind == "quantile" else {"per_answer": kind == "corpus"}
    return make_metric("cost", kind=kind, unit="usd", better="lower", margin=0.001, **more, **rest)


CHEAPER = GateSpec(metric="cost", baseline="old", margin="5%")
CHEAPER_USD = GateSpec(metric="cost", baseline="old", margin=0.002)


def by_price(verdict_of: Judge, policy: Any, kind: str, gate: GateSpec, new: Any, old: Any, **rest: Any) -> Verdict:
    table = make_evidence({("new", "cost"): new, ("old", "cost"): old}, **rest)
    decisions = Decisions(missing=policy, draws=500)
    return verdict_of(make_question(gate, metrics=[price_of(kind)], decisions=decisions), table)


@pytest.mark.parametrize("kind", ["corpus", "mean", "quantile"])
@pytest.mark.parametrize("gate", [CHEAPER, CHEAPER_USD], ids=["percent", "usd"])
@pytest.mark.parametrize("policy", ["fail", "common", "wrong"])
@pytest.mark.parametrize("lacks", ["new", "old"])
def test_prices_of_other_rows_are_other_prices(
    verdict_of: Judge, policy: str, kind: str, gate: GateSpec, lacks: str
) -> None:
    new, old = priced()
    blank = np.arange(600) % 2 == (0 if lacks == "new" else 1)
    (new if lacks == "new" else old)[blank] = 0
    verdict = by_price(verdict_of, policy, kind, gate, new, old)
    (finding,) = verdict.metrics

    assert ("inconclusive", 300) == (finding.outcome, finding.n)
    assert finding.gain is not None
    assert finding.gain.value is not None
    assert finding.gain.value < 0, "dearer on every row that both measured"
    assert {"missing_examples", "uneven_gaps"} <= set(codes(verdict))
    assert any(f"300 examples of {lacks} carry no cost" in warning.message for warning in verdict.warnings)


def test_a_few_prices_that_lack_at_random_are_left_out_of_both_and_judged(verdict_of: Judge) -> None:
    new, old = priced(dearer=0.9)
    new[np.random.default_rng(1).choice(600, 12, replace=False)] = 0
    found = by_price(verdict_of, "common", "corpus", CHEAPER, new, old)
    held = by_price(verdict_of, "fail", "corpus", CHEAPER, new, old)

    assert ("pass", 588) == (found.metrics[0].outcome, found.metrics[0].n)
    assert "uneven_gaps" not in codes(found)
    assert "inconclusive" == held.metrics[0].outcome
    assert "12 examples of new carry no cost" in held.metrics[0].because


def test_rows_that_neither_model_measured_are_no_gap(verdict_of: Judge) -> None:
    new, old = priced(dearer=0.9)
    new[:50], old[:50] = 0, 0
    verdict = by_price(verdict_of, "fail", "corpus", CHEAPER, new, old)

    assert ("pass", 550) == (verdict.metrics[0].outcome, verdict.metrics[0].n)
    assert "missing_examples" not in codes(verdict)


def test_the_price_of_a_failed_answer_is_left_out_of_both_and_named(verdict_of: Judge) -> None:
    new, old = priced()
    failed = np.arange(600) % 6 == 0  # of the long ones
    new[failed] = 0
    verdict = by_price(verdict_of, "fail", "corpus", CHEAPER, new, old, status={"new": np.where(failed, FAILED, 0)})

    assert ("fail", 500) == (verdict.metrics[0].outcome, verdict.metrics[0].n)
    assert "survivorship" in codes(verdict)
