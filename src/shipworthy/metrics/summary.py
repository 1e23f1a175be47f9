"""ROUGE-1, -2, -L, -Lsum and METEOR: means of per-example scores.

Scores equal rouge-score's, and NLTK's METEOR with the same synonyms or none (tests/metrics/test_parity.py).
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Literal

from msgspec import Meta

from shipworthy.metrics._answer import text_of, texts_of
from shipworthy.metrics._porter import stem
from shipworthy.metrics.match import Field
from shipworthy.metrics.overlap import ngrams
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record, Response

Tokens = tuple[str, ...]
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_WORDS = re.compile(r"\w+|[^\w\s]")


@lru_cache(maxsize=512)
def rouge_tokens(text: str, stemmed: bool = False) -> Tokens:  # noqa: FBT001, FBT002  cache key
    """Lower-case runs of a-z and 0-9; words of more than three letters are stemmed where that is asked for."""
    words = _NOT_WORD.sub(" ", text.lower()).split()
    return tuple(stem(word) if stemmed and len(word) > 3 else word for word in words)


def _f(hits: float, n_gold: int, n_answer: int) -> float:
    return 2 * hits / (n_gold + n_answer) if hits else 0.0


def rouge_n(gold: Tokens, answer: Tokens, order: int) -> float:
    """F1 over runs of `order` tokens, as multisets."""
    want, got = ngrams(gold, order), ngrams(answer, order)
    return _f((want & got).total(), want.total(), got.total())


def common_length(gold: Tokens, answer: Tokens) -> int:
    """Length of the longest common subsequence, by bit-parallel rows (Hyyrö 2004)."""
    where: dict[str, int] = {}
    for i, token in enumerate(gold):
        where[token] = where.get(token, 0) | 1 << i
    mask = row = (1 << len(gold)) - 1
    for token in answer:
        hit = row & where.get(token, 0)
        row = ((row + hit) | (row - hit)) & mask
    return len(gold) - row.bit_count()


def rouge_l(gold: Tokens, answer: Tokens) -> float:
    """F1 of the longest common subsequence over the whole texts."""
    return _f(common_length(gold, answer), len(gold), len(answer))


def rouge_lsum(gold: Sequence[Tokens], answer: Sequence[Tokens]) -> float:
    """F1 of the union of common subsequences, sentence by sentence; no token counts twice (ROUGE-1.5.5)."""
    left_gold = Counter(token for sentence in gold for token in sentence)
    left_answer = Counter(token for sentence in answer for token in sentence)
    n_gold, n_answer, hits = left_gold.total(), left_answer.total(), 0
    for sentence in gold:
        union = set().union(*(_common_positions(sentence, other) for other in answer))
        for position in sorted(union):
            token = sentence[position]
            if left_gold[token] > 0 and left_answer[token] > 0:
                hits += 1
                left_gold[token] -= 1
                left_answer[token] -= 1
    return _f(hits, n_gold, n_answer)


def _common_positions(gold: Tokens, answer: Tokens) -> set[int]:
    """Positions in `gold` of one longest common subsequence, the one rouge-score reads out."""
    table = [[0] * (len(answer) + 1)]
    for token in gold:
        above, row = table[-1], [0]
        for j, other in enumerate(answer):
            row.append(above[j] + 1 if token == other else max(above[j + 1], row[j]))
        table.append(row)
    i, j, positions = len(gold), len(answer), set()
    while i > 0 and j > 0:
        if gold[i - 1] == answer[j - 1]:
            positions.add(i - 1)
            i, j = i - 1, j - 1
        elif table[i][j - 1] > table[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return positions


class RougeOptions(Record):
    """Stemming, and what counts where an example has several references."""

    stem: Annotated[bool, Meta(description="Whether words are stemmed (Porter).")] = False
    references: Annotated[
        Literal["best", "mean"], Meta(description="The score over several references: the best, or their mean.")
    ] = "best"
    field: Field = None

    def score(self, example: Example, response: Response, of: Callable[[str, str], float]) -> tuple[float, ...]:
        """(score over the references, 1)."""
        text = text_of(response)
        scores = [of(gold, text) for gold in texts_of(example, self.field)]
        return (max(scores) if self.references == "best" else sum(scores) / len(scores), 1.0)

    def rouge1(self, example: Example, response: Response) -> tuple[float, ...]:
        """(ROUGE-1 F1, 1)."""
        return self.score(example, response, lambda gold, text: rouge_n(self._all(gold), self._all(text), 1))

    def rouge2(self, example: Example, response: Response) -> tuple[float, ...]:
        """(ROUGE-2 F1, 1)."""
        return self.score(example, response, lambda gold, text: rouge_n(self._all(gold), self._all(text), 2))

    def rouge_l(self, example: Example, response: Response) -> tuple[float, ...]:
        """(ROUGE-L F1, 1)."""
        return self.score(example, response, lambda gold, text: rouge_l(self._all(gold), self._all(text)))

    def rouge_lsum(self, example: Example, response: Response) -> tuple[float, ...]:
        """(ROUGE-Lsum F1, 1)."""
        return self.score(example, response, lambda gold, text: rouge_lsum(self._lines(gold), self._lines(text)))

    def _all(self, text: str) -> Tokens:
        return rouge_tokens(text, self.stem)

    def _lines(self, text: str) -> list[Tokens]:
        return [self._all(line) for line in text.split("\n") if line]


_SOURCE = "Lin 2004; the rouge-score package, whose values it equals"


def rouge1(options: RougeOptions) -> Metric:
    """Mean ROUGE-1 F1: shared words."""
    return _mean("rouge1", options.rouge1, _SOURCE)


def rouge2(options: RougeOptions) -> Metric:
    """Mean ROUGE-2 F1: shared pairs of words."""
    return _mean("rouge2", options.rouge2, _SOURCE)


def rouge_l_metric(options: RougeOptions) -> Metric:
    """Mean ROUGE-L F1: the longest common subsequence of the whole texts."""
    return _mean("rougeL", options.rouge_l, _SOURCE)


def rouge_lsum_metric(options: RougeOptions) -> Metric:
    """Mean ROUGE-Lsum F1: common subsequences line by line; put one sentence on a line."""
    return _mean("rougeLsum", options.rouge_lsum, _SOURCE)


Synonyms = Mapping[str, frozenset[str]]
"""Stem -> stems that mean the same."""


def meteor_score(
    gold: Tokens, answer: Tokens, *, alpha: float, beta: float, gamma: float, synonyms: Synonyms | None = None
) -> float:
    """METEOR of lower-case tokens with exact, stem and synonym matches (of what is left, by stems), as NLTK aligns."""
    exact, gold_left, answer_left = _matched(list(enumerate(gold)), list(enumerate(answer)))
    stems, gold_left, answer_left = _matched(
        [(i, stem(word)) for i, word in gold_left], [(i, stem(word)) for i, word in answer_left]
    )
    pairs = sorted(exact + stems + (_synonymous(gold_left, answer_left, synonyms) if synonyms else []))
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(answer), len(pairs) / len(gold)
    mean = precision * recall / (alpha * precision + (1 - alpha) * recall)
    breaks = sum(two != (one[0] + 1, one[1] + 1) for one, two in pairwise(pairs))
    return float((1 - gamma * ((1 + breaks) / len(pairs)) ** beta) * mean)


Numbered = list[tuple[int, str]]


def _matched(gold: Numbered, answer: Numbered) -> tuple[list[tuple[int, int]], Numbered, Numbered]:
    """(answer position, gold position) of equal words, from the back; what is left of either side."""
    where: dict[str, list[int]] = {}
    for i, word in gold:
        where.setdefault(word, []).append(i)
    pairs = [(i, where[word].pop()) for i, word in reversed(answer) if where.get(word)]
    used_answer, used_gold = {i for i, _ in pairs}, {j for _, j in pairs}
    return pairs, [one for one in gold if one[0] not in used_gold], [one for one in answer if one[0] not in used_answer]


def _synonymous(gold: Numbered, answer: Numbered, synonyms: Synonyms) -> list[tuple[int, int]]:
    """(answer position, gold position): from the back, each word with the last one left that means the same."""
    where: dict[str, list[int]] = {}
    for i, word in gold:
        where.setdefault(word, []).append(i)
    pairs = []
    for i, word in reversed(answer):
        left = [where[one] for one in synonyms.get(word, ()) if where.get(one)]
        if left:
            pairs.append((i, max(left, key=lambda places: places[-1]).pop()))
    return pairs


@lru_cache(maxsize=16)
def synonyms_of(groups: tuple[tuple[str, ...], ...]) -> Synonyms:
    """Every stem with the stems of all groups that it stands in. Words of two groups make no bridge between them."""
    found: dict[str, set[str]] = {}
    for group in groups:
        stems = {stem(word.lower()) for word in group}
        for one in stems:
            found.setdefault(one, set()).update(stems)
    return {one: frozenset(others) for one, others in found.items()}


class MeteorOptions(Record):
    """METEOR's weights."""

    alpha: Annotated[float, Meta(gt=0, lt=1, description="Weight of recall over precision.")] = 0.9
    beta: Annotated[float, Meta(ge=0, description="Shape of the fragmentation penalty.")] = 3.0
    gamma: Annotated[float, Meta(ge=0, le=1, description="Weight of the fragmentation penalty.")] = 0.5
    synonyms: Annotated[
        tuple[Annotated[tuple[str, ...], Meta(min_length=2)], ...],
        Meta(description="Groups of single words that mean the same, such as `[[parcel, package], [fast, quick]]`."),
    ] = ()
    field: Field = None

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(best METEOR over the references, 1)."""
        answer = _meteor_tokens(text_of(response))
        golds = [_meteor_tokens(gold) for gold in texts_of(example, self.field)]
        return (max(self._score(gold, answer) for gold in golds), 1.0)

    def _score(self, gold: Tokens, answer: Tokens) -> float:
        known = synonyms_of(self.synonyms)
        return meteor_score(gold, answer, alpha=self.alpha, beta=self.beta, gamma=self.gamma, synonyms=known)


def _meteor_tokens(text: str) -> Tokens:
    return tuple(_WORDS.findall(text.lower()))


def meteor(options: MeteorOptions) -> Metric:
    """Mean METEOR with exact and stem matches, and with the synonyms that you give; WordNet is not read.

    Without WordNet's synonyms it is a lower bound of METEOR as it is published, and not comparable with such values.
    Synonyms are compared by stems, as NLTK does.
    """
    return _mean("meteor", options.observe, "Lavie & Agarwal 2007; NLTK's alignment, with your synonyms for WordNet's")


def _mean(name: str, observe: Callable[[Example, Response], tuple[float, ...]], source: str) -> Metric:
    return Metric(name=name, unit="share", better="higher", kind="mean", observe=observe, source=source)
