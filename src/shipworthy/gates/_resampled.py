"""Values of many counts, quantiles and rank statistics: what has no formula is drawn again by whole clusters."""

from collections.abc import Callable

import numpy as np
from scipy.special import bdtr, bdtrc, ndtr, ndtri

from shipworthy.gates._alone import as_cautious_as_errors
from shipworthy.gates._binned import with_room_for_noise
from shipworthy.gates._cells import Cells, effective_of, sizes_of
from shipworthy.gates._contrast import Contrast, Spread, too_small
from shipworthy.gates._costliest import with_room_for_the_costliest
from shipworthy.gates._few_changes import with_few_changes
from shipworthy.gates._jackknife import as_cautious_as_means
from shipworthy.gates._pairs import Ints, Pair
from shipworthy.gates._still import bounded_where_still
from shipworthy.metrics.types import Floats, Weights
from shipworthy.records import Method
from shipworthy.stats._weights import multinomial_weights
from shipworthy.stats.clustered import cluster_means
from shipworthy.stats.quantiles import order_statistic_interval, quantile, quantile_difference
from shipworthy.stats.resample import collect, draw_chunks, p_below, percentile_interval

_WORK = 50_000_000
"""Weights one bootstrap may draw; larger samples get fewer draws, at least `_FEWEST`, and a normal tail."""
_FEWEST = 1_000
_LINEAR = 4_000
"""From this many rows on the difference of two quantiles is linearised instead of drawn again."""
_POINTS = 2000
Draws = tuple[Floats, Floats | None]
"""Bootstrap values (B, S) of the candidate and of its baseline, drawn together."""


def corpus(pair: Pair, cells: Cells, alpha: float, draws: int, rng: np.random.Generator) -> Contrast:
    """A function of summed counts (BLEU, micro-F1, ECE, perplexity, ratios): cluster bootstrap, paired."""
    split = pair.ours_NK.shape[1]
    counts = pair.ours_NK if pair.base_NK is None else np.concatenate([pair.ours_NK, pair.base_NK], axis=1)
    columns = [(label.code_N, len(label.names)) for label in cells.columns]
    units = collect(counts, None if pair.independent else pair.cluster_N, slice_columns=columns, fold=rng)

    def both(sums: Floats) -> Floats:
        parts = [sums[..., :split]] if pair.base_NK is None else [sums[..., :split], sums[..., split:]]
        return np.stack([pair.metric.summarize(part) for part in parts], axis=-1)

    wanted = _affordable(draws, units.n_units)
    drawn = np.concatenate([both(sums)[:, cells.keep_S] for sums in draw_chunks(units, n_draws=wanted, rng=rng)])
    observed = both(units.totals)[cells.keep_S]
    found = _contrast(pair, cells, "cluster_bootstrap", alpha, observed, drawn)
    if pair.base_NK is None:
        return as_cautious_as_errors(bounded_where_still(found, pair, cells, alpha), pair, cells, alpha)
    found = with_few_changes(found, pair, cells, units.totals[cells.keep_S], alpha)
    found = with_room_for_noise(found, pair, cells)
    return with_room_for_the_costliest(as_cautious_as_means(found, pair, cells, alpha), pair, cells, alpha)


def rank(pair: Pair, cells: Cells, alpha: float, draws: int, rng: np.random.Generator) -> Contrast:
    """A statistic of the whole column (AUROC): weights of whole clusters, every model read under the same ones."""
    summarize = pair.metric.summarize_rows
    assert summarize is not None  # Metric refuses kind "rank" without it
    tables = [pair.ours_NK] if pair.base_NK is None else [pair.ours_NK, pair.base_NK]
    observed, drawn = [], []
    for rows in cells.rows():
        unit_n, n_units = _unit_codes(pair, rows)
        order = np.lexsort([*np.concatenate([table[rows] for table in tables], axis=1).T, unit_n])
        parts = [table[rows][order] for table in tables]
        unit_n = unit_n[order]
        observed.append([float(summarize(part, np.ones((1, len(rows))))[0]) for part in parts])
        drawn.append(_rank_draws(parts, summarize, unit_n, n_units, draws, rng))
    found = _contrast(pair, cells, "cluster_bootstrap", alpha, np.array(observed), _aligned(drawn))
    if pair.base_NK is None:
        return as_cautious_as_errors(bounded_where_still(found, pair, cells, alpha), pair, cells, alpha)
    return with_few_changes(found, pair, cells, None, alpha)


def quantiles(pair: Pair, cells: Cells, alpha: float, draws: int, rng: np.random.Generator) -> Contrast:
    """p95 latency and its kind: order statistics for each model alone, paired bootstrap for the difference."""
    q = pair.metric.quantile
    assert q is not None  # Metric refuses kind "quantile" without it
    ours_N = pair.ours_NK[:, 0]
    groups = cells.rows()
    ours = _order_statistics(pair, ours_N, q, groups, alpha, draws, rng)
    if pair.base_NK is None:
        alone = _quantile_alone(pair, cells, ours, groups, q)
        return alone if pair.independent else bounded_where_still(alone, pair, cells, alpha)
    base_N = pair.base_NK[:, 0]
    base = _order_statistics(pair, base_N, q, groups, alpha, draws, rng)
    sign = 1.0 if pair.metric.better == "higher" else -1.0
    drawn = [_difference_draws(pair, ours_N, base_N, q, rows, draws, rng) for rows in groups]
    observed = np.stack([ours.value_S, base.value_S], axis=1)
    gain_BS = sign * _aligned([part[:, None] for part in drawn])[..., 0]
    found = _contrast(pair, cells, "order_statistic", alpha, observed, None, gain_BS=gain_BS, own=(ours, base))
    return with_few_changes(found, pair, cells, None, alpha)


def _contrast(
    pair: Pair,
    cells: Cells,
    method: Method,
    alpha: float,
    observed_SM: Floats,
    drawn_BSM: Floats | None,
    *,
    gain_BS: Floats | None = None,
    own: tuple[Spread, Spread] | None = None,
) -> Contrast:
    """The contrast from bootstrap draws: (B, S, M) values of each model, or the gain's draws and own limits."""
    sign = 1.0 if pair.metric.better == "higher" else -1.0
    n, clusters = sizes_of(pair, cells)
    effective = effective_of(pair, cells)
    observed_SM = np.where(n[:, None] > 0, observed_SM, np.nan)  # where one model has nothing there is no value
    paired = observed_SM.shape[1] == 2
    if drawn_BSM is not None and paired:
        gain_BS = sign * (drawn_BSM[..., 0] - drawn_BSM[..., 1])
    spreads = list(own) if own else [_percentile(o, d, alpha) for o, d in _models(observed_SM, drawn_BSM)]
    gain = None
    if paired and gain_BS is not None:
        gain = _percentile(sign * (observed_SM[:, 0] - observed_SM[:, 1]), gain_BS, alpha)
    tested = gain_BS if gain_BS is not None else drawn_BSM[..., 0] if drawn_BSM is not None else np.zeros((1, 1))
    value_S = gain.value_S if gain else observed_SM[:, 0]
    return Contrast(
        method=method,
        names=cells.names,
        n_S=n,
        clusters_S=clusters,
        ours=spreads[0],
        base=spreads[1] if paired else None,
        gain=gain,
        p_at_least=lambda limit: _p(tested, value_S, limit),
        p_at_most=lambda limit: _p(-tested, -value_S, -limit),
        variance_S=n * np.nanvar(tested, axis=0),
        refused=too_small(pair, cells, clusters, effective, None),
        effects=(None,) * len(n),
        changed_S=np.full(len(n), np.nan),
        effective_S=effective,
    )


def _models(observed_SM: Floats, drawn_BSM: Floats | None) -> list[tuple[Floats, Floats]]:
    if drawn_BSM is None:
        return []
    return [(observed_SM[:, m], drawn_BSM[..., m]) for m in range(observed_SM.shape[1])]


def _percentile(value_S: Floats, drawn_BS: Floats, alpha: float) -> Spread:
    low, high = percentile_interval(drawn_BS, alpha=alpha)
    return Spread(value_S=value_S, low_S=np.minimum(low, value_S), high_S=np.maximum(high, value_S))


def _p(drawn_BS: Floats, value_S: Floats, limit: float) -> Floats:
    """One-sided p of "at least `limit`"; beyond what the draws can resolve their normal tail speaks."""
    p = p_below(drawn_BS, limit)
    spread = np.nanstd(drawn_BS, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = ndtr(np.where(value_S == limit, 0.0, (value_S - limit) / spread))
    return np.asarray(np.where(p <= 2 / (len(drawn_BS) + 2), np.minimum(p, tail), p))


def _unit_codes(pair: Pair, rows: Ints) -> tuple[Ints, int]:
    if pair.independent:
        return np.zeros(len(rows), np.int64), len(rows)
    names, codes = np.unique(pair.cluster_N[rows], return_inverse=True)
    return codes.reshape(-1).astype(np.int64), len(names)


def _affordable(draws: int, n_units: int) -> int:
    return min(draws, max(_FEWEST, _WORK // max(n_units, 1)))


def _rank_draws(
    parts: list[Floats],
    summarize: Callable[[Floats, Weights], Floats],
    unit_n: Ints,
    n_units: int,
    draws: int,
    rng: np.random.Generator,
) -> Floats:
    """(B, M) values under redrawn clusters; a cluster's rows share its weight."""
    independent = n_units == len(unit_n)
    step, pieces, wanted = max(1, (1 << 20) // len(unit_n)), [], _affordable(draws, len(unit_n))
    for start in range(0, wanted, step):
        weights = multinomial_weights(n_units, min(step, wanted - start), rng)  # whole numbers in single precision
        weights_Bn = weights if independent else weights[:, unit_n]
        pieces.append(np.stack([summarize(part, weights_Bn) for part in parts], axis=1))
    return np.concatenate(pieces)


def _aligned(parts: list[Floats]) -> Floats:
    """(B, S, M) from one (B_s, M) a cell; cells with fewer draws repeat theirs."""
    longest = max(len(part) for part in parts)
    return np.stack([part[np.arange(longest) % len(part)] for part in parts], axis=1)


def _order_statistics(
    pair: Pair, values_N: Floats, q: float, groups: list[Ints], alpha: float, draws: int, rng: np.random.Generator
) -> Spread:
    rows = []
    for group in groups:
        values = values_N[group]
        if pair.independent:
            low, high = order_statistic_interval(values, q, alpha=alpha)
        else:
            drawn = _difference_draws(pair, values_N, np.zeros(len(values_N)), q, group, draws, rng)
            low, high = (float(limit) for limit in percentile_interval(drawn, alpha=alpha))
        value = quantile(values, q)
        rows.append((value, min(low, value), max(high, value)))
    value_S, low_S, high_S = np.array(rows).T
    return Spread(value_S=value_S, low_S=low_S, high_S=high_S)


def _difference_draws(
    pair: Pair, ours_N: Floats, base_N: Floats, q: float, rows: Ints, draws: int, rng: np.random.Generator
) -> Floats:
    clusters = None if pair.independent else pair.cluster_N[rows]
    if len(rows) > _LINEAR:
        return _linear_draws(ours_N[rows], base_N[rows], q, clusters)
    wanted = min(_affordable(draws, len(rows)), _POINTS)
    _, drawn = quantile_difference(ours_N[rows], base_N[rows], q, rng=rng, clusters_N=clusters, n_draws=wanted)
    return drawn


def _linear_draws(ours_n: Floats, base_n: Floats, q: float, clusters_n: Ints | None) -> Floats:
    """What the bootstrap tends to for so many rows: a normal distribution around the difference, in 2,000 points.

    Source: Bahadur 1966 (a quantile is a mean of indicators over the density); Woodruff 1952 for that density.
    """
    influence = _influence(ours_n, q) - _influence(base_n, q)
    se = float(cluster_means(influence, clusters_n).se_SM[0, 0])
    grid = (np.arange(_POINTS) + 0.5) / _POINTS
    return np.asarray(quantile(ours_n, q) - quantile(base_n, q) + se * ndtri(grid))


def _influence(values_n: Floats, q: float) -> Floats:
    low, high = order_statistic_interval(values_n, q, alpha=0.025)
    reach = 2 * float(ndtri(0.975)) * float(np.sqrt(q * (1 - q) / len(values_n)))
    return np.asarray((q - (values_n <= quantile(values_n, q))) * (high - low) / reach)


def _quantile_alone(pair: Pair, cells: Cells, ours: Spread, groups: list[Ints], q: float) -> Contrast:
    """Tests by counting: were the quantile at least the limit, at most the share q would lie below it."""
    values_N = pair.ours_NK[:, 0]
    n = cells.sums(np.ones(len(pair)))
    n_examples, clusters = sizes_of(pair, cells)
    effective = effective_of(pair, cells)
    shrink = clusters / n

    def at_least(limit: float) -> Floats:
        below = np.array([(values_N[rows] < limit).sum() for rows in groups]) * shrink
        return np.where(below > 0, bdtrc(np.maximum(np.floor(below) - 1, 0), clusters.astype(np.int64), q), 1.0)

    def at_most(limit: float) -> Floats:
        within = np.array([(values_N[rows] <= limit).sum() for rows in groups]) * shrink
        return np.asarray(bdtr(np.ceil(within), clusters.astype(np.int64), q))

    width = np.where(np.isfinite(ours.high_S - ours.low_S), ours.high_S - ours.low_S, np.nan)
    return Contrast(
        method="order_statistic",
        names=cells.names,
        n_S=n_examples,
        clusters_S=clusters,
        ours=ours,
        base=None,
        gain=None,
        p_at_least=at_least,
        p_at_most=at_most,
        variance_S=n_examples * (width / (2 * 1.645)) ** 2,
        refused=too_small(pair, cells, clusters, effective, None),
        effects=(None,) * len(n),
        changed_S=np.full(len(n), np.nan),
        effective_S=effective,
    )
