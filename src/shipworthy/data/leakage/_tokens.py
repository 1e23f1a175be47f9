"""Texts -> one flat array of word numbers, a 0 before, between and after the rows.

A word is what stands between spaces, without its punctuation (but 3.5 stays 3.5); a character of a script that writes
no spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) is a word of its own. Case and Unicode form are gone before.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = NDArray[np.int32]
EDGE = 0
_MARK = "\x01"
_PUNCTUATION = bytes(byte for byte in range(33, 127) if not chr(byte).isalnum() and chr(byte) not in "_.,:")
_OTHER_PUNCTUATION = re.compile("[\u00a1-\u00a9\u00ab-\u00b1\u00b4-\u00b8\u00bb\u00bf\u2010-\u206f\u3001-\u3030]+")
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])"
)
_ROWS_AT_ONCE = 20_000


class Vocabulary(defaultdict[str, int]):
    """Word -> number from 1; a word that was not seen gets the next one. The edge of a row is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.default_factory = self._next
        self[_MARK] = EDGE

    def _next(self) -> int:
        return len(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """`word_T` holds every row between two edges; row i is `word_T[start_N[i] : start_N[i] + length_N[i]]`."""

    word_T: Words
    start_N: Ints
    length_N: Ints

    def __len__(self) -> int:
        return len(self.start_N)

    def rows(self, chosen: Ints) -> "Tokens":
        """The chosen rows alone, as tokens of their own."""
        lengths = self.length_N[chosen] + 1  # each with the edge after it
        word_T = np.concatenate([np.zeros(1, dtype=np.int32), self.word_T[spans(self.start_N[chosen], lengths)]])
        return Tokens(word_T=word_T, start_N=1 + _before(lengths), length_N=self.length_N[chosen])


def both(one: Tokens, other: Tokens) -> Tokens:
    """The rows of one, then the rows of the other."""
    return Tokens(
        word_T=np.concatenate([one.word_T, other.word_T[1:]]),
        start_N=np.concatenate([one.start_N, other.start_N + len(one.word_T) - 1]),
        length_N=np.concatenate([one.length_N, other.length_N]),
    )


def tokenise(normal_texts: Sequence[str], known: Vocabulary) -> tuple[Tokens, list[str]]:
    """Tokens of texts that went through `normal`, and each text's letters and digits alone (spacing says nothing).

    New words are added to `known`.
    """
    parts, letters = [np.zeros(1, dtype=np.int32)], []
    for bare in _bare(normal_texts):
        words = bare.replace(_MARK, f" {_MARK} ").split()
        parts.append(np.fromiter(map(known.__getitem__, words), np.int32, len(words)))
        parts.append(np.zeros(1, dtype=np.int32))
        letters += bare.replace(" ", "").split(_MARK)
    word_T = np.concatenate(parts)
    edge_N = np.flatnonzero(word_T == EDGE)
    return Tokens(word_T=word_T, start_N=edge_N[:-1] + 1, length_N=np.diff(edge_N) - 1), letters


def spans(start_N: Ints, length_N: Ints) -> Ints:
    """The positions start, start + 1, ... of every row, one row after the other."""
    total = int(length_N.sum())
    return np.repeat(start_N - _before(length_N), length_N) + np.arange(total)


def _before(length_N: Ints) -> Ints:
    return np.cumsum(length_N) - length_N


def _bare(texts: Sequence[str]) -> Iterator[str]:
    """The texts without punctuation, many in one string with a mark between two."""
    for first in range(0, len(texts), _ROWS_AT_ONCE):
        some = texts[first : first + _ROWS_AT_ONCE]
        joined = _MARK.join(some)
        if joined.count(_MARK) >= len(some):  # a text holds the mark itself
            joined = _MARK.join(text.replace(_MARK, " ") for text in some)
        yield _without_punctuation(joined)


def _without_punctuation(text: str) -> str:
    raw = text.encode("utf-8", "surrogatepass").translate(None, _PUNCTUATION)
    bare = _outside_numbers(raw).decode("utf-8", "surrogatepass")
    return bare if bare.isascii() else _UNSPACED.sub(r" \1 ", _OTHER_PUNCTUATION.sub("", bare))


def _outside_numbers(raw: bytes) -> bytes:
    """Without the points, commas and colons that do not stand between two digits. (A byte below 128 is a character.)"""
    byte_T = np.frombuffer(raw, dtype=np.uint8)
    digit_T = byte_T - np.uint8(ord("0")) < 10
    keep_T = (byte_T != ord(".")) & (byte_T != ord(",")) & (byte_T != ord(":"))
    keep_T[1:-1] |= digit_T[:-2] & digit_T[2:]
    return bytes(byte_T[keep_T])
