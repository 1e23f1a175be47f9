"""Agreement of raters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.stats.agreement import cohen_kappa, confusion, fleiss_kappa, majority


def test_cohens_kappa_by_hand():
    table = np.array([[20.0, 5.0], [10.0, 15.0]])  # agree .70; by chance .5 * .6 + .5 * .4 = .50

    assert 0.4 == pytest.approx(cohen_kappa(table))


def test_weighted_kappa_equals_statsmodels():
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    table = np.random.default_rng(1).integers(1, 30, (4, 4)).astype(float)

    for power, wt in ((0, None), (1, "linear"), (2, "quadratic")):
        theirs = inter_rater.cohens_kappa(table, wt=wt, return_results=False)

        assert theirs == pytest.approx(cohen_kappa(table, power=power))


def test_fleiss_kappa_equals_his_own_example():
    votes = np.array([
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ], dtype=float)  # fmt: skip

    assert 0.210 == pytest.approx(fleiss_kappa(votes), abs=5e-4)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_a_rater_agrees_fully_with_himself(labels):
    assert 1.0 == pytest.approx(cohen_kappa(confusion(labels, labels)))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30))
def test_kappa_does_not_depend_on_who_is_first(pairs):
    one, other = zip(*pairs, strict=True)

    assert cohen_kappa(confusion(one, other)) == pytest.approx(cohen_kappa(confusion(other, one)))


def test_independent_raters_have_no_agreement_beyond_chance():
    rng = np.random.default_rng(2)
    one, other = rng.integers(0, 3, 20_000), rng.integers(0, 3, 20_000)

    assert abs(cohen_kappa(confusion(one.tolist(), other.tolist()))) < 0.02


def test_a_majority_needs_a_lead():
    assert "a" == majority(["a", "b", "a"])
    assert majority(["a", "b"]) is None
    assert majority([]) is None


def test_tables_that_are_none_are_refused():
    with pytest.raises(ValueError, match="same items"):
        confusion(["a"], [])
    with pytest.raises(ValueError, match="square"):
        cohen_kappa(np.ones((2, 3)))
    with pytest.raises(ValueError, match="same number of votes"):
        fleiss_kappa(np.array([[2.0, 1.0], [1.0, 1.0]]))
