"""How strongly one row looks copied from another: a likelihood ratio in bits.

"Written independently" is a bigram model of the words of both sets, the two rows left out; "copied with edits" pays for
the place of every edit and draws a new word evenly from the vocabulary. Common wording carries few bits, so a short
question that many people ask alike is no evidence, and a long or odd one is.
Source: the sum-of-surprisals score is that of sequence alignment (Karlin & Altschul 1990), bigrams interpolated with
words by a Dirichlet prior (MacKay & Peto 1995).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shipworthy.data.leakage._alignment import align
from shipworthy.data.leakage._index import Pairs, bits_for, buckets
from shipworthy.data.leakage._tokens import EDGE, Ints, Tokens, spans

Floats = NDArray[np.float64]
_PRIOR = 5.0
_TWO_ROWS = 2
_LEAST_COVERED = 0.6
_MOST_POSITIONS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Counts of the words and word pairs of several token sets; pairs are counted in hashed buckets."""

    word_V: Ints
    pair_H: NDArray[np.int32]
    width: int

    @property
    def word_bits(self) -> float:
        """Bits to name one word of the vocabulary."""
        return float(np.log2(max(2, len(self.word_V))))

    def surprisal(self, tokens: Tokens) -> Floats:
        """(T - 1,) bits of the word at position t + 1 after the word at t; the row itself and one copy left out."""
        word_T = tokens.word_T
        after = word_T[1:]
        total = max(1, int(self.word_V[1:].sum()))
        rare = (np.maximum(self.word_V[after] - _TWO_ROWS, 0) + 0.5) / (total + 0.5 * len(self.word_V))
        pair = np.maximum(self.pair_H[buckets(word_T, 2, self.width)] - _TWO_ROWS, 0)
        context = np.maximum(self.word_V[word_T[:-1]] - _TWO_ROWS, pair)
        return np.asarray(-np.log2((pair + _PRIOR * rare) / (context + _PRIOR)))


def wording(sets: list[Tokens], words: int) -> Wording:
    """Counts over all sets. Args: words: size of the vocabulary, the edge included."""
    word_T = np.concatenate([tokens.word_T for tokens in sets])
    width = bits_for(len(word_T))
    pair_H = np.bincount(buckets(word_T, 2, width), minlength=1 << width).astype(np.int32)
    return Wording(word_V=np.bincount(word_T, minlength=words), pair_H=pair_H, width=width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """(P,) what the candidates turned out to be.

    Attributes:
        bits_P: evidence for copying, in bits.
        edits_P: words added, replaced and left out, and ends of the source left over (each end is one edit).
        words_P, source_words_P: words of the probe and of the source.
        inside_P: the probe stands in the middle of the source or begins or ends elsewhere.
    """

    probe_P: Ints
    source_P: Ints
    bits_P: Floats
    edits_P: Ints
    words_P: Ints
    source_words_P: Ints
    inside_P: NDArray[np.bool_]

    def chosen(self, mask_P: NDArray[np.bool_]) -> "Verified":
        """Some of the pairs alone."""
        return Verified(**{name: getattr(self, name)[mask_P] for name in _COLUMNS})


_COLUMNS = ("probe_P", "source_P", "bits_P", "edits_P", "words_P", "source_words_P", "inside_P")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Both sets, and the bucket of the word pair that begins at each of their positions."""

    sources: Tokens
    probes: Tokens
    source_pair_T: Ints
    probe_pair_T: Ints
    width: int


def verify(pairs: Pairs, sources: Tokens, probes: Tokens, said: Wording) -> Verified:
    """Compare every candidate word pair by word pair."""
    total_N = row_bits(probes, said)
    near = np.argsort(pairs.source_P, kind="stable")  # pairs of one source together: what they look up is in the cache
    pairs = Pairs(probe_P=pairs.probe_P[near], source_P=pairs.source_P[near])
    width = bits_for(max(len(sources.word_T), len(probes.word_T)))
    sides = _Sides(
        sources=sources,
        probes=probes,
        source_pair_T=buckets(sources.word_T, 2, width).astype(np.int64),
        probe_pair_T=buckets(probes.word_T, 2, width).astype(np.int64),
        width=width,
    )
    parts = [_verify(some, sides, said, total_N) for some in _pieces(pairs, sources, probes)]
    return Verified(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS})


def row_bits(probes: Tokens, said: Wording) -> Floats:
    """(N,) bits that each row carries as a whole."""
    bits_T = said.surprisal(probes)
    bits_T[probes.word_T[1:] == EDGE] = 0.0  # where a row ends says little, and rows begin everywhere
    sums = np.concatenate([[0.0], np.cumsum(bits_T)])
    return np.asarray(sums[probes.start_N + probes.length_N - 1] - sums[probes.start_N - 1])


def _pieces(pairs: Pairs, sources: Tokens, probes: Tokens) -> list[Pairs]:
    cost_P = probes.length_N[pairs.probe_P] + sources.length_N[pairs.source_P] + 2
    piece_P = np.cumsum(cost_P) // _MOST_POSITIONS
    edges = [0, *(np.flatnonzero(np.diff(piece_P)) + 1).tolist(), len(piece_P)]
    return [Pairs(probe_P=pairs.probe_P[low:high], source_P=pairs.source_P[low:high]) for low, high in pairwise(edges)]


def _verify(pairs: Pairs, sides: _Sides, said: Wording, total_N: Floats) -> Verified:
    words_P = sides.probes.length_N[pairs.probe_P]
    shared_J = _shared(pairs, sides)
    first_P = np.cumsum(words_P + 1) - (words_P + 1)
    covered_J = shared_J.copy()
    covered_J[:-1] |= shared_J[1:]  # word j stands between word pairs j and j + 1
    covered_J[first_P + words_P] = False  # the position after the last word is no word
    kept = np.flatnonzero(_sums(covered_J, first_P) >= _LEAST_COVERED * words_P)
    pairs = Pairs(probe_P=pairs.probe_P[kept], source_P=pairs.source_P[kept])
    found = align(pairs, sides.sources, sides.probes, said.word_bits)
    return Verified(
        probe_P=pairs.probe_P,
        source_P=pairs.source_P,
        bits_P=total_N[pairs.probe_P] - found.cost_P,
        edits_P=found.edits_P,
        words_P=words_P[kept],
        source_words_P=sides.sources.length_N[pairs.source_P],
        inside_P=found.inside_P,
    )


def _shared(pairs: Pairs, sides: _Sides) -> NDArray[np.bool_]:
    """For every word pair of every probe, edges included: does the source have it too?"""
    used, code_P = np.unique(pairs.source_P, return_inverse=True)
    keys_S = np.sort(_keys(sides.sources, sides.source_pair_T, used, np.arange(len(used)) << sides.width))
    keys_J = _keys(sides.probes, sides.probe_pair_T, pairs.probe_P, code_P.reshape(-1) << sides.width)
    if not len(keys_S):
        return np.zeros(len(keys_J), dtype=bool)
    return np.asarray(keys_S[np.minimum(np.searchsorted(keys_S, keys_J), len(keys_S) - 1)] == keys_J)


def _keys(tokens: Tokens, pair_T: Ints, row_P: Ints, code_P: Ints) -> Ints:
    lengths = tokens.length_N[row_P] + 1
    at_J = spans(tokens.start_N[row_P] - 1, lengths)
    return np.repeat(code_P, lengths) + pair_T[at_J]


def _sums(flag_J: NDArray[np.bool_], first_P: Ints) -> Ints:
    return np.add.reduceat(flag_J.astype(np.int64), first_P) if len(first_P) else np.zeros(0, np.int64)
