"""Embeddings: is the cloud the same (MMD), and do current points lie where the reference never was (novelty)?"""

import numpy as np
from numpy.typing import ArrayLike

from shipworthy.records import Effect
from shipworthy.stats._types import Floats, Ints
from shipworthy.stats.drift import _power
from shipworthy.stats.drift._draws import DRAWS, label_draws, permutation_p, some, squarable
from shipworthy.stats.drift._ranks import halves
from shipworthy.stats.drift._units import MIN_CLUSTERS, Clusters, Units, by_cluster, design_effect, gaps
from shipworthy.stats.drift.types import MIN_ROWS, Measured, untested
from shipworthy.stats.ranks import ranks

_MMD_ROWS = 1_000
_NOVELTY_ROWS = 4_000
_AT_ONCE = 256
_TAIL = 0.95
_HEAVY = 0.8
_MMD, _MMD_EFFECT = "permutation_mmd", "share_of_kernel_variance"
_NOVELTY, _NOVELTY_EFFECT = "permutation_novelty", "excess_novel_share"


def mmd(
    reference_ND: ArrayLike,
    current_MD: ArrayLike,
    *,
    rng: np.random.Generator,
    n_draws: int = DRAWS,
    clusters: Clusters | None = None,
) -> Measured:
    """Maximum mean discrepancy with a Gaussian kernel, its width the median distance of the pooled points.

    At most 1,000 rows a side, drawn at random; p by dealing the rows out at random. The effect is the unbiased MMD^2
    over the kernel's whole variance, 0 when the clouds agree. With `clusters` whole clusters are dealt out, and pairs
    of rows within one are left out of every mean.

    Raises: ValueError: not two (rows, D) arrays of finite numbers with one D.
    Source: Gretton et al. 2012, JMLR 13:723.
    """
    reference, current, within = _points((reference_ND, current_MD), clusters, _MMD_ROWS, rng)
    n, m = len(reference), len(current)
    if min(n, m) < MIN_ROWS:
        return untested(_MMD, _MMD_EFFECT, n, m)
    few = None if within is None else within.few()
    if few is not None:
        return untested(_MMD, _MMD_EFFECT, n, m, few)
    kernel = _kernel(np.concatenate([reference, current]))
    if within is not None:
        return _mmd_by_cluster(kernel, (n, m), within, rng, n_draws)
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
    return _cloud(observed, p, null, spread, (n, m))


def _mmd_by_cluster(
    kernel: np.ndarray, sizes: tuple[int, int], clusters: Clusters, rng: np.random.Generator, n_draws: int
) -> Measured:
    units = Units.of(clusters)
    own_N = np.unique(np.concatenate(clusters), return_inverse=True)[1]
    apart = own_N[:, None] != own_N[None]
    sums_UU = units.sums(units.sums(kernel * apart).T)
    pairs_UU = units.sums(units.sums(apart.astype(np.float32)).T)

    def mean(labels_BU: Floats, others_BU: Floats) -> Floats:
        found = ((labels_BU @ sums_UU) * others_BU).sum(axis=1)
        return np.asarray(found / np.maximum(1.0, ((labels_BU @ pairs_UU) * others_BU).sum(axis=1)))

    def statistic(labels_BU: Floats) -> Floats:
        rest_BU = 1 - labels_BU
        return mean(labels_BU, labels_BU) + mean(rest_BU, rest_BU) - 2 * mean(labels_BU, rest_BU)

    observed, null = float(statistic(units.observed())[0]), statistic(units.draws(_calibration(n_draws), rng))
    spread = max(1e-12, 1 - float(sums_UU.sum() / max(1.0, pairs_UU.sum())))
    of_rows = _cloud(observed, 1.0, null, spread, sizes)
    return by_cluster(of_rows, units.p(statistic, rng=rng, n_draws=n_draws))


def _cloud(observed: float, p: float, null: Floats, spread: float, sizes: tuple[int, int]) -> Measured:
    return Measured(
        test=_MMD,
        statistic=observed,
        p=p,
        effect=Effect(name=_MMD_EFFECT, value=max(0.0, observed) / spread),
        detectable=float(np.quantile(null, _TAIL) + null.std()) / spread,
        n_reference=sizes[0],
        n_current=sizes[1],
        because=f"{max(0.0, observed) / spread:.1%} of the spread lies between the samples",
    )


def novelty(
    reference_ND: ArrayLike,
    current_MD: ArrayLike,
    *,
    rng: np.random.Generator,
    n_draws: int = DRAWS,
    clusters: Clusters | None = None,
) -> Measured:
    """Are current points farther from the reference than the reference from itself? One-sided.

    One random half of the reference is the map. The other half and the current points each get their distance to the
    nearest point of it, and are then exchangeable under the null, so rows are dealt out at random over the ranks above
    the 80th percentile. (Leave-one-out distances of the whole reference are not: they share their points.) The effect
    is the share of current points beyond the reference's own 95th percentile, less 5 %. At most 4,000 rows a side.

    Raises: ValueError: as `mmd`.
    Source: Henze 1988 and Schilling 1986 for nearest-neighbour tests of two samples.
    """
    reference, current, within = _points((reference_ND, current_MD), clusters, _NOVELTY_ROWS, rng)
    n, m = len(reference), len(current)
    if min(n // 2, m) < MIN_ROWS:
        return untested(_NOVELTY, _NOVELTY_EFFECT, n, m)
    few = None if within is None else within.few(2 * MIN_CLUSTERS)
    if few is not None:
        return untested(_NOVELTY, _NOVELTY_EFFECT, n, m, few)
    left, right = halves(n, rng=rng) if within is None else _cluster_halves(within.reference_N, rng)
    own, far = _nearest(reference[right], reference[left]), _nearest(current, reference[left])
    pooled = ranks(np.concatenate([own, far])) / (len(own) + m)
    heavy_N = np.maximum(0.0, pooled - _HEAVY)
    observed = float(heavy_N[len(own) :].sum())
    p = permutation_p(
        observed,
        lambda size: (label_draws(len(own), m, rng=rng, n_draws=size) @ heavy_N).astype(np.float64),
        n_draws=n_draws if within is None else 1,
    )
    beyond = float((far > np.quantile(own, _TAIL)).mean())
    of_rows = Measured(
        test=_NOVELTY,
        statistic=beyond,
        p=p,
        effect=Effect(name=_NOVELTY_EFFECT, value=max(0.0, beyond - (1 - _TAIL))),
        detectable=_power.share(1 - _TAIL, len(own), m, sides=1),
        n_reference=n,
        n_current=m,
        because=f"{beyond:.1%} of the current points lie farther out than 95 % of the reference",
    )
    if within is None:
        return of_rows
    rest = Clusters(within.reference_N[right], within.current_M)
    return _novelty_by_cluster(of_rows, heavy_N, rest, rng, n_draws)


def _novelty_by_cluster(
    of_rows: Measured, heavy_N: Floats, clusters: Clusters, rng: np.random.Generator, n_draws: int
) -> Measured:
    units = Units.of(clusters)
    sums_U1, size_U = units.sums(heavy_N[:, None]), units.sizes()
    gaps_of = gaps(sums_U1, size_U)

    def statistic(labels_BU: Floats) -> Floats:
        gap_B1, weight_B1 = gaps_of(labels_BU)
        return np.asarray(gap_B1 * np.sqrt(weight_B1))[:, 0]

    effect = design_effect(sums_U1, size_U, float(heavy_N.var()))
    return by_cluster(of_rows, units.p(statistic, rng=rng, n_draws=n_draws), effect=effect)


def _cluster_halves(cluster_N: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """The rows of a random half of the clusters, and the others."""
    codes = rng.permutation(np.unique(cluster_N))
    first = np.isin(cluster_N, codes[: len(codes) // 2])
    return np.flatnonzero(first), np.flatnonzero(~first)


def _points(
    sides: tuple[ArrayLike, ArrayLike], clusters: Clusters | None, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, Clusters | None]:
    """At most `most` points a side, and the clusters that they are in."""
    left, right = np.asarray(sides[0], np.float64), np.asarray(sides[1], np.float64)
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
        raise ValueError(f"need two (rows, D) arrays with one D, got {left.shape} and {right.shape}")
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise ValueError("an embedding holds a value that is not finite")
    rows_n = some(np.arange(len(left)), most, rng=rng)
    rows_m = some(np.arange(len(right)), most, rng=rng)
    within = None if clusters is None else Clusters(clusters.reference_N[rows_n], clusters.current_M[rows_m])
    return *squarable(left[rows_n], right[rows_m]), within


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
