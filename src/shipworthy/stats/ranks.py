"""Ranks of a column, equal values sharing theirs."""

import numpy as np

from shipworthy.stats._types import Floats


def ranks(values_N: Floats) -> Floats:
    """(N,) mid-ranks from 1 to N; equal values share the mean of theirs."""
    _, code, count = np.unique(values_N, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[code.reshape(-1)])
