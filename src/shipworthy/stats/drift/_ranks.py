"""Is a score higher on the current side? The area under the curve."""

import math

import numpy as np
from scipy.special import ndtr

from shipworthy.stats._types import Floats, Ints
from shipworthy.stats.ranks import ranks


def auc(reference_N: Floats, current_M: Floats) -> tuple[float, float]:
    """(area, one-sided p of "not above a half"): Mann and Whitney's test with ties, normal approximation.

    Source: Mann & Whitney 1947; Lehmann 1975, section 1.3 on ties.
    """
    n, m = len(reference_N), len(current_M)
    r = ranks(np.concatenate([reference_N, current_M]))
    area = (float(r[n:].sum()) - m * (m + 1) / 2) / (n * m)
    variance = float(r.var()) / ((n + m - 1) * n * m)  # of the area, rows dealt out at random
    return area, float(ndtr(-(area - 0.5) / math.sqrt(variance))) if variance > 0 else 1.0


def halves(n: int, *, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Two random halves of 0..n-1."""
    order = rng.permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])
