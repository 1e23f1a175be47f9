"""Limits that a metric cannot have are refused; those it can have mean themselves, in slices too."""

from math import inf

import numpy as np
import pytest

from shipworthy.errors import BadInput
from shipworthy.gates.limits import impossible, meant, outside
from shipworthy.protocol.types import GateSpec
from tests.gates.conftest import Judge, make_evidence, make_metric, make_question

SHARE = make_metric("accuracy")
COST = make_metric("cost", unit="usd", better="lower", kind="mean")
SPEED = make_metric("speed", unit="tokens/s", kind="mean")
BLEU = make_metric("bleu", unit="points", kind="mean", bounds=(0.0, 100.0))
MCC = make_metric("mcc", unit="correlation", kind="mean")
RATING = make_metric("rating", unit="points", kind="mean")


@pytest.mark.parametrize(
    ("metric", "rule", "key"),
    [
        (SHARE, {"margin": 2.0}, "margin"),
        (SHARE, {"margin": 1.0}, "margin"),
        (SHARE, {"margin": "200 points"}, "margin"),
        (SHARE, {"margin": 0.02, "slice_margin": 5.0}, "slice_margin"),
        (SHARE, {"min_gain": 3.0}, "min_gain"),
        (SHARE, {"min_gain": -1.0}, "min_gain"),
        (SHARE, {"at_least": 98.0}, "at_least"),
        (SHARE, {"at_least": -0.5}, "at_least"),
        (SHARE, {"at_most": 5.0}, "at_most"),
        (COST, {"at_most": -0.01}, "at_most"),
        (COST, {"at_least": -1.0}, "at_least"),
        (COST, {"margin": "2 points"}, "margin"),
        (SPEED, {"margin": "100%"}, "margin"),
        (SHARE, {"margin": "100%"}, "margin"),
        (COST, {"min_gain": "100%"}, "min_gain"),
        (BLEU, {"margin": 100.0}, "margin"),
        (BLEU, {"at_least": 101.0}, "at_least"),
        (MCC, {"margin": 2.0}, "margin"),
        (MCC, {"margin": "5%"}, "margin"),
        (MCC, {"at_least": 70.0}, "at_least"),
    ],
)
def test_a_limit_that_the_metric_cannot_have_is_refused(metric, rule, key) -> None:
    found = impossible(GateSpec(metric=metric.name, **rule), metric)

    assert found is not None and key == found[0]
    with pytest.raises(BadInput):
        _judged(GateSpec(metric=metric.name, baseline="old" if "margin" in key else None, **rule), metric)


def _judged(gate, metric):
    from shipworthy.gates.question import declared_rules

    return declared_rules(make_question(gate, metrics=[metric]))


@pytest.mark.parametrize(
    ("metric", "rule"),
    [
        (SHARE, {"margin": 0.02}),
        (SHARE, {"margin": "2 points"}),
        (SHARE, {"margin": 0.0}),
        (SHARE, {"min_gain": -0.01}),
        (SHARE, {"at_least": 0.0}),
        (SHARE, {"at_most": 1.0}),
        (COST, {"margin": 3.0}),
        (COST, {"at_most": 12.0}),
        (BLEU, {"margin": "2 points"}),
        (RATING, {"at_least": 98.0}),
        (RATING, {"margin": 2.0}),
    ],
)
def test_a_limit_that_can_be_kept_and_broken_is_left_alone(metric, rule) -> None:
    assert impossible(GateSpec(metric=metric.name, **rule), metric) is None


def test_points_of_a_share_are_hundredths_and_of_points_themselves() -> None:
    assert [(0.02, False), (2.0, False), (0.05, True)] == [
        meant("2 points", SHARE),
        meant("2 points", BLEU),
        meant("5%", COST),
    ]


def test_what_a_metric_can_be_follows_its_unit_unless_it_says_more() -> None:
    assert [(0.0, 1.0), (0.0, inf), (0.0, 100.0), (-inf, inf)] == [one.span for one in (SHARE, COST, BLEU, RATING)]
    assert "did you mean 0.98?" in str(outside(98.0, SHARE))


def _by_slice(right_a: float, n: int) -> object:
    a, b = np.zeros(n), np.ones(n)
    a[: round(right_a * n)] = 1
    return make_evidence({("new", "accuracy"): np.concatenate([a, b])}, slices={"part": ["a"] * n + ["b"] * n})


@pytest.mark.parametrize("watched", [(), ("part",)])
def test_a_slice_below_an_absolute_limit_fails_it(verdict_of: Judge, watched: tuple[str, ...]) -> None:
    gate = GateSpec(metric="accuracy", at_least=0.9, slices=() if watched else ("part",))
    question = make_question(gate, roles={"new": "candidate"}, slices=watched)

    findings = verdict_of(question, _by_slice(0.86, 1000)).metrics

    assert [("pass", 0.9), ("fail", 0.9), ("pass", 0.9)] == [(one.outcome, one.margin) for one in findings]
    assert "the limit is at least 0.9" in findings[1].because


def test_a_slice_may_miss_an_absolute_limit_where_the_gate_says_by_how_much(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", at_least=0.9, slices=("part",), slice_margin=0.1)

    verdict = verdict_of(make_question(gate, roles={"new": "candidate"}), _by_slice(0.86, 1000))

    assert "promote" == verdict.verdict


def test_at_most_is_itself_in_slices_too(verdict_of: Judge) -> None:
    rate = make_metric("toxic", better="lower")
    toxic = np.array([0.0] * 1000 + [1.0] * 40 + [0.0] * 960)
    gate = GateSpec(metric="toxic", at_most=0.025, slices=("part",))
    evidence = make_evidence({("new", "toxic"): toxic}, slices={"part": ["a"] * 1000 + ["b"] * 1000})

    findings = verdict_of(make_question(gate, metrics=[rate], roles={"new": "candidate"}), evidence).metrics

    assert {0.025} == {one.margin for one in findings}
    assert ["pass", "fail"] == [one.outcome for one in findings[1:]]


def test_a_slice_that_could_not_show_the_limit_if_flawless_is_watched(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", at_least=0.97, slices=("part",))

    verdict = verdict_of(make_question(gate, roles={"new": "candidate"}), _by_slice(1.0, 80))

    assert "promote" == verdict.verdict
    assert ["hard", "monitored", "monitored"] == [one.level for one in verdict.metrics]
