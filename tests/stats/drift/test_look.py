"""A look: corrected for its number of cells, deaf to differences too small to matter, honest about blind cells."""

import numpy as np
import pytest

from shipworthy.records import Effect
from shipworthy.stats.drift._draws import permutation_p
from shipworthy.stats.drift.look import Cell, look
from shipworthy.stats.drift.numeric import numeric
from shipworthy.stats.drift.types import Measured


def _measured(p: float | None, effect: float, *, detectable: float | None = 0.01) -> Measured:
    return Measured(
        test="ks",
        statistic=effect,
        p=p,
        effect=Effect(name="ks_distance", value=effect),
        detectable=detectable,
        n_reference=1_000,
        n_current=1_000,
        because="more of the current values are at most 3",
    )


def test_p_values_are_corrected_within_the_look() -> None:
    found = look([Cell(str(i), "numeric", _measured(p, 0.2)) for i, p in enumerate([0.01, 0.02, 0.03, 0.5])])

    assert [0.04, 0.04, 0.04, 0.5] == pytest.approx([one.p_adjusted for one in found.findings])
    assert [True, True, True, False] == [one.drifted for one in found.findings]
    assert "fail" == found.outcome


def test_a_difference_below_the_floor_does_not_drift_however_sure() -> None:
    found = look([Cell("amount", "numeric", _measured(1e-30, 0.004))])

    assert "pass" == found.outcome
    assert "smaller than what matters" in found.findings[0].because


def test_a_floor_can_be_set() -> None:
    found = look([Cell("amount", "numeric", _measured(1e-30, 0.004))], floors={"numeric": 0.001})

    assert "fail" == found.outcome


def test_rows_too_few_to_see_the_floor_are_inconclusive_not_passed() -> None:
    found = look([Cell("amount", "numeric", _measured(0.4, 0.04, detectable=0.3))])

    assert "inconclusive" == found.outcome
    assert "collect more" in found.findings[0].because


def test_an_untested_column_is_inconclusive_and_does_not_cost_the_others() -> None:
    rng = np.random.default_rng(0)
    small = numeric([1.0], [2.0], rng=rng)
    found = look([Cell("small", "numeric", small), Cell("large", "numeric", _measured(0.04, 0.2))])

    assert [None, 0.04] == [one.p_adjusted for one in found.findings]
    assert ["inconclusive", "fail"] == [one.outcome for one in found.findings]


def test_a_reason_names_the_column_and_the_slice() -> None:
    found = look([Cell("amount", "numeric", _measured(1e-9, 0.2), {"region": "north"})])

    assert found.reasons[0].startswith("amount (numeric) where region = north: KS distance 0.2 (floor 0.05)")


def test_nothing_to_look_at_is_inconclusive() -> None:
    assert "inconclusive" == look([]).outcome


def test_drawing_stops_once_twenty_draws_reached_the_observed_value() -> None:
    asked: list[int] = []

    def draw(size: int) -> np.ndarray:
        asked.append(size)
        return np.ones(size)

    assert 1.0 == permutation_p(1.0, draw)
    assert [100] == asked


def test_a_value_no_draw_reaches_has_the_least_p() -> None:
    assert 1 / 1_000 == permutation_p(2.0, np.zeros)
