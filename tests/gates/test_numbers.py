"""Printed limits show what was decided."""

import numpy as np
import pytest

from shipworthy.gates.numbers import decimals, plain, shown, significant
from shipworthy.protocol.types import GateSpec
from shipworthy.records import Interval
from shipworthy.web._format import interval
from tests.gates.conftest import Judge, make_evidence, make_metric, make_question


@pytest.mark.parametrize("low", [0.97001, 0.96999, 0.9700001, 0.9699999])
def test_a_limit_beside_the_bar_is_not_printed_as_the_bar(low: float) -> None:
    places = decimals(0.975, low, 0.98, least=2, bar=0.97)

    assert shown(low, places) != shown(0.97, places)
    assert (shown(low, places) > shown(0.97, places)) == (low > 0.97)


@pytest.mark.parametrize("low", [0.97001, 0.96999])
def test_reports_show_the_side_too(low: float) -> None:
    text = interval(Interval(value=0.975, low=low, high=0.98), "share", bar=0.97)

    assert "[97.0," not in text


@pytest.mark.parametrize(
    ("value", "said"), [(0.97, "0.97"), (2.0, "2"), (0.0000012, "0.0000012"), (1234567.0, "1234567"), (0.001, "0.001")]
)
def test_a_limit_is_printed_as_it_was_written(value: float, said: str) -> None:
    assert said == plain(value)


def test_small_costs_have_three_significant_digits() -> None:
    assert "0.000123" == shown(0.000123456, significant(0.000123456))


def test_two_cheap_models_are_told_apart(verdict_of: Judge) -> None:
    cost = make_metric("cost", unit="usd", better="lower", kind="mean")
    rng = np.random.default_rng(1)
    base = rng.gamma(4, 3e-5, 200)
    evidence = make_evidence({("new", "cost"): base * 1.01, ("old", "cost"): base})
    gate = GateSpec(metric="cost", baseline="old", margin=0.001)

    text = verdict_of(make_question(gate, metrics=[cost]), evidence).metrics[0].because

    ours, theirs = text.split("cost ")[1].split(" against old's ")
    assert ours != theirs.split(" ")[0]


def test_no_number_that_nobody_can_reach_is_proposed(verdict_of: Judge) -> None:
    rng = np.random.default_rng(6)
    score = make_metric("score", kind="mean", unit="points")
    base = rng.normal(50, 10, 300)
    ours = base + rng.normal(0, 10, 300)
    ours += 0.5 + 0.0001 - (ours - base).mean()
    gate = GateSpec(metric="score", baseline="old", min_gain=0.5)
    evidence = make_evidence({("new", "score"): ours, ("old", "score"): base})

    finding = verdict_of(make_question(gate, metrics=[score]), evidence).metrics[0]

    assert ("inconclusive", None) == (finding.outcome, finding.n_needed)
    assert "no number of examples that can be reached would settle it" in finding.because


@pytest.mark.parametrize(
    ("rule", "right", "said"),
    [
        ({"baseline": "old", "margin": 0.02}, 0.5, "accuracy is shown to be worse"),
        ({"at_least": 0.9}, 0.5, "accuracy is shown to be below it"),
        ({"at_most": 0.1}, 0.5, "accuracy is shown to be above it"),
        ({"baseline": "old", "min_gain": 0.1}, 0.5, "that gain is shown not to be there"),
    ],
)
def test_a_failure_says_what_failed(verdict_of: Judge, rule, right: float, said: str) -> None:
    ours = np.array([1.0] * round(400 * right) + [0.0] * (400 - round(400 * right)))
    evidence = make_evidence({("new", "accuracy"): ours, ("old", "accuracy"): np.ones(400)})

    verdict = verdict_of(make_question(GateSpec(metric="accuracy", **rule)), evidence)

    assert verdict.reasons[0].startswith("FAIL ") and said in verdict.reasons[0]
