"""Array types and the normal quantile that every module here shares."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def upper_z(alpha: float) -> float:
    """The normal quantile that leaves `alpha` above it; ValueError outside (0, .5]."""
    if not 0 < alpha <= 0.5:
        raise ValueError(f"alpha is one-sided and lies in (0, .5], got {alpha}")
    return -float(ndtri(alpha))


def floats(*values: ArrayLike) -> tuple[Floats, ...]:
    """The values as float arrays of one common shape."""
    return tuple(np.array(a, dtype=np.float64) for a in np.broadcast_arrays(*values))
