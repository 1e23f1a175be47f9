"""Power: textbook and statsmodels figures, and simulations of our own tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower

from shipworthy.stats import power
from shipworthy.stats.paired import tango
from shipworthy.stats.proportion import clopper_pearson


def test_the_n_of_a_superiority_test_agrees_with_statsmodels() -> None:
    oracle = NormalIndPower(ddof=0).solve_power(0.2, alpha=0.05, power=0.8, ratio=0, alternative="larger")

    assert np.ceil(oracle) == power.examples_for(0.2, 1.0)


def test_detectable_and_needed_are_inverses() -> None:
    need = power.examples_for(0.02, 0.15)

    assert need is not None
    assert power.detectable(need, 0.15) <= 0.02 < power.detectable(need - 1, 0.15)
    assert pytest.approx(0.8, abs=1e-3) == power.power_at(need, 0.02, 0.15)


def test_the_variance_of_a_paired_difference_worked_by_hand() -> None:
    assert pytest.approx(0.0996) == power.paired_variance(0.1, 0.02)
    assert pytest.approx(0.25) == power.rate_variance(0.5)
    assert pytest.approx(13 / 102) == power.smoothed_discordance(5, 7, 100)


def test_a_gain_larger_than_the_discordance_is_refused() -> None:
    with pytest.raises(ValueError, match="discordance"):
        power.paired_variance(0.01, 0.02)


@pytest.mark.parametrize(("discordance", "margin"), [(0.1, 0.02), (0.2, 0.05), (0.02, 0.03), (0.1, 0.05)])
def test_the_n_for_a_non_inferiority_gate_gives_its_power(discordance: float, margin: float) -> None:
    n = power.examples_binary(discordance, margin=margin)
    assert n is not None
    draws = np.random.default_rng(1).multinomial(n, [discordance / 2, discordance / 2, 1 - discordance], size=4000)
    low, _ = tango(draws[:, 0], draws[:, 1], n)

    assert pytest.approx(0.8, abs=0.05) == np.mean(low > -margin)


@given(st.integers(20, 100_000), st.floats(0.001, 0.9))
def test_the_smallest_margin_found_needs_no_more_than_n(n: int, discordance: float) -> None:
    margin = power.detectable_binary(n, discordance)
    need = power.examples_binary(discordance, margin=margin)

    assert need is None or need <= n or margin == 1.0


def test_a_loss_at_the_margin_is_never_settled_as_a_pass() -> None:
    assert power.examples_for(0.0, 1.0) is None
    assert power.examples_binary(0.1, margin=0.02, gain=-0.02) is None


def test_an_error_that_no_example_takes_away_leaves_less_room_or_none() -> None:
    # reach 2.486: the standard error may be .02 / 2.486 = .00804; .006 of it is gone for good, .00536 is left
    assert np.ceil(0.1 / ((0.02 / 2.4864753) ** 2 - 0.006**2)) == power.examples_for(0.02, 0.1, lasting=0.006**2)
    assert power.examples_for(0.02, 0.1, lasting=0.0081**2) is None


@pytest.mark.parametrize(("rate", "limit"), [(0.99, 0.98), (0.95, 0.9), (0.6, 0.5)])
def test_the_n_for_an_absolute_gate_gives_its_power(rate: float, limit: float) -> None:
    n = power.examples_rate(rate, limit)
    assert n is not None
    low, _ = clopper_pearson(np.random.default_rng(1).binomial(n, rate, size=4000), n)

    assert pytest.approx(0.8, abs=0.05) == np.mean(low >= limit)


def test_a_flawless_candidate_needs_a_sample_too() -> None:
    n = power.examples_flawless(0.98)
    assert n is not None

    assert 149 == n
    assert clopper_pearson(n - 1, n - 1)[0] < 0.98 <= clopper_pearson(n, n)[0]
    assert power.examples_flawless(1.0) is None


def test_ruling_out_a_grave_loss_needs_more_only_where_nothing_differs() -> None:
    grave = (2.5, 0.002)

    assert (158, 3104) == tuple(power.examples_margin(share, margin=0.02, grave=grave) for share in (0.0, 0.2))
    assert (133, 3104) == tuple(power.examples_margin(share, margin=0.02) for share in (0.0, 0.2))
    assert 0.02 < power.detectable_binary(157, 0.0, grave=grave) < 0.0205


def test_clusters_inflate_by_kishs_formula() -> None:
    assert pytest.approx(2.2) == power.design_effect_of(5, 0.3)
    assert 1.0 == power.design_effect_of(1, 0.3)


def test_sample_sizes_for_human_ratings_are_the_textbook_ones() -> None:
    assert 385 == power.ratings_for_rate(0.05)
    # Donner & Eliasziw: kappa .6, prevalence .3: variance .4 (.4 (-.2) + .6 * 1.4 / .42) = .768
    assert np.ceil(1.959964**2 * 0.768 / 0.01) == power.ratings_for_agreement(0.6, 0.1, prevalence=0.3)
