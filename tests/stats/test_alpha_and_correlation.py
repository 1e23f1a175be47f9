"""Krippendorff's alpha, kappa by value, and correlations in clusters: published, worked by hand, and by an oracle."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats

from shipworthy.stats.agreement import Level, cohen_kappa, confusion, krippendorff_alpha
from shipworthy.stats.correlation import Kind, correlation

_ = None
PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]
"""Krippendorff 2011, section C: four observers, twelve units, missing ratings."""


@pytest.mark.parametrize(
    ("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_equals_krippendorffs_own_example(level: Level, value: float) -> None:
    assert value == pytest.approx(krippendorff_alpha(PUBLISHED, level=level), abs=5e-4)


def test_alpha_by_hand() -> None:
    """Krippendorff 2011, section A: ten units, two observers, o01 = 4, n0 = 14, n1 = 6: 1 - 19 * 4 / (14 * 6)."""
    one, other = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]

    assert 1 - 19 * 4 / (14 * 6) == pytest.approx(krippendorff_alpha([one, other]))


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_equals_its_definition_pair_by_pair(level: Level) -> None:
    rng = np.random.default_rng(1)
    for _try in range(20):
        ratings = [[int(v) if rng.random() > 0.3 else None for v in rng.integers(1, 12, 15)] for _rater in range(4)]

        assert _oracle(ratings, level) == pytest.approx(krippendorff_alpha(ratings, level=level))


def _oracle(ratings: list[list[int | None]], level: str) -> float:
    units = [[v for v in unit if v is not None] for unit in zip(*ratings, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    pool = [v for unit in units for v in unit]

    def delta(a: int, b: int) -> float:
        if level == "nominal":
            return float(a != b)
        if level == "ordinal":
            low, high = sorted((a, b))
            return (
                float(sum(low <= v <= high for v in pool) - (pool.count(a) + pool.count(b)) / 2) ** 2 if a != b else 0
            )
        return float((a - b) ** 2) if level == "interval" else ((a - b) / (a + b)) ** 2

    seen = sum(sum(delta(a, b) for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units) / len(pool)
    chance = sum(delta(a, b) for a, b in permutations(pool, 2)) / (len(pool) * (len(pool) - 1))
    return 1 - seen / chance


@pytest.mark.parametrize(
    ("ratings", "level", "says"),
    [
        ([[1, None], [None, 2]], "nominal", "no item has two ratings"),
        ([[1, 2], [1]], "nominal", "each item"),
        ([["a"], ["b"]], "interval", "must be numbers, not 'a'"),
        ([[-1, 1], [2, 3]], "ratio", "never below zero"),
    ],
)
def test_alpha_refuses_what_it_cannot_say(ratings: Any, level: Level, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        krippendorff_alpha(ratings, level=level)


@pytest.mark.parametrize("power", [0, 1, 2])
def test_kappa_of_ordered_labels_equals_scikit_learn(power: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    human = rng.integers(1, 11, 500)
    judge = np.clip(human + rng.integers(-1, 2, 500), 1, 10)
    ours = cohen_kappa(confusion(judge.tolist(), human.tolist()), power=power)
    theirs = metrics.cohen_kappa_score(judge, human, weights={0: None, 1: "linear", 2: "quadratic"}[power])

    assert theirs == pytest.approx(ours)
    assert power < 2 or ours > 0.9


def test_a_label_that_nobody_used_leaves_its_gap() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    one, other = [1, 1, 2, 10, 10, 2], [1, 2, 2, 10, 2, 10]
    ours = cohen_kappa(confusion(one, other), power=2, values_C=[1, 2, 10])

    assert metrics.cohen_kappa_score(one, other, labels=range(1, 11), weights="quadratic") == pytest.approx(ours)


# --- Correlation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [("pearson", scipy_stats.pearsonr), ("spearman", scipy_stats.spearmanr), ("kendall", scipy_stats.kendalltau)],
)
def test_pooled_correlation_equals_scipy(kind: Kind, theirs: Any) -> None:
    rng = np.random.default_rng(3)
    one = rng.integers(0, 8, 700).astype(float)
    other = one + rng.normal(0, 3, 700).round()
    found = correlation(one, other, kind=kind)

    assert theirs(one, other).statistic == pytest.approx(found.value)
    assert found.low is not None and found.value is not None and found.high is not None
    assert found.low < found.value < found.high


@pytest.mark.parametrize("kind", ["pearson", "spearman", "kendall"])
def test_a_judge_that_only_knows_the_system_does_not_correlate_within(kind: Kind) -> None:
    rng = np.random.default_rng(4)
    system = np.repeat(np.arange(10), 60)
    human, judge = system + rng.normal(0, 1, 600), system + rng.normal(0, 1, 600)
    pooled = correlation(human, judge, kind=kind)
    within = correlation(human, judge, kind=kind, within_N=system.tolist())

    assert pooled.value is not None and pooled.value > 0.6
    assert within.low is not None and within.high is not None
    assert within.low < 0 < within.high


def test_kendall_within_counts_pairs_of_a_group() -> None:
    """Two groups: 1 of 1 pair concordant, 2 of 3 concordant and 1 discordant: (1 + 1) / 4."""
    found = correlation([1, 2, 1, 2, 3], [1, 2, 1, 3, 2], kind="kendall", within_N=["a", "a", "b", "b", "b"])

    assert 0.5 == pytest.approx(found.value)


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_rows_repeated_under_one_item_make_nothing_surer(kind: Kind) -> None:
    rng = np.random.default_rng(5)
    one = rng.normal(size=40)
    other = one + rng.normal(size=40)
    once = correlation(one, other, kind=kind)
    often = correlation(
        np.tile(one, 5),
        np.tile(other, 5),
        kind=kind,
        clusters_N=list(range(40)) * 5,
    )

    assert (once.low, once.high) == pytest.approx((often.low, often.high))
    assert (200, 40) == (often.n, often.clusters)


def test_the_interval_covers_where_items_are_clusters() -> None:
    """Five models an item, correlated within it; the true Pearson correlation is .5."""
    rng = np.random.default_rng(6)
    covered = 0
    for _try in range(300):
        item = rng.normal(size=(2, 60)) @ np.eye(60)
        human = np.repeat(item[0], 5) + rng.normal(size=300)
        judge = 0.5 * human + np.sqrt(0.75) * (np.repeat(item[1], 5) + rng.normal(size=300))
        found = correlation(human, judge, kind="pearson", clusters_N=np.repeat(np.arange(60), 5).tolist())
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.5 <= found.high

    assert covered >= 0.92 * 300


def test_a_side_that_does_not_vary_has_no_correlation() -> None:
    found = correlation([1.0] * 5, [1.0, 2, 3, 4, 5])

    assert (None, None, None) == (found.value, found.low, found.high)
