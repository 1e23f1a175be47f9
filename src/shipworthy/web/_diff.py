"""Which words of two answers differ."""

import difflib
import re
from typing import NamedTuple

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_LONGEST = 1_500
"""Words an answer may have to be compared; the comparison is quadratic."""
_ALIKE = 0.35
"""Answers that share less than this are simply different: marking nearly every word would say nothing."""


_WORK = 2_000_000
"""Pairs of words that one page may compare, half a second; answers after that stand unmarked beside one another."""


class Span(NamedTuple):
    """A piece of an answer; `differs` when the other answer lacks it."""

    text: str
    differs: bool


Sides = tuple[tuple[Span, ...], tuple[Span, ...]]


class Marker:
    """Marks pair after pair while the page's work lasts: five hundred long answers would take a minute."""

    def __init__(self) -> None:
        self._left = _WORK

    def marked(self, answer: str, other: str) -> Sides:
        """As `marked`; nothing is marked once the work is done."""
        self._left -= len(_WORDS.findall(answer)) * len(_WORDS.findall(other))
        return marked(answer, other) if self._left >= 0 else _unmarked(answer, other)


def _unmarked(answer: str, other: str) -> Sides:
    return (Span(answer, differs=False),), (Span(other, differs=False),)


def marked(answer: str, other: str) -> Sides:
    """Both answers cut into spans, those that the other lacks marked; nothing is marked where the answers are
    too long to compare or too different."""
    left, right = _WORDS.findall(answer), _WORDS.findall(other)
    whole = _unmarked(answer, other)
    if max(len(left), len(right)) > _LONGEST:
        return whole
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    blocks = matcher.get_opcodes()
    shared = sum(
        len(word) for kind, i, j, _, _ in blocks if kind == "equal" for word in left[i:j] if not word.isspace()
    )
    if shared < _ALIKE * max(len("".join(answer.split())), len("".join(other.split()))):
        return whole
    ours = [Span("".join(left[i:j]), kind != "equal") for kind, i, j, _, _ in blocks if i < j]
    theirs = [Span("".join(right[i:j]), kind != "equal") for kind, _, _, i, j in blocks if i < j]
    return tuple(ours), tuple(theirs)
