"""The cheapest way to write each probe down from its source, for many pairs at once.

Semi-global alignment by dynamic programming (Needleman & Wunsch 1970, ends of the source free but for one edit each),
vectorised over pairs and over the source: one step a word of the probe.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shipworthy.data.leakage._index import Pairs
from shipworthy.data.leakage._tokens import Ints, Tokens

Costs = NDArray[np.int64]
_UNIT = 1 << 16  # a cost is (bits * 16) * _UNIT + edits: the least cost, and the fewest edits among the cheapest
_SIXTEENTHS = 16.0
_MOST_CELLS = 500_000
_NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """(P,) bits that the edits cost, how many there are, and whether an end of the source is left over."""

    cost_P: NDArray[np.float64]
    edits_P: Ints
    inside_P: NDArray[np.bool_]


def align(pairs: Pairs, sources: Tokens, probes: Tokens, word_bits: float) -> Alignment:
    """Align every pair. A word of the probe that the source lacks costs `word_bits` and a place; a source's word that
    the probe lacks, and an end of the source that the probe leaves out, a place: log2(words of the source + 2) bits."""
    size_P = np.maximum(sources.length_N[pairs.source_P], probes.length_N[pairs.probe_P])
    order = np.argsort(size_P, kind="stable")
    packed_P = np.zeros(len(pairs), dtype=np.int64)
    inside_P = np.zeros(len(pairs), dtype=bool)
    for low, high in pairwise(_edges(size_P[order])):
        some = order[low:high]
        source_PA = _padded(sources, pairs.source_P[some], _NONE)
        probe_PB = _padded(probes, pairs.probe_P[some], _NONE - 1)
        lengths = sources.length_N[pairs.source_P[some]], probes.length_N[pairs.probe_P[some]]
        packed_P[some], inside_P[some] = _align(source_PA, probe_PB, *lengths, word_bits)
    bits_P, edits_P = np.divmod(packed_P, _UNIT)
    return Alignment(cost_P=bits_P / _SIXTEENTHS, edits_P=edits_P, inside_P=inside_P)


def _edges(size_P: Ints) -> list[int]:
    """Where to cut pairs sorted by size, so that a piece holds few cells and little padding."""
    edges = [0]
    while edges[-1] < len(size_P):
        first = edges[-1]
        longest = max(16, int(size_P[first] * 1.3))
        edges.append(
            min(int(np.searchsorted(size_P, longest, side="right")), first + max(1, _MOST_CELLS // (longest + 1)))
        )
    return edges


def _padded(tokens: Tokens, row_P: Ints, fill: int) -> Ints:
    length_P = tokens.length_N[row_P]
    step_W = np.arange(int(length_P.max(initial=0)))
    at_PW = np.minimum(tokens.start_N[row_P][:, None] + step_W, len(tokens.word_T) - 1)
    return np.where(step_W < length_P[:, None], tokens.word_T[at_PW], fill).astype(np.int64)


def _align(
    source_PA: Ints, probe_PB: Ints, long_P: Ints, words_P: Ints, word_bits: float
) -> tuple[Costs, NDArray[np.bool_]]:
    place_P = np.log2(long_P + 2.0)
    skip_P1 = _packed(place_P)[:, None]
    add_P1 = _packed(place_P + word_bits)[:, None]
    at_A = np.arange(source_PA.shape[1] + 1)
    start_PA = np.where(at_A > 0, skip_P1, 0)  # a source's beginning left out: one edit, however long
    ramp_PA = at_A * skip_P1
    now_PA = start_PA
    done_PA = now_PA.copy()
    for step in range(probe_PB.shape[1]):
        same_PA = source_PA == probe_PB[:, step : step + 1]
        next_PA = now_PA + add_P1
        np.minimum(next_PA[:, 1:], now_PA[:, :-1] + np.where(same_PA, 0, add_P1), out=next_PA[:, 1:])
        now_PA = np.minimum.accumulate(next_PA - ramp_PA, axis=1) + ramp_PA
        last_P = words_P == step + 1
        done_PA[last_P] = now_PA[last_P]
    over_PA = at_A > long_P[:, None]
    total_PA = done_PA + np.where(at_A < long_P[:, None], skip_P1, 0)
    total_PA[over_PA] = np.iinfo(np.int64).max
    whole_P = np.take_along_axis(done_PA, long_P[:, None], axis=1)[:, 0]
    best_P = total_PA.min(axis=1)
    return best_P, (best_P < whole_P) | _starts_inside(source_PA, probe_PB)


def _starts_inside(source_PA: Ints, probe_PB: Ints) -> NDArray[np.bool_]:
    """The probe's first two words stand together in the source, but not at its beginning."""
    if source_PA.shape[1] < 3 or probe_PB.shape[1] < 2:
        return np.zeros(len(source_PA), dtype=bool)
    both_PA = (source_PA[:, :-1] == probe_PB[:, :1]) & (source_PA[:, 1:] == probe_PB[:, 1:2])
    return np.asarray(~both_PA[:, 0] & both_PA[:, 1:].any(axis=1))


def _packed(bits_P: NDArray[np.float64]) -> Costs:
    return np.rint(bits_P * _SIXTEENTHS).astype(np.int64) * _UNIT + 1
