"""Laws of many gates at once: 10 correlated metrics x 20 slices of 200 examples, no gate logic, only p-values."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from shipworthy.stats.multiplicity import Adjusted, benjamini_hochberg, hierarchical_holm, holm
from shipworthy.stats.significance import mcnemar_mid_p

METRICS, SLICES, ROWS, DISCORDANCE = 10, 20, 200, 0.15
SIZES = [60, pytest.param(1000, marks=pytest.mark.laws)]


def _counts(shift_M: NDArray[np.float64], runs: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """b and c, (runs, METRICS, SLICES), from a Gaussian copula with correlation .5 between the metrics."""
    rng = np.random.default_rng(seed)
    lose = ndtri((DISCORDANCE - shift_M) / 2).astype(np.float32)
    win = -ndtri((DISCORDANCE + shift_M) / 2).astype(np.float32)
    b, c = np.empty((2, runs, METRICS, SLICES), np.int64)
    for run in range(runs):
        shared = rng.standard_normal((SLICES, ROWS, 1), dtype=np.float32)
        latent = np.float32(0.5**0.5) * (shared + rng.standard_normal((SLICES, ROWS, METRICS), dtype=np.float32))
        b[run], c[run] = (latent < lose).sum(axis=1).T, (latent > win).sum(axis=1).T
    return b, c


def _adjusted(b: NDArray[np.int64], c: NDArray[np.int64]) -> Adjusted:
    overall = mcnemar_mid_p(b.sum(axis=2), c.sum(axis=2)).worse
    cells = mcnemar_mid_p(b, c).worse.reshape(len(b), -1)
    return hierarchical_holm(overall, cells)


def _allowed(bar: float, runs: int) -> float:
    """The bar at full size; two simulation errors more in the short version."""
    return bar if runs >= 1000 else bar + 2 * (bar * (1 - bar) / runs) ** 0.5


@pytest.mark.parametrize("runs", SIZES)
def test_an_equal_candidate_is_rarely_blocked(runs: int) -> None:
    found = _adjusted(*_counts(np.zeros(METRICS), runs, seed=1))
    blocked = (found.overall < 0.05).any(axis=1) | (found.cells < 0.05).any(axis=1)

    assert np.mean(blocked) <= _allowed(0.055, runs)


@pytest.mark.parametrize("runs", SIZES)
def test_uncorrected_cells_block_nearly_every_equal_candidate(runs: int) -> None:
    b, c = _counts(np.zeros(METRICS), runs, seed=1)
    cells = mcnemar_mid_p(b, c).worse.reshape(runs, -1)

    assert np.mean((cells < 0.05).any(axis=1)) > 0.95


@pytest.mark.parametrize("runs", SIZES)
def test_a_metric_slightly_worse_everywhere_is_found(runs: int) -> None:
    b, c = _counts(np.array([-0.02] + [0.0] * (METRICS - 1)), runs, seed=2)
    found = _adjusted(b, c)
    flat = holm(mcnemar_mid_p(b, c).worse.reshape(runs, -1))
    slack = 0.0 if runs >= 1000 else 2 * (0.65 * 0.35 / runs) ** 0.5

    assert np.mean((found.overall < 0.05).any(axis=1) | (found.cells < 0.05).any(axis=1)) >= 0.65 - slack
    assert np.mean((flat < 0.05).any(axis=1)) < 0.3  # Holm over the cells alone


@pytest.mark.parametrize("runs", SIZES)
def test_soft_gates_raise_few_false_alarms(runs: int) -> None:
    b, c = _counts(np.zeros(METRICS), runs, seed=3)
    flagged = benjamini_hochberg(mcnemar_mid_p(b.sum(axis=2), c.sum(axis=2)).worse) < 0.10

    assert np.mean(flagged.any(axis=1)) <= _allowed(0.10, runs)
