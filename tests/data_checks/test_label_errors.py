"""Doubtful labels beside cleanlab: on its published probabilities always, and live where the package is installed."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shipworthy.data.training._label_errors import doubtful

Floats = NDArray[np.float64]
CONFIDENT_JOINT = [[9_774, 587], [489, 9_682]]
"""cleanlab 2.9.0 on the published probabilities: compute_confident_joint(labels, probabilities, calibrate=False)."""


def published(shared_data: Path) -> tuple[Floats, NDArray[Any]]:
    """(25000, 2) probabilities of the IMDB test reviews that cleanlab's authors published, and the given labels."""
    with (shared_data / "cleanlab_imdb_probs" / "probs_labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    positive_N = np.array([float(row["p1"]) for row in rows])
    return np.column_stack([1 - positive_N, positive_N]), np.array([int(row["label"]) for row in rows])


def noisy(n: int = 3_000, classes: int = 5) -> tuple[Floats, NDArray[Any]]:
    """Probabilities of a classifier that is right more often than not, and labels of which a tenth is wrong."""
    rng = np.random.default_rng(7)
    truth_N = rng.integers(classes, size=n)
    score_NC = rng.normal(size=(n, classes)) + 2.5 * np.eye(classes)[truth_N]
    probability_NC = np.exp(score_NC) / np.exp(score_NC).sum(axis=1, keepdims=True)
    given_N = np.where(rng.random(n) < 0.1, rng.integers(classes, size=n), truth_N)
    return probability_NC, given_N


def test_a_hand_worked_joint_has_one_row_off_its_diagonal() -> None:
    """Mean confidence is .7 in class 0 and .6 in class 1; row 3 is labelled 1 and .8 sure of class 0."""
    probability_NC = np.array([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    (found,) = doubtful(probability_NC, np.array([0, 0, 1, 1, 1]), margin=0.3)

    assert (3, 0, 0.8) == (found.row, found.suggested, found.confidence)
    assert [] == doubtful(probability_NC, np.array([0, 0, 1, 1, 1]), margin=0.7)


def test_on_the_published_probabilities_the_confident_joint_is_cleanlabs(shared_data: Path) -> None:
    probability_NC, label_N = published(shared_data)
    found = doubtful(probability_NC, label_N, margin=0.0)
    off_C = [sum(label_N[issue.row] == c for issue in found) for c in (0, 1)]

    assert [CONFIDENT_JOINT[0][1], CONFIDENT_JOINT[1][0]] == off_C


def test_scaled_to_the_labels_given_it_foretells_as_many_errors_as_were_sent_to_reviewers(shared_data: Path) -> None:
    """The authors had 1,310 of 25,000 reviewed; the share off the diagonal of each class, times its rows, is 1,309."""
    review = json.loads((shared_data / "cleanlab_imdb_probs" / "mturk_label_review.json").read_text(encoding="utf-8"))
    probability_NC, label_N = published(shared_data)
    found = doubtful(probability_NC, label_N, margin=0.0)
    expected = 0.0
    for c, joint in enumerate(CONFIDENT_JOINT):
        off = sum(label_N[issue.row] == c for issue in found)
        expected += 12_500 * off / (off + joint[c])

    assert 1_310 == len(review)
    assert abs(len(review) - expected) < 1


def test_the_margin_takes_nothing_away_where_both_classes_are_well_known(shared_data: Path) -> None:
    probability_NC, label_N = published(shared_data)

    assert doubtful(probability_NC, label_N, margin=0.0) == doubtful(probability_NC, label_N)


@pytest.mark.parametrize("origin", ["published", "noisy"])
def test_the_live_package_finds_the_same_rows(origin: str, request: pytest.FixtureRequest) -> None:
    filter = pytest.importorskip("cleanlab.filter")
    probability_NC, label_N = noisy() if origin == "noisy" else published(request.getfixturevalue("shared_data"))
    theirs = filter.find_label_issues(label_N, probability_NC, filter_by="confident_learning")
    ours = {issue.row for issue in doubtful(probability_NC, label_N, margin=0.0)}

    assert set(np.flatnonzero(theirs)) == ours
    assert {issue.row for issue in doubtful(probability_NC, label_N)} <= ours


def test_most_of_the_doubtful_labels_of_a_noisy_set_are_wrong() -> None:
    probability_NC, given_N = noisy()
    truth_N = np.random.default_rng(7).integers(5, size=len(given_N))
    wrong_N = truth_N != given_N
    found = [issue.row for issue in doubtful(probability_NC, given_N)]

    assert 0.75 <= wrong_N[found].mean()
    assert 0.6 <= wrong_N[found].sum() / wrong_N.sum()
