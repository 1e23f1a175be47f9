"""Tests without a distribution to believe in: McNemar exact and mid-p, and the paired sign-flip permutation."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, gammaln

from shipworthy.stats._types import Floats, floats

_EXACT_UNITS = 16  # 65,536 sign patterns
_CHUNK = 1 << 20


class PValues(NamedTuple):
    """One-sided p of "not worse" and of "not better", and the two-sided one."""

    worse: Floats
    better: Floats
    two_sided: Floats


def mcnemar_exact(b: ArrayLike, c: ArrayLike) -> PValues:
    """McNemar's exact test: of b + c discordant pairs, b (baseline only right) is binomial(1/2) under no difference.

    Never exceeds its level; p = 1 without a discordant pair. Source: McNemar 1947.
    """
    b_, c_ = floats(b, c)
    worse, better = _tail(b_, b_ + c_), _tail(c_, b_ + c_)
    return PValues(worse, better, np.minimum(1.0, 2 * np.minimum(worse, better)))


def mcnemar_mid_p(b: ArrayLike, c: ArrayLike) -> PValues:
    """McNemar's test with half of the observed point's probability: close to its level, rarely above it.

    Use it for slice cells with few discordant pairs, where the exact test sleeps and the score test's tail is rough.
    Source: Lancaster 1961; Fagerland, Lydersen & Laake 2013.
    """
    b_, c_ = floats(b, c)
    half = 0.5 * _point(b_, b_ + c_)
    worse, better = _tail(b_, b_ + c_) - half, _tail(c_, b_ + c_) - half
    return PValues(worse, better, np.minimum(1.0, 2 * np.minimum(worse, better)))


def sign_flip(
    differences_N: ArrayLike,
    clusters_N: ArrayLike | None = None,
    *,
    rng: np.random.Generator | None = None,
    n_draws: int = 9999,
) -> PValues:
    """Paired permutation test of a zero mean difference: the sign of every cluster's total is flipped at random.

    All patterns are counted up to 16 clusters that are not zero; beyond, `n_draws` random ones and the observed.

    Raises: ValueError: a difference is not finite, or more than 16 clusters and no `rng`.
    Source: Fisher 1935; Dror et al. 2018 for language models; (r + 1) / (n + 1): Phipson & Smyth 2010.
    """
    totals_G = _totals(np.asarray(differences_N, dtype=np.float64), clusters_N)
    observed, slack = totals_G.sum(), 1e-9 * np.abs(totals_G).sum()
    if len(totals_G) <= _EXACT_UNITS:
        bits = np.arange(1 << len(totals_G))[:, None] >> np.arange(len(totals_G)) & 1
        flipped = (1.0 - 2.0 * bits) @ totals_G
        extra = 0
    elif rng is None:
        raise ValueError(f"{len(totals_G)} clusters are too many to count every pattern: give an rng")
    else:
        flipped, extra = _random_flips(totals_G, n_draws, rng), 1
    size = len(flipped) + extra
    worse = ((flipped <= observed + slack).sum() + extra) / size
    better = ((flipped >= observed - slack).sum() + extra) / size
    both = ((np.abs(flipped) >= abs(observed) - slack).sum() + extra) / size
    return PValues(np.asarray(worse), np.asarray(better), np.asarray(both))


def _tail(k: Floats, n: Floats) -> Floats:
    """P(X >= k), X ~ Binomial(n, 1/2)."""
    return np.asarray(np.where(k <= 0, 1.0, betainc(np.maximum(k, 1), n - k + 1, 0.5)))


def _point(k: Floats, n: Floats) -> Floats:
    return np.asarray(np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * np.log(2)))


def _totals(differences: Floats, clusters_N: ArrayLike | None) -> Floats:
    if differences.ndim != 1 or not np.isfinite(differences).all():
        raise ValueError("need one finite difference per example")
    if clusters_N is not None:
        _, code = np.unique(np.asarray(clusters_N), return_inverse=True)
        differences = np.bincount(code, weights=differences).astype(np.float64)
    return np.sort(differences[differences != 0])


def _random_flips(totals_G: Floats, n_draws: int, rng: np.random.Generator) -> Floats:
    step = max(1, _CHUNK // len(totals_G))
    pieces = []
    for start in range(0, n_draws, step):
        size = (min(step, n_draws - start), len(totals_G))
        pieces.append(totals_G.sum() - 2 * rng.integers(0, 2, size, dtype=np.int8).astype(np.float64) @ totals_G)
    return np.concatenate(pieces)
