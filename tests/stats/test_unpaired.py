"""Against a published number: oracles and published examples."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from shipworthy.stats.unpaired import newcombe_unpaired, welch


def test_newcombe_reproduces_his_example_and_statsmodels() -> None:
    gap = newcombe_unpaired((56, 70), (48, 80), alpha=0.025)
    oracle = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", compare="diff")

    assert (0.0524, 0.3339) == (round(gap.low, 4), round(gap.high, 4))  # Newcombe 1998b, table II (a)
    assert pytest.approx(oracle) == (gap.low, gap.high)


def test_welch_agrees_with_scipy() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.5, 1, 40), rng.normal(0, 2, 25)
    oracle = stats.ttest_ind(a, b, equal_var=False)
    gap = welch((a.mean(), a.std(ddof=1) / 40**0.5, 39), (b.mean(), b.std(ddof=1) / 25**0.5, 24), alpha=0.025)

    assert pytest.approx([*oracle.confidence_interval(0.95)]) == [gap.low, gap.high]
    assert pytest.approx(oracle.pvalue) == 2 * min(gap.p_worse, gap.p_better)


def test_a_published_error_without_n_is_taken_as_known() -> None:
    gap = welch((0.70, 0.03, np.inf), (0.62, 0.04, np.inf), alpha=0.025)

    assert pytest.approx((0.08 - 1.959964 * 0.05, 0.08 + 1.959964 * 0.05)) == (gap.low, gap.high)
    assert pytest.approx(stats.norm.sf(1.6)) == gap.p_better


def test_a_bare_published_number_adds_no_error_of_its_own() -> None:
    values = np.random.default_rng(2).normal(size=30)
    oracle = stats.ttest_1samp(values, 0.2).confidence_interval(0.9)
    gap = welch((values.mean(), values.std(ddof=1) / 30**0.5, 29), (0.2, 0.0, np.inf))

    assert pytest.approx((oracle.low - 0.2, oracle.high - 0.2)) == (gap.low, gap.high)


def test_swapping_the_sides_flips_the_sign() -> None:
    a, b = newcombe_unpaired((56, 70), (48, 80)), newcombe_unpaired((48, 80), (56, 70))

    assert pytest.approx((-a.high, -a.low, a.p_worse)) == (b.low, b.high, b.p_better)


def test_equal_numbers_without_error_are_neither_worse_nor_better() -> None:
    gap = welch((0.5, 0.0, np.inf), (0.5, 0.0, np.inf))

    assert (0.0, 0.0, 0.0, 0.5, 0.5) == (gap.value, gap.low, gap.high, gap.p_worse, gap.p_better)
