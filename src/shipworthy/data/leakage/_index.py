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
SIZES = (3, 6, 12)
"""Words in an n-gram; the longer ones serve probes whose every shorter n-gram is common."""
MOST_POSTINGS = 512
CANDIDATES = 6
_MOST_HITS = 2_000_000
_PRIMES = tuple(np.uint64(p) for p in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))


def bits_for(tokens: int) -> int:
    """Width of the hash: about four buckets an n-gram."""
    return min(26, max(16, int(4 * max(tokens, 1)).bit_length()))


def buckets(word_T: Words, size: int, width: int) -> Buckets:
    """(T - size + 1,) bucket of the n-gram that begins at each position."""
    ends = len(word_T) - size + 1
    if ends <= 0:
        return np.zeros(0, dtype=np.uint32)
    mixed = word_T[:ends].astype(np.uint64) * _PRIMES[0] + _PRIMES[2]
    for step in range(1, size):
        mixed ^= mixed >> np.uint64(29)
        mixed += word_T[step : step + ends].astype(np.uint64)
        mixed *= _PRIMES[1]
    mixed ^= mixed >> np.uint64(32)
    mixed *= _PRIMES[0]
    return (mixed >> np.uint64(64 - width)).astype(np.uint32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """(P,) rows of the probes and the rows they may have come from."""

    probe_P: Ints
    source_P: Ints

    def __len__(self) -> int:
        return len(self.probe_P)


def candidates(sources: Tokens, probes: Tokens, *, itself_N: Ints | None = None) -> Pairs:
    """For every probe the few sources that share most of its rare n-grams.

    Args: itself_N: (N,) the source that a probe must not be paired with, where probes are drawn from the sources.
    """
    open_N = np.ones(len(probes), dtype=bool)
    found: list[Pairs] = []
    for size in SIZES:
        chosen = np.flatnonzero(open_N)
        if not len(chosen):
            break
        itself = None if itself_N is None else itself_N[chosen]
        pairs = _by_size(sources, probes.rows(chosen), size, itself)
        found.append(Pairs(probe_P=chosen[pairs.probe_P], source_P=pairs.source_P))
        open_N[found[-1].probe_P] = False
    return Pairs(
        probe_P=np.concatenate([pairs.probe_P for pairs in found] or [np.zeros(0, np.int64)]),
        source_P=np.concatenate([pairs.source_P for pairs in found] or [np.zeros(0, np.int64)]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Queries:
    """(Q,) n-grams to look up: the probe's row, the bucket, and how many sources' n-grams lie in it."""

    row_Q: Ints
    bucket_Q: Buckets
    postings_Q: Ints


def _by_size(sources: Tokens, probes: Tokens, size: int, itself_N: Ints | None) -> Pairs:
    width = bits_for(len(sources.word_T))
    bucket_T = buckets(sources.word_T, size, width)
    bucket_T = bucket_T[whole_T] if not (whole_T := _whole(sources.word_T, size)).all() else bucket_T
    count_H = np.bincount(bucket_T, minlength=1 << width)
    queries = _rarest(probes, size, width, count_H, spare=0 if itself_N is None else 1)
    at_T = np.flatnonzero(whole_T)
    wanted_H = np.zeros(1 << width, dtype=bool)
    wanted_H[queries.bucket_Q] = True
    kept = np.flatnonzero(wanted_H[bucket_T])
    order = kept[np.argsort(bucket_T[kept], kind="stable")]
    sorted_T, row_T = bucket_T[order], np.searchsorted(sources.start_N, at_T[order] + 1, side="right") - 1
    parts = [_best(_hits(some, sorted_T, row_T), len(sources), itself_N) for some in _pieces(queries, _MOST_HITS)]
    return Pairs(
        probe_P=np.concatenate([part.probe_P for part in parts] or [np.zeros(0, np.int64)]),
        source_P=np.concatenate([part.source_P for part in parts] or [np.zeros(0, np.int64)]),
    )


def _whole(word_T: Words, size: int) -> NDArray[np.bool_]:
    """Which n-grams lie in one row: an edge may stand at their ends only."""
    ends = max(0, len(word_T) - size + 1)
    inside_T = np.concatenate([[0], np.cumsum(word_T == EDGE)])
    return np.asarray(inside_T[size - 1 : size - 1 + ends] == inside_T[1 : 1 + ends])


def _rarest(probes: Tokens, size: int, width: int, count_H: Ints, *, spare: int) -> _Queries:
    """The rarest n-grams of each probe that any source has, rarest first within a probe."""
    whole_T = _whole(probes.word_T, size)
    at_Q = np.flatnonzero(whole_T)
    bucket_Q = buckets(probes.word_T, size, width)[at_Q]
    row_Q = np.searchsorted(probes.start_N, at_Q + 1, side="right") - 1
    postings_Q = count_H[bucket_Q]
    alive = np.flatnonzero((postings_Q > spare) & (postings_Q <= MOST_POSTINGS))
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


def _hits(queries: _Queries, sorted_T: Buckets, row_T: Ints) -> Pairs:
    low_Q = np.searchsorted(sorted_T, queries.bucket_Q)
    return Pairs(probe_P=np.repeat(queries.row_Q, queries.postings_Q), source_P=row_T[spans(low_Q, queries.postings_Q)])


def _best(hits: Pairs, sources: int, itself_N: Ints | None) -> Pairs:
    """The sources that a probe hit most often, at most `CANDIDATES` of them."""
    if itself_N is not None:
        other = hits.source_P != itself_N[hits.probe_P]
        hits = Pairs(probe_P=hits.probe_P[other], source_P=hits.source_P[other])
    key_P, times_P = np.unique(hits.probe_P * sources + hits.source_P, return_counts=True)
    probe_P, source_P = np.divmod(key_P, max(sources, 1))
    order = np.lexsort((-times_P, probe_P))
    probe_P, source_P = probe_P[order], source_P[order]
    keep = np.arange(len(probe_P)) - np.searchsorted(probe_P, probe_P) < CANDIDATES
    return Pairs(probe_P=probe_P[keep], source_P=source_P[keep])
