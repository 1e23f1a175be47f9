"""How many examples an open gate still needs: power analysis on the discordance or the variance that was observed."""

from math import ceil

import numpy as np

from shipworthy.gates._contrast import Contrast
from shipworthy.gates._rule_cells import GRAVE_ALPHA, GRAVE_MARGINS, Cell, within_limit
from shipworthy.stats.power import examples_binary, examples_flawless, examples_for, examples_rate
from shipworthy.stats.refusal import SKEW_SAFE_N, clusters_needed

_TIMES, _FAR = 100, 1_000_000
"""Nobody gets more than a hundred times the examples that are there, and more than a million."""


def examples_needed(cell: Cell, *, alpha: float, power: float, alpha_fail: float) -> int | None:
    """Examples in all at which the gate settles with `power`; None where no number is known that does.

    What an equal candidate would need to pass. Where that many are there already (or a refused sample, once it is large
    enough, would show the loss that was observed), what it takes were the observed value the truth: to pass, or to fail
    at `alpha_fail`, the level that the correction for many gates leaves.
    """
    found, index = cell.comparison.contrast, cell.index
    known = np.isfinite(found.variance_S[index]) and np.isfinite(found.tested.value_S[index])
    if not known or (cell.refused is not None and found.refused[index] is None):
        return None
    n, floor = int(found.n_S[index]), _smallest(cell)
    wanted = _Plan(cell, alpha, power).wanted(max(n, floor), alpha_fail)
    wanted = floor or None if wanted is None else max(wanted, floor)
    return None if wanted is None or wanted > max(_TIMES * n, _FAR) else max(wanted, n + 1)


def _smallest(cell: Cell) -> int:
    """The n below which a refused sample stays refused: 20 clusters of the size seen (100 very unequal ones), 100 where
    scores are skewed."""
    found = cell.comparison.contrast
    if found.refused[cell.index] is None:
        return 0
    n, clusters = float(found.n_S[cell.index]), float(found.effective_S[cell.index])
    least = clusters_needed(float(found.clusters_S[cell.index]), clusters)
    return SKEW_SAFE_N if clusters >= least else ceil(least * n / max(clusters, 1.0))


class _Plan:
    """One cell seen so that more is better: the value, what it must lie above, what it must fall below to fail."""

    def __init__(self, cell: Cell, alpha: float, power: float) -> None:
        self._cell, self._found, self._alpha, self._power = cell, cell.comparison.contrast, alpha, power
        self._variance = float(self._found.variance_S[cell.index])
        sign = -1.0 if cell.rule.kind == "at_most" else 1.0
        self._value = sign * float(self._found.tested.value_S[cell.index])
        self._above, self._below = sign * cell.rule.threshold, sign * cell.rule.reference

    def wanted(self, n: int, alpha_fail: float) -> int | None:
        rule = self._cell.rule
        if rule.kind != "non_inferior":
            return self._settled(alpha_fail)
        if self._cell.judged and within_limit(rule, self._cell.comparison, self._cell.index):
            return self._no_grave_loss(self._value)
        equal, failed = self._passed(0.0), self._failed(alpha_fail)
        sure = failed is not None and failed <= n
        return equal if equal is not None and equal > n and not sure else self._settled(alpha_fail)

    def _settled(self, alpha_fail: float) -> int | None:
        ways = self._passed(self._value), self._failed(alpha_fail)
        return min((n for n in ways if n is not None), default=None)

    def _failed(self, alpha_fail: float) -> int | None:
        return self._shown(-self._value, -self._below, alpha_fail)

    def _passed(self, truth: float) -> int | None:
        shown = self._shown(truth, self._above, self._alpha)
        if shown is None or self._cell.rule.kind != "non_inferior":
            return shown
        return max(shown, self._no_grave_loss(truth) or 0)

    def _no_grave_loss(self, truth: float) -> int | None:
        return self._shown(truth, -GRAVE_MARGINS * self._cell.rule.limit, GRAVE_ALPHA)

    def _shown(self, truth: float, threshold: float, alpha: float) -> int | None:
        """n at which a true value above the threshold is shown to be, by the test that this evidence gets."""
        gap, power, n = truth - threshold, self._power, float(self._found.n_S[self._cell.index])
        if gap <= 0:
            return None
        if self._found.method == "tango":
            share = min(self._variance + truth * truth, 1.0)
            return examples_binary(share, margin=min(-threshold, 1.0), gain=truth, alpha=alpha, power=power)
        if self._found.method == "clopper_pearson":
            limit = abs(threshold)
            return examples_rate(_believed(abs(truth), limit, n), limit, alpha=alpha, power=power)
        if (missed := _unmissed(self._found, self._cell.index, gap, alpha)) is not None:
            return missed
        shown = examples_for(gap, self._variance, alpha=alpha, power=power, lasting=self._found.lasting)
        return None if shown is None else max(shown, self._unseen(truth, gap, alpha), self._costliest(gap, alpha))

    def _unseen(self, truth: float, gap: float, alpha: float) -> int:
        """n whose unseen answers could not pull a bounded mean across the gap, however much each may cost."""
        if self._found.worth_S is None:
            return 0
        least = 0.0 if self._found.gain is None and truth - gap >= 0 and truth >= 0 else -1.0
        worth = max(float(self._found.worth_S[self._cell.index]), 1.0)
        plain = examples_flawless(max(1 - gap / max(truth - least, gap), 0.0), alpha=alpha) or 0
        return ceil(plain * float(self._found.n_S[self._cell.index]) / worth)

    def _costliest(self, gap: float, alpha: float) -> int:
        """n of which the costliest answers that were not met could not bridge the gap."""
        costs, index = self._found.costliest_S, self._cell.index
        if costs is None or self._found.gain is None or not costs[index] > gap:
            return 0
        plain = examples_flawless(1 - gap / float(costs[index]), alpha=alpha) or 0
        return ceil(plain * float(self._found.n_S[index]) / max(float(self._found.clusters_S[index]), 1.0))


def _unmissed(found: Contrast, index: int, gap: float, alpha: float) -> int | None:
    """n at which a value that no redraw changes is shown, if nothing else is met; None where redraws differ."""
    if found.unmissed_S is None or not np.isfinite(found.unmissed_S[index]):
        return None
    plain = examples_flawless(max(1 - gap / float(found.unmissed_S[index]), 0.0), alpha=alpha)
    return None if plain is None else ceil(plain * float(found.n_S[index]) / max(float(found.clusters_S[index]), 1.0))


def _believed(rate: float, limit: float, n: float) -> float:
    """The observed rate as the truth to plan for; where nothing but failures or successes was met, half an event.

    Never nearer to the limit than half way: a sample too small to tell plans for that.
    """
    half = 0.5 / (n + 1)
    if rate < limit:
        return max(rate, min(half, limit / 2))
    return min(rate, max(1 - half, (1 + limit) / 2))
