"""The same input under different ids is one observation made several times: find it and make it one cluster."""

import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipworthy import records
from shipworthy.records import Example

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """(N,) cluster codes 0..G-1, and how many examples ask again what one of another declared cluster asks.

    Copies within a declared cluster (a question and its variants in other casing) were never taken for independent.
    `crossed_N`: codes of a second way, crossed with the first; None where there is one way.
    """

    code_N: Codes
    repeats: int
    crossed_N: Codes | None = None

    @property
    def count(self) -> int:
        """Clusters, of the way that has fewer."""
        return min(int(code_N.max(initial=-1)) + 1 for code_N in self._ways)

    @property
    def effective(self) -> float:
        """As many clusters of one size as these weigh: N^2 over the sum of their squared sizes; the smaller way's."""
        return min(_effective(code_N) for code_N in self._ways)

    @property
    def _ways(self) -> tuple[Codes, ...]:
        return (self.code_N,) if self.crossed_N is None else (self.code_N, self.crossed_N)

    @property
    def warnings(self) -> tuple[records.Warning, ...]:
        """`duplicate_examples`, where there are any."""
        if not self.repeats:
            return ()
        message = (
            f"{self.repeats} examples repeat the input of another under a different id and cluster; "
            "each such group is one cluster"
        )
        return (records.Warning(code="duplicate_examples", message=message, count=self.repeats),)


def clusters(examples: Sequence[Example]) -> Clusters:
    """Clusters of the examples: those declared, joined where two examples ask the same."""
    asked = codes(_asked(example) for example in examples)
    declared = codes(example.cluster if example.cluster is not None else (example.id,) for example in examples)
    if all(example.crossed is None for example in examples):
        return join(asked, declared)
    second = codes(example.crossed if example.crossed is not None else (example.id,) for example in examples)
    return cross(asked, declared, second)


def cross(input_N: Codes, first_N: Codes, second_N: Codes) -> Clusters:
    """Two ways of clusters, kept apart: rows that share an input fall together in one of them.

    Joining everything that hangs together in either way would leave one cluster of all. An input within one cluster
    of either way needs nothing; else it joins clusters of the way that stays the larger. A way that lies within the
    other adds nothing to it, and the coarser stands alone.
    """
    ways = [codes_of(first_N), codes_of(second_N)]
    joined = [join(input_N, way) for way in ways]
    repeats = min(found.repeats for found in joined)
    if repeats:
        into = int(_effective(joined[1].code_N) >= _effective(joined[0].code_N))
        ways[into] = joined[into].code_N
    cells = len(np.unique(np.stack(ways, axis=1), axis=0))
    for finer, coarser in ((1, 0), (0, 1)):
        if cells == len(np.unique(ways[finer])):
            return Clusters(code_N=ways[coarser], repeats=repeats)
    return Clusters(code_N=ways[0], repeats=repeats, crossed_N=ways[1])


def join(input_N: Codes, declared_N: Codes) -> Clusters:
    """Rows fall into one cluster when they share the input or the declared cluster, directly or through others.

    Args: input_N, declared_N: (N,) codes; a row whose input is not known has an input code of its own.
    """
    both_N2 = np.unique(np.stack([codes_of(input_N), codes_of(declared_N)], axis=1), axis=0)
    repeats = len(both_N2) - len(np.unique(input_N))
    if not repeats:
        return Clusters(code_N=codes_of(declared_N), repeats=0)
    label_N = codes_of(declared_N)
    while True:
        joined_N = _lowest(_lowest(label_N, input_N), declared_N)
        if np.array_equal(joined_N, label_N):
            return Clusters(code_N=codes_of(joined_N), repeats=repeats)
        label_N = joined_N


def codes(keys: Iterable[Hashable]) -> Codes:
    """(N,) codes 0.. in the order of first appearance."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)


def codes_of(values_N: NDArray[Any]) -> Codes:
    """(N,) codes 0..G-1 of any sortable column."""
    return np.unique(values_N, return_inverse=True)[1].reshape(-1).astype(np.int64)


def normal(text: str) -> str:
    """Text without the differences that do not make it another question: case, spacing, Unicode form."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _asked(example: Example) -> Hashable:
    if not example.messages:
        return (example.id,)
    return tuple((message.role, normal(message.content)) for message in example.messages)


def _effective(code_N: Codes) -> float:
    sizes = np.bincount(code_N).astype(np.float64)
    return float(sizes.sum() ** 2 / max((sizes**2).sum(), 1.0))


def _lowest(label_N: Codes, group_N: Codes) -> Codes:
    """Every row takes the lowest label of its group."""
    code_N = codes_of(group_N)
    low_G = np.full(int(code_N.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(low_G, code_N, label_N)
    return low_G[code_N]
