"""Do gaps follow difficulty: does the other model score otherwise where this one has no row?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, stdtr

from shipworthy.stats._types import Floats
from shipworthy.stats.ranks import ranks

UNLIKELY = 0.01
"""Two-sided p below which gaps are called uneven; random ones are called so in about one of a hundred."""
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Unevenness:
    """Mean score of the other model where rows lack and where they do not, and the two-sided p of no difference."""

    lacking: float
    there: float
    p: float

    @property
    def uneven(self) -> bool:
        return self.p < UNLIKELY


def unevenness(
    other_N: Floats, lacks_N: NDArray[np.bool_], clusters_N: NDArray[np.int64] | None = None
) -> Unevenness | None:
    """The other model's scores (N,) on the rows that it has; `lacks_N`: this model has none there.

    Fisher's exact test for two values, a rank-sum test for scores, and with clusters the difference of two means with
    a cluster-robust error (rows of one document are lost together). None where no row lacks, or all do.

    Source: Fisher 1935; Wilcoxon 1945 with ties after Lehmann 1975; Liang & Zeger 1986.
    """
    lacks_N = np.asarray(lacks_N, dtype=np.bool_)
    if not lacks_N.any() or lacks_N.all():
        return None
    lacking, there = float(other_N[lacks_N].mean()), float(other_N[~lacks_N].mean())
    if float(other_N.min()) == float(other_N.max()):
        p = 1.0
    elif clusters_N is not None:
        p = _clustered(other_N, lacks_N, clusters_N)
    elif len(np.unique(other_N)) == 2:
        high_N = other_N == other_N.max()
        p = fisher(int((high_N & lacks_N).sum()), int(lacks_N.sum()), int(high_N.sum()), len(other_N))
    else:
        p = _rank_sum(other_N, lacks_N)
    return Unevenness(lacking=lacking, there=there, p=p)


def fisher(both: int, first: int, second: int, n: int) -> float:
    """Two-sided p of Fisher's exact test: of n rows `first` lack and `second` are right, `both` are both.

    Two-sided: every table no likelier than the one seen. Source: Fisher 1935.
    """
    k = np.arange(max(0, first + second - n), min(first, second) + 1)
    logs = _choose(second, k) + _choose(n - second, first - k) - _choose(n, np.array(first))
    seen = logs[both - int(k[0])]
    return float(min(1.0, np.exp(logs[logs <= seen + _TINY]).sum()))


def _choose(n: int, k: NDArray[np.int64]) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _rank_sum(other_N: Floats, lacks_N: NDArray[np.bool_]) -> float:
    size = np.unique(other_N, return_counts=True)[1]
    ranks_N = ranks(other_N)
    n, few = len(other_N), int(lacks_N.sum())
    expected = few * (n + 1) / 2
    ties = float((size**3 - size).sum()) / (n * (n - 1))
    variance = few * (n - few) / 12 * (n + 1 - ties)
    z = (float(ranks_N[lacks_N].sum()) - expected) / np.sqrt(variance)
    return float(2 * ndtr(-abs(z)))


def _clustered(other_N: Floats, lacks_N: NDArray[np.bool_], clusters_N: NDArray[np.int64]) -> float:
    influence_N = np.zeros(len(other_N))
    parts = [lacks_N, ~lacks_N]
    means = [float(other_N[part].mean()) for part in parts]
    for sign, part, mean in zip((1.0, -1.0), parts, means, strict=True):
        influence_N[part] = sign * (other_N[part] - mean) / part.sum()
    _, code = np.unique(clusters_N, return_inverse=True)
    code = code.reshape(-1)
    groups = min(len(np.unique(code[part])) for part in parts)
    totals_G = np.bincount(code, weights=influence_N)
    error = float(np.sqrt((totals_G**2).sum() * len(totals_G) / max(len(totals_G) - 1, 1)))
    if groups < 2 or error == 0:
        return 1.0
    return float(2 * stdtr(groups - 1, -abs(means[0] - means[1]) / error))
