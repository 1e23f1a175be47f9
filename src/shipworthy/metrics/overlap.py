"""BLEU and chrF as additive n-gram counts: the value of any subset comes from sums, so they can be resampled.

Results equal sacrebleu's to rounding (tests/metrics/test_parity.py).
"""

import re
from collections import Counter
from functools import lru_cache, partial
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from shipworthy.metrics._answer import text_of, texts_of
from shipworthy.metrics._longest import CHARACTERS_A_TOKEN, longest_answer
from shipworthy.metrics._runs import shared_runs
from shipworthy.metrics.match import Field
from shipworthy.metrics.types import Floats, Metric, ratio
from shipworthy.records import Example, Record, Response

_ORDER = 4
_STEPS_13A = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


@lru_cache(maxsize=512)
def tokens_13a(line: str) -> tuple[str, ...]:
    """Tokens as mteval-v13a cuts them, the tokenizer of WMT and sacrebleu's default."""
    line = line.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in _ENTITIES:
        line = line.replace(entity, sign)
    line = f" {line} "
    for step, to in _STEPS_13A:
        line = step.sub(to, line)
    return tuple(line.split())


def ngrams(tokens: tuple[str, ...], order: int) -> Counter[tuple[str, ...]]:
    """How often each run of `order` tokens stands in the text."""
    return Counter(zip(*(tokens[i:] for i in range(order)), strict=False))


class BleuOptions(Record):
    """Tokens and smoothing as in sacrebleu."""

    tokenize: Annotated[
        Literal["13a", "char", "none"], Meta(description="mteval-v13a, single characters, or at white space only.")
    ] = "13a"
    lowercase: Annotated[bool, Meta(description="Whether case is ignored.")] = False
    smooth: Annotated[
        Literal["exp", "none"], Meta(description="What an order without a match counts as; `exp` as in sacrebleu.")
    ] = "exp"
    field: Field = None

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(answer length, reference length, 4 matches, 4 totals) in tokens and n-grams."""
        return self._counts(example, text_of(response))

    def failed(self, example: Example) -> tuple[float, ...]:
        """A failed answer is an empty one: its reference still counts."""
        return self._counts(example, "")

    def _counts(self, example: Example, text: str) -> tuple[float, ...]:
        golds, answer = [self._tokens(gold) for gold in texts_of(example, self.field)], self._tokens(text)
        length = min((abs(len(gold) - len(answer)), len(gold)) for gold in golds)[1]
        matched, total = [], []
        for order in range(1, _ORDER + 1):
            best: Counter[tuple[str, ...]] = Counter()
            for gold in golds:
                best |= ngrams(gold, order)
            got = ngrams(answer, order)
            matched.append(float((got & best).total()))
            total.append(float(got.total()))
        return (float(len(answer)), float(length), *matched, *total)

    def costliest(self, counts_NK: Floats, tokens: float | None) -> Floats:
        """(2, 10): an answer that runs on without a match, and an empty one, to a reference of mean length."""
        a_token = CHARACTERS_A_TOKEN if self.tokenize == "char" else 1.0
        length = longest_answer(float(counts_NK[:, 0].max()), tokens, a_token)
        reference, orders = float(counts_NK[:, 1].mean()), np.arange(_ORDER)
        runs_on = np.r_[length, reference, np.zeros(_ORDER), np.maximum(length - orders, 0)]
        return np.stack([runs_on, np.r_[0.0, reference, np.zeros(2 * _ORDER)]])

    def _tokens(self, text: str) -> tuple[str, ...]:
        line = text.lower() if self.lowercase else text
        if self.tokenize == "13a":
            return tokens_13a(line.rstrip())
        return tuple("".join(line.split())) if self.tokenize == "char" else tuple(line.split())


def corpus_bleu(sums: Floats, *, smooth: bool) -> Floats:
    """(..., 10) sums of (length, reference length, matches, totals) -> (...,) BLEU, 0 to 100."""
    matched, total = sums[..., 2 : 2 + _ORDER], sums[..., 2 + _ORDER :]
    none_matched = matched == 0
    halvings = 2.0 ** np.cumsum(none_matched, axis=-1)
    smoothed = ratio(np.ones_like(total), halvings * total) if smooth else np.zeros_like(total)
    precision = np.where(none_matched, smoothed, ratio(matched, total))
    usable = (precision > 0).all(-1) & (matched > 0).any(-1)
    log_mean = np.log(np.where(precision > 0, precision, 1.0)).mean(-1)
    brevity = np.minimum(0.0, 1.0 - ratio(sums[..., 1], sums[..., 0]))
    return np.where(usable, 100.0 * np.exp(log_mean + brevity), 0.0)


def bleu(options: BleuOptions) -> Metric:
    """Corpus BLEU, 0 to 100, from summed n-gram counts."""
    return Metric(
        name="bleu",
        unit="points",
        better="higher",
        kind="corpus",
        observe=options.observe,
        summarize=partial(corpus_bleu, smooth=options.smooth == "exp"),
        failure=(0.0,) * (2 + 2 * _ORDER),
        failure_of=options.failed,
        margin=1.0,
        bounds=(0.0, 100.0),
        costliest=options.costliest,
        source="Papineni et al. 2002; sacrebleu (Post 2018), whose values it equals",
    )


class ChrfOptions(Record):
    """Orders as in sacrebleu; `word_order: 2` is chrF++."""

    char_order: Annotated[int, Meta(ge=1, le=10, description="Longest run of characters.")] = 6
    word_order: Annotated[int, Meta(ge=0, le=4, description="Longest run of words; 2 is chrF++.")] = 0
    beta: Annotated[float, Meta(gt=0, description="How much more recall weighs than precision.")] = 2.0
    lowercase: Annotated[bool, Meta(description="Whether case is ignored.")] = False
    field: Field = None

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """Per order (in the answer, in the reference, in both), for the best reference."""
        return self._counts(example, text_of(response))

    def failed(self, example: Example) -> tuple[float, ...]:
        """A failed answer is an empty one: its reference still counts."""
        return self._counts(example, "")

    def _counts(self, example: Example, text: str) -> tuple[float, ...]:
        per_gold = [self._against(text, gold) for gold in texts_of(example, self.field)]
        if len(per_gold) == 1:
            return per_gold[0]
        scores = [float(corpus_chrf(np.array(counts), beta=self.beta)) for counts in per_gold]
        return per_gold[scores.index(max(scores))]

    def costliest(self, counts_NK: Floats, tokens: float | None) -> Floats:
        """(2, 3 x orders): an answer that runs on without a match, and an empty one, to a mean reference."""
        empty = np.zeros(counts_NK.shape[1])
        empty[1::3] = counts_NK[:, 1::3].mean(axis=0)
        runs_on, longest = empty.copy(), counts_NK[:, 0::3].max(axis=0)
        a_token = np.r_[np.full(self.char_order, CHARACTERS_A_TOKEN), np.ones(self.word_order)]
        runs_on[0::3] = [longest_answer(seen, tokens, of) for seen, of in zip(longest, a_token, strict=True)]
        return np.stack([runs_on, empty])

    def _against(self, text: str, gold: str) -> tuple[float, ...]:
        answer, gold = (line.lower() if self.lowercase else line for line in (text, gold))
        runs = [
            *shared_runs("".join(answer.split()), "".join(gold.split()), self.char_order),
            *(shared_runs(_separated(answer), _separated(gold), self.word_order) if self.word_order else ()),
        ]
        return tuple(float(count) for got, want, both in runs for count in (got if want else 0, want, both))


_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def _separated(line: str) -> list[str]:
    """Words with one leading or trailing punctuation mark cut off, as chrF++.py does."""
    words: list[str] = []
    for word in line.split():
        if len(word) > 1 and word[-1] in _PUNCTUATION:
            words += [word[:-1], word[-1]]
        elif len(word) > 1 and word[0] in _PUNCTUATION:
            words += [word[0], word[1:]]
        else:
            words.append(word)
    return words


def corpus_chrf(sums: Floats, *, beta: float) -> Floats:
    """(..., 3 x orders) sums of (in answer, in reference, in both) -> (...,) chrF, 0 to 100."""
    got, want, both = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    orders = ((got > 0) & (want > 0)).sum(-1).astype(float)
    counted = (got > 0) & (want > 0)
    precision = ratio((ratio(both, got) * counted).sum(-1), orders)
    recall = ratio((ratio(both, want) * counted).sum(-1), orders)
    return 100.0 * ratio((1 + beta**2) * precision * recall, beta**2 * precision + recall)


def chrf(options: ChrfOptions) -> Metric:
    """Corpus chrF, 0 to 100, from summed counts of character runs (and word runs for chrF++)."""
    return Metric(
        name="chrf",
        unit="points",
        better="higher",
        kind="corpus",
        observe=options.observe,
        summarize=partial(corpus_chrf, beta=options.beta),
        failure=(0.0,) * (3 * (options.char_order + options.word_order)),
        failure_of=options.failed,
        margin=1.0,
        bounds=(0.0, 100.0),
        costliest=options.costliest,
        source="Popović 2015, 2017; sacrebleu (Post 2018), whose values it equals",
    )
