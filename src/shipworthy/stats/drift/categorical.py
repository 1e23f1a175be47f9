"""Labels: a contingency test of two samples. The reference is a sample too, and is never taken for the truth."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from scipy.special import chdtrc

from shipworthy import records
from shipworthy.records import Effect
from shipworthy.stats._types import Floats, Ints
from shipworthy.stats.drift import _power
from shipworthy.stats.drift._draws import DRAWS, permutation_p, table_draws
from shipworthy.stats.drift._units import Clusters, Units, by_cluster, design_effect, gaps, too_few
from shipworthy.stats.drift.types import MIN_ROWS, Measured, untested

_EXPECTED = 5.0
_LEAST = 1.0
_PERMUTED_CELLS = 200
_EFFECT = "total_variation"


def categorical(
    reference: Mapping[str, int], current: Mapping[str, int], *, rng: np.random.Generator, n_draws: int = DRAWS
) -> Measured:
    """Two samples of labels by chi-square over a 2 x K table.

    Labels expected less than once on either side are joined into one cell, by their pooled counts only. Where every
    cell expects at least 5 the chi-square law holds; else rows are dealt out at random with both margins kept.

    Args: reference, current: rows a label.
    Raises: ValueError: a count is negative.
    Source: Pearson 1911 (two samples); Cochran 1954 on small cells.
    """
    names = sorted(name for name in {*reference, *current} if reference.get(name, 0) or current.get(name, 0))
    table: Ints = np.array([[side.get(name, 0) for name in names] for side in (reference, current)], dtype=np.int64)
    table = table.reshape(2, -1)
    if (table < 0).any():
        raise ValueError("a label cannot be counted less than 0 times")
    n, m = (int(total) for total in table.sum(axis=1))
    if min(n, m) < MIN_ROWS:
        return untested("chi_square", _EFFECT, n, m)
    joined, rare = _pooled(table)
    statistic, p, test = _tested(joined, rng, n_draws)
    gaps = joined[1] / m - joined[0] / n
    return Measured(
        test=test,
        statistic=statistic,
        p=p,
        effect=Effect(name=_EFFECT, value=float(np.abs(gaps).sum() / 2)),
        detectable=_power.total_variation(joined.shape[1], n, m),
        n_reference=n,
        n_current=m,
        because=_because(names, table),
        warnings=_warnings(rare, table, joined),
    )


def labelled(
    reference: Sequence[str],
    current: Sequence[str],
    clusters: Clusters,
    *,
    rng: np.random.Generator,
    n_draws: int = DRAWS,
) -> Measured:
    """The same of rows that come in clusters: whole clusters are dealt out over the joined labels, 200 at most."""
    before, now = Counter(reference), Counter(current)
    of_rows = categorical(before, now, rng=rng, n_draws=1)
    few = clusters.few()
    if of_rows.p is None or few is not None:
        return of_rows if few is None else too_few(of_rows, few)
    units, held = Units.of(clusters), before + now
    least = _LEAST * (1 + max(len(reference), len(current)) / min(len(reference), len(current)))
    kept = [name for name, count in held.most_common(_PERMUTED_CELLS) if count >= least]
    place = {name: column for column, name in enumerate(kept)}
    cell_N = np.fromiter((place.get(name, len(kept)) for name in chain(reference, current)), np.int64)
    counts_UK = units.counts(cell_N, len(kept) + 1)
    pooled_K, size_U = counts_UK.sum(axis=0), counts_UK.sum(axis=1)
    counts_UK, pooled_K = counts_UK[:, pooled_K > 0], pooled_K[pooled_K > 0]
    gaps_of = gaps(counts_UK, size_U)

    def statistic(labels_BU: Floats) -> Floats:
        gap_BK, weight_B1 = gaps_of(labels_BU)
        return np.asarray((gap_BK**2 / pooled_K).sum(axis=1) * weight_B1[:, 0])

    share_K = pooled_K / size_U.sum()
    effect = design_effect(counts_UK, size_U, float((share_K * (1 - share_K)).sum()))
    return by_cluster(of_rows, units.p(statistic, rng=rng, n_draws=n_draws), effect=effect)


def chi_square(table_2K: Ints) -> float:
    """Pearson's statistic of a 2 x K table without an empty column."""
    return float(_statistic(table_2K[1], table_2K.sum(axis=0), int(table_2K[0].sum()), int(table_2K[1].sum())))


def _tested(table: Ints, rng: np.random.Generator, n_draws: int) -> tuple[float, float, str]:
    if table.shape[1] < 2:
        return 0.0, 1.0, "chi_square"
    n, m = (int(total) for total in table.sum(axis=1))
    pooled = table.sum(axis=0)
    statistic = chi_square(table)
    if pooled.min() * min(n, m) / (n + m) >= _EXPECTED:
        return statistic, float(chdtrc(table.shape[1] - 1, statistic)), "chi_square"

    def draw(size: int) -> Floats:
        return _statistic(table_draws(pooled, m, rng=rng, n_draws=size), pooled, n, m)

    return statistic, permutation_p(statistic, draw, n_draws=n_draws), "permutation_chi_square"


def _statistic(current_BK: Ints, pooled_K: Ints, n: int, m: int) -> Floats:
    """n m / N (p - q)^2 / pooled share, summed: Pearson's statistic for two rows."""
    gap = current_BK / m - (pooled_K - current_BK) / n
    return np.asarray(n * m * (gap * gap / pooled_K).sum(axis=-1))


def _pooled(table: Ints) -> tuple[Ints, int]:
    """The table with its rare labels in one last cell, and how many there were."""
    pooled = table.sum(axis=0)
    n, m = (int(total) for total in table.sum(axis=1))
    expected = pooled * (min(n, m) / (n + m))
    rare = expected < _LEAST
    if not (expected >= _EXPECTED).all() and len(pooled) - rare.sum() > _PERMUTED_CELLS:
        rare = expected < _EXPECTED
    if not rare.any():
        return table, 0
    rest = table[:, rare].sum(axis=1, keepdims=True)
    return np.concatenate([table[:, ~rare], rest], axis=1), int(rare.sum())


def _because(names: list[str], table: Ints) -> str:
    n, m = table.sum(axis=1)
    gaps = table[1] / m - table[0] / n
    place = int(np.abs(gaps).argmax())
    said = f"{names[place]!r} is {table[1, place] / m:.1%} of the current rows and {table[0, place] / n:.1%} before"
    new = table[1][table[0] == 0].sum() / m
    return f"{said}; labels never seen before are {new:.1%}" if new > 0 else said


def _warnings(rare: int, table: Ints, joined: Ints) -> tuple[records.Warning, ...]:
    if rare == 0:
        return ()
    share = joined[:, -1].sum() / table.sum()
    said = f"{rare:,} rare labels ({share:.0%} of the rows) are judged as one"
    return (records.Warning(code="rare_labels", message=said, count=rare),) if share >= 0.05 else ()
