"""Runs of n symbols that two sequences share; long texts are counted by sorting numbers instead of cutting strings."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]
_WORD = 63  # bits of a number that stays positive
_SHORT = 250  # symbols of both sequences below which cutting is faster than sorting


def shared_runs(answer: Sequence[str], gold: Sequence[str], longest: int) -> Iterator[tuple[int, int, int]]:
    """For n = 1 … `longest`: (runs of n symbols in the answer, in the gold, in both with their multiplicity).

    A symbol is a character of a text or a word of a list.
    """
    runs = cut_runs if len(answer) + len(gold) < _SHORT else sorted_runs
    for n, both in enumerate(runs(answer, gold, longest), 1):
        yield max(0, len(answer) - n + 1), max(0, len(gold) - n + 1), both


def cut_runs(answer: Sequence[str], gold: Sequence[str], longest: int) -> Iterator[int]:
    """How many runs both hold, for n = 1 … `longest`."""
    for n in range(1, longest + 1):
        ours, theirs = (Counter(zip(*(text[i:] for i in range(n)), strict=False)) for text in (answer, gold))
        yield (ours & theirs).total()


def sorted_runs(answer: Sequence[str], gold: Sequence[str], longest: int) -> Iterator[int]:
    """The same by sorting whole numbers: a run is n places in the base of the alphabet, or its rank where these are too
    many for a word. Nothing is hashed, so the counts are exact."""
    symbol_L, width = _codes(answer, gold)
    runs_L, bits = symbol_L, width
    for n in range(1, longest + 1):
        if n > 1:
            if bits + width > _WORD:
                runs_L, bits = _ranked(runs_L)
            runs_L = (runs_L[:-1] << width) | symbol_L[n - 1 :]
            bits += width
        yield _in_both(runs_L[: max(0, len(answer) - n + 1)], runs_L[len(answer) :])


def _codes(answer: Sequence[str], gold: Sequence[str]) -> tuple[_Ints, int]:
    """Codes of the answer's symbols, then of the gold's, and the bits that one code takes."""
    if isinstance(answer, str) and isinstance(gold, str):
        characters = np.frombuffer((answer + gold).encode("utf-32-le", "surrogatepass"), np.uint32)
        return _ranked(characters.astype(np.int64))
    known: dict[str, int] = {}
    codes = [known.setdefault(symbol, len(known)) for symbol in (*answer, *gold)]
    return np.array(codes, dtype=np.int64), max(1, len(known).bit_length())


def _ranked(values_L: _Ints) -> tuple[_Ints, int]:
    distinct, rank_L = np.unique(values_L, return_inverse=True)
    return rank_L.astype(np.int64), max(1, len(distinct).bit_length())


def _in_both(one: _Ints, other: _Ints) -> int:
    """Size of the intersection of two multisets."""
    if not len(one) or not len(other):
        return 0
    one, other = np.sort(one), np.sort(other)
    first = np.flatnonzero(np.concatenate(([True], one[1:] != one[:-1])))
    times = np.diff(first, append=len(one))
    found = other.searchsorted(one[first], "right") - other.searchsorted(one[first], "left")
    return int(np.minimum(times, found).sum())
