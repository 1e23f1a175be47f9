"""The bootstrap engine: exact weights, agreement with brute force, slices, clusters and order."""

import numpy as np
import pytest
from scipy import stats

from shipworthy.stats._weights import _law, multinomial_weights
from shipworthy.stats.clustered import cluster_means, ratio_influence
from shipworthy.stats.resample import collect, draw_chunks, p_below, percentile_interval, resample


@pytest.mark.parametrize("n_units", [1, 2, 17, 40, 300])
def test_every_row_of_weights_draws_n_units(n_units: int) -> None:
    weights = multinomial_weights(n_units, 500, np.random.default_rng(0))

    assert [n_units] * 500 == weights.sum(axis=1).tolist()
    assert 0 <= weights.min()


@pytest.mark.parametrize("n_units", [5, 20, 60])
def test_weights_follow_the_multinomial_law(n_units: int) -> None:
    weights = multinomial_weights(n_units, 40_000, np.random.default_rng(n_units))
    seen = np.bincount(weights[:, n_units // 2].astype(int), minlength=9)[:9]
    expected = stats.binom.pmf(np.arange(9), n_units, 1 / n_units) * 40_000
    rare = expected < 10

    table = np.append(seen[~rare], 40_000 - seen[~rare].sum())
    law = np.append(expected[~rare], 40_000 - expected[~rare].sum())
    assert stats.chisquare(table, law).pvalue > 1e-4
    assert pytest.approx(-1 / n_units, abs=0.02) == np.cov(weights[:, 0], weights[:, -1])[0, 1]


@pytest.mark.parametrize("mean", [0.05, 0.33, 0.9, 0.97, 0.9979])
def test_the_tables_behind_the_weights_hold_the_poisson_law(mean: float) -> None:
    law = _law(mean)
    counts = np.arange(41)
    by_byte = np.diff([0, *law.edges, *[law.edges[-1]] * (41 - len(law.edges))]) / 256
    by_sixteen_bits = np.bincount(law.fine_F[law.fine_F < 255], minlength=41) / 2**16
    rest = np.diff([0, *law.rare_K, 1])
    told = by_byte + (1 - by_byte.sum()) * (by_sixteen_bits + (1 - by_sixteen_bits.sum()) * rest)

    assert pytest.approx(stats.poisson.pmf(counts, mean), abs=1e-13) == told


def test_counts_of_rare_classes_are_summed_with_the_same_draws_as_the_others() -> None:
    rng = np.random.default_rng(2)
    class_N = rng.integers(0, 60, 500)
    rare_NV = np.eye(60)[class_N]
    counts = np.column_stack([class_N, rare_NV, rare_NV[:, 3], rng.normal(size=500)])
    label_N = rng.integers(0, 2, 500)
    units = collect(counts, rng.integers(0, 90, 500), slice_columns=[(label_N, 2)])

    drawn = np.concatenate(list(draw_chunks(units, n_draws=300, rng=rng)))

    assert units.cells[0].rare_VC is not None
    assert (drawn[..., 1:61] @ np.arange(60)).tolist() == drawn[..., 0].tolist()
    assert drawn[..., 4].tolist() == drawn[..., 61].tolist()
    assert np.allclose(units.totals, [counts.sum(0), counts[label_N == 0].sum(0), counts[label_N == 1].sum(0)])
    assert np.allclose(drawn[:, 0], drawn[:, 1] + drawn[:, 2], atol=1e-3)


@pytest.mark.parametrize("width", [3, 200])
def test_wide_tables_give_the_totals_of_narrow_ones(width: int) -> None:
    counts = np.random.default_rng(3).integers(1, 9, (400, width)).astype(float)

    together = np.concatenate(list(draw_chunks(collect(counts), n_draws=500, rng=np.random.default_rng(4))))

    assert counts.shape[1] == together.shape[2]
    order = np.lexsort(counts.T[::-1])
    weights = np.concatenate([multinomial_weights(400, 500, np.random.default_rng(4))])
    assert (weights.astype(float) @ counts[order]).tolist() == together[:, 0].tolist()


def test_memory_that_is_used_again_changes_no_draw() -> None:
    memory = np.full((9, 300), 7, np.float32)
    fresh = multinomial_weights(300, 5, np.random.default_rng(1))

    assert fresh.tolist() == multinomial_weights(300, 5, np.random.default_rng(1), out=memory).tolist()


def test_two_units_are_drawn_as_a_fair_coin() -> None:
    weights = multinomial_weights(2, 40_000, np.random.default_rng(3))

    assert pytest.approx([0.25, 0.5, 0.25], abs=0.01) == [np.mean(weights[:, 0] == k) for k in (0, 1, 2)]


def test_a_draw_is_the_weighted_sum_of_cluster_totals() -> None:
    rng = np.random.default_rng(1)
    counts, clusters, labels = rng.normal(size=(60, 3)), rng.integers(0, 12, 60), rng.integers(-1, 2, 60)
    units = collect(counts, clusters, slice_columns=[(labels, 2)])
    sums = np.concatenate(list(draw_chunks(units, n_draws=50, rng=np.random.default_rng(9))))
    weights = multinomial_weights(units.n_units, 50, np.random.default_rng(9))
    totals = np.stack([counts[clusters == c].sum(axis=0) for c in np.unique(clusters)])
    order = np.lexsort(totals.T[::-1])  # units are numbered by their content
    weight_of_row = weights[:, np.argsort(order)[np.unique(clusters, return_inverse=True)[1]]]

    assert pytest.approx(weight_of_row @ counts, abs=1e-5) == sums[:, 0]
    assert pytest.approx(weight_of_row[:, labels == 1] @ counts[labels == 1], abs=1e-5) == sums[:, 2]
    assert pytest.approx(counts[labels == 0].sum(axis=0)) == units.totals[1]


def test_row_order_never_matters() -> None:
    rng = np.random.default_rng(2)
    counts, clusters, labels = rng.integers(0, 5, (80, 2)), rng.integers(0, 30, 80), rng.integers(0, 3, 80)
    order = rng.permutation(80)

    def draws(rows: np.ndarray) -> np.ndarray:
        units = collect(counts[rows], clusters[rows], slice_columns=[(labels[rows], 3)])
        return resample(units, lambda s: s[..., 0] - s[..., 1], n_draws=200, rng=np.random.default_rng(5))[1]

    assert pytest.approx(np.sort(draws(np.arange(80))[:, 0])) == np.sort(draws(order)[:, 0])


def test_the_same_generator_gives_the_same_draws() -> None:
    units = collect(np.random.default_rng(1).normal(size=(50, 2)))
    a, b = (resample(units, lambda s: s, n_draws=30, rng=np.random.default_rng(7))[1] for _ in range(2))

    assert a.tolist() == b.tolist()


def test_the_percentile_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(3).exponential(size=150)
    oracle = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(4))
    _, draws = resample(
        collect(values[:, None]), lambda s: s[..., 0] / 150, n_draws=20_000, rng=np.random.default_rng(5)
    )
    low, high = percentile_interval(draws, alpha=0.025)

    assert pytest.approx([*oracle.confidence_interval], abs=0.008) == [float(low[0]), float(high[0])]


def test_a_clustered_ratio_spreads_as_its_linearisation_says() -> None:
    rng = np.random.default_rng(6)
    clusters = rng.integers(0, 150, 900)
    bottom = rng.uniform(1, 3, 900)
    top = bottom * (0.5 + 0.1 * rng.normal(size=150)[clusters]) + 0.2 * rng.normal(size=900)
    units = collect(np.stack([top, bottom], axis=1), clusters)
    value, draws = resample(units, lambda s: s[..., 0] / s[..., 1], n_draws=4000, rng=rng)

    assert pytest.approx(top.sum() / bottom.sum()) == value[0]
    assert pytest.approx(cluster_means(ratio_influence(top, bottom), clusters).se_SM[0, 0], rel=0.06) == draws.std()


def test_joining_a_million_units_keeps_the_spread() -> None:
    values = np.random.default_rng(7).normal(size=(100_000, 1))
    units = collect(values, fold=np.random.default_rng(8))
    _, draws = resample(units, lambda s: s[..., 0] / 100_000, n_draws=500, rng=np.random.default_rng(9))

    assert 20_000 == units.n_units
    assert pytest.approx(values.std() / 100_000**0.5, rel=0.1) == draws.std()


def test_an_empty_slice_gives_no_interval_and_hurts_no_other() -> None:
    counts = np.stack([np.arange(40.0), np.ones(40)], axis=1)
    units = collect(counts, slice_columns=[(np.zeros(40, np.int64), 2)])
    with np.errstate(invalid="ignore"):
        value, draws = resample(units, lambda s: s[..., 0] / s[..., 1], n_draws=50, rng=np.random.default_rng(1))

    assert bool(np.isnan(value[2]) and np.isnan(draws[:, 2]).all())
    assert pytest.approx(draws[:, 0]) == draws[:, 1]


def test_the_bootstrap_p_is_never_zero_and_halves_ties() -> None:
    assert 0.5 == float(p_below(np.zeros(98)))
    assert 1 / 100 == float(p_below(np.full(98, -1.0)))


@pytest.mark.parametrize("counts", [np.zeros(3), np.array([[np.nan]])])
def test_counts_that_cannot_be_summed_are_refused(counts: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite counts"):
        collect(counts)


def test_cluster_codes_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="as many cluster codes"):
        collect(np.zeros((3, 1)), np.array([0, 1]))


def test_models_that_agree_in_a_slice_differ_by_nothing_there() -> None:
    rng = np.random.default_rng(10)
    ours, labels = rng.normal(size=400), rng.integers(0, 2, 400)
    base = np.where(labels == 0, ours, rng.normal(size=400))
    units = collect(np.stack([ours, base, np.ones(400)], axis=1), slice_columns=[(labels, 2)])
    _, draws = resample(units, lambda s: (s[..., 0] - s[..., 1]) / s[..., 2], n_draws=300, rng=rng)

    assert [0.0] * 300 == draws[:, 1].tolist()
    assert np.ptp(draws[:, 2]) > 0


def test_whole_counts_are_summed_exactly() -> None:
    rng = np.random.default_rng(11)
    units = collect(rng.integers(-5, 90, (3000, 4)).astype(float))
    _, draws = resample(units, lambda s: s, n_draws=50, rng=rng)

    assert np.rint(draws).tolist() == draws.tolist()


def test_large_continuous_counts_keep_their_precision() -> None:
    counts = 1e6 + np.random.default_rng(12).normal(size=(5000, 1))
    units = collect(counts)
    _, draws = resample(units, lambda s: s[..., 0] / 5000 - 1e6, n_draws=2000, rng=np.random.default_rng(13))

    assert pytest.approx(counts.std() / 5000**0.5, rel=0.06) == draws.std()
