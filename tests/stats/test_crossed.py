"""Two ways of clusters: the two-way error beside its textbook form, and what it falls back to."""

import numpy as np
import pytest

from shipworthy.data._repeats import cross
from shipworthy.stats.clustered import cluster_means
from shipworthy.stats.crossed import crossed_means, design_effect


def _grid(users: int = 30, documents: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    user, document = np.repeat(np.arange(users), documents), np.tile(np.arange(documents), users)
    values = rng.normal(size=users)[user] + rng.normal(size=documents)[document] + rng.normal(size=len(user))
    return values, user, document


def test_the_variance_is_that_of_either_way_less_that_of_their_cells() -> None:
    values, user, document = _grid()
    first, second, cells = (cluster_means(values, codes).se_SM for codes in (user, document, user * 40 + document))

    found = crossed_means(values, (user, document))

    assert pytest.approx(np.sqrt(first**2 + second**2 - cells**2)) == found.se_SM
    assert (30, 30.0) == (found.clusters_S[0], found.effective_S[0])


@pytest.mark.parametrize("which", [0, 1])
def test_a_way_within_the_other_adds_nothing(which: int) -> None:
    values, user, document = _grid()
    ways = [user, user * 40 + document]

    found = crossed_means(values, (ways[which], ways[1 - which]))

    assert pytest.approx(cluster_means(values, user).se_SM) == found.se_SM


def test_it_is_never_surer_than_either_way_alone() -> None:
    rng = np.random.default_rng(8)
    _, user, document = _grid()
    for _ in range(20):
        values = rng.normal(size=len(user))
        alone = [cluster_means(values, codes).se_SM[0, 0] for codes in (user, document)]

        assert max(alone) <= crossed_means(values, (user, document)).se_SM[0, 0] * (1 + 1e-12)


def test_each_slice_is_estimated_as_if_it_stood_alone_and_row_order_does_not_matter() -> None:
    values, user, document = _grid()
    slices = user % 2
    order = np.random.default_rng(1).permutation(len(values))
    found = crossed_means(values, (user, document), slices_N=slices, n_slices=2)
    moved = crossed_means(values[order], (user[order], document[order]), slices_N=slices[order], n_slices=2)

    for code in (0, 1):
        part = slices == code
        alone = crossed_means(values[part], (user[part], document[part]))
        for name in ("mean_SM", "se_SM", "skew_SM", "least_SM", "most_SM", "worth_SM"):
            assert pytest.approx(getattr(alone, name)[0]) == getattr(found, name)[code]
            assert pytest.approx(getattr(moved, name)[code]) == getattr(found, name)[code]


def test_one_cluster_in_a_way_gives_no_error_and_nothing_that_varies_gives_none() -> None:
    values, user, document = _grid()

    assert np.isnan(crossed_means(values, (user, np.zeros_like(user))).se_SM[0, 0])
    still = crossed_means(np.ones(len(values)), (user, document))
    assert (0.0, 30.0) == (still.se_SM[0, 0], still.worth_SM[0, 0])


def test_the_design_effect_counts_both_ways() -> None:
    values, user, document = _grid()

    assert design_effect(values, user, document) > max(design_effect(values, user), design_effect(values, document))


def test_three_ways_are_refused() -> None:
    values, user, document = _grid()

    with pytest.raises(ValueError, match="one or two ways"):
        crossed_means(values, (user, document, user))


def test_crossed_codes_are_not_joined_into_one_cluster_and_nested_ones_leave_the_coarser() -> None:
    _, user, document = _grid()
    own = np.arange(len(user))

    both = cross(own, user, document)
    nested = cross(own, own // 4, user)

    assert both.crossed_N is not None
    assert (30, 40, 30) == (len(np.unique(both.code_N)), len(np.unique(both.crossed_N)), both.count)
    assert (None, 30) == (nested.crossed_N, len(np.unique(nested.code_N)))


def test_the_same_input_in_other_clusters_of_both_ways_joins_the_way_that_stays_larger() -> None:
    user, document = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 2, 0, 1, 3])
    asked = np.array([0, 1, 2, 3, 4, 0])  # user 0 on document 0 as user 2 on document 3

    found = cross(asked, user, document)

    assert found.crossed_N is not None and found.repeats == 1
    assert found.crossed_N[0] == found.crossed_N[5] and len(np.unique(found.code_N)) == 3
