"""An inverted index on hashed word n-grams: which rows share a rare n-gram with a probe.

Only the rarest n-grams of a probe are looked up (prefix filtering: Chaudhuri et al. 2006; Xiao et al. 2008), since an
edit of one word breaks n of them and the rest still lead to the source. What a probe leads to is a candidate, verified
elsewhere, so that two n-grams in one bucket cost time and never a false match.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shipworthy.data.leakage._tokens import EDGE, Ints, Tokens, Words, spans

Buckets = NDArray[np.uint32]
SIZES = (4, 8)
"""Words in an n-gram, an edge of the row counted as a word."""
NOT_A_SOURCE = -1
MOST_POSTINGS = 256
CANDIDATES = 6
_MOST_HITS = 250_000
_AT_ONCE = 1 << 18
_RARITY_BITS = 10
_SCALE = 16  # rarities are kept in sixteenths of a bit
_PRIMES = tuple(np.uint64(p) for p in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))


def bits_for(tokens: int) -> int:
    """Width of the hash: one or two buckets a word of the text, so several a different n-gram."""
    return min(26, max(16, int(tokens).bit_length()))


def buckets(word_T: Words, size: int, width: int) -> Buckets:
    """(T - size + 1,) bucket of the n-gram that begins at each position."""
    ends = max(0, len(word_T) - size + 1)
    bucket_T = np.empty(ends, dtype=np.uint32)
    for first in range(0, ends, _AT_ONCE):
        last = min(ends, first + _AT_ONCE)
        mixed = word_T[first:last].astype(np.uint64) * _PRIMES[0] + _PRIMES[2]
        for step in range(1, size):
            mixed ^= mixed >> np.uint64(29)
            mixed += word_T[first + step : last + step].astype(np.uint64)
            mixed *= _PRIMES[1]
        mixed ^= mixed >> np.uint64(32)
        mixed *= _PRIMES[0]
        bucket_T[first:last] = mixed >> np.uint64(64 - width)
    return bucket_T


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """(P,) rows of the probes and the rows they may have come from."""

    probe_P: Ints
    source_P: Ints

    def __len__(self) -> int:
        return len(self.probe_P)


def candidates(sources: Tokens, probes: Tokens, *, itself_N: Ints) -> Pairs:
    """For every probe the few sources that share most of its rare n-grams.

    A probe whose shorter n-grams lead to many sources, or to none, is looked up by longer ones too.

    Args: itself_N: (N,) the source that each probe is drawn from and must not be paired with, or `NOT_A_SOURCE`.
    """
    keys = [np.zeros(0, dtype=np.int64)]
    open_N = np.arange(len(probes))
    for size in SIZES:
        if not len(open_N):
            break
        pairs = _by_size(sources, probes.rows(open_N), size, itself_N[open_N])
        keys.append(open_N[pairs.probe_P] * len(sources) + pairs.source_P)
        led_N = np.bincount(pairs.probe_P, minlength=len(open_N))
        open_N = open_N[(led_N == 0) | (led_N == CANDIDATES)]
    probe_P, source_P = np.divmod(np.unique(np.concatenate(keys)), max(1, len(sources)))
    return Pairs(probe_P=probe_P, source_P=source_P)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Queries:
    """(Q,) n-grams to look up: the probe's row, the bucket, and how many sources' n-grams lie in it."""

    row_Q: Ints
    bucket_Q: Buckets
    postings_Q: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class _Postings:
    """Where the n-grams that are looked up stand in the sources, sorted by bucket."""

    bucket_T: Buckets
    row_T: Ints


def _by_size(sources: Tokens, probes: Tokens, size: int, itself_N: Ints) -> Pairs:
    width = bits_for(len(sources.word_T))
    at_T, row_T = _whole(sources.word_T, size)
    bucket_T = buckets(sources.word_T, size, width)[at_T]
    queries = _rarest(probes, size, width, np.bincount(bucket_T, minlength=1 << width), itself_N)
    wanted_H = np.zeros(1 << width, dtype=bool)
    wanted_H[queries.bucket_Q] = True
    kept = wanted_H[bucket_T]
    sorted_T = np.sort((bucket_T[kept].astype(np.uint64) << np.uint64(32)) | row_T[kept].astype(np.uint64))
    posted = _Postings(
        bucket_T=(sorted_T >> np.uint64(32)).astype(np.uint32),
        row_T=(sorted_T & np.uint64(0xFFFFFFFF)).astype(np.int64),
    )
    parts = [_best(some, posted, len(sources), itself_N) for some in _pieces(queries, _MOST_HITS)]
    return Pairs(
        probe_P=np.concatenate([part.probe_P for part in parts] or [np.zeros(0, np.int64)]),
        source_P=np.concatenate([part.source_P for part in parts] or [np.zeros(0, np.int64)]),
    )


def _whole(word_T: Words, size: int) -> tuple[Ints, Ints]:
    """Where the n-grams begin that lie in one row (an edge may stand at their ends), and the row of each."""
    edges_T = np.cumsum(word_T == EDGE, dtype=np.int32)  # edges up to a position, that position included
    ends = max(0, len(word_T) - size + 1)
    at_T = np.flatnonzero(edges_T[size - 2 : size - 2 + ends] == edges_T[:ends])
    return at_T, edges_T[at_T].astype(np.int64) - 1


def _rarest(probes: Tokens, size: int, width: int, count_H: Ints, itself_N: Ints) -> _Queries:
    """The rarest n-grams of each probe that any source has, rarest first within a probe."""
    at_Q, row_Q = _whole(probes.word_T, size)
    bucket_Q = buckets(probes.word_T, size, width)[at_Q]
    postings_Q = count_H[bucket_Q]
    alive = np.flatnonzero((postings_Q > (itself_N != NOT_A_SOURCE)[row_Q]) & (postings_Q <= MOST_POSTINGS))
    order = alive[np.lexsort((postings_Q[alive], row_Q[alive]))]
    row_Q, bucket_Q, postings_Q = row_Q[order], bucket_Q[order], postings_Q[order]
    first_Q = np.searchsorted(row_Q, row_Q)
    total_Q = np.cumsum(postings_Q)
    spent_Q = total_Q - (total_Q - postings_Q)[first_Q] if len(row_Q) else total_Q
    rank_Q = np.arange(len(row_Q)) - first_Q
    keep = (rank_Q < 6 + probes.length_N[row_Q] // 5) & (spent_Q <= MOST_POSTINGS)
    return _Queries(row_Q=row_Q[keep], bucket_Q=bucket_Q[keep], postings_Q=postings_Q[keep])


def _pieces(queries: _Queries, most: int) -> Iterator[_Queries]:
    """The queries in pieces of about `most` hits, no probe in two of them."""
    if not len(queries.row_Q):
        return
    piece_Q = np.cumsum(queries.postings_Q) // most
    piece_Q = piece_Q[np.searchsorted(queries.row_Q, queries.row_Q)]
    edges = [0, *(np.flatnonzero(np.diff(piece_Q)) + 1).tolist(), len(piece_Q)]
    for low, high in pairwise(edges):
        yield _Queries(
            row_Q=queries.row_Q[low:high],
            bucket_Q=queries.bucket_Q[low:high],
            postings_Q=queries.postings_Q[low:high],
        )


def _best(queries: _Queries, posted: _Postings, sources: int, itself_N: Ints) -> Pairs:
    """The sources that share the most with a probe, each n-gram by its rarity; at most `CANDIDATES` of them."""
    width = max(1, int(sources).bit_length())
    low_Q = np.searchsorted(posted.bucket_T, queries.bucket_Q)
    rarity_Q = np.rint(_SCALE * np.log2((sources + 1) / queries.postings_Q)).astype(np.int64)
    key_P = np.repeat((queries.row_Q << (width + _RARITY_BITS)) | rarity_Q, queries.postings_Q)
    key_P |= posted.row_T[spans(low_Q, queries.postings_Q)] << _RARITY_BITS
    key_P.sort()
    pair_P = key_P >> _RARITY_BITS
    first_P = np.flatnonzero(np.diff(pair_P, prepend=-1))
    shared_P = np.add.reduceat(key_P & (1 << _RARITY_BITS) - 1, first_P) if len(first_P) else first_P
    probe_P, source_P = pair_P[first_P] >> width, pair_P[first_P] & ((1 << width) - 1)
    other = source_P != itself_N[probe_P]
    probe_P, source_P, shared_P = probe_P[other], source_P[other], shared_P[other]
    order = np.lexsort((-shared_P, probe_P))
    probe_P, source_P = probe_P[order], source_P[order]
    keep = np.arange(len(probe_P)) - np.searchsorted(probe_P, probe_P) < CANDIDATES
    return Pairs(probe_P=probe_P[keep], source_P=source_P[keep])
