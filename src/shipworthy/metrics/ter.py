"""Translation edit rate: word edits and shifts of blocks, as additive counts (edits, reference length).

The search is Tercom's greedy one with its limits, as sacrebleu (Apache-2.0) states them; values equal sacrebleu's
(tests/metrics/test_parity.py).
"""

import math
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta

from shipworthy.metrics._answer import text_of, texts_of
from shipworthy.metrics._longest import longest_answer
from shipworthy.metrics.match import Field
from shipworthy.metrics.types import Floats, Metric, ratio
from shipworthy.records import Example, Record, Response

_LONGEST_SHIFT, _FARTHEST_SHIFT, _BEAM, _MOST_TRIED = 10, 50, 25, 1000
_KEEP, _SWAP, _INSERT, _DELETE = range(4)
_NEVER = 10**9

Words = tuple[str, ...]


class _Row(NamedTuple):
    """One row of the edit matrix: cost and last operation per reference prefix."""

    cost: list[int]
    by: list[int]


class _Node:
    """A beginning of an answer: its row, and what may follow."""

    __slots__ = ("next", "row")

    def __init__(self, row: _Row) -> None:
        self.row = row
        self.next: dict[str, _Node] = {}


class _Distance:
    """Edits from answers of one length to one reference; rows of shared beginnings are computed once."""

    def __init__(self, gold: Words) -> None:
        self._gold = gold
        self._root = _Node(_Row(list(range(len(gold) + 1)), [_INSERT] * (len(gold) + 1)))
        self._left = 10_000  # rows that may still be kept

    def of(self, answer: Words) -> tuple[int, list[int]]:
        """Edits, and the operations from the first word to the last."""
        n_gold, n = len(self._gold), len(answer)
        slope = n_gold / n if n else 1.0
        beam = math.ceil(slope / 2 + _BEAM) if slope / 2 > _BEAM else _BEAM
        node, rows = self._root, [self._root.row]
        for i, word in enumerate(answer, start=1):
            following = node.next.get(word)
            if following is None:
                middle = math.floor(i * slope)
                last = n_gold + 1 if i == n else min(n_gold + 1, middle + beam)
                following = _Node(self._computed(word, rows[-1], max(0, middle - beam), last))
                if self._left > 0:
                    node.next[word] = following
                    self._left -= 1
            node = following
            rows.append(node.row)
        return rows[-1].cost[-1], _operations(rows)

    def _computed(self, word: str, above: _Row, low: int, high: int) -> _Row:
        cost, by = [_NEVER] * len(above.cost), [_KEEP] * len(above.cost)
        for j in range(low, high):
            if j == 0:
                cost[0], by[0] = above.cost[0] + 1, _DELETE
                continue
            same = word == self._gold[j - 1]
            best, how = above.cost[j - 1] + (not same), _KEEP if same else _SWAP
            if above.cost[j] + 1 < best:
                best, how = above.cost[j] + 1, _DELETE
            if cost[j - 1] + 1 < best:
                best, how = cost[j - 1] + 1, _INSERT
            cost[j], by[j] = best, how
        return _Row(cost, by)


def _operations(rows: list[_Row]) -> list[int]:
    i, j, backwards = len(rows) - 1, len(rows[0].cost) - 1, []
    while i > 0 or j > 0:
        how = rows[i].by[j]
        backwards.append(how)
        i -= how != _INSERT
        j -= how != _DELETE
    return backwards[::-1]


class _Alignment(NamedTuple):
    """Where each reference word stands in the answer, and which words on either side are wrong."""

    at: dict[int, int]
    gold_wrong: list[bool]
    answer_wrong: list[bool]


def _aligned(operations: list[int]) -> _Alignment:
    at: dict[int, int] = {}
    gold_wrong: list[bool] = []
    answer_wrong: list[bool] = []
    for how in operations:
        if how != _INSERT:  # a word of the answer is used
            answer_wrong.append(how != _KEEP)
        if how != _DELETE:  # a word of the reference is reached
            at[len(gold_wrong)] = len(answer_wrong) - 1
            gold_wrong.append(how != _KEEP)
    return _Alignment(at, gold_wrong, answer_wrong)


def _equal_runs(answer: Words, gold: Words) -> Iterator[tuple[int, int, int]]:
    for i in range(len(answer)):
        for j in range(max(0, i - _FARTHEST_SHIFT), min(len(gold), i + _FARTHEST_SHIFT + 1)):
            for length in range(1, _LONGEST_SHIFT + 1):
                end_i, end_j = i + length, j + length
                if end_i > len(answer) or end_j > len(gold) or answer[end_i - 1] != gold[end_j - 1]:
                    break
                yield i, j, length


def _targets(start: int, length: int, at: dict[int, int]) -> list[int]:
    """Positions in the answer, in order and without repeats, before which a run may be put."""
    targets: list[int] = []
    for offset in range(-1, length):
        if start + offset != -1 and start + offset not in at:
            break
        target = 0 if start + offset == -1 else at[start + offset] + 1
        if not targets or target != targets[-1]:
            targets.append(target)
    return targets


def _shifted(words: Words, start: int, length: int, target: int) -> Words:
    block, rest = words[start : start + length], words[:start] + words[start + length :]
    if target > start + length:
        target -= length
    return rest[:target] + block + rest[target:]


def _best_shift(answer: Words, gold: Words, distance: _Distance, tried: int) -> tuple[int, Words, int]:
    """(edits saved, shifted answer, candidates tried so far)."""
    edits, operations = distance.of(answer)
    where = _aligned(operations)
    best: tuple[int, int, int, int, Words] | None = None
    for i, j, length in _equal_runs(answer, gold):
        useful = any(where.answer_wrong[i : i + length]) and any(where.gold_wrong[j : j + length])
        if not useful or i <= where.at[j] < i + length:
            continue
        for target in _targets(j, length, where.at):
            words = _shifted(answer, i, length, target)
            candidate = (edits - distance.of(words)[0], length, -i, -target, words)
            tried += 1
            best = candidate if best is None else max(best, candidate)
        if tried >= _MOST_TRIED:
            break
    return (0, answer, tried) if best is None else (best[0], best[4], tried)


def word_edits(answer: Words, gold: Words) -> int:
    """Insertions, deletions, substitutions and shifts that turn the answer into the reference."""
    if not gold:
        return len(answer)
    distance, shifts, tried = _Distance(gold), 0, 0
    while True:
        saved, words, tried = _best_shift(answer, gold, distance, tried)
        if tried >= _MOST_TRIED or saved <= 0:
            return shifts + distance.of(answer)[0]
        shifts, answer = shifts + 1, words


class TerOptions(Record):
    """How words are compared."""

    case_sensitive: Annotated[bool, Meta(description="Whether case counts.")] = False
    field: Field = None

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(fewest edits over the references, mean reference length in words)."""
        return self._counts(example, text_of(response))

    def failed(self, example: Example) -> tuple[float, ...]:
        """A failed answer is an empty one: every word of the reference is an edit."""
        return self._counts(example, "")

    def _counts(self, example: Example, text: str) -> tuple[float, ...]:
        golds, answer = [self._words(gold) for gold in texts_of(example, self.field)], self._words(text)
        return (float(min(word_edits(answer, gold) for gold in golds)), sum(map(len, golds)) / len(golds))

    def costliest(self, counts_NK: Floats, tokens: float | None) -> Floats:
        """(2, 2): an answer of which every word is an edit, and an empty one, to a reference of mean length."""
        reference = float(counts_NK[:, 1].mean())
        return np.array([[longest_answer(float(counts_NK.max()), tokens), reference], [reference, reference]])

    def _words(self, text: str) -> Words:
        return tuple((text if self.case_sensitive else text.lower()).split())


def edit_rate(sums: Floats) -> Floats:
    """(..., 2) sums of (edits, reference words) -> (...,) edits per 100 reference words; 100 for edits of nothing."""
    return 100.0 * np.where(sums[..., 1] > 0, ratio(sums[..., 0], sums[..., 1]), (sums[..., 0] > 0).astype(float))


def ter(options: TerOptions) -> Metric:
    """Translation edit rate: edits and shifts per 100 words of the reference.

    For sentences and short paragraphs: the search for shifts takes seconds an answer beyond a hundred words; `chrf`
    does not.
    """
    return Metric(
        name="ter",
        unit="points",
        better="lower",
        kind="corpus",
        observe=options.observe,
        summarize=edit_rate,
        failure=(0.0, 0.0),
        failure_of=options.failed,
        margin=1.0,
        bounds=(0.0, math.inf),
        costliest=options.costliest,
        source="Snover et al. 2006; Tercom by way of sacrebleu, whose values it equals",
    )
