"""Numbers and labels: hand-worked answers, scipy as oracle, and what must not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shipworthy.stats.drift.categorical import categorical
from shipworthy.stats.drift.numeric import kolmogorov_p, numeric, ordered

RNG = np.random.default_rng


def test_the_distance_of_disjoint_samples_is_one() -> None:
    found = numeric(np.arange(30.0), np.arange(100.0, 130.0), rng=RNG(0))

    assert 1.0 == found.effect.value
    assert found.p is not None and found.p < 1e-15


def test_a_quarter_moved_is_a_distance_of_a_quarter() -> None:
    reference = np.arange(40.0)
    current = np.where(reference < 10, reference + 1_000, reference)

    assert 0.25 == pytest.approx(numeric(reference, current, rng=RNG(0)).effect.value)


@pytest.mark.parametrize(("n", "m"), [(30, 30), (200, 200), (1_000, 1_000)])
def test_equal_sizes_have_scipys_exact_p(n: int, m: int) -> None:
    rng = RNG(n)
    left, right = rng.normal(size=n), rng.normal(0.2, 1, size=m)
    oracle = stats.ks_2samp(left, right, method="exact")

    found = numeric(left, right, rng=rng)

    assert oracle.statistic == pytest.approx(found.statistic)
    assert oracle.pvalue == pytest.approx(found.p, rel=1e-6)


def test_large_samples_have_kolmogorovs_limit() -> None:
    assert 0.05 == pytest.approx(kolmogorov_p(1.3581 / 10_000**0.5, 20_000, 20_000), abs=1e-4)


def test_ties_are_dealt_out_at_random() -> None:
    found = numeric([1, 2, 3, 4] * 25, [1, 2, 3, 4] * 25, rng=RNG(0))

    assert ("permutation_ks", 0.0, 1.0) == (found.test, found.statistic, found.p)


def test_numbers_counted_into_cells_give_nearly_the_answer_of_the_numbers() -> None:
    rng = RNG(1)
    left, right = rng.normal(size=50_000), rng.normal(0.05, 1, size=50_000)
    edges = np.linspace(-4, 4, 1_001)
    cells = [np.histogram(side.clip(-3.999, 3.999), edges)[0] for side in (left, right)]

    whole, counted = numeric(left, right, rng=rng), ordered(*cells, rng=rng)

    assert whole.statistic == pytest.approx(counted.statistic, abs=2e-3)
    assert whole.statistic >= counted.statistic - 1 / 4_096


@given(st.lists(st.floats(-1e6, 1e6), min_size=20, max_size=60), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_a_monotone_change_of_scale_changes_nothing_and_swapping_keeps_the_distance(
    values: list[float], seed: int
) -> None:
    other = RNG(seed).choice(values, 30)
    found = numeric(values, other, rng=RNG(seed))

    assert found.statistic == numeric(np.array(values) * 2, other * 2, rng=RNG(seed)).statistic
    assert found.statistic == pytest.approx(numeric(other, values, rng=RNG(seed)).statistic)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        numeric([*range(30), bad], range(30), rng=RNG(0))


def test_nineteen_rows_are_not_tested() -> None:
    found = numeric(range(19), range(1_000), rng=RNG(0))

    assert found.p is None
    assert ["few_rows"] == [warning.code for warning in found.warnings]


def test_two_labels_have_pearsons_answer() -> None:
    """[[30, 70], [50, 50]]: 200 (30 * 50 - 50 * 70)^2 / (80 * 120 * 100 * 100) = 8.3333."""
    found = categorical({"a": 30, "b": 70}, {"a": 50, "b": 50}, rng=RNG(0))

    assert 25 / 3 == pytest.approx(found.statistic)
    assert 0.2 == pytest.approx(found.effect.value)
    assert 0.003892417 == pytest.approx(found.p, rel=1e-6)


def test_many_labels_have_scipys_answer() -> None:
    rng = RNG(3)
    left, right = rng.integers(20, 60, 12), rng.integers(20, 60, 12)
    oracle = stats.chi2_contingency(np.stack([left, right]), correction=False)

    found = categorical(dict(enumerate(left.tolist())), dict(enumerate(right.tolist())), rng=rng)  # type: ignore[arg-type]

    assert (oracle.statistic, oracle.pvalue) == pytest.approx((found.statistic, found.p))


def test_small_cells_are_judged_by_dealing_out_rows_near_fishers_answer() -> None:
    found = categorical({"a": 1, "b": 29}, {"a": 8, "b": 22}, rng=RNG(0), n_draws=9_999)
    oracle = stats.fisher_exact([[1, 29], [8, 22]]).pvalue

    assert "permutation_chi_square" == found.test
    assert oracle == pytest.approx(found.p, abs=0.01)


def test_a_label_never_seen_before_is_told() -> None:
    found = categorical({"a": 500}, {"a": 400, "b": 100}, rng=RNG(0))

    assert found.p is not None and found.p < 1e-10
    assert "never seen before are 20.0%" in found.because


def test_labels_that_occur_once_are_judged_as_one() -> None:
    found = categorical({f"r{i}": 1 for i in range(100)}, {f"c{i}": 1 for i in range(100)}, rng=RNG(0))

    assert 1.0 == found.p
    assert ["rare_labels"] == [warning.code for warning in found.warnings]


def test_one_label_throughout_did_not_change() -> None:
    assert 1.0 == categorical({"a": 100}, {"a": 300}, rng=RNG(0)).p


def test_labels_counted_zero_times_do_not_matter() -> None:
    left, right = {"a": 30, "b": 70}, {"a": 50, "b": 50}

    assert categorical(left, right, rng=RNG(0)) == categorical({**left, "c": 0}, {**right, "d": 0}, rng=RNG(0))
