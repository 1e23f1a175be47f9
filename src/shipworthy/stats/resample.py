"""The one bootstrap engine: one pass of resampling serves every metric, model and slice.

Counts are additive, so a resample of clusters is a row of integer weights and every total is a matrix product. The
columns of `counts_NK` hold the counts of all models and metrics side by side; one draw reweights them all together,
which keeps them paired.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shipworthy.stats._types import Floats, Ints, upper_z
from shipworthy.stats._weights import multinomial_weights

_CHUNK = 1 << 19  # weights held at a time: 2 MB
_EXACT = 1 << 20  # integer counts below this stay exact in single precision, drawn up to 16 times each
_ONE_THREAD = 1 << 18  # multiplications that OpenBLAS does not split
_FOLD = 20_000  # more units than this are joined at random into this many
_FEW = 0.1  # whole counts that this share of the units has at most are summed over those units alone
_NARROW = 8  # fewer units than this in one product waste it: the draws are split first


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The units with examples in one slice, prepared for single-precision products.

    Attributes:
        unit_C: which units. sums_K: totals as observed.
        table_CU: distinct columns less `offset_U`, and a last column of ones. rare_VC: distinct columns that are zero
            for nearly every unit (a class among many), as a sparse matrix; None: there are none.
        column_K: where each count stands among the U columns and the V after them.
    """

    unit_C: Ints
    sums_K: Floats
    table_CU: NDArray[np.float32]
    offset_U: Floats
    rare_VC: Any
    column_K: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What is drawn: G clusters with their summed counts, in the whole and in each slice.

    Attributes:
        n_units: G. cells: S of them: the whole, then every label of every slice column in turn.
    """

    n_units: int
    cells: tuple[Cell, ...]

    @property
    def totals(self) -> Floats:
        """Totals as observed."""
        return np.stack([cell.sums_K for cell in self.cells])


def collect(
    counts_NK: ArrayLike,
    clusters_N: ArrayLike | None = None,
    *,
    slice_columns: Sequence[tuple[Ints, int]] = (),
    fold: np.random.Generator | None = None,
) -> Units:
    """Sums the counts of every cluster, in the whole and in every slice, ready to be drawn from.

    The order of rows does not matter beyond rounding. Slice columns may overlap and may cut through clusters.

    Args: counts_NK: (N, K) finite counts. clusters_N: (N,) codes; None: every row its own.
        slice_columns: (codes_N, number of labels), code -1 for a row without a label.
        fold: given, more than 40,000 units are joined at random into 20,000, so that time stays linear in N; the
            variance of a draw keeps its expectation, only its 20,000 degrees of freedom remain.
    Raises: ValueError: shapes differ or a count is not finite.
    """
    counts = np.asarray(counts_NK, dtype=np.float64)
    if counts.ndim != 2 or not np.isfinite(counts).all():
        raise ValueError(f"need (N, K) finite counts, got shape {counts.shape}")
    unit_of_N, n_units = _unit_codes(counts, clusters_N)
    if fold is not None and n_units > 2 * _FOLD:
        unit_of_N = (fold.permutation(n_units) % _FOLD)[unit_of_N]
        n_units = _FOLD
    cells = [_cell(unit_of_N, counts)]
    for codes_N, n_labels in slice_columns:
        cells += _label_cells(unit_of_N, counts, codes_N, n_labels)
    return Units(n_units=n_units, cells=tuple(cells))


def draw_chunks(units: Units, *, n_draws: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Bootstrap totals in pieces (b, S, K) whose b add up to `n_draws`; row 0 of S is the whole.

    Memory is bounded by one piece. A slice keeps the random number of examples that the draw gave it.
    """
    step = max(1, _CHUNK // units.n_units)
    memory = np.empty((min(step, n_draws), units.n_units), np.float32)
    for start in range(0, n_draws, step):
        weights_BG = multinomial_weights(units.n_units, min(step, n_draws - start), rng, out=memory)
        yield np.stack([_totals(weights_BG, cell) for cell in units.cells], axis=1)


def resample(
    units: Units, summarize: Callable[[Floats], Floats], *, n_draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """(value, draws) of a statistic of the totals: value (S, ...) as observed, draws (B, S, ...).

    Args: summarize: (..., K) totals -> (..., M) values, for example all metrics of the candidate less the baseline's.
    """
    pieces = [summarize(sums) for sums in draw_chunks(units, n_draws=n_draws, rng=rng)]
    return summarize(units.totals), np.concatenate(pieces)


def percentile_interval(draws_B: Floats, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """(low, high) along the first axis, `alpha` left out on each side; NaN draws (an empty slice) are left out.

    Source: Efron & Tibshirani 1993, chapter 13 (percentile); Koehn 2004 for corpus metrics.
    """
    upper_z(alpha)
    quantile = np.nanquantile if np.isnan(draws_B).any() else np.quantile
    low, high = quantile(draws_B, [alpha, 1 - alpha], axis=0)
    return np.asarray(low), np.asarray(high)


def p_below(draws_B: Floats, null: ArrayLike = 0.0) -> Floats:
    """One-sided p of "the value is at least `null`": share of draws at or above it, never 0, halves for ties.

    Source: Davison & Hinkley 1997, section 4.4 (percentile test by inverting the interval).
    """
    bar = np.asarray(null, dtype=np.float64)
    above = (draws_B > bar).sum(axis=0) + 0.5 * (draws_B == bar).sum(axis=0)
    return np.asarray((above + 1) / (len(draws_B) + 2))


def _totals(weights_BG: NDArray[np.float32], cell: Cell) -> Floats:
    everything = len(cell.unit_C) == weights_BG.shape[1]
    weights_BC = weights_BG if everything else weights_BG[:, cell.unit_C]
    sums_BU = _product(weights_BC, cell.table_CU)
    totals_BU = sums_BU[:, :-1] + sums_BU[:, -1:] * cell.offset_U
    if cell.rare_VC is None:
        return np.asarray(totals_BU[:, cell.column_K])
    totals_BV = (cell.rare_VC @ np.ascontiguousarray(weights_BC.T)).T
    return np.asarray(np.concatenate([totals_BU, totals_BV], axis=1)[:, cell.column_K])


def _product(weights_BC: NDArray[np.float32], table_CU: NDArray[np.float32]) -> Floats:
    """The matrix product in blocks too small for BLAS to share among threads.

    Threads gain little on so thin a product, lose tenfold where the cores are busy, and may change the last digit.
    """
    (n_draws, n_units), width = weights_BC.shape, table_CU.shape[1]
    few = max(1, _ONE_THREAD // (_NARROW * width))
    if n_draws > few:
        parts = [_product(weights_BC[start : start + few], table_CU) for start in range(0, n_draws, few)]
        return np.concatenate(parts)
    step = max(1, _ONE_THREAD // (n_draws * width))
    blocks, rest = divmod(n_units, step)
    edge = n_units - rest
    weights_bBs = weights_BC[:, :edge].reshape(n_draws, blocks, step).swapaxes(0, 1)
    total = (weights_bBs @ table_CU[:edge].reshape(blocks, step, width)).sum(axis=0, dtype=np.float64)
    return np.asarray(total + weights_BC[:, edge:] @ table_CU[edge:])


def _unit_codes(counts: Floats, clusters: ArrayLike | None) -> tuple[Ints, int]:
    """Codes 0..G-1 of the units, numbered by their content: the same rows in any order give the same draws."""
    if clusters is None:
        code_of_N, n_units = np.arange(len(counts)), len(counts)
        sums = counts
    else:
        names, code_of_N = np.unique(np.asarray(clusters), return_inverse=True)
        n_units = len(names)
        if len(code_of_N) != len(counts):
            raise ValueError(f"{len(counts)} rows of counts need as many cluster codes, got {len(code_of_N)}")
        sums = _sum_by(code_of_N, counts, n_units)
    rank = np.empty(n_units, np.int64)
    rank[np.lexsort(list(sums.T[::-1]))] = np.arange(n_units)
    return rank[code_of_N], n_units


def _cell(unit_of_n: Ints, counts_nK: Floats) -> Cell:
    unit_C, code = np.unique(unit_of_n, return_inverse=True)
    n_units = len(unit_C)
    columns, column_K = _distinct(_sum_by(code, counts_nK, n_units))
    exact = np.array([_is_exact(column) for column in columns], dtype=bool)
    rare = exact & np.array([np.count_nonzero(column) <= _FEW * n_units for column in columns], dtype=bool)
    kept_CU = _stacked([columns[u] for u in np.flatnonzero(~rare)], n_units)
    offset_U = np.where(exact[~rare] | (n_units == 0), 0.0, kept_CU.sum(axis=0) / max(1, n_units))
    table_CU = np.column_stack([kept_CU - offset_U, np.ones(n_units)]).astype(np.float32)
    return Cell(
        unit_C=unit_C,
        sums_K=counts_nK.sum(axis=0),
        table_CU=table_CU,
        offset_U=offset_U,
        rare_VC=_sparse([columns[v] for v in np.flatnonzero(rare)], n_units) if rare.any() else None,
        column_K=np.argsort(np.argsort(rare, kind="stable"), kind="stable")[column_K],
    )


def _stacked(columns: Sequence[Floats], n_units: int) -> Floats:
    return np.stack(columns, axis=1) if columns else np.zeros((n_units, 0))


def _is_exact(column_C: Floats) -> bool:
    """Whole numbers whose draws single precision adds up without rounding. A column at a time: a table may be wide."""
    return bool((column_C == np.rint(column_C)).all() and np.abs(column_C).sum() < _EXACT)


def _sparse(columns: Sequence[Floats], n_units: int) -> Any:
    """(V, C) sparse matrix of V columns, put together column by column: no second dense table."""
    from scipy.sparse import csr_array

    where = [np.flatnonzero(column) for column in columns]
    values = [column[at] for column, at in zip(columns, where, strict=True)]
    ends = np.cumsum([0, *map(len, where)])
    return csr_array((np.concatenate(values).astype(np.float32), np.concatenate(where), ends), (len(columns), n_units))


def _distinct(counts_CK: Floats) -> tuple[list[Floats], Ints]:
    """Distinct columns (views: a table may be wide) and where each column stands among them.

    Equal columns must give equal totals to the last digit: models that agree in a slice differ by nothing there.
    """
    place: dict[bytes, int] = {}
    distinct, column_K = [], []
    for column in counts_CK.T:
        key = blake2b(column.tobytes(), digest_size=16).digest()
        if key not in place:
            place[key] = len(place)
            distinct.append(column)
        column_K.append(place[key])
    return distinct, np.array(column_K, dtype=np.int64)


def _label_cells(unit_of_N: Ints, counts: Floats, codes_N: Ints, n_labels: int) -> list[Cell]:
    order = np.argsort(codes_N, kind="stable")
    edges = np.searchsorted(codes_N[order], np.arange(n_labels + 1))
    groups = [order[edges[k] : edges[k + 1]] for k in range(n_labels)]
    return [_cell(unit_of_N[rows], counts[rows]) for rows in groups]


def _sum_by(codes: Ints, values: Floats, size: int) -> Floats:
    sums = np.empty((values.shape[1], size))
    for row, column in zip(sums, values.T, strict=True):
        row[:] = np.bincount(codes, weights=column, minlength=size)
    return sums.T
