"""From evidence to tiers, measured against the data's own null."""

import numpy as np
from numpy.typing import NDArray

from shipworthy.data.leakage._evidence import Verified, Wording, verify
from shipworthy.data.leakage._index import candidates
from shipworthy.data.leakage._tokens import Tokens
from shipworthy.data.leakage.types import Null

LIKELY_EDITS = 0.10
LOOK_EDITS = 0.20
NULL_SHARE = 0.02
_ROWS = 1_500
_BITS_OVER_PAIRS = 10.0
_MOST_EXTRA_BITS = 15.0


def null(sources: Tokens, probes: int, said: Wording) -> Null:
    """The evidence that rows of `sources` give for one another although none is a copy by intention.

    A sample of them (evenly spaced, at most 1,500) is treated as probes are. `likely_bits` is the least evidence at
    which at most 2 % of them would be called likely; it never falls below the floor and rises at most 15 bits above.
    """
    chance = _expected_once(len(sources), probes)
    floor = chance + _BITS_OVER_PAIRS
    chosen = np.unique(np.linspace(0, len(sources) - 1, min(_ROWS, len(sources))).astype(np.int64))
    sample = sources.rows(chosen)
    seen = verify(candidates(sources, sample, itself_N=chosen), sources, sample, said)
    best_N = np.full(len(sample), -np.inf)
    near = _edits(seen) <= LIKELY_EDITS
    np.maximum.at(best_N, seen.probe_P[near], seen.bits_P[near])
    allowed = int(NULL_SHARE * len(best_N))
    reached = float(np.partition(best_N, len(best_N) - allowed - 1)[len(best_N) - allowed - 1]) if len(best_N) else 0.0
    limit = min(max(floor, float(np.nextafter(reached, np.inf))), floor + _MOST_EXTRA_BITS)
    return Null(
        rows=len(best_N),
        share=float((best_N >= floor).mean()) if len(best_N) else 0.0,
        chance_bits=chance,
        floor_bits=floor,
        likely_bits=limit,
        capped=reached >= limit,
    )


def tiers(seen: Verified, measured: Null) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(P,) is it likely, (P,) is it at least worth a look."""
    edits_P = _edits(seen)
    likely_P = (edits_P <= LIKELY_EDITS) & (seen.bits_P >= measured.likely_bits)
    return likely_P, likely_P | ((edits_P <= LOOK_EDITS) & (seen.bits_P >= measured.chance_bits))


def _edits(seen: Verified) -> NDArray[np.float64]:
    """(P,) edits as a share of the words, of the source's where an edit left words out."""
    longest_P = np.minimum(seen.source_words_P, seen.words_P + seen.edits_P)
    return np.asarray((seen.edits_P - 1e-9) / np.maximum(np.maximum(seen.words_P, longest_P), 1))


def _expected_once(sources: int, probes: int) -> float:
    return float(np.log2(max(sources, 1) * max(probes, 1)))
