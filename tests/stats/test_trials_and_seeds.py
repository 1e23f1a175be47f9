"""pass@k, pass^k and seeds: by enumeration, by hand, and a published table."""

import csv
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shipworthy.stats.seeds import mean_interval, over_seeds
from shipworthy.stats.trials import pass_at_k, pass_hat_k


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n))))
def test_both_are_shares_of_all_subsets_of_k_trials(case: tuple[int, int, int]) -> None:
    c, n, k = case
    subsets = list(combinations([True] * c + [False] * (n - c), k))

    assert pytest.approx(np.mean([any(s) for s in subsets])) == float(pass_at_k(c, n, k))
    assert pytest.approx(np.mean([all(s) for s in subsets])) == float(pass_hat_k(c, n, k))


def test_tau_bench_pass_hat_k_is_reproduced(shared_data: Path) -> None:
    wins: dict[str, int] = {}
    with (shared_data / "taubench_airline_trials" / "gpt4o_airline_trials.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            wins[row["task_id"]] = wins.get(row["task_id"], 0) + int(float(row["reward"]))
    successes = list(wins.values())

    assert [0.420, 0.273, 0.220, 0.200] == [round(float(pass_hat_k(successes, 4, k).mean()), 3) for k in (1, 2, 3, 4)]


@pytest.mark.parametrize(("c", "n", "k"), [(1, 3, 4), (4, 3, 1), (1, 3, 0)])
def test_trials_that_cannot_tell_are_refused(c: int, n: int, k: int) -> None:
    with pytest.raises(ValueError, match="trials"):
        pass_at_k(c, n, k)


def test_the_interval_over_seeds_is_students() -> None:
    means = [0.71, 0.74, 0.69, 0.73]
    oracle = stats.ttest_1samp(means, 0).confidence_interval(0.95)

    assert pytest.approx((oracle.low, oracle.high)) == mean_interval(means, alpha=0.025)


def test_components_worked_by_hand() -> None:
    # rows 1 and 3 apart by 2, columns apart by 1, nothing left: seeds 2, examples 1/2, residual 0
    found = over_seeds([[1.0, 2.0], [3.0, 4.0]])

    assert pytest.approx((2.5, 2.0, 0.5, 0.0)) == (
        found.mean,
        found.seed_variance,
        found.example_variance,
        found.residual_variance,
    )
    assert pytest.approx(np.sqrt(2 / 2 + 0.5 / 2)) == found.se


def test_seed_and_example_variance_are_kept_apart() -> None:
    rng = np.random.default_rng(1)
    found = [
        over_seeds(0.5 + 0.2 * rng.normal(size=(8, 1)) + 0.4 * rng.normal(size=200) + 0.3 * rng.normal(size=(8, 200)))
        for _ in range(300)
    ]

    assert pytest.approx(0.04, rel=0.1) == np.mean([f.seed_variance for f in found])
    assert pytest.approx(0.16, rel=0.05) == np.mean([f.example_variance for f in found])
    assert pytest.approx(0.09, rel=0.05) == np.mean([f.residual_variance for f in found])
    assert pytest.approx(np.std([f.mean for f in found]), rel=0.12) == np.mean([f.se for f in found])


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_one_seed_or_one_example_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 2 seeds"):
        over_seeds(np.zeros(shape))
