"""Many gates at once: adjusted p-values, so that more metrics and slices do not mean more false alarms.

Everything works along the last axis; leading axes are independent families (or simulations). An adjusted p is compared
with the family's alpha.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from shipworthy.stats._types import Bools, Floats, Ints


class Adjusted(NamedTuple):
    """Adjusted p-values of the overall gates and of the slice cells, both comparable with the whole alpha."""

    overall: Floats
    cells: Floats


def holm(p: ArrayLike) -> Floats:
    """Holm's adjusted p: the chance of any false rejection stays below alpha under any dependence.

    Source: Holm 1979.
    """
    p_, order = _sorted(p)
    m = p_.shape[-1]
    return _unsorted(np.minimum(np.maximum.accumulate(p_ * (m - np.arange(m)), axis=-1), 1.0), order)


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """BH adjusted p (q-value): the expected share of false rejections stays below the level.

    Source: Benjamini & Hochberg 1995; holds for positively dependent tests (Benjamini & Yekutieli 2001).
    """
    p_, order = _sorted(p)
    m = p_.shape[-1]
    scaled = p_ * m / np.arange(1, m + 1)
    return _unsorted(np.minimum(np.minimum.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1], 1.0), order)


def simes(p: ArrayLike) -> Floats:
    """One p for "none of these is real" along the last axis, sharper than Bonferroni. Source: Simes 1986."""
    p_, _ = _sorted(p)
    m = p_.shape[-1]
    return np.asarray((p_ * m / np.arange(1, m + 1)).min(axis=-1))


def hierarchical_holm(overall: ArrayLike, cells: ArrayLike) -> Adjusted:
    """Holm in two families with half of alpha each: the overall gates, and all slice cells (metric x slice).

    A loss of every slice is seen in the few overall gates and need not fight the many cells. Without cells (or without
    overall gates) the other family has all of alpha. Chance of any false block <= alpha under any dependence.

    Args: overall: (..., M) p-values. cells: (..., C) p-values, flattened over metric and slice.
    Source: Holm 1979 in a Bonferroni-split; Dmitrienko & Tamhane 2007 on gatekeeping.
    """
    overall_, cells_ = np.asarray(overall, dtype=np.float64), np.asarray(cells, dtype=np.float64)
    share = 2.0 if overall_.shape[-1] and cells_.shape[-1] else 1.0
    return Adjusted(np.minimum(share * holm(overall_), 1.0), np.minimum(share * holm(cells_), 1.0))


def matrix_holm(p_CB: ArrayLike, registered_CB: ArrayLike | None = None) -> Floats:
    """Holm over a comparison matrix (candidates x baselines) as one family; pairs that nobody registered are NaN.

    Args: registered_CB: which pairs were declared before results were seen; None: all of them.
    """
    p = np.asarray(p_CB, dtype=np.float64)
    chosen: Bools = np.ones(p.shape, np.bool_) if registered_CB is None else np.asarray(registered_CB, np.bool_)
    adjusted = np.full(p.shape, np.nan)
    adjusted[chosen] = holm(p[chosen])
    return adjusted


def _sorted(p: ArrayLike) -> tuple[Floats, Ints]:
    p_ = np.asarray(p, dtype=np.float64)
    if not bool(np.all((p_ >= 0) & (p_ <= 1))):  # refuses NaN too
        raise ValueError("p-values lie in [0, 1]")
    order = np.argsort(p_, axis=-1, kind="stable")
    return np.take_along_axis(p_, order, axis=-1), order


def _unsorted(values: Floats, order: Ints) -> Floats:
    out = np.empty_like(values)
    np.put_along_axis(out, order, values, axis=-1)
    return out
