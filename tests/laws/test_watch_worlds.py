"""A stop rule over many checkpoints: equal ones go on, worse ones stop, and a run that climbs is not cut off at once.

Every checkpoint answers the same 500 rows; a share `rho` of its answers is that of the checkpoint before.
"""

from collections.abc import Callable

import numpy as np
import pytest

from shipworthy.evaluation.stop_rule import Look, stops
from shipworthy.protocol.types import CheckpointRule
from shipworthy.stats.paired import tango
from shipworthy.stats.significance import mcnemar_mid_p

N, MARGIN, ALPHA = 500, 0.02, 0.05
Path = Callable[[int, int], float]


def _looks(rng: np.random.Generator, k: int, rho: float, shift: Path) -> list[Look]:
    right_N = np.where(rng.random(N) < 0.65, 0.93, 0.15)
    base_N = rng.random(N) < right_N
    luck_KN = rng.random((k, N))
    for at in range(1, k):
        luck_KN[at] = np.where(rng.random(N) < rho, luck_KN[at - 1], luck_KN[at])
    moved_K1 = np.array([[shift(at, k)] for at in range(k)])
    ours_KN = luck_KN < np.clip(right_N + moved_K1, 0, 1)
    lost_K = (base_N & ~ours_KN).sum(axis=1).astype(float)
    won_K = (~base_N & ours_KN).sum(axis=1).astype(float)
    p_K = mcnemar_mid_p(lost_K, won_K).worse
    passes_K = tango(lost_K, won_K, np.full(k, float(N)), alpha=ALPHA)[0] > -MARGIN
    return [
        Look("promote" if ok else "block" if p <= ALPHA else "inconclusive", float(p))
        for ok, p in zip(passes_K, p_K, strict=True)
    ]


def _stopped(k: int, rho: float, shift: Path, runs: int) -> np.ndarray:
    """(runs,) the look that stopped each run; `k` where none did."""
    found = []
    for run in range(runs):
        looks = _looks(np.random.default_rng([63, run]), k, rho, shift)
        spent = (at for at in range(k) if stops(CheckpointRule(), looks[: at + 1], alpha=ALPHA))
        found.append(next(spent, k))
    return np.array(found)


def _climb(at: int, k: int) -> float:
    """From ten points below to three above over the first 60 % of the checkpoints."""
    return min(0.03, -0.10 + 0.13 * at / (0.6 * k))


RUNS = [30, pytest.param(400, marks=pytest.mark.laws)]


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize("rho", [0.0, 0.8])
@pytest.mark.parametrize("k", [20, 50, 100])
def test_checkpoints_that_equal_their_baseline_are_not_stopped(k: int, rho: float, runs: int) -> None:
    rate = float((_stopped(k, rho, lambda *_: 0.0, runs) < k).mean())

    assert rate <= 0.05 + (3 * (0.05 * 0.95 / runs) ** 0.5 if runs < 100 else 0), rate


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize("k", [20, 50, 100])
def test_checkpoints_five_points_worse_are_stopped(k: int, runs: int) -> None:
    rate = float((_stopped(k, 0.8, lambda *_: -0.05, runs) < k).mean())

    assert rate >= 0.8 - 3 * (0.16 / runs) ** 0.5, rate


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize(("k", "reached"), [(20, 0.6), (100, 0.4)])
def test_a_run_that_falls_by_five_points_is_stopped_less_often_the_later(k: int, reached: float, runs: int) -> None:
    rate = float((_stopped(k, 0.8, lambda at, k: -0.05 if at >= 0.3 * k else 0.0, runs) < k).mean())

    assert rate >= reached - 3 * (0.25 / runs) ** 0.5, rate


@pytest.mark.parametrize("runs", RUNS)
def test_a_run_that_climbs_from_ten_points_below_goes_on(runs: int) -> None:
    assert (_stopped(20, 0.8, _climb, runs) < 20).mean() <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


@pytest.mark.parametrize("runs", RUNS)
def test_a_run_that_climbs_slowly_is_never_stopped_at_once(runs: int) -> None:
    assert _stopped(100, 0.8, _climb, runs).min() >= CheckpointRule().warmup
