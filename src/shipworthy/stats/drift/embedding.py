"""Embeddings: is the cloud the same (MMD), and do current points lie where the reference never was (novelty)?"""

import numpy as np
from numpy.typing import ArrayLike

from shipworthy.records import Effect
from shipworthy.stats._types import Floats
from shipworthy.stats.drift import _power
from shipworthy.stats.drift._draws import DRAWS, label_draws, permutation_p, some, squarable
from shipworthy.stats.drift._ranks import halves
from shipworthy.stats.drift.types import MIN_ROWS, Measured, untested
from shipworthy.stats.ranks import ranks

_MMD_ROWS = 1_000
_NOVELTY_ROWS = 4_000
_AT_ONCE = 256
_TAIL = 0.95
_HEAVY = 0.8
_MMD, _MMD_EFFECT = "permutation_mmd", "share_of_kernel_variance"
_NOVELTY, _NOVELTY_EFFECT = "permutation_novelty", "excess_novel_share"


def mmd(reference_ND: ArrayLike, current_MD: ArrayLike, *, rng: np.random.Generator, n_draws: int = DRAWS) -> Measured:
    """Maximum mean discrepancy with a Gaussian kernel, its width the median distance of the pooled points.

    At most 1,000 rows a side, drawn at random; p by dealing the rows out at random. The effect is the unbiased MMD^2
    over the kernel's whole variance, 0 when the clouds agree.

    Raises: ValueError: not two (rows, D) arrays of finite numbers with one D.
    Source: Gretton et al. 2012, JMLR 13:723.
    """
    reference, current = _points(reference_ND, current_MD, _MMD_ROWS, rng)
    n, m = len(reference), len(current)
    if min(n, m) < MIN_ROWS:
        return untested(_MMD, _MMD_EFFECT, n, m)
    kernel = _kernel(np.concatenate([reference, current]))
    rows_N, total = kernel.sum(axis=1), float(kernel.sum())

    def statistic(labels_BN: np.ndarray) -> Floats:
        both = ((labels_BN @ kernel) * labels_BN).sum(axis=1).astype(np.float64)  # within current
        across = (labels_BN @ rows_N).astype(np.float64) - both
        within = total - both - 2 * across
        return np.asarray((both - m) / (m * (m - 1)) + (within - n) / (n * (n - 1)) - 2 * across / (n * m))

    labels = np.concatenate([np.zeros(n), np.ones(m)])[None].astype(np.float32)
    observed = float(statistic(labels)[0])
    null = statistic(label_draws(n, m, rng=rng, n_draws=_calibration(n_draws)))
    p = permutation_p(observed, lambda size: statistic(label_draws(n, m, rng=rng, n_draws=size)), n_draws=n_draws)
    spread = max(1e-12, 1 - (total - n - m) / ((n + m) * (n + m - 1)))
    return Measured(
        test=_MMD,
        statistic=observed,
        p=p,
        effect=Effect(name=_MMD_EFFECT, value=max(0.0, observed) / spread),
        detectable=float(np.quantile(null, _TAIL) + null.std()) / spread,
        n_reference=n,
        n_current=m,
        because=f"{max(0.0, observed) / spread:.1%} of the spread lies between the samples",
    )


def novelty(
    reference_ND: ArrayLike, current_MD: ArrayLike, *, rng: np.random.Generator, n_draws: int = DRAWS
) -> Measured:
    """Are current points farther from the reference than the reference from itself? One-sided.

    One random half of the reference is the map. The other half and the current points each get their distance to the
    nearest point of it, and are then exchangeable under the null, so rows are dealt out at random over the ranks above
    the 80th percentile. (Leave-one-out distances of the whole reference are not: they share their points.) The effect
    is the share of current points beyond the reference's own 95th percentile, less 5 %. At most 4,000 rows a side.

    Raises: ValueError: as `mmd`.
    Source: Henze 1988 and Schilling 1986 for nearest-neighbour tests of two samples.
    """
    reference, current = _points(reference_ND, current_MD, _NOVELTY_ROWS, rng)
    n, m = len(reference), len(current)
    if min(n // 2, m) < MIN_ROWS:
        return untested(_NOVELTY, _NOVELTY_EFFECT, n, m)
    left, right = halves(n, rng=rng)
    own, far = _nearest(reference[right], reference[left]), _nearest(current, reference[left])
    pooled = ranks(np.concatenate([own, far])) / (len(own) + m)
    heavy_N = np.maximum(0.0, pooled - _HEAVY)
    observed = float(heavy_N[len(own) :].sum())
    p = permutation_p(
        observed,
        lambda size: (label_draws(len(own), m, rng=rng, n_draws=size) @ heavy_N).astype(np.float64),
        n_draws=n_draws,
    )
    beyond = float((far > np.quantile(own, _TAIL)).mean())
    return Measured(
        test=_NOVELTY,
        statistic=beyond,
        p=p,
        effect=Effect(name=_NOVELTY_EFFECT, value=max(0.0, beyond - (1 - _TAIL))),
        detectable=_power.share(1 - _TAIL, len(own), m, sides=1),
        n_reference=n,
        n_current=m,
        because=f"{beyond:.1%} of the current points lie farther out than 95 % of the reference",
    )


def _points(
    reference: ArrayLike, current: ArrayLike, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    left, right = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
        raise ValueError(f"need two (rows, D) arrays with one D, got {left.shape} and {right.shape}")
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise ValueError("an embedding holds a value that is not finite")
    return squarable(some(left, most, rng=rng), some(right, most, rng=rng))


def _kernel(points_ND: Floats) -> np.ndarray:
    centred = points_ND - points_ND.mean(axis=0)
    norm_N = (centred**2).sum(axis=1)
    squared = centred @ (-2 * centred.T)
    squared += norm_N
    squared += norm_N[:, None]
    np.maximum(squared, 0.0, out=squared)
    np.fill_diagonal(squared, 0.0)
    zeros, pairs = len(squared), squared.size - len(squared)
    place = zeros + pairs // 2  # the diagonal comes first, then each pair twice
    middle = float(np.partition(squared, place, axis=None)[place])
    squared /= -(middle if middle > 0 else 1.0)
    kernel = squared.astype(np.float32)
    return np.asarray(np.exp(kernel, out=kernel))


def _nearest(points_MD: Floats, map_ND: Floats) -> Floats:
    """(M,) each point's distance to the nearest of the map's, a few points at a time so that they stay in the cache."""
    centre_D = map_ND.mean(axis=0)
    points, there = points_MD - centre_D, map_ND - centre_D
    twice, norm_N = -2 * there.T, (there**2).sum(axis=1)
    parts = [points[start : start + _AT_ONCE] for start in range(0, len(points), _AT_ONCE)]
    squared = np.concatenate([(part @ twice + norm_N).min(axis=1) for part in parts]) + (points**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(0.0, squared)))


def _calibration(n_draws: int) -> int:
    return min(100, n_draws)
