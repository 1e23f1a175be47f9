"""A resampling distribution that cannot vary is no proof; a fixed list of cases has nothing to vary."""

import numpy as np
import pytest

from shipworthy.metrics.classes import ClassesOptions, macro_f1
from shipworthy.protocol.types import Decisions, GateSpec
from tests.gates.conftest import Judge, make_evidence, make_metric, make_question

ALONE = {"new": "candidate"}


def _f1(rows_of: tuple[int, int]) -> tuple[object, object]:
    """macro-F1 and the counts of rows that are all right: so many of class a, so many of class b."""
    metric = macro_f1(ClassesOptions(labels=("a", "b")))
    counts = np.zeros((sum(rows_of), len(metric.failure)))
    perfect = {label: _perfect(metric, label) for label in "ab"}
    for row, label in enumerate("a" * rows_of[0] + "b" * rows_of[1]):
        counts[row] = perfect[label]
    return metric, counts


def _perfect(metric, label):
    from shipworthy.records import Example, Message, Response

    example = Example(id="1", dataset="t", messages=(Message(role="user", content="x"),), reference=label)
    return metric.observe(example, Response(example_id="1", dataset="t", model="m", text=label))


def _judged(verdict_of, metric, counts, *, clusters=None, **rule):
    gate = GateSpec(metric=metric.name, **rule)
    evidence = make_evidence({("new", metric.name): counts}, clusters=clusters)
    return verdict_of(make_question(gate, metrics=[metric], roles=ALONE), evidence).metrics[0]


def test_macro_f1_of_few_perfect_rows_is_open_and_says_how_many_settle_it(verdict_of: Judge) -> None:
    finding = _judged(verdict_of, *_f1((12, 12)), at_least=0.99)

    assert "inconclusive" == finding.outcome
    assert finding.candidate.low == pytest.approx(0.05 ** (1 / 24))
    assert 299 == finding.n_needed


def test_at_that_number_it_settles(verdict_of: Judge) -> None:
    assert ["inconclusive", "pass"] == [_judged(verdict_of, *_f1((n, n)), at_least=0.99).outcome for n in (148, 150)]


def test_a_rare_class_counts_for_what_its_errors_cost(verdict_of: Judge) -> None:
    even, rare = (_judged(verdict_of, *_f1(rows), at_least=0.98) for rows in ((150, 150), (295, 5)))

    assert even.candidate.low > rare.candidate.low + 0.1
    assert ("pass", "inconclusive") == (even.outcome, rare.outcome)


@pytest.mark.parametrize("kind", ["corpus", "rank"])
def test_other_resampled_shares_are_bounded_too(verdict_of: Judge, kind: str) -> None:
    rows = {"summarize_rows": lambda counts, weights: (weights @ counts[:, 0]) / weights.sum(axis=1)}
    metric = make_metric("x", kind=kind, **(rows if kind == "rank" else {}))

    few, many = (_judged(verdict_of, metric, np.ones((n, 2)), at_least=0.95) for n in (40, 80))

    assert ("inconclusive", "pass") == (few.outcome, many.outcome)


def test_clusters_that_are_all_right_are_worth_one_row_each(verdict_of: Judge) -> None:
    finding = _judged(verdict_of, *_f1((150, 150)), clusters=np.arange(300) // 10, at_least=0.98)

    assert ("inconclusive", 30) == (finding.outcome, finding.clusters)


def test_a_corpus_value_without_natural_limits_is_refused_where_nothing_varies(verdict_of: Judge) -> None:
    metric = make_metric("ppl", kind="corpus", unit="perplexity", better="lower")
    finding = _judged(verdict_of, metric, np.stack([np.full(60, 3.0), np.ones(60)], axis=1), at_most=4.0)

    assert "inconclusive" == finding.outcome
    assert "nothing varies on n=60" in finding.because


def test_a_redrawn_quantile_that_cannot_vary_is_refused(verdict_of: Judge) -> None:
    metric = make_metric("p50", kind="quantile", unit="s", better="lower", quantile=0.5)
    finding = _judged(verdict_of, metric, np.full(60, 0.4), clusters=np.arange(60) // 2, at_most=0.5)

    assert ("inconclusive", True) == (finding.outcome, "nothing varies" in finding.because)


def _golden(*gates, ours, base, **rest):
    evidence = make_evidence(
        {("new", "accuracy"): np.asarray(ours, float), ("old", "accuracy"): np.asarray(base, float)}
    )
    return make_question(*gates, dataset_roles={"test": "golden"}, **rest), evidence


def test_a_golden_gate_that_the_baseline_fails_too_says_so(verdict_of: Judge) -> None:
    right = [1.0] * 19 + [0.0]

    verdict = verdict_of(*_golden(GateSpec(metric="accuracy", at_least=1.0), ours=right, base=right[::-1]))

    assert "block" == verdict.verdict
    assert "old fails the same gate with 0.95, so this says nothing about the change" in verdict.reasons[0]


def test_a_baseline_that_keeps_the_limit_is_not_named(verdict_of: Judge) -> None:
    right = [1.0] * 19 + [0.0]

    verdict = verdict_of(*_golden(GateSpec(metric="accuracy", at_least=1.0), ours=right, base=np.ones(20)))

    assert "fails the same gate" not in verdict.reasons[0]


def test_a_sampled_gate_that_the_baseline_fails_too_says_so(verdict_of: Judge) -> None:
    evidence = make_evidence({(m, "accuracy"): np.r_[np.ones(150), np.zeros(150)] for m in ("new", "old")})
    gate = GateSpec(metric="accuracy", at_least=0.9)

    assert "old fails the same gate with 0.5" in verdict_of(make_question(gate), evidence).reasons[0]


@pytest.mark.parametrize(("base", "verdict"), [("same", "promote"), ("better", "inconclusive")])
def test_a_margin_of_nothing_is_kept_where_no_answer_of_a_fixed_list_differs(
    verdict_of: Judge, base: str, verdict: str
) -> None:
    ours = np.r_[np.ones(11), 0.0]
    theirs = ours if base == "same" else np.ones(12)

    found = verdict_of(*_golden(GateSpec(metric="accuracy", baseline="old", margin=0.0), ours=ours, base=theirs))

    assert verdict == found.verdict


def test_a_margin_of_nothing_stays_open_on_a_sample(verdict_of: Judge) -> None:
    same = np.r_[np.ones(190), np.zeros(10)]
    evidence = make_evidence({("new", "accuracy"): same, ("old", "accuracy"): same})

    assert (
        "inconclusive"
        == verdict_of(make_question(GateSpec(metric="accuracy", baseline="old", margin=0.0)), evidence).verdict
    )


def _trivial_world(rng, n, k):
    names = [f"t{i}" for i in range(k)]
    right = {name: (rng.random(n) < 0.5).astype(float) for name in ("new", "old", *names)}
    roles = {"new": "candidate", "old": "production"} | dict.fromkeys(names, "trivial")
    question = make_question(
        GateSpec(metric="accuracy", baseline="old", margin=0.3), roles=roles, decisions=Decisions(draws=1000)
    )
    return question, make_evidence({(name, "accuracy"): scores for name, scores in right.items()})


def test_every_trivial_model_has_a_rule(verdict_of: Judge) -> None:
    found = verdict_of(*_trivial_world(np.random.default_rng(0), 200, 3)).metrics

    assert ["beats trivial: t0", "beats trivial: t1", "beats trivial: t2"] == [one.gate for one in found[1:4]]


def test_a_declared_rule_on_one_trivial_model_leaves_the_others_theirs(verdict_of: Judge) -> None:
    question, evidence = _trivial_world(np.random.default_rng(0), 200, 2)
    declared = make_question(
        GateSpec(metric="accuracy", baseline="t0", min_gain=0.1), roles=question.roles, decisions=question.decisions
    )

    gates = [one.gate for one in verdict_of(declared, evidence).metrics]

    assert "beats trivial: t1" in gates and "beats trivial: t0" not in gates


@pytest.mark.parametrize(("repeats", "k"), [(120, 10), pytest.param(2000, 10, marks=pytest.mark.laws),
                                            pytest.param(2000, 4, marks=pytest.mark.laws)])  # fmt: skip
def test_a_candidate_that_equals_all_trivial_models_is_seldom_blocked(verdict_of: Judge, repeats: int, k: int) -> None:
    rng = np.random.default_rng(17)
    blocked = sum("block" == verdict_of(*_trivial_world(rng, 200, k)).verdict for _ in range(repeats))

    assert blocked / repeats <= 0.055 + 2 * np.sqrt(0.055 * 0.945 / repeats)
