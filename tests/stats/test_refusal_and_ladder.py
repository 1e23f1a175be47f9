"""When not to judge, and how to look twice at a sealed set."""

import numpy as np
import pytest
from scipy import stats

from shipworthy.stats.ladder import announce, noise_step, widened_alpha
from shipworthy.stats.refusal import few_clusters, skewness, too_skewed


def test_nineteen_clusters_are_refused_with_the_reason() -> None:
    assert few_clusters(20) is None
    assert "19 clusters are too few for an interval: at least 20 are needed" == few_clusters(19)


def test_skewness_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).exponential(size=60)

    assert pytest.approx(stats.skew(values)) == skewness(values)
    assert 0.0 == skewness(np.full(5, 0.1))


def test_a_small_skewed_sample_is_refused_and_a_large_one_is_not() -> None:
    values = np.zeros(50)
    values[0] = -1.0

    assert "n=50 is below 100" in str(too_skewed(values))
    assert too_skewed(np.tile(values, 2)) is None
    assert too_skewed(np.random.default_rng(2).normal(size=50)) is None


def test_the_ladder_repeats_the_best_until_it_is_beaten_by_a_step() -> None:
    told: list[float] = []
    for score in (0.701, 0.705, 0.69, 0.724, 0.731):
        told.append(announce(told[-1] if told else None, score, step=0.01))

    assert pytest.approx([0.70, 0.70, 0.70, 0.72, 0.73]) == told


def test_the_parameter_free_step_is_the_paired_standard_error() -> None:
    best, new = np.array([1.0, 0.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0, 0.0])

    assert pytest.approx(0.25) == noise_step(best, new)


def test_the_ladder_resists_a_random_search() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 2000)
    best: float | None = None
    for _ in range(300):
        best = announce(best, float(np.mean(rng.integers(0, 2, 2000) == truth)), step=0.02)

    assert best is not None
    assert abs(best - 0.5) <= 0.04


def test_three_looks_at_a_verdict_share_alpha_among_twenty_one_questions() -> None:
    assert pytest.approx(0.05 / 21) == widened_alpha(0.05, 3)
    assert pytest.approx(0.05 / 3) == widened_alpha(0.05, 3, answers=1)
    assert 0.05 == widened_alpha(0.05, 1)


def test_a_step_or_a_look_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="step"):
        announce(None, 0.5, step=0.0)
    with pytest.raises(ValueError, match="look"):
        widened_alpha(0.05, 0)


def test_clusters_that_weigh_like_less_than_half_of_their_number_need_a_hundred() -> None:
    assert "weigh like 30.0 of one size: at least 100 are needed" in (few_clusters(655, 30.0) or "")
    assert few_clusters(655, 100.0) is None
    assert few_clusters(45, 30.0) is None
