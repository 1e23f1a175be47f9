"""The offline laws of decision quality, through the judge: short versions by default, full sizes with `-m laws`."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SHORT = 16


def _benchmark(name: str) -> ModuleType:
    """`benchmarks/NAME.py`."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


decisions = _benchmark("decisions")  # holds the worlds and the laws
margin_rules = _benchmark("margin_rules")
NAMES = [law.__name__ for law in decisions.LAWS]


@pytest.mark.parametrize("name", NAMES)
def test_the_law_is_not_refuted_by_a_short_simulation(name: str) -> None:
    law = next(law for law in decisions.LAWS if law.__name__ == name)

    broken = [decisions.markdown(row) for row in law(SHORT) if not row.holds(slack=3)]

    assert [] == broken


@pytest.mark.laws
@pytest.mark.parametrize("name", [name for name in NAMES if name != "equal"])
def test_the_law_holds_at_full_size(name: str) -> None:
    law = next(law for law in decisions.LAWS if law.__name__ == name)

    broken = [decisions.markdown(row) for row in law(decisions.FULL) if not row.holds()]

    assert [] == broken


@pytest.mark.laws
def test_an_equal_candidate_is_promoted_as_often_as_calculated_which_is_just_below_the_bar() -> None:
    (row,) = decisions.equal(decisions.FULL)

    assert (0.88, 0.88, False) == (row.bar, row.rounded, row.holds())
    assert pytest.approx(0.8785, abs=3 * row.error) == row.measured


def test_the_rule_for_a_margin_spends_its_level_and_promotes_an_equal_candidate_just_below_the_bar() -> None:
    level, power = margin_rules.rates(margin_rules.tango, 2000, 0.1)

    assert pytest.approx((0.0496, 0.8785), abs=5e-5) == (level, power)


def test_no_rule_that_keeps_this_level_can_reach_the_bar_for_an_equal_candidate() -> None:
    power, _ = margin_rules.best_power(2000, 0.1, np.array([0.103]))

    assert 0.8785 < power < 0.88


@pytest.mark.parametrize("rule", ["corrected for skewness", "likelihood root"])
def test_rules_with_more_power_exceed_their_level_where_the_present_one_does_not(rule: str) -> None:
    ours, theirs = (margin_rules.rates(margin_rules.RULES[name], 200, 0.03) for name in ("Tango", rule))

    assert ours[0] < 0.05 < 0.06 < theirs[0]


def test_a_figure_below_its_bar_is_told_as_missed_with_what_rounding_would_hide() -> None:
    row = decisions.Row(law="", bar=0.88, at_most=False, measured=0.8788, runs=20_000)

    assert (False, False) == (row.holds(), row.missed)
    assert "no (0.8788; 0.88 when rounded)" in decisions.markdown(row)
