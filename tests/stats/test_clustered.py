"""Clustered means against statsmodels, by hand, and what must hold for any data."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from shipworthy.stats.clustered import cluster_means, ratio_influence
from shipworthy.stats.crossed import design_effect

rows = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=st.floats(-5, 5)), arrays(np.int64, n, elements=st.integers(0, 6))
    )
)


def test_equal_clusters_agree_with_statsmodels_cr1() -> None:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(25), 12)
    own = rng.normal(size=12)
    values = np.r_[rng.normal(size=300)] + np.r_[own, -own, 0.0][clusters]
    values[150:300] = -values[:150]  # mirrored: no skewness, so the limits are those of t
    clusters = np.repeat(np.arange(30), 10)
    fit = sm.OLS(values, np.ones(300)).fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
    means = cluster_means(values, clusters)
    low, high = means.interval(alpha=0.025)

    assert pytest.approx(fit.params[0]) == means.mean_SM[0, 0]
    assert pytest.approx(fit.bse[0]) == means.se_SM[0, 0]
    assert pytest.approx(fit.conf_int()[0]) == [low[0, 0], high[0, 0]]
    assert pytest.approx(fit.pvalues[0]) == 2 * min(means.p_at_least()[0, 0], means.p_at_most()[0, 0])


@pytest.mark.parametrize("seed", range(3))
def test_unequal_clusters_have_the_jackknife_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(12), rng.integers(1, 30, 12))
    values = rng.normal(size=len(clusters)) + rng.normal(size=12)[clusters]
    without = np.array([values[clusters != g].mean() for g in range(12)])
    means = cluster_means(values, clusters)

    assert pytest.approx(np.sqrt(11 / 12 * ((without - values.mean()) ** 2).sum())) == means.se_SM[0, 0]
    sizes = np.bincount(clusters)
    assert pytest.approx(len(values) ** 2 / (sizes**2).sum()) == means.effective_S[0]


def test_a_skewed_sample_has_the_limits_of_hall_where_they_are_more_cautious() -> None:
    values = -np.random.default_rng(3).exponential(size=60)
    oracle = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    low, high = cluster_means(values).interval()
    n, z, gamma = 60, float(stats.t.ppf(0.95, 59)), float(stats.skew(values))
    inner = 1 + gamma * (z / n**0.5 - gamma / (6 * n))
    hall = values.mean() - values.std(ddof=1) * 3 / gamma * (np.cbrt(inner) - 1)

    assert pytest.approx(hall) == low[0, 0] and low[0, 0] < oracle.low
    assert pytest.approx(oracle.high) == high[0, 0]  # on the side of the short tail t is the cautious one


@pytest.mark.parametrize("tails", ["bounded", "open"])
def test_a_limit_passes_exactly_where_its_p_does(tails: str) -> None:
    values = np.random.default_rng(4).lognormal(0, 1.5, (80, 50))
    means = replace(cluster_means(values), tails=tails)
    low, high = means.interval()

    for limit, p in ((low, means.p_at_most), (high, means.p_at_least)):
        at = np.array([p(one)[0, m] for m, one in enumerate(limit[0])])
        assert pytest.approx(np.full(50, 0.05), abs=1e-6) == at


def test_a_heavy_tail_is_met_once_more() -> None:
    values = np.r_[np.random.default_rng(5).normal(size=199), -30.0]
    bounded, opened = (replace(cluster_means(values), tails=tails).interval() for tails in ("bounded", "open"))

    assert opened[0][0, 0] < bounded[0][0, 0] - 0.1
    assert pytest.approx(bounded[1][0, 0]) == opened[1][0, 0]


def test_clusters_are_worth_between_their_number_and_their_rows() -> None:
    rng = np.random.default_rng(6)
    codes = np.repeat(np.arange(200), 5)
    copies, mixed, alone = np.repeat(rng.normal(size=200), 5), rng.normal(size=1000), rng.normal(size=1000)
    mixed += np.repeat(rng.normal(size=200), 5) * (3 / 7) ** 0.5

    assert pytest.approx(200, rel=0.01) == cluster_means(copies, codes).worth_SM[0, 0]
    assert pytest.approx(1000 / 2.2, rel=0.2) == cluster_means(mixed, codes).worth_SM[0, 0]
    assert 1000 == cluster_means(alone).worth_SM[0, 0]


def test_without_clusters_it_is_the_t_interval() -> None:
    half = np.random.default_rng(2).normal(0, 1, 20)
    values = 0.3 + np.r_[half, -half]
    oracle = stats.ttest_1samp(values, 0.0)
    low, high = cluster_means(values).interval(alpha=0.025)

    assert pytest.approx([*oracle.confidence_interval(0.95)]) == [low[0, 0], high[0, 0]]
    assert (
        pytest.approx(stats.ttest_1samp(values, 0.1, alternative="less").pvalue)
        == cluster_means(values).p_at_least(0.1)[0, 0]
    )


def test_the_standard_error_worked_by_hand() -> None:
    # mean 2; residual totals -1 (two rows: 1, 2), +2 (one row: 4), -1 (one row: 1), each over the rows left without it
    means = cluster_means([1.0, 2.0, 4.0, 1.0], [7, 7, 3, 9])

    assert pytest.approx((2.0, (2 / 3 * (1 / 2**2 + (2 / 3) ** 2 + 1 / 3**2)) ** 0.5)) == (
        means.mean_SM[0, 0],
        means.se_SM[0, 0],
    )
    assert (4, 3) == (means.n_S[0], means.clusters_S[0])


def test_slices_in_one_pass_equal_slices_one_by_one() -> None:
    rng = np.random.default_rng(3)
    values, clusters, slices = rng.normal(size=(200, 3)), rng.integers(0, 30, 200), rng.integers(-1, 5, 200)
    together = cluster_means(values, clusters, slices_N=slices, n_slices=6)

    for label in range(5):
        alone = cluster_means(values[slices == label], clusters[slices == label])
        assert pytest.approx(alone.mean_SM[0]) == together.mean_SM[label]
        assert pytest.approx(alone.se_SM[0]) == together.se_SM[label]
        assert (alone.n_S[0], alone.clusters_S[0]) == (together.n_S[label], together.clusters_S[label])
    assert (0, 0) == (together.n_S[5], together.clusters_S[5])
    assert bool(np.isnan(together.mean_SM[5]).all())


def test_sparse_and_hashed_codes_give_the_same_as_dense_ones() -> None:
    rng = np.random.default_rng(7)
    values, clusters, slices = rng.normal(size=60), rng.integers(0, 12, 60), rng.integers(0, 3, 60)
    dense, sparse, hashed = (
        cluster_means(values, codes, slices_N=slices, n_slices=3).se_SM
        for codes in (clusters, clusters * 10**6, clusters * 2**59 - 2**62)
    )

    assert dense.tolist() == sparse.tolist() == hashed.tolist()


def test_one_cluster_has_no_standard_error() -> None:
    assert bool(np.isnan(cluster_means([1.0, 2.0], [4, 4]).se_SM[0, 0]))


def test_repeating_every_row_in_its_cluster_changes_nothing() -> None:
    values = np.random.default_rng(4).normal(size=50)
    once, tenfold = cluster_means(values), cluster_means(np.repeat(values, 10), np.repeat(np.arange(50), 10))

    assert pytest.approx(once.se_SM[0, 0]) == tenfold.se_SM[0, 0]
    assert pytest.approx(10.0, rel=0.03) == design_effect(np.repeat(values, 10), np.repeat(np.arange(50), 10))


def test_a_ratio_has_the_error_of_its_linearisation() -> None:
    rng = np.random.default_rng(5)
    bottom = rng.uniform(5, 15, (4000, 60))
    top = 0.4 * bottom + rng.normal(0, 1, (4000, 60))
    errors = [cluster_means(ratio_influence(t, d)).se_SM[0, 0] for t, d in zip(top, bottom, strict=True)]

    assert pytest.approx((top.sum(1) / bottom.sum(1)).std(), rel=0.03) == np.mean(errors)


@given(rows, st.randoms(use_true_random=False))
def test_row_order_never_matters(case: tuple[np.ndarray, np.ndarray], shuffler: object) -> None:
    values, clusters = case
    order = list(range(len(values)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    a, b = cluster_means(values, clusters), cluster_means(values[order], clusters[order])

    assert pytest.approx(a.mean_SM[0, 0], abs=1e-12) == b.mean_SM[0, 0]
    assert pytest.approx(a.se_SM[0, 0], abs=1e-9, nan_ok=True) == b.se_SM[0, 0]


@given(rows)
def test_swapping_the_models_flips_the_sign(case: tuple[np.ndarray, np.ndarray]) -> None:
    values, clusters = case
    a, b = cluster_means(values, clusters), cluster_means(-values, clusters)

    assert pytest.approx(-a.mean_SM[0, 0], abs=1e-12) == b.mean_SM[0, 0]
    assert pytest.approx(a.p_at_least()[0, 0], abs=1e-9, nan_ok=True) == b.p_at_most()[0, 0]


@given(rows, st.floats(-3, 3))
def test_adding_a_constant_to_both_changes_no_gain(case: tuple[np.ndarray, np.ndarray], constant: float) -> None:
    ours, clusters = case
    base = ours[::-1]
    plain = cluster_means(ours - base, clusters)
    shifted = cluster_means((ours + constant) - (base + constant), clusters)

    assert pytest.approx(plain.mean_SM[0, 0], abs=1e-9) == shifted.mean_SM[0, 0]
    assert pytest.approx(plain.se_SM[0, 0], abs=1e-9, nan_ok=True) == shifted.se_SM[0, 0]


def test_more_clusters_of_the_same_kind_never_widen_in_expectation() -> None:
    rng = np.random.default_rng(6)
    data = rng.normal(size=(400, 40, 4)) + rng.normal(size=(400, 40, 1))
    codes = np.repeat(np.arange(40), 4)
    widths = [
        np.mean([np.ptp(cluster_means(d[:g].ravel(), codes[: 4 * g]).interval()) for d in data])
        for g in (5, 10, 20, 40)
    ]

    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("values", [[1.0, float("nan")], [1.0, float("inf")]])
def test_a_value_that_is_not_finite_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        cluster_means(values)


def test_a_cluster_column_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="3 values need 3"):
        cluster_means([1.0, 2.0, 3.0], [1, 2])


def test_alpaca_eval_win_rates_and_errors_are_reproduced(shared_data: Path) -> None:
    folder = shared_data / "alpacaeval2_preferences"
    published = {row[""]: row for row in _table(folder / "published_leaderboard.csv")}
    items = _table(folder / "preferences.csv")
    models = [name for name in items[0] if name in published]
    means = {name: cluster_means([100 * (float(row[name]) - 1) for row in items if row[name]]) for name in models}

    assert 48 == len(models)
    for name, mean in means.items():
        # the preferences are stored with five digits, so the fourth decimal of a percentage may round either way
        assert pytest.approx(float(published[name]["win_rate"]), abs=1e-4) == mean.mean_SM[0, 0]
        assert pytest.approx(float(published[name]["standard_error"]), abs=1e-4) == mean.se_SM[0, 0]


def test_wildbench_means_are_reproduced(shared_data: Path) -> None:
    folder = shared_data / "wildbench_scores"
    published = json.loads((folder / "published_score.json").read_text(encoding="utf-8"))
    scores: dict[str, list[float]] = {}
    for row in _table(folder / "scores_v2.csv"):
        if row["version"] == "v2.0625" and row["model"] in published:
            scores.setdefault(row["model"], []).append(float(row["score"]))
    means = {model: round(float(cluster_means(values).mean_SM[0, 0]), 4) for model, values in scores.items()}

    assert 7 == len(means)
    assert {model: round(published[model]["score"], 4) for model in means} == means


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
