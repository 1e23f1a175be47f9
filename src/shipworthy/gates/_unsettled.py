"""Rows on which a baseline could lose, or a model be judged, by what says nothing of it: its answers that failed, and
verdicts of a judge that could not be read (decisions 0200 and 0201). Pure.

A candidate's failed answer is its error. A failed answer of the baseline is its error too, but no gate that compares
passes by such rows: it must hold without them. A verdict that could not be read may be any verdict: a gate passes only
if it would with every such verdict against the candidate, and fails only if it would with every one in its favour.
"""

from dataclasses import replace

import numpy as np

from shipworthy.gates._pairs import Pair, carries, kept, put
from shipworthy.stats.gaps import Unevenness, unevenness

HALF = 0.5
"""A judge that could not be read on more than this share of a model's answers has judged nothing."""


def against(pair: Pair) -> Pair | None:
    """The rows as hard on the candidate as they can be read; None where nothing is unsettled."""
    keep_N = pair.both_N
    if pair.lost_N is not None and pair.base_NK is not None:
        keep_N = ~pair.lost_N if keep_N is None else keep_N & ~pair.lost_N
    if keep_N is None and pair.unread is None:
        return None
    read = _read(pair, favour=False)
    return read if keep_N is None else kept(read, np.asarray(keep_N))


def without_lost(pair: Pair) -> Pair:
    """The rows of one arm without its failed answers."""
    return pair if pair.lost_N is None else kept(pair, np.asarray(~pair.lost_N))


def in_favour(pair: Pair) -> Pair | None:
    """The rows with every unread verdict for the candidate; None where every verdict was read."""
    return None if pair.unread is None else _read(pair, favour=True)


def lost_unevenly(pair: Pair) -> Unevenness | None:
    """Whether the candidate scores otherwise where the baseline's answers failed; None: it cannot be asked."""
    if pair.lost_N is None or pair.base_NK is None:
        return None
    there_N = carries(pair.ours_NK)
    scores_N, lost_n = pair.metric.summarize(pair.ours_NK[there_N]), pair.lost_N[there_N]
    asked = [unevenness(scores_N, lost_n, None if way is None else way[there_N]) for way in pair.ways]
    return max((one for one in asked if one is not None), key=lambda one: one.p, default=None)


def _read(pair: Pair, *, favour: bool) -> Pair:
    if pair.unread is None:
        return pair
    worst = np.array(pair.metric.failure)
    best = np.array([1.0 - worst[0], 1.0])
    ours, base = (best, worst) if favour else (worst, best)
    base_NK = None if pair.base_NK is None else put(pair.base_NK, pair.unread.base_N, base)
    return replace(pair, ours_NK=put(pair.ours_NK, pair.unread.ours_N, ours), base_NK=base_NK)
