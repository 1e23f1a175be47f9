"""One rate: Wilson, Clopper-Pearson and the standard error that harnesses print."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from shipworthy.stats.proportion import clopper_pearson, rate_p_at_least, rate_p_at_most, rate_sd, wilson


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (0, 20), (1, 7), (19, 20), (20, 20), (4321, 10000)])
def test_wilson_and_clopper_pearson_agree_with_scipy(successes: int, n: int) -> None:
    result = binomtest(successes, n)
    score, exact = result.proportion_ci(method="wilson"), result.proportion_ci(method="exact")

    assert pytest.approx([score.low, score.high], abs=1e-12) == np.ravel(wilson(successes, n, alpha=0.025))
    assert pytest.approx([exact.low, exact.high], abs=1e-9) == np.ravel(clopper_pearson(successes, n, alpha=0.025))


def test_wilson_reproduces_newcombes_published_example() -> None:
    low, high = wilson(81, 263, alpha=0.025)

    assert (0.2553, 0.3662) == (round(float(low), 4), round(float(high), 4))


def test_intervals_work_on_arrays_of_cells() -> None:
    low, high = wilson(np.array([[1, 2], [3, 4]]), 10)

    assert (2, 2) == low.shape == high.shape
    assert bool(np.all(low < high))


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson(3, 2)


@pytest.mark.parametrize("alpha", [0.0, 0.6, float("nan")])
def test_a_level_that_is_not_one_sided_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="one-sided"):
        wilson(1, 2, alpha=alpha)


def test_standard_errors_of_lm_eval_are_reproduced(shared_data: Path) -> None:
    checked = list(_pythia_rows(shared_data / "pythia_lmeval_results"))

    assert 84 == len(checked)  # 12 tasks in 7 files; the 63 rows usually quoted are 9 of these tasks
    assert [] == [row for row in checked if abs(row[2] - float(rate_sd(row[0], row[1]))) > 1e-12]


_ROWS = {
    "hendrycksTest-abstract_algebra": 100,
    "hendrycksTest-anatomy": 135,
    "hendrycksTest-astronomy": 152,
    "hendrycksTest-professional_psychology": 612,
    "lambada_openai": 5153,
    "piqa": 1838,
    "winogrande": 1267,
    "arc_easy": 2376,
    "arc_challenge": 1172,
    "sciq": 1000,
    "logiqa": 651,
    "wsc": 104,
}
"""Test-set sizes that the tasks publish."""


def _pythia_rows(folder: Path) -> list[tuple[float, int, float]]:
    tables = [json.loads(path.read_text())["results"] for path in sorted(folder.glob("*.json"))]
    return [
        (table[task]["acc"], n, table[task]["acc_stderr"])
        for table in tables
        for task, n in _ROWS.items()
        if task in table
    ]


@pytest.mark.parametrize(("successes", "n", "limit"), [(1, 22, 0.01), (0, 30, 0.1), (30, 30, 0.9), (7, 300, 0.05)])
def test_the_exact_p_of_a_rate_is_that_of_scipy(successes: int, n: int, limit: float) -> None:
    for found, side in ((rate_p_at_most, "greater"), (rate_p_at_least, "less")):
        expected = binomtest(successes, n, limit, alternative=side).pvalue

        assert pytest.approx(expected, abs=1e-12) == float(found(successes, n, limit))


def test_a_limit_that_no_rate_can_miss_or_reach_is_tested_without_a_warning() -> None:
    assert (1.0, 0.0) == (float(rate_p_at_most(0, 9, 0.0)), float(rate_p_at_most(1, 9, 0.0)))
    assert (1.0, 0.0) == (float(rate_p_at_least(9, 9, 1.0)), float(rate_p_at_least(8, 9, 1.2)))
