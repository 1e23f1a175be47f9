"""Adjusted p-values against statsmodels, and the hierarchy."""

import gc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.multitest import multipletests

from shipworthy.stats.multiplicity import benjamini_hochberg, hierarchical_holm, holm, matrix_holm, simes


@pytest.fixture(scope="module", autouse=True)
def _little_garbage() -> Iterator[None]:
    """statsmodels collects garbage at every call; what is frozen is not walked."""
    gc.freeze()
    yield
    gc.unfreeze()


families = arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1))


@given(families)
def test_holm_and_bh_agree_with_statsmodels(p: np.ndarray) -> None:
    assert pytest.approx(multipletests(p, method="holm")[1]) == holm(p)
    assert pytest.approx(multipletests(p, method="fdr_bh")[1]) == benjamini_hochberg(p)


@given(families)
def test_simes_is_the_smallest_bh_value_and_never_worse_than_bonferroni(p: np.ndarray) -> None:
    assert pytest.approx(benjamini_hochberg(p).min()) == min(1.0, float(simes(p)))
    assert float(simes(p)) <= len(p) * p.min() + 1e-12


def test_families_on_leading_axes_are_adjusted_apart() -> None:
    p = np.random.default_rng(1).random((4, 3, 7))

    assert pytest.approx(holm(p[2, 1])) == holm(p)[2, 1]
    assert pytest.approx(benjamini_hochberg(p[3, 0])) == benjamini_hochberg(p)[3, 0]
    assert (4, 3) == simes(p).shape


def test_the_hierarchy_gives_each_family_half_of_alpha() -> None:
    found = hierarchical_holm([0.01, 0.5], np.full(10, 0.004))

    assert pytest.approx([0.04, 1.0]) == found.overall
    assert pytest.approx(np.full(10, 0.08)) == found.cells


def test_without_slices_the_overall_gates_have_all_of_alpha() -> None:
    found = hierarchical_holm([0.01, 0.5], [])

    assert pytest.approx([0.02, 0.5]) == found.overall
    assert (0,) == found.cells.shape


def test_only_registered_pairs_count_in_a_comparison_matrix() -> None:
    p = np.array([[0.01, 0.02], [0.03, 0.04]])
    adjusted = matrix_holm(p, [[True, False], [True, False]])

    assert pytest.approx([0.02, 0.03]) == adjusted[:, 0]
    assert bool(np.isnan(adjusted[:, 1]).all())
    assert pytest.approx(holm(p.ravel())) == matrix_holm(p).ravel()


@pytest.mark.parametrize("p", [[-0.1], [1.1], [float("nan")]])
def test_what_is_no_p_value_is_refused(p: list[float]) -> None:
    with pytest.raises(ValueError, match="p-values"):
        holm(p)
