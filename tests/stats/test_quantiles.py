"""Quantiles: by hand, against numpy and the binomial law."""

import numpy as np
import pytest
from scipy import stats

from shipworthy.stats.quantiles import order_statistic_interval, quantile, quantile_difference
from shipworthy.stats.resample import percentile_interval


def test_the_quantile_is_an_observed_value() -> None:
    values = np.random.default_rng(0).exponential(size=37)

    for q in (0.05, 0.5, 0.95):
        assert np.quantile(values, q, method="inverted_cdf") == quantile(values, q)


def test_the_median_of_nine_lies_between_the_second_and_the_eighth() -> None:
    # P(Binomial(9, 1/2) <= 1) = 10/512 = .0195 <= .05, P(<= 2) = .0898 (Conover 1999, table)
    assert (2.0, 8.0) == order_statistic_interval(np.arange(1.0, 10.0), 0.5)


@pytest.mark.parametrize(("n", "q"), [(60, 0.95), (200, 0.95), (1000, 0.99), (25, 0.5), (100_000, 0.95)])
def test_the_ranks_leave_out_at_most_alpha_and_are_the_tightest(n: int, q: float) -> None:
    low, high = order_statistic_interval(np.arange(1.0, n + 1), q)
    law = stats.binom(n, q)

    assert law.cdf(low - 1) <= 0.05 < law.cdf(low)
    assert law.sf(high - 1) <= 0.05 < law.sf(high - 2)


def test_too_few_examples_leave_p95_open_above() -> None:
    assert np.inf == order_statistic_interval(np.arange(58.0), 0.95)[1]
    assert np.inf > order_statistic_interval(np.arange(59.0), 0.95)[1]
    assert -np.inf == order_statistic_interval(np.arange(3.0), 0.5)[0]


def test_the_interval_covers_whatever_the_distribution() -> None:
    rng = np.random.default_rng(1)
    true = stats.lognorm(1.0).ppf(0.95)
    limits = np.array([order_statistic_interval(rng.lognormal(0, 1, 200), 0.95) for _ in range(2000)])

    assert np.mean((limits[:, 0] <= true) & (true <= limits[:, 1])) >= 0.9


def test_equal_models_differ_by_nothing_in_every_draw() -> None:
    values = np.random.default_rng(2).exponential(size=80)
    value, draws = quantile_difference(values, values, 0.95, rng=np.random.default_rng(3), n_draws=100)

    assert 0.0 == value
    assert [0.0] * 100 == draws.tolist()


def test_a_weighted_draw_equals_repeating_the_rows() -> None:
    rng = np.random.default_rng(4)
    ours, base = rng.exponential(size=30), rng.exponential(size=30)
    value, draws = quantile_difference(ours, base, 0.9, rng=np.random.default_rng(5), n_draws=2000)
    brute = []
    for _ in range(2000):
        rows = rng.integers(0, 30, 30)
        brute.append(quantile(ours[rows], 0.9) - quantile(base[rows], 0.9))

    assert pytest.approx(quantile(ours, 0.9) - quantile(base, 0.9)) == value
    assert stats.ks_2samp(draws, brute).pvalue > 1e-3


def test_a_constant_shift_is_found_in_every_draw() -> None:
    base = np.random.default_rng(6).exponential(size=120)
    _, draws = quantile_difference(base + 2, base, 0.95, rng=np.random.default_rng(7), n_draws=200)
    low, high = percentile_interval(draws)

    assert pytest.approx((2.0, 2.0)) == (float(low), float(high))


def test_row_order_never_matters() -> None:
    rng = np.random.default_rng(8)
    ours, base, clusters = rng.exponential(size=50), rng.exponential(size=50), rng.integers(0, 20, 50)
    order = rng.permutation(50)
    a = quantile_difference(ours, base, 0.5, rng=np.random.default_rng(1), clusters_N=clusters, n_draws=50)[1]
    b = quantile_difference(
        ours[order], base[order], 0.5, rng=np.random.default_rng(1), clusters_N=clusters[order], n_draws=50
    )[1]

    assert a.tolist() == b.tolist()


@pytest.mark.parametrize(("values", "q"), [([], 0.5), ([1.0, float("nan")], 0.5), ([1.0], 1.0)])
def test_what_has_no_quantile_is_refused(values: list[float], q: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        quantile(values, q)
