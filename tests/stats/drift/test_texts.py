"""Words, embeddings and classifiers: they find what was planted, and only that."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import cKDTree

from shipworthy.stats.drift._draws import label_draws
from shipworthy.stats.drift._ranks import auc
from shipworthy.stats.drift._words import presence
from shipworthy.stats.drift.classifier import row_classifier, text_classifier
from shipworthy.stats.drift.embedding import _nearest, mmd, novelty
from shipworthy.stats.drift.vocabulary import vocabulary
from shipworthy.stats.ranks import ranks

RNG = np.random.default_rng
SUBJECTS = ["invoice", "parcel", "refund", "address", "password", "delivery"]


def _letters(rng: np.random.Generator, n: int, *, new: float = 0.0) -> list[str]:
    words = rng.choice(SUBJECTS, (n, 3))
    crypto = rng.random(n) < new
    return [f"Where is my {' '.join(row)}{' wallet' * bool(extra)}?" for row, extra in zip(words, crypto, strict=True)]


def test_a_new_word_in_a_tenth_of_the_documents_is_found_and_named() -> None:
    rng = RNG(0)
    found = vocabulary(_letters(rng, 300), _letters(rng, 300, new=0.1), rng=rng)

    assert found.p is not None and found.p <= 0.002
    assert found.because.startswith("'wallet' in ")


def test_a_document_that_repeats_its_words_counts_each_once() -> None:
    rng = RNG(1)
    left, right = _letters(rng, 100), _letters(rng, 100)

    once = vocabulary(left, right, rng=RNG(2))

    assert once == vocabulary(left, [text + " " + text for text in right], rng=RNG(2))


def test_documents_without_a_shared_word_are_not_judged() -> None:
    found = vocabulary([f"a{i}" for i in range(50)], [f"b{i}" for i in range(50)], rng=RNG(0))

    assert found.p is None
    assert ["no_shared_words"] == [warning.code for warning in found.warnings]


def test_a_text_classifier_sees_a_new_word() -> None:
    rng = RNG(3)
    found = text_classifier(_letters(rng, 400), _letters(rng, 400, new=0.4), rng=rng)

    assert found.effect.value == pytest.approx(0.7, abs=0.06)
    assert found.p is not None and found.p < 1e-4
    assert "'wallet'" in found.because


def test_a_row_classifier_sees_a_relation_that_no_single_column_shows() -> None:
    rng = RNG(4)
    tied = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 500)
    found = row_classifier(rng.normal(size=(500, 2)), tied, rng=rng)

    assert found.effect.value > 0.65
    assert found.p is not None and found.p < 1e-4


def test_mmd_sees_a_shift_of_the_cloud_and_swapping_the_sides_keeps_it() -> None:
    rng = RNG(5)
    left, right = rng.normal(size=(200, 6)), rng.normal(0.4, 1, size=(200, 6))

    found = mmd(left, right, rng=RNG(0))

    assert found.p is not None and found.p <= 0.002
    assert found.statistic == pytest.approx(mmd(right, left, rng=RNG(0)).statistic, abs=1e-5)


def test_mmd_agrees_with_its_definition() -> None:
    rng = RNG(6)
    left, right = rng.normal(size=(25, 2)), rng.normal(1, 1, size=(25, 2))
    both = np.concatenate([left, right])
    squared = ((both[:, None] - both[None]) ** 2).sum(-1)
    kernel = np.exp(-squared / np.median(squared[np.triu_indices(50, 1)]))
    off = ~np.eye(25, dtype=bool)
    by_hand = kernel[:25, :25][off].mean() + kernel[25:, 25:][off].mean() - 2 * kernel[:25, 25:].mean()

    assert by_hand == pytest.approx(mmd(left, right, rng=rng).statistic, abs=1e-5)


def test_novelty_sees_a_tenth_of_points_far_out() -> None:
    rng = RNG(7)
    current = rng.normal(size=(300, 5))
    current[:30] += 8

    found = novelty(rng.normal(size=(300, 5)), current, rng=rng)

    assert found.p is not None and found.p <= 0.005
    assert found.effect.value >= 0.08


def test_novelty_is_one_sided_a_narrower_cloud_is_not_new() -> None:
    rng = RNG(8)
    found = novelty(rng.normal(size=(300, 5)), 0.3 * rng.normal(size=(300, 5)), rng=rng)

    assert found.p is not None and found.p > 0.5


def test_distances_to_the_nearest_point_are_a_trees_even_far_from_the_origin() -> None:
    rng = RNG(10)
    points, there = rng.normal(1e4, 1, (700, 5)), rng.normal(1e4, 1, (300, 5))

    assert cKDTree(there).query(points)[0] == pytest.approx(_nearest(points, there), rel=1e-6)


def test_rows_are_dealt_out_with_both_margins_kept_and_none_preferred() -> None:
    labels = label_draws(6, 4, rng=RNG(11), n_draws=20_000)

    assert {4.0} == set(labels.sum(axis=1).tolist())
    assert labels.mean(axis=0) == pytest.approx(np.full(10, 0.4), abs=4 * (0.24 / 20_000) ** 0.5)
    assert 210 == len(np.unique(labels, axis=0))  # every way to choose 4 of 10


def test_a_word_is_held_by_the_documents_it_stands_in() -> None:
    documents = ["Red green", "red RED", "blue", "red blue", "red", "red", "rare blue", "blue blue", "blue"]

    words, held = presence(documents)

    assert ["blue", "red"] == words
    assert [[0, 1], [0, 1], [1, 0], [1, 1], [0, 1], [0, 1], [1, 0], [1, 0], [1, 0]] == held.tolist()


def test_ranks_and_area_agree_with_scipy() -> None:
    rng = RNG(9)
    left, right = rng.integers(0, 9, 60).astype(float), rng.integers(1, 10, 80).astype(float)
    oracle = stats.mannwhitneyu(right, left, alternative="greater", method="asymptotic", use_continuity=False)

    area, p = auc(left, right)

    assert stats.rankdata(left).tolist() == ranks(left).tolist()
    assert (oracle.statistic / 4_800, oracle.pvalue) == pytest.approx((area, p))


@pytest.mark.parametrize("test", [mmd, novelty, row_classifier])
def test_arrays_of_different_width_or_with_nan_are_refused(test) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="one D"):
        test(np.zeros((50, 3)), np.zeros((50, 4)), rng=RNG(0))
    with pytest.raises(ValueError, match="finite"):
        test(np.full((50, 3), np.nan), np.zeros((50, 3)), rng=RNG(0))


@pytest.mark.parametrize("test", [mmd, novelty, row_classifier])
def test_clouds_of_one_point_did_not_change(test) -> None:  # type: ignore[no-untyped-def]
    found = test(np.ones((60, 3)), np.ones((60, 3)), rng=RNG(0))

    assert found.p > 0.05
