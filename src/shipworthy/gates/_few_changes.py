"""A corpus value on which few examples differ: redrawing those few cannot show what the next one would do."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from shipworthy.gates._cells import Cells
from shipworthy.gates._contrast import Contrast, Spread
from shipworthy.gates._pairs import Bools, Ints, Pair
from shipworthy.metrics.types import Floats
from shipworthy.stats.paired import score_z, tango
from shipworthy.stats.refusal import few_changes
from shipworthy.stats.significance import PValues, mcnemar_mid_p

FEW = 30
"""From this many examples that differ on, the bootstrap's limits are near their level (decision 0135)."""


def with_few_changes(found: Contrast, pair: Pair, cells: Cells, totals_SK: Floats | None, alpha: float) -> Contrast:
    """The contrast with limits no narrower and p-values no smaller than the tests of right or wrong answers give, where
    fewer than 30 examples differ.

    A differing example counts as the part of a loss or a win that it is worth: n times what the gain changes when it
    alone is taken back. Only for shares of summed counts; of other units, of ranks and quantiles nobody knows what one
    example can be worth, and a small sample on which hardly any differs is refused.
    """
    assert pair.base_NK is not None  # only pairs come here
    differs_N = (pair.ours_NK != pair.base_NK).any(axis=1) & np.logical_and.reduce(pair.carried)
    changed = cells.sums(differs_N.astype(np.float64))
    found = replace(found, changed_S=changed)
    if totals_SK is None or pair.metric.unit != "share":
        return replace(found, refused=_refused(found))
    if (changed >= FEW).all():
        return found
    few = _few(pair, cells, differs_N, totals_SK, found)
    low, high = tango(few.lost_S, few.won_S, few.groups_S, alpha=alpha)
    few_S, scale, gain = changed < FEW, few.scale_S, found.tested
    unseen = scale**2 * (few.lost_S + few.won_S + 1) / (few.groups_S + 2) * found.n_S / few.groups_S
    return replace(
        found,
        gain=Spread(
            value_S=gain.value_S,
            low_S=np.where(few_S, np.minimum(gain.low_S, scale * low), gain.low_S),
            high_S=np.where(few_S, np.maximum(gain.high_S, scale * high), gain.high_S),
        ),
        variance_S=np.where(few_S, np.maximum(found.variance_S, unseen), found.variance_S),
        p_at_least=lambda limit: np.where(
            few_S, np.maximum(found.p_at_least(limit), few.p(limit).worse), found.p_at_least(limit)
        ),
        p_at_most=lambda limit: np.where(
            few_S, np.maximum(found.p_at_most(limit), few.p(limit).better), found.p_at_most(limit)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Few:
    """Losses and wins of each cell in units of `scale_S`, every cluster one example; zero where many differ."""

    lost_S: Floats
    won_S: Floats
    scale_S: Floats
    groups_S: Floats

    def p(self, limit: float) -> PValues:
        if limit == 0:
            return mcnemar_mid_p(self.lost_S, self.won_S)
        z = score_z(self.lost_S, self.won_S, self.groups_S, np.clip(limit / self.scale_S, -1, 1))
        return PValues(np.asarray(ndtr(z)), np.asarray(ndtr(-z)), np.asarray(2 * ndtr(-np.abs(z))))


def _few(pair: Pair, cells: Cells, differs_N: Bools, totals_SK: Floats, found: Contrast) -> _Few:
    groups_S = np.maximum(found.clusters_S, 1.0)  # a cell that one model has nothing in is refused, and divides too
    parts = [
        _parts(_worth(pair, rows[differs_N[rows]], sums, len(rows)), groups / max(len(rows), 1), groups)
        if changed < FEW
        else (0.0, 0.0, 1.0)
        for rows, sums, changed, groups in zip(cells.rows(), totals_SK, found.changed_S, groups_S, strict=True)
    ]
    lost, won, scale = np.array(parts).T
    return _Few(lost_S=lost, won_S=won, scale_S=scale, groups_S=groups_S)


def _worth(pair: Pair, rows_n: Ints, totals_K: Floats, n: int) -> Floats:
    """What each differing example adds to the gain or takes from it, times the number of examples."""
    assert pair.base_NK is not None
    sign = 1.0 if pair.metric.better == "higher" else -1.0
    ours_K = totals_K[: pair.ours_NK.shape[1]]
    without_nK = ours_K - pair.ours_NK[rows_n] + pair.base_NK[rows_n]
    gained = pair.metric.summarize(ours_K[None]) - pair.metric.summarize(without_nK)
    return np.asarray(np.nan_to_num(sign * n * gained))


def _parts(worth_n: Floats, shrink: float, groups: float) -> tuple[float, float, float]:
    scale = max(1.0, float(np.abs(worth_n).max(initial=0.0)))
    lost = min(float(np.maximum(-worth_n, 0).sum()) * shrink / scale, groups)
    won = float(np.maximum(worth_n, 0).sum()) * shrink / scale
    return lost, max(0.0, min(won, (groups - lost) * (1 - 1e-12))), scale


def _refused(found: Contrast) -> tuple[str | None, ...]:
    cells = zip(found.refused, found.changed_S, found.clusters_S, strict=True)
    return tuple(why or few_changes(int(changed), int(groups)) for why, changed, groups in cells)
