"""Two arms of different rows (users, requests): nothing is paired, and it must be shown that chance dealt the rows."""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from shipworthy.gates._contrast import Contrast, Spread
from shipworthy.gates._pairs import Pair
from shipworthy.gates._unpaired import oriented
from shipworthy.metrics.types import Floats
from shipworthy.records import Method
from shipworthy.stats.unpaired import Gap, newcombe_unpaired, sample_ratio_p, welch

MISMATCH = 0.001
"""A split this unlikely is no luck: what sends rows to one arm decides the verdict (Fabijan et al. 2019)."""
_JUDGED = ("binary", "mean", "corpus")
"""The variance of a quantile or a rank statistic does not carry Welch's t: in a heavy tail it is far too small."""


def two_arms(ours: Contrast, base: Contrast, pairs: tuple[Pair, Pair], alpha: float, split: float | None) -> Contrast:
    """Each arm's own estimate against the other's, in every cell that both have; no cell is judged on a split that
    cannot be chance.

    Rates by Newcombe's interval, everything else by Welch's t on each arm's own (cluster-robust) standard error.
    """
    names = tuple(name for name in ours.names if name in base.names)
    cells = [(ours.names.index(name), base.names.index(name)) for name in names]
    kind = pairs[0].metric.kind
    rates = kind == "binary" and all(pair.independent for pair in pairs)
    sign = 1.0 if pairs[0].metric.better == "higher" else -1.0
    gaps = [_gap(ours, base, cell, sign, 0.0, alpha, rates=rates) for cell in cells]
    shown = np.array([_se(ours, a) ** 2 + _se(base, b) ** 2 for a, b in cells])
    n_S = np.array([ours.n_S[a] + base.n_S[b] for a, b in cells])
    method: Method = "newcombe_unpaired" if rates else "welch"
    broken = mismatch(ours, base, split)

    def tested(limit: float, side: str) -> Floats:
        found = [_gap(ours, base, cell, sign, limit, alpha, rates=rates and limit == 0) for cell in cells]
        return np.array([gap.p_worse if side == "worse" else gap.p_better for gap in found])

    return Contrast(
        method=method,
        names=names,
        n_S=n_S,
        clusters_S=np.array([min(ours.clusters_S[a], base.clusters_S[b]) for a, b in cells]),
        effective_S=np.array([min(ours.effective_S[a], base.effective_S[b]) for a, b in cells]),
        ours=_picked(ours.ours, [a for a, _ in cells]),
        base=_picked(base.ours, [b for _, b in cells]),
        gain=Spread(
            value_S=np.array([gap.value for gap in gaps]),
            low_S=np.array([gap.low for gap in gaps]),
            high_S=np.array([gap.high for gap in gaps]),
        ),
        p_at_least=lambda limit: tested(limit, "worse"),
        p_at_most=lambda limit: tested(limit, "better"),
        variance_S=shown * n_S if broken is None else np.full(len(cells), np.nan),  # more rows mend no split
        refused=tuple(
            broken
            or ours.refused[a]
            or base.refused[b]
            or (None if np.isfinite(s) and kind in _JUDGED else f"a {kind} has no unpaired interval here")
            for (a, b), s in zip(cells, shown, strict=True)
        ),
        effects=(None,) * len(cells),
        changed_S=np.full(len(cells), np.nan),
    )


def mismatch(ours: Contrast, base: Contrast, split: float | None) -> str | None:
    """Why the arms cannot be compared at all: rows (clusters, where there are some) fall otherwise than declared."""
    if split is None:
        return None
    mine, theirs = int(ours.clusters_S[0]), int(base.clusters_S[0])
    p = sample_ratio_p(mine, mine + theirs, split)
    if p >= MISMATCH:
        return None
    return (
        f"sample-ratio mismatch: the candidate has {mine:,} of {mine + theirs:,}, {mine / (mine + theirs):.1%}, where "
        f"{split:.1%} were declared (p={p:.1g}); what deals the rows favours one arm, find it first"
    )


def _gap(
    ours: Contrast, base: Contrast, cell: tuple[int, int], sign: float, limit: float, alpha: float, *, rates: bool
) -> Gap:
    mine, theirs = float(ours.ours.value_S[cell[0]]), float(base.ours.value_S[cell[1]])
    if rates:
        n1, n2 = int(ours.n_S[cell[0]]), int(base.n_S[cell[1]])
        return oriented(newcombe_unpaired((mine * n1, n1), (theirs * n2, n2), alpha=alpha), sign)
    arms = [(ours, cell[0], mine), (base, cell[1], theirs + sign * limit)]
    one, other = ((value, _se(arm, at), max(float(arm.clusters_S[at]) - 1, 1.0)) for arm, at, value in arms)
    if not np.isfinite(one[1] + other[1]):
        return oriented(Gap(value=one[0] - other[0], low=-np.inf, high=np.inf, p_worse=1.0, p_better=1.0), sign)
    return oriented(welch(one, other, alpha=alpha), sign)


def _se(arm: Contrast, at: int) -> float:
    return sqrt(float(arm.variance_S[at]) / max(float(arm.n_S[at]), 1.0))


def _picked(spread: Spread, at: Sequence[int]) -> Spread:
    return Spread(value_S=spread.value_S[at], low_S=spread.low_S[at], high_S=spread.high_S[at])
