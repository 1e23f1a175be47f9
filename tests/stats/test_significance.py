"""McNemar and sign-flip tests against scipy, statsmodels and published tables; effect sizes by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_effectsize

from shipworthy.stats.effects import cohens_h, d_z, odds_ratio, risk_difference
from shipworthy.stats.significance import mcnemar_exact, mcnemar_mid_p, sign_flip


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 5), (3, 9), (20, 20), (40, 11)])
def test_exact_mcnemar_agrees_with_statsmodels(b: int, c: int) -> None:
    p = mcnemar_exact(b, c)

    assert pytest.approx(mcnemar([[0, b], [c, 0]], exact=True).pvalue) == float(p.two_sided)
    assert pytest.approx(stats.binom.sf(b - 1, b + c, 0.5)) == float(p.worse)


def test_mid_p_reproduces_the_published_value() -> None:
    p = mcnemar_mid_p(16, 6)  # Cavo et al. 2012 in Fagerland, Lydersen & Laake: .0347

    assert 0.034690 == round(float(p.two_sided), 6)
    assert pytest.approx(float(p.two_sided) / 2) == float(p.worse)


@given(st.integers(0, 80), st.integers(0, 80))
def test_swapping_the_models_swaps_the_sides(b: int, c: int) -> None:
    for test in (mcnemar_exact, mcnemar_mid_p):
        assert pytest.approx(float(test(b, c).worse)) == float(test(c, b).better)
        assert pytest.approx(float(test(b, c).two_sided)) == float(test(c, b).two_sided)


def test_mid_p_sides_add_up_to_one() -> None:
    b, c = np.arange(30), np.arange(30)[::-1]
    p = mcnemar_mid_p(b, c)

    assert pytest.approx(np.ones(30)) == p.worse + p.better


def test_few_clusters_are_permuted_completely() -> None:
    values = np.array([1.2, -0.4, 0.7, 2.0, 0.1, -0.2, 0.9])
    oracle = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    p = sign_flip(values)

    assert pytest.approx(oracle.pvalue) == float(p.two_sided)


def test_flips_of_binary_differences_are_the_exact_mcnemar_test() -> None:
    differences = np.concatenate([np.ones(9), -np.ones(3), np.zeros(40)])

    assert pytest.approx(float(mcnemar_exact(3, 9).better)) == float(sign_flip(differences).better)
    assert pytest.approx(float(mcnemar_exact(3, 9).worse)) == float(sign_flip(differences).worse)


def test_many_clusters_are_permuted_at_random() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.2, 1, 200)
    p = sign_flip(values, rng=rng)

    assert pytest.approx(stats.ttest_1samp(values, 0, alternative="greater").pvalue, abs=0.01) == float(p.better)


def test_whole_clusters_are_flipped() -> None:
    values = np.repeat([1.0, 1.0, 1.0, -1.0], 50)

    assert 5 / 16 == float(sign_flip(values, np.repeat(np.arange(4), 50)).better)


def test_a_random_permutation_needs_a_generator() -> None:
    with pytest.raises(ValueError, match="rng"):
        sign_flip(np.ones(17))


def test_no_difference_at_all_gives_p_one() -> None:
    assert (1.0, 1.0, 1.0) == tuple(map(float, sign_flip(np.zeros(30))))


def test_effect_sizes_worked_by_hand() -> None:
    assert 0.12 == pytest.approx(float(risk_difference(9, 21, 100)))
    assert pytest.approx(proportion_effectsize(0.8, 0.7)) == float(cohens_h(0.8, 0.7))
    assert pytest.approx(2 / np.sqrt(2.5)) == d_z([0.0, 1.0, 2.0, 3.0, 4.0])
    assert d_z([1.0, 1.0]) is None


def test_the_matched_odds_ratio_transforms_the_exact_interval() -> None:
    value, low, high = odds_ratio(6, 16, alpha=0.025)
    exact = stats.binomtest(16, 22).proportion_ci(method="exact")

    assert pytest.approx(16 / 6) == float(value)
    assert pytest.approx((exact.low / (1 - exact.low), exact.high / (1 - exact.high))) == (float(low), float(high))


def test_without_a_discordant_pair_the_odds_ratio_is_unknown() -> None:
    value, low, high = odds_ratio(0, 0)

    assert bool(np.isnan(value))
    assert (0.0, np.inf) == (float(low), float(high))
