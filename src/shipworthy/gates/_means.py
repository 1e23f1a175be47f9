"""Scores that are one number an example: binary and independent by Tango, everything else by clustered means."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from shipworthy.gates._cells import Cells
from shipworthy.gates._contrast import Contrast, Spread, named, too_small
from shipworthy.gates._pairs import Bools, Pair
from shipworthy.metrics.types import Floats
from shipworthy.records import Effect
from shipworthy.stats.clustered import Means, joined
from shipworthy.stats.crossed import crossed_means
from shipworthy.stats.effects import cohens_h
from shipworthy.stats.paired import p_better, score_z, tango
from shipworthy.stats.proportion import clopper_pearson, rate_p_at_least, rate_p_at_most, wilson
from shipworthy.stats.refusal import FEW_CHANGES, no_spread, rests_on_few, unseen_p, unseen_share
from shipworthy.stats.significance import mcnemar_mid_p

Tests = tuple[Callable[[float], Floats], Callable[[float], Floats]]
"""(p of "at least this", p of "at most this"), each from a limit to a value a cell."""


def binary_pair(pair: Pair, base_NK: Floats, cells: Cells, alpha: float) -> Contrast:
    """Two models right or wrong on the same independent examples (Tango; Wilson for each alone)."""
    ours_N, base_N = pair.ours_NK[:, 0] > 0, base_NK[:, 0] > 0
    table = cells.counts(2 * ours_N.astype(np.int64) + base_N, 4).astype(np.float64)
    n = table.sum(axis=1)
    lost, won = (table[:, 1], table[:, 2]) if pair.metric.better == "higher" else (table[:, 2], table[:, 1])
    ours, base = table[:, 2] + table[:, 3], table[:, 1] + table[:, 3]
    low, high = tango(lost, won, n, alpha=alpha)
    sign = 1.0 if pair.metric.better == "higher" else -1.0

    def at_least(limit: float) -> Floats:
        return mcnemar_mid_p(lost, won).worse if limit == 0 else np.asarray(ndtr(score_z(lost, won, n, limit)))

    def at_most(limit: float) -> Floats:
        return mcnemar_mid_p(lost, won).better if limit == 0 else p_better(lost, won, n, min_gain=limit)

    return Contrast(
        method="tango",
        names=cells.names,
        n_S=n,
        clusters_S=n,
        ours=_rate(ours, n, alpha),
        base=_rate(base, n, alpha),
        gain=Spread(value_S=(won - lost) / n, low_S=low, high_S=high),
        p_at_least=at_least,
        p_at_most=at_most,
        variance_S=_discordance_variance(lost, won, n),
        refused=too_small(pair, cells, n, n, None),
        effects=named("cohens_h", sign * cohens_h(ours / n, base / n)),
        changed_S=lost + won,
        effective_S=n,
    )


def binary_alone(pair: Pair, cells: Cells, alpha: float) -> Contrast:
    """The candidate's rate on independent examples: Clopper-Pearson limits, exact binomial test against a limit."""
    table = cells.counts((pair.ours_NK[:, 0] > 0).astype(np.int64), 2).astype(np.float64)
    n, right = table.sum(axis=1), table[:, 1]

    rate = (right + 1) / (n + 2)
    return Contrast(
        method="clopper_pearson",
        names=cells.names,
        n_S=n,
        clusters_S=n,
        ours=_exact_rate(right, n, alpha),
        base=None,
        gain=None,
        p_at_least=lambda limit: rate_p_at_least(right, n, limit),
        p_at_most=lambda limit: rate_p_at_most(right, n, limit),
        variance_S=rate * (1 - rate),
        refused=too_small(pair, cells, n, n, None),
        effects=named("none", np.full(len(n), np.nan)),
        changed_S=np.full(len(n), np.nan),
        effective_S=n,
    )


def clustered(pair: Pair, cells: Cells, alpha: float) -> Contrast:
    """Means with clusters, or continuous scores without: CR3 standard error; of t and Hall's limit the cautious one."""
    columns = [pair.ours_NK[:, 0]]
    if pair.base_NK is not None:
        sign = 1.0 if pair.metric.better == "higher" else -1.0
        columns += [pair.base_NK[:, 0], sign * (pair.ours_NK[:, 0] - pair.base_NK[:, 0])]
    bounded = pair.metric.kind == "binary" or pair.metric.unit == "share"
    means = replace(_by_cell(np.stack(columns, axis=1), pair, cells), tails="bounded" if bounded else "open")
    n, groups = means.n_S.astype(np.float64), means.clusters_S.astype(np.float64)
    spreads = [_spread(means, column, alpha) for column in range(len(columns))]
    last = len(columns) - 1
    changed = cells.sums((columns[-1] != 0).astype(np.float64)) if last else np.full(len(n), np.nan)
    still = means.se_SM[:, last] == 0
    refused = too_small(pair, cells, groups, means.effective_S, None if pair.metric.kind == "binary" else columns[-1])
    tests: Tests = (lambda limit: means.p_at_least(limit)[:, last], lambda limit: means.p_at_most(limit)[:, last])
    n_examples = np.maximum(np.round(n / pair.per_example), 1.0)
    variance = n_examples * np.nan_to_num(means.se_SM[:, last]) ** 2
    if bounded:
        rare = still | (changed < FEW_CHANGES)
        spreads, tests = _bounded(pair, cells, means, columns[-1], spreads, tests, alpha)
        unseen = _variance_unseen(columns[-1], cells, n, groups, paired=last > 0)
        rarely = unseen * n_examples / groups  # a cluster is worth one example
        variance = np.where(rare, np.maximum(variance, np.where(changed >= FEW_CHANGES, unseen, rarely)), variance)
    else:
        refused = tuple(
            why or (no_spread(int(g)) if s else rests_on_few(carried))
            for why, g, s, carried in zip(refused, groups, still, means.carried_SM[:, last], strict=True)
        )
    return Contrast(
        method="cr1_t" if len(pair.ways) == 1 else "two_way_t",
        names=cells.names,
        n_S=n_examples,
        clusters_S=groups,
        ours=spreads[0],
        base=spreads[1] if last else None,
        gain=spreads[2] if last else None,
        p_at_least=lambda limit: _known(tests[0](limit)),
        p_at_most=lambda limit: _known(tests[1](limit)),
        variance_S=variance,
        refused=refused,
        effects=_d_z(means.mean_SM[:, last], cells, columns[-1]) if last else (None,) * len(n),
        changed_S=changed,
        effective_S=means.effective_S,
        worth_S=means.worth_SM[:, last] if bounded else None,
    )


def _bounded(
    pair: Pair, cells: Cells, means: Means, tested_N: Floats, spreads: list[Spread], tests: Tests, alpha: float
) -> tuple[list[Spread], Tests]:
    """Limits and tests of scores between 0 and 1 that leave room for what was not seen.

    A sample may miss every answer of a kind that 3 in n are; each can cost as much as the range allows. Where nothing
    (or hardly anything) differs, a cluster counts as one example. A rate in clusters is held to the exact limits of as
    many independent examples as the clusters are worth (Korn & Graubard 1998).
    """
    n, groups, last = means.n_S.astype(np.float64), means.clusters_S.astype(np.float64), len(spreads) - 1
    everywhere = np.ones(len(n), dtype=np.bool_)
    for column, spread in enumerate(spreads[:2]):
        spread = _no_narrower(spread, _rate(spread.value_S * groups, groups, alpha), means.se_SM[:, column] == 0)
        if pair.metric.kind == "binary":
            worth = means.worth_SM[:, column]
            spread = _no_narrower(spread, _exact_rate(spread.value_S * worth, worth, alpha), everywhere)
        spreads[column] = _no_narrower(spread, _unseen(means, column, 0.0, alpha), everywhere)
    value, worth, se = means.mean_SM[:, last], means.worth_SM[:, last], np.nan_to_num(means.se_SM[:, last])
    least = -1.0 if last else 0.0
    if last:
        rare = (means.se_SM[:, last] == 0) | (cells.sums((tested_N != 0).astype(np.float64)) < FEW_CHANGES)
        spreads[last] = _no_narrower(spreads[last], _few_changes(tested_N, cells, n, groups, alpha), rare)
        spreads[last] = _no_narrower(spreads[last], _unseen(means, last, least, alpha), everywhere)
    exact = pair.metric.kind == "binary" and not last
    right = np.clip(value, 0, 1) * worth

    def at_least(limit: float) -> Floats:
        p = np.maximum(tests[0](limit), unseen_p(1 - value + se, 1 - limit, worth))
        return np.maximum(p, rate_p_at_least(right, worth, limit)) if exact else p

    def at_most(limit: float) -> Floats:
        p = np.maximum(tests[1](limit), unseen_p(value + se - least, limit - least, worth))
        return np.maximum(p, rate_p_at_most(right, worth, limit)) if exact else p

    return spreads, (at_least, at_most)


def _unseen(means: Means, column: int, least: float, alpha: float) -> Spread:
    """How far answers that were not met could move the mean; what is met may lie a standard error better than it came
    out, for beyond that the limits of t see to it."""
    value, se = means.mean_SM[:, column], np.nan_to_num(means.se_SM[:, column])
    share = unseen_share(means.worth_SM[:, column], alpha=alpha)
    return Spread(
        value_S=value,
        low_S=np.minimum(value, value + se - np.maximum(value + se - least, 0) * share),
        high_S=np.maximum(value, value - se + np.maximum(1 - value + se, 0) * share),
    )


def _by_cell(values_NM: Floats, pair: Pair, cells: Cells) -> Means:
    slices = [(label.code_N, len(label.names)) for label in cells.columns]
    parts = [crossed_means(values_NM, pair.ways)]
    parts += [crossed_means(values_NM, pair.ways, slices_N=codes_N, n_slices=size) for codes_N, size in slices]
    return joined(parts, cells.keep_S)


def _spread(means: Means, column: int, alpha: float) -> Spread:
    low, high = means.interval(alpha=alpha)
    return Spread(
        value_S=means.mean_SM[:, column],
        low_S=np.nan_to_num(low[:, column], nan=-np.inf),
        high_S=np.nan_to_num(high[:, column], nan=np.inf),
    )


def _rate(successes_S: Floats, n_S: Floats, alpha: float) -> Spread:
    successes_S = np.clip(successes_S, 0, n_S)
    low, high = wilson(successes_S, n_S, alpha=alpha)
    return Spread(value_S=successes_S / n_S, low_S=low, high_S=high)


def _exact_rate(successes_S: Floats, n_S: Floats, alpha: float) -> Spread:
    successes_S = np.clip(successes_S, 0, n_S)
    low, high = clopper_pearson(successes_S, n_S, alpha=alpha)
    return Spread(value_S=successes_S / n_S, low_S=low, high_S=high)


def _few_changes(gain_N: Floats, cells: Cells, n_S: Floats, groups_S: Floats, alpha: float) -> Spread:
    """Tango's limits as if every cluster were one example: no spread is no proof where little could have shown."""
    shrink = groups_S / n_S
    lost, won = cells.sums(np.maximum(-gain_N, 0)) * shrink, cells.sums(np.maximum(gain_N, 0)) * shrink
    low, high = tango(lost, won, groups_S, alpha=alpha)
    return Spread(value_S=(won - lost) / groups_S, low_S=low, high_S=high)


def _variance_unseen(values_N: Floats, cells: Cells, n_S: Floats, groups_S: Floats, *, paired: bool) -> Floats:
    """Variance of one cluster's mean as if it were one example, where too few of them differ to show it."""
    shrink = groups_S / n_S
    up, down = cells.sums(np.maximum(values_N, 0)) * shrink, cells.sums(np.maximum(-values_N, 0)) * shrink
    if paired:
        return _discordance_variance(down, up, groups_S)
    rate = (np.clip(up, 0, groups_S) + 1) / (groups_S + 2)
    return np.asarray(rate * (1 - rate))


def _no_narrower(spread: Spread, floor: Spread, where_S: Bools) -> Spread:
    return Spread(
        value_S=spread.value_S,
        low_S=np.where(where_S, np.minimum(spread.low_S, floor.low_S), spread.low_S),
        high_S=np.where(where_S, np.maximum(spread.high_S, floor.high_S), spread.high_S),
    )


def _discordance_variance(lost_S: Floats, won_S: Floats, n_S: Floats) -> Floats:
    """Variance of one example's difference; half a pair more each side, so that no disagreement is not no variance."""
    share = (lost_S + won_S + 1) / (n_S + 2)
    return np.asarray(np.maximum(share - ((won_S - lost_S) / n_S) ** 2, share / n_S))


def _known(p_S: Floats) -> Floats:
    return np.asarray(np.nan_to_num(p_S, nan=1.0))


def _d_z(mean_S: Floats, cells: Cells, gain_N: Floats) -> tuple[Effect | None, ...]:
    n = cells.sums(np.ones(len(gain_N)))
    centred = gain_N - gain_N.mean()
    variance = cells.sums(centred**2) / n - (cells.sums(centred) / n) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        sd = np.sqrt(variance * n / np.maximum(n - 1, 1))
        return named("d_z", np.where(sd > 1e-12, mean_S / sd, np.nan))
