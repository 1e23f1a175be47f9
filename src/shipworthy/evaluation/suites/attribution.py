"""Attribution: which words an answer hangs on, by gradient and by leaving tokens out, and whether the two agree."""

import re
from functools import partial
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from shipworthy.evaluation.suites.probes import Case, Cases, Found, examples, says, verdict
from shipworthy.evaluation.suites.robustness import Sample, sample
from shipworthy.evaluation.suites.types import Handle, Made, Part
from shipworthy.models.inside import Attribution
from shipworthy.records import Example, Message, Prompt, Record

Floats = NDArray[np.float64]
Words = list[tuple[str, float, float]]
"""(word, saliency, nats lost without its tokens), in the text's order."""


class AttributionOptions(Record):
    """What an attribution should find."""

    expected: Annotated[
        str | None,
        Meta(description="Column with the words that the answer should hang on (a text or a list of them)."),
    ] = None
    top: Annotated[int, Meta(ge=1, description="How many of the most salient words are looked at.")] = 5
    at_least: Annotated[
        float, Meta(ge=-1, le=1, description="Share of expected words found (or agreement) that passes.")
    ] = 0.5
    tokens: Annotated[int, Meta(ge=1, le=512, description="How many tokens are left out in turn.")] = 64
    sample: Sample = 50


def attribution(part: Part) -> Made:
    """What each row's answer hangs on. The metrics are `assertions` (passed) and `json_number`.

    `score` is the share of expected words among the `top` most salient ones; without `expected`, how well gradient and
    leaving-out agree (Spearman). Words with both numbers, the answer and the agreement stand in `extra`.

    Raises: BadInput: a row has no expected words, or none of them stands in its text.
    Source: Simonyan et al. 2014 (input gradients); Li et al. 2016 (erasure).
    """
    options = part.options(AttributionOptions)
    _, rows = part.source()
    cases = [_case(part, options, row) for row in sample(rows, options.sample)]
    return Made(
        examples=examples(part.name, "attribution", cases, secret=options),
        role="stress",
        probe=Cases(cases),
        looks_inside=True,
    )


def _case(part: Part, options: AttributionOptions, row: Example) -> Case:
    messages = part.asked(row).messages
    text = says(messages)
    expected = _expected(part, options, row, text)
    check = partial(_attributed, options, expected, messages)
    return Case(id=row.id, slices=row.slices, text=text, check=check)


def _attributed(
    options: AttributionOptions,
    expected: tuple[str, ...],
    messages: tuple[Message, ...],
    model: Handle,
    _prompt: Prompt,
    _seed: int,
) -> Found:
    text = says(messages)
    return _judged(options, expected, text, model.inside().attribution(messages, text, most=options.tokens))


def _expected(part: Part, options: AttributionOptions, row: Example, text: str) -> tuple[str, ...]:
    if options.expected is None:
        return ()
    value: Any = row.fields.get(options.expected)
    words = tuple(str(word) for word in value) if isinstance(value, list) else tuple(str(value or "").split())
    if not words or not {word.casefold() for word in words} & {word.casefold() for word in _words(text)}:
        raise part.wrong(
            f"row {row.id!r} has in {options.expected!r} no word that stands in its text; give the words that matter"
        )
    return words


def _judged(options: AttributionOptions, expected: tuple[str, ...], text: str, found: Attribution) -> Found:
    words = by_word(text, found)
    agreement = spearman(found.saliency_T, found.left_out_T)
    ranked = sorted(words, key=lambda one: -one[1])[: options.top]
    score = agreement
    if expected:
        seen = {word.casefold() for word, _, _ in ranked}
        score = sum(word.casefold() in seen for word in expected) / len(expected)
    top = ", ".join(word for word, _, _ in ranked)
    because = f"{found.answer[:60]!r} hangs most on {top}; gradient and leaving out agree by {agreement:+.2f}"
    listed = [{"word": word, "saliency": salient, "left_out": lost} for word, salient, lost in words]
    return verdict(
        score >= options.at_least, because, score=score, words=listed, answer=found.answer, agreement=agreement
    )


def by_word(text: str, found: Attribution) -> Words:
    """Tokens gathered into words: the root of the summed squared gradients, the sum of what was lost."""
    made = []
    for match in re.finditer(r"\w+", text):
        inside = [at for at, (a, b) in enumerate(found.spans_T) if a < match.end() and b > match.start()]
        saliency = float(np.sqrt((found.saliency_T[inside] ** 2).sum()))
        made.append((match[0], saliency, float(found.left_out_T[inside].sum())))
    return made


def spearman(one_T: Floats, other_T: Floats) -> float:
    """Rank correlation, ties by their mean rank; 0 where one side is constant or there are fewer than two."""
    if len(one_T) < 2 or np.ptp(one_T) == 0 or np.ptp(other_T) == 0:
        return 0.0
    return float(np.corrcoef(_ranks(one_T), _ranks(other_T))[0, 1])


def _ranks(values_T: Floats) -> Floats:
    _, code_T, count_G = np.unique(values_T, return_inverse=True, return_counts=True)
    mean_G = np.cumsum(count_G) - (count_G - 1) / 2
    return np.asarray(mean_G[code_T.reshape(-1)], dtype=np.float64)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)
