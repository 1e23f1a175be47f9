"""A margin in percent of the baseline promotes a candidate that sits exactly on it no more often than one in twenty."""

import numpy as np
import pytest

from shipworthy.gates._cells import cells_of
from shipworthy.gates._compare import relative_contrast
from shipworthy.gates._means import clustered
from shipworthy.gates._pairs import Pair
from shipworthy.gates._relative import _scaled
from shipworthy.gates.limits import meant
from tests.gates.conftest import make_metric

COST = make_metric("cost", unit="usd", better="lower", kind="mean")
SPEED = make_metric("speed", unit="tokens/s", kind="mean")
P50 = make_metric("latency", unit="s", better="lower", kind="quantile", quantile=0.5)
MARGIN, ALPHA = meant("5%", COST)[0], 0.05


def _world(rng, metric, n, *, noise, size, spread=1.0):
    """Skewed costs (lognormal), the candidate's a noisy multiple whose mean is exactly at the margin."""
    clusters = np.arange(n) // size
    whole = np.repeat(rng.normal(0, spread * 0.5, -(-n // size)), size)[:n] if size > 1 else 0.0
    rest = spread if size == 1 else spread * np.sqrt(0.75)
    base = np.exp(whole + rng.normal(0, rest, n))
    factor = 1 + MARGIN if metric.better == "lower" else 1 - MARGIN
    if noise is None:  # no correlation within a pair
        other = np.repeat(rng.normal(0, spread * 0.5, -(-n // size)), size)[:n] if size > 1 else 0.0
        ours = factor * np.exp(other + rng.normal(0, rest, n))
    else:
        ours = factor * base * np.exp(rng.normal(-(noise**2) / 2, noise, n))
    return _pair(metric, ours, base, clusters, size)


def _pair(metric, ours, base, clusters, size):
    counts = [np.stack([side, np.ones(len(side))], axis=1) for side in (ours, base)]
    return Pair(
        metric=metric, ours_NK=counts[0], base_NK=counts[1], cluster_N=clusters, independent=size == 1, slices={}
    )


def _passes(pair, rng):
    """Whether the limit clears the margin: of a mean the limit of the difference from the scaled baseline."""
    if pair.metric.kind != "mean":
        found = relative_contrast(pair, (), alpha=ALPHA, draws=1000, rng=rng)
        return found.refused[0] is None and bool(found.tested.low_S[0] > -MARGIN)
    cells, ratio = cells_of(pair, ()), pair.ours_NK[:, 0].mean() / pair.base_NK[:, 0].mean()
    factor = 1 + MARGIN if pair.metric.better == "lower" else 1 - MARGIN
    if clustered(_scaled(pair, ratio), cells, ALPHA).refused[0] is not None:
        return False
    return bool(clustered(_scaled(pair, factor), cells, ALPHA).tested.low_S[0] > 0)


def _share(metric, n, *, noise, size, repeats, seed):
    rng = np.random.default_rng([seed, n, size])
    return sum(_passes(_world(rng, metric, n, noise=noise, size=size), rng) for _ in range(repeats)) / repeats


@pytest.mark.parametrize("metric", [COST, SPEED])
def test_the_limit_of_the_ratio_and_the_scaled_difference_decide_alike(metric) -> None:
    rng = np.random.default_rng(40)
    for _ in range(8):
        pair = _world(rng, metric, 150, noise=0.3, size=1)
        found = relative_contrast(pair, (), alpha=ALPHA, draws=1000, rng=rng)

        assert _passes(pair, rng) == (found.refused[0] is None and bool(found.tested.low_S[0] > -MARGIN))


@pytest.mark.parametrize(
    ("metric", "n", "noise", "size"),
    [
        pytest.param(COST, 200, 0.3, 1, id="cost"),
        pytest.param(COST, 400, 0.3, 5, id="cost in clusters of 5"),
        pytest.param(COST, 300, None, 1, id="cost, arms unlike"),
        pytest.param(SPEED, 200, 0.3, 1, id="speed"),
    ],
)
def test_a_candidate_at_a_relative_margin_is_seldom_promoted(metric, n, noise, size) -> None:
    share = _share(metric, n, noise=noise, size=size, repeats=200, seed=41)

    assert share <= 0.06 + 3 * np.sqrt(0.06 * 0.94 / 200)


@pytest.mark.laws
@pytest.mark.parametrize("n", [60, 200, 1000])
@pytest.mark.parametrize(
    ("metric", "noise", "size"),
    [(COST, 0.3, 1), (COST, 1.0, 1), (COST, None, 1), (COST, 0.3, 5), (SPEED, 0.3, 1), (SPEED, 1.0, 5), (P50, 0.3, 1)],
)
def test_a_relative_margin_keeps_its_level(metric, noise, size, n) -> None:
    repeats = 500 if metric is P50 else 1000
    share = _share(metric, n, noise=noise, size=size, repeats=repeats, seed=43)

    assert share <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / repeats)


@pytest.mark.laws
def test_an_equal_candidate_passes_a_relative_margin_of_cost() -> None:
    rng = np.random.default_rng(47)
    passes = 0
    for _ in range(500):
        base = np.exp(rng.normal(0, 1, 1000))
        ours = base * np.exp(rng.normal(-0.045, 0.3, 1000))
        passes += _passes(_pair(COST, ours, base, np.arange(1000), 1), rng)

    assert passes >= 0.8 * 500
