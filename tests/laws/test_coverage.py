"""Coverage laws: how often an interval at nominal 95 % holds the truth. Bars from the decision rules."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from shipworthy.stats.clustered import Means, cluster_means
from shipworthy.stats.paired import newcombe, tango
from shipworthy.stats.proportion import clopper_pearson, wilson
from shipworthy.stats.resample import collect, percentile_interval, resample

DISCORDANCE_AND_GAIN = [(0.02, 0.0), (0.02, -0.015), (0.05, 0.02), (0.1, 0.0), (0.1, -0.05), (0.2, 0.02), (0.2, -0.1)]


def _paired_counts(discordance: float, gain: float, n: int, runs: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(runs, 4) cells: only the baseline right, only the candidate, both, neither."""
    lost, won = (discordance - gain) / 2, (discordance + gain) / 2
    both = 0.8 - lost
    return rng.multinomial(n, [lost, won, both, 1 - lost - won - both], size=runs)


def _tango_coverage(discordance: float, gain: float, n: int, runs: int) -> float:
    cells = _paired_counts(discordance, gain, n, runs, np.random.default_rng([n, round(1e3 * discordance)]))
    pairs, which = np.unique(cells[:, :2], axis=0, return_inverse=True)
    low, high = tango(pairs[:, 0], pairs[:, 1], n, alpha=0.025)
    return float(np.mean(((low <= gain) & (gain <= high))[which]))


@pytest.mark.parametrize(("discordance", "gain"), DISCORDANCE_AND_GAIN)
@pytest.mark.parametrize("n", [50, 200])
def test_tango_covers_where_few_pairs_disagree(discordance: float, gain: float, n: int) -> None:
    assert _tango_coverage(discordance, gain, n, 4000) >= 0.94 - 0.008  # two simulation errors


@pytest.mark.laws
@pytest.mark.parametrize(("discordance", "gain"), DISCORDANCE_AND_GAIN)
@pytest.mark.parametrize("n", [50, 100, 200, 500, 2000])
def test_tango_covers_at_full_size(discordance: float, gain: float, n: int) -> None:
    assert _tango_coverage(discordance, gain, n, 100_000) >= 0.94


@pytest.mark.parametrize("n", [50, 200])
def test_newcombe_covers_too(n: int) -> None:
    for discordance, gain in DISCORDANCE_AND_GAIN:
        b, c, both, neither = _paired_counts(discordance, gain, n, 4000, np.random.default_rng(n)).T
        low, high = newcombe(both, b, c, neither, alpha=0.025)
        assert np.mean((low <= gain) & (gain <= high)) >= 0.93


def test_the_t_interval_does_not_cover_where_few_pairs_disagree() -> None:
    """Why Tango: at n = 50 and discordance .02 a third of all samples hold no discordant pair at all."""
    cells = _paired_counts(0.02, 0.0, 50, 4000, np.random.default_rng(1))
    gain = (cells[:, 1] - cells[:, 0]) / 50
    se = np.sqrt((cells[:, :2].sum(axis=1) / 50 - gain**2) / 49)

    assert np.mean((np.abs(gain) <= 2.01 * se) & (se > 0)) < 0.7


@pytest.mark.parametrize(("discordance", "margin", "n"), [(0.1, 0.02, 200), (0.1, 0.02, 2000), (0.2, 0.02, 500)])
def test_a_candidate_at_the_margin_is_rarely_passed(discordance: float, margin: float, n: int) -> None:
    assert _passes_at_margin(discordance, margin, n, 8000) <= 0.055 + 0.005


@pytest.mark.laws
@pytest.mark.parametrize("discordance", [0.1, 0.2])
@pytest.mark.parametrize("n", [200, 500, 2000])
def test_a_candidate_at_the_margin_is_rarely_passed_at_full_size(discordance: float, n: int) -> None:
    assert _passes_at_margin(discordance, 0.02, n, 100_000) <= 0.055


def _passes_at_margin(discordance: float, margin: float, n: int, runs: int) -> float:
    cells = _paired_counts(discordance, -margin, n, runs, np.random.default_rng([n, round(1e3 * discordance)]))
    pairs, which = np.unique(cells[:, :2], axis=0, return_inverse=True)
    low, _ = tango(pairs[:, 0], pairs[:, 1], n)
    return float(np.mean((low > -margin)[which]))


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.5, 0.98])
def test_one_rate_is_covered(rate: float) -> None:
    x = np.arange(101)
    chance = np.exp(_log_binomial(x, 100, rate))
    exact, score = clopper_pearson(x, 100, alpha=0.025), wilson(x, 100, alpha=0.025)

    assert chance @ ((exact[0] <= rate) & (rate <= exact[1])) >= 0.95
    assert chance @ ((score[0] <= rate) & (rate <= score[1])) >= 0.92  # near its level on average, not at every rate


def _log_binomial(x: NDArray[np.int64], n: int, rate: float) -> NDArray[np.float64]:
    from scipy.stats import binom

    return np.asarray(binom.logpmf(x, n, rate))


# --- clusters: a document's effect moves wins and losses in opposite directions ---------------------------------------


def _documents(documents: int, size: int, spread: float, runs: int, seed: int) -> NDArray[np.float64]:
    """(documents * size, runs) paired differences in {-1, 0, 1} with mean 0; spread 1.5 is a correlation near .3."""
    rng = np.random.default_rng(seed)
    effect = rng.normal(0, spread, (documents, 1, runs))
    win, loss = np.exp(np.log(0.075 / 0.85) + effect), np.exp(np.log(0.075 / 0.85) - effect)
    u = rng.random((documents, size, runs)) * (1 + win + loss)
    return np.where(u < win, 1.0, np.where(u < win + loss, -1.0, 0.0)).reshape(documents * size, runs)


def _coverage(means: Means, z: float | None = None) -> float:
    if z is not None:
        return float(np.mean(np.abs(means.mean_SM[0]) <= z * means.se_SM[0]))
    low, high = means.interval(alpha=0.025)
    return float(np.mean((low[0] <= 0) & (high[0] >= 0)))


@pytest.mark.parametrize(("documents", "size"), [(100, 5), (40, 5), (10, 20)])
def test_clustered_errors_cover_where_examples_share_a_document(documents: int, size: int) -> None:
    values = _documents(documents, size, 1.5, 4000, seed=documents)
    clusters = np.repeat(np.arange(documents), size)

    assert _coverage(cluster_means(values, clusters)) >= 0.945 - 0.007  # two simulation errors
    assert _coverage(cluster_means(values), z=1.96) < 0.87  # what taking examples for independent gives


@pytest.mark.laws
@pytest.mark.parametrize(("documents", "size"), [(100, 5), (40, 5), (20, 5), (10, 20)])
def test_clustered_errors_cover_at_full_size(documents: int, size: int) -> None:
    clusters = np.repeat(np.arange(documents), size)
    found = [
        _coverage(cluster_means(_documents(documents, size, 1.5, 5000, seed=100 * documents + part), clusters))
        for part in range(8)
    ]

    assert np.mean(found) >= 0.945


def test_unequal_clusters_are_covered() -> None:
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(60), rng.integers(1, 10, 60))
    values = rng.normal(size=(60, 3000))[clusters] * 0.6 + rng.normal(size=(len(clusters), 3000))

    assert _coverage(cluster_means(values, clusters)) >= 0.935


@pytest.mark.parametrize("runs", [200, pytest.param(1500, marks=pytest.mark.laws)])
def test_the_cluster_bootstrap_of_a_ratio_covers(runs: int) -> None:
    rng = np.random.default_rng(6)
    clusters = np.repeat(np.arange(100), 4)
    covered = []
    for _ in range(runs):
        bottom = rng.integers(3, 12, 400).astype(float)
        top = bottom * (0.6 + 0.1 * rng.normal(size=100)[clusters]) + rng.normal(size=400)
        units = collect(np.stack([top, bottom], axis=1), clusters)
        _, draws = resample(units, lambda s: s[..., 0] / s[..., 1], n_draws=1000, rng=rng)
        low, high = percentile_interval(draws[:, 0], alpha=0.025)
        covered.append(low <= 0.6 <= high)

    assert np.mean(covered) >= 0.935 - 2 * np.sqrt(0.05 / runs) * (runs < 1000)


@pytest.mark.parametrize("n", [50, 200])
def test_p_values_are_uniform_enough_under_no_difference(n: int) -> None:
    values = np.random.default_rng(n).normal(size=(n, 5000))
    p = cluster_means(values).p_at_least()[0]

    assert 0.05 == pytest.approx(np.mean(p < 0.05), abs=0.01)
    assert -float(ndtri(0.05)) == pytest.approx(1.6449, abs=1e-4)
