"""From evidence to tiers, measured against the data's own null."""

import numpy as np
from numpy.typing import NDArray

from shipworthy.data.leakage._evidence import Verified, Wording, verify
from shipworthy.data.leakage._index import NOT_A_SOURCE, candidates
from shipworthy.data.leakage._tokens import Tokens, both
from shipworthy.data.leakage.types import Null

LIKELY_EDITS = 0.10
LOOK_EDITS = 0.20
NULL_SHARE = 0.02
_ROWS = 1_500
_BITS_OVER_PAIRS = 10.0
_MOST_EXTRA_BITS = 15.0


def measure(sources: Tokens, probes: Tokens, said: Wording, *, asked: int) -> tuple[Verified, Null]:
    """What the probes turn out to be, and the evidence that rows of `sources` give for one another.

    A sample of the sources (evenly spaced, at most 1,500) is treated as the probes are. `likely_bits` is the least
    evidence at which at most 2 % of them would be called likely copies of another row; it never falls below the floor
    and rises at most 15 bits above.

    Args: asked: how many rows are asked for in all, those included whose match is found by other means.
    """
    chosen = np.unique(np.linspace(0, max(0, len(sources) - 1), min(_ROWS, len(sources))).astype(np.int64))
    rows = both(probes, sources.rows(chosen))
    itself_N = np.concatenate([np.full(len(probes), NOT_A_SOURCE), chosen])
    seen = verify(candidates(sources, rows, itself_N=itself_N), sources, rows, said)
    sampled = seen.probe_P >= len(probes)
    best_N = np.full(len(chosen), -np.inf)
    near = sampled & (edit_shares(seen) <= LIKELY_EDITS)
    np.maximum.at(best_N, seen.probe_P[near] - len(probes), seen.bits_P[near])
    return seen.chosen(~sampled), _null(best_N, _expected_once(len(sources), asked))


def compare(sources: Tokens, probes: Tokens, said: Wording) -> Verified:
    """What the probes turn out to be beside the sources, unmeasured."""
    return verify(candidates(sources, probes, itself_N=np.full(len(probes), NOT_A_SOURCE)), sources, probes, said)


def measure_within(rows: Tokens, said: Wording) -> tuple[Verified, Null]:
    """As `measure`, for a set and itself: all rows are the null, and a tenth is asked for, as if it were held out."""
    seen = verify(candidates(rows, rows, itself_N=np.arange(len(rows))), rows, rows, said)
    best_N = np.full(len(rows), -np.inf)
    near = edit_shares(seen) <= LIKELY_EDITS
    np.maximum.at(best_N, seen.probe_P[near], seen.bits_P[near])
    return seen, _null(best_N, _expected_once(len(rows), len(rows) // 10))


def _null(best_N: NDArray[np.float64], chance: float) -> Null:
    floor = chance + _BITS_OVER_PAIRS
    if not len(best_N):
        return Null(rows=0, share=0.0, chance_bits=chance, floor_bits=floor, likely_bits=floor, capped=False)
    rank = len(best_N) - int(NULL_SHARE * len(best_N)) - 1
    reached = float(np.partition(best_N, rank)[rank])
    limit = min(max(floor, float(np.nextafter(reached, np.inf))), floor + _MOST_EXTRA_BITS)
    return Null(
        rows=len(best_N),
        share=float((best_N >= floor).mean()),
        chance_bits=chance,
        floor_bits=floor,
        likely_bits=limit,
        capped=reached >= limit,
    )


def tiers(seen: Verified, measured: Null) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(P,) is it likely, (P,) is it at least worth a look."""
    edits_P = edit_shares(seen)
    likely_P = (edits_P <= LIKELY_EDITS) & (seen.bits_P >= measured.likely_bits)
    return likely_P, likely_P | ((edits_P <= LOOK_EDITS) & (seen.bits_P >= measured.chance_bits))


def edit_shares(seen: Verified) -> NDArray[np.float64]:
    """(P,) edits as a share of the words, of the source's where an edit left words out."""
    longest_P = np.minimum(seen.source_words_P, seen.words_P + seen.edits_P)
    return np.asarray((seen.edits_P - 1e-9) / np.maximum(np.maximum(seen.words_P, longest_P), 1))


def _expected_once(sources: int, probes: int) -> float:
    return float(np.log2(max(sources, 1) * max(probes, 1)))
