"""The power table, the ladder, the frontier and the matrix."""

import msgspec
import numpy as np
import pytest

from shipworthy.errors import MissingEvidence
from shipworthy.gates import estimate, explain, ladder, matrix, pareto
from shipworthy.gates._ladder import Rung
from shipworthy.gates.observed import observed
from shipworthy.gates.planning import Size
from shipworthy.protocol.types import (
    DatasetSpec,
    GateSpec,
    MetricPlanning,
    MetricSpec,
    ModelSpec,
    Planning,
    Protocol,
    PublishedNumber,
)
from shipworthy.records import Interval

from .conftest import Judge, make_evidence, make_metric, make_question, paired_scores


def protocol(*gates: GateSpec, planning: Planning | None = None) -> Protocol:
    return Protocol(
        shipworthy=1,
        name="demo",
        datasets={"test": DatasetSpec(path="test.jsonl")},
        models={"new": ModelSpec(role="candidate", path="a"), "old": ModelSpec(role="production", path="b")},
        metrics={"accuracy": MetricSpec(dataset="test")},
        gates=gates,
        planning=planning or Planning(),
    )


GATE = GateSpec(metric="accuracy", baseline="old", margin=0.02)


def test_the_power_table_says_what_n_examples_find_and_how_many_the_margin_needs() -> None:
    (row,) = explain(protocol(GATE), {"test": Size(n=500)}, {"accuracy": make_metric()})

    assert row.detectable is not None and 0.04 < row.detectable < 0.05  # 2.486 sqrt(.15 / 500) = .043
    assert row.n_needed is not None and 2300 < row.n_needed < 2400  # 6.18 x .15 / .0004 = 2318
    assert not row.enough
    assert f"the margin of 0.02 needs {row.n_needed:,}" in row.says


def test_a_metric_with_beliefs_of_its_own_is_planned_by_them() -> None:
    planning = Planning(disagreement=0.2, metrics={"accuracy": MetricPlanning(disagreement=0.02)})
    own, general = (
        explain(protocol(GATE, planning=plan), {"test": Size(n=500)}, {"accuracy": make_metric()})[0]
        for plan in (planning, Planning(disagreement=0.2))
    )

    assert own.enough and not general.enough
    assert own.n_needed is not None and 425 == own.n_needed  # the init template's refusal gate
    assert MetricPlanning(disagreement=0.02, sd=0.3, intraclass=0.1) == MetricPlanning(
        **{key: getattr(planning.of("accuracy"), key) for key in ("disagreement", "sd", "intraclass")}
    )


def test_beliefs_of_its_own_decide_which_slices_gate(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.05, slices=("topic",))
    new, old = paired_scores(200, lost=0, won=0)
    evidence = make_evidence({("new", "accuracy"): new, ("old", "accuracy"): old}, slices={"topic": ["a", "b"] * 100})
    few, many = (
        [
            warning
            for warning in verdict_of(make_question(gate, planning=planning), evidence).warnings
            if warning.code == "slice_too_small"
        ]
        for planning in (Planning(metrics={"accuracy": MetricPlanning(disagreement=0.02)}), Planning())
    )

    assert [] == few
    assert 1 == len(many)


def test_a_run_teaches_the_disagreement_and_the_spread_it_showed() -> None:
    new, old = paired_scores(398, lost=19, won=19)
    score = np.linspace(0, 1, 398)
    counts = {
        ("new", "accuracy"): new,
        ("old", "accuracy"): old,
        ("new", "score"): score,
        ("old", "score"): np.zeros(398),
    }
    gates = (GATE, GateSpec(metric="score", baseline="old", margin=0.02))
    metrics = [make_metric(), make_metric("score", kind="mean")]
    plan = observed(make_question(*gates, metrics=metrics), [make_evidence(counts)])

    assert (19 + 19 + 1) / 400 == plan.of("accuracy").disagreement
    assert score.std(ddof=1) == pytest.approx(plan.of("score").sd)


def test_a_run_teaches_how_alike_the_examples_of_a_cluster_are() -> None:
    rng = np.random.default_rng(1)
    effect = np.repeat(rng.normal(0, 1, 1000), 10)
    gain = np.sqrt(0.3) * effect + np.sqrt(0.7) * rng.normal(0, 1, 10_000)
    counts = {("new", "score"): gain, ("old", "score"): np.zeros(10_000)}
    evidence = make_evidence(counts, clusters=np.repeat(np.arange(1000), 10))
    question = make_question(GateSpec(metric="score", baseline="old"), metrics=[make_metric("score", kind="mean")])

    assert observed(question, [evidence]).of("score").intraclass == pytest.approx(0.3, abs=0.05)


def test_clusters_need_more_examples() -> None:
    plain, grouped = (
        explain(protocol(GATE), {"test": Size(n=5000, clusters=clusters)}, {"accuracy": make_metric()})[0]
        for clusters in (None, 500)
    )

    assert plain.n_needed is not None and grouped.n_needed is not None
    assert grouped.n_needed / plain.n_needed == pytest.approx(1.9, rel=0.01)  # 1 + 9 x .1
    assert plain.enough and grouped.n_needed > 4000


def test_every_slice_label_has_its_row_and_the_missing_examples_their_price() -> None:
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02, slices=("topic",))
    size = Size(n=1000, labels={"topic": {"law": 40, "tax": 960}})
    rows = explain(protocol(gate), {"test": size}, {"accuracy": make_metric()}, usd_per_example={"test": 0.5})

    assert [None, "topic=law", "topic=tax"] == [row.slice for row in rows]
    assert rows[1].n_needed is not None
    assert 0.5 * (rows[1].n_needed - 40) == rows[1].cost_usd


def test_a_repeated_example_is_planned_as_one() -> None:
    once, tenfold = (
        explain(protocol(GATE), {"test": size}, {"accuracy": make_metric()})[0]
        for size in (Size(n=500), Size(n=5000, clusters=500, repeats=4500))
    )

    assert (once.effective_n, once.detectable) == (tenfold.effective_n, tenfold.detectable)
    assert once.n_needed is not None and 10 * once.n_needed == tenfold.n_needed


def test_an_absolute_limit_that_so_few_examples_cannot_show_is_named() -> None:
    gate = GateSpec(metric="accuracy", at_least=0.98)
    few, some, many = (
        explain(protocol(gate), {"test": Size(n=n)}, {"accuracy": make_metric()})[0] for n in (100, 300, 3000)
    )

    assert (149, None, False) == (few.n_needed, few.detectable, few.enough)
    assert "below 149 not even one without a failure passes" in few.says
    assert some.detectable is not None and 0.016 < some.detectable < 0.02  # 2 failures in 300 show it
    assert "hardly ever fails" in few.says or "cannot show" in few.says
    assert many.detectable is not None and many.detectable < 0.02


def test_a_golden_set_needs_no_plan() -> None:
    promised = msgspec.structs.replace(
        protocol(GateSpec(metric="accuracy", at_least=1.0)), datasets={"test": DatasetSpec(path="a", role="golden")}
    )
    (row,) = explain(promised, {"test": Size(n=8)}, {"accuracy": make_metric()})

    assert ("8 cases, read as they are", True) == (row.says, row.enough)


def test_slices_are_planned_by_the_rule_they_are_held_to() -> None:
    size = Size(n=1000, labels={"topic": {"law": 1000}})
    gates = [
        GateSpec(metric="accuracy", **rule, slices=("topic",))
        for rule in ({"baseline": "old", "margin": 0.02}, {"baseline": "old", "min_gain": 0.01}, {"at_least": 0.9})
    ]
    margin, superior, absolute = (explain(protocol(g), {"test": size}, {"accuracy": make_metric()})[1] for g in gates)

    assert (0.05, margin.n_needed) == (superior.limit, superior.n_needed)
    assert 0.9 == absolute.limit


def test_a_metric_without_a_plan_says_so() -> None:
    latency = make_metric(kind="quantile", quantile=0.95, unit="s", better="lower")
    (row,) = explain(protocol(GATE), {"test": Size(n=500)}, {"accuracy": latency})

    assert row.detectable is None and row.n_needed is None
    assert "no plan for s" in row.says


def test_an_estimate_is_one_model_alone() -> None:
    counts = np.stack([np.r_[np.ones(80), np.zeros(20)], np.ones(100)], axis=1)
    found = estimate(make_metric(), counts, rng=np.random.default_rng(0), alpha=0.025)

    assert found is not None
    assert (0.80, 100, "clopper_pearson") == (found.value, found.n, found.method)
    assert (0.708, 0.873) == (pytest.approx(found.low, abs=5e-4), pytest.approx(found.high, abs=5e-4))


def test_too_small_a_sample_has_no_estimate() -> None:
    counts = np.stack([np.ones(10), np.ones(10)], axis=1)

    assert estimate(make_metric(), counts, rng=np.random.default_rng(0)) is None


def test_the_ladder_holds_every_model_the_candidate_first() -> None:
    new, old = paired_scores(200, lost=10, won=30)
    question = make_question(
        GATE,
        roles={"new": "candidate", "most": "trivial", "old": "production", "paper": "published"},
        published={"paper": {"accuracy": PublishedNumber(value=0.7, n=400, source="paper")}},
    )
    evidence = make_evidence(
        {("new", "accuracy"): new, ("old", "accuracy"): old, ("most", "accuracy"): np.r_[np.ones(100), np.zeros(100)]}
    )
    rungs = ladder(question, [evidence], rng=np.random.default_rng(0))

    assert ["new", "old", "paper", "most"] == [rung.model for rung in rungs]
    assert [0.95, 0.85, 0.7, 0.5] == [rung.cells["accuracy"].value for rung in rungs]
    assert "published" == rungs[2].method["accuracy"] and 400 == rungs[2].n["accuracy"]


def rung(model: str, quality: tuple[float, float, float], cost: tuple[float, float, float]) -> Rung:
    cells = {
        name: Interval(low=low, value=value, high=high)
        for name, (low, value, high) in {"quality": quality, "cost": cost}.items()
    }
    return Rung(
        model=model,
        role="production",
        cells=cells,
        n={"quality": 100, "cost": 100},
        method={"quality": "clopper_pearson", "cost": "cr1_t"},
        unit={"quality": "share", "cost": "usd"},
        better={"quality": "higher", "cost": "lower"},
    )


def test_nobody_dominates_the_best_and_the_cheapest() -> None:
    rungs = [
        rung("best", (0.88, 0.90, 0.92), (2.0, 2.1, 2.2)),
        rung("cheapest", (0.68, 0.70, 0.72), (0.9, 1.0, 1.1)),
        rung("worst", (0.58, 0.60, 0.62), (2.9, 3.0, 3.1)),
        rung("close", (0.67, 0.69, 0.71), (0.92, 1.02, 1.12)),
    ]
    found = {one.model: one for one in pareto(rungs, ["quality", "cost"])}

    assert () == found["best"].dominated_by and () == found["cheapest"].dominated_by
    assert ("best", "cheapest", "close") == found["worst"].dominated_by and found["worst"].sure
    assert ("cheapest",) == found["close"].dominated_by and not found["close"].sure


def test_a_model_behind_on_one_axis_alone_is_told_on_which() -> None:
    rungs = [rung("a", (0.90, 0.91, 0.92), (1, 1.1, 1.2)), rung("b", (0.89, 0.90, 0.91), (2, 2.1, 2.2))]
    standing = {one.model: one for one in pareto(rungs, ["quality", "cost"])}["b"]

    assert "b is dominated by a (surely on cost; within the noise on quality)" == standing.says


def test_a_frontier_of_nobody_is_refused() -> None:
    with pytest.raises(MissingEvidence, match="no model has all of speed"):
        pareto([rung("a", (0.1, 0.2, 0.3), (1, 2, 3))], ["speed"])


def test_the_matrix_corrects_for_every_declared_pair() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(400) < 0.6
    scores = {("old", "accuracy"): base, ("new", "accuracy"): base | (rng.random(400) < 0.3)}
    scores |= {(f"m{i}", "accuracy"): np.where(rng.random(400) < 0.1, rng.random(400) < 0.6, base) for i in range(4)}
    pairs = [("new", "old"), *((f"m{i}", "old") for i in range(4))]
    question = make_question(GATE, roles={model: "candidate" if model == "new" else "full" for model, _ in scores})
    found = matrix(question, [make_evidence(scores)], metric="accuracy", pairs=pairs, rng=rng)

    assert ["better", *["undecided"] * 4] == [one.says for one in found]
    assert 400 == found[0].n


def test_a_matrix_of_nothing_is_refused() -> None:
    with pytest.raises(MissingEvidence, match="at least one declared pair"):
        matrix(make_question(GATE), [], metric="accuracy", pairs=[], rng=np.random.default_rng(0))
