"""Answers against references: exact match, label accuracy, token F1."""

import re
import string
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.metrics._answer import extracted, label_of, pattern, place, text_of, texts_of
from shipworthy.metrics._fold import Fold, Folding
from shipworthy.metrics._labels import label_in
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record, Response

Step = Literal["strip", "whitespace", "case", "punctuation", "articles", "unicode"]
Field = Annotated[str | None, Meta(description="Column that holds the gold value; default: the dataset's reference.")]
Extract = Annotated[
    str | None,
    Meta(description="Regular expression; its last match (first group) is the answer. No match is a wrong answer."),
]

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def squad_normalised(text: str) -> str:
    """Lower case, no ASCII punctuation, no articles, single spaces: the official SQuAD script's `normalize_answer`."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def normalised(text: str, steps: tuple[Step, ...]) -> str:
    """The text after the named steps, always in one order: unicode, case, punctuation, articles, whitespace, strip."""
    if "unicode" in steps:
        text = unicodedata.normalize("NFKC", text)
    if "case" in steps:
        text = text.casefold()
    if "punctuation" in steps:
        text = "".join(c for c in text if not unicodedata.category(c).startswith("P"))
    if "articles" in steps:
        text = _ARTICLES.sub(" ", text)
    if "whitespace" in steps:
        text = " ".join(text.split())
    return text.strip() if "strip" in steps else text


class ExactMatchOptions(Record):
    """What two texts may differ in and still be equal."""

    normalise: Annotated[
        tuple[Step, ...] | Literal["squad"],
        Meta(description="Steps applied to both sides, or `squad` for the official SQuAD normalisation."),
    ] = ("strip",)
    fold: Fold = Folding()
    extract: Extract = None
    field: Field = None

    def __post_init__(self) -> None:
        if self.extract is not None:
            pattern(self.extract)

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(1 if the answer equals any reference, 1)."""
        golds = texts_of(example, self.field)
        answer = extracted(text_of(response), self.extract)
        return (float(answer is not None and self._plain(answer) in map(self._plain, golds)), 1.0)

    def _plain(self, text: str) -> str:
        text = self.fold(text)
        plain = squad_normalised(text) if self.normalise == "squad" else normalised(text, self.normalise)
        return plain or text.strip()  # punctuation alone differs: `.` is not `,`


def exact_match(options: ExactMatchOptions) -> Metric:
    """Share of answers that equal a reference after the declared normalisation."""
    return Metric(
        name="exact_match",
        unit="share",
        better="higher",
        kind="binary",
        observe=options.observe,
        source="Rajpurkar et al. 2016 (SQuAD) for `squad`",
    )


class LabelOptions(Record):
    """How the label is read out of the answer."""

    labels: Annotated[
        tuple[str, ...],
        Meta(description="The known labels; then the answer's label is the only one it names as whole words."),
    ] = ()
    extract: Extract = None
    field: Field = None

    def __post_init__(self) -> None:
        if self.extract is not None:
            pattern(self.extract)

    def gold(self, example: Example) -> str:
        """The gold label as it is declared. Raises: BadInput: it is none of `labels`."""
        text = label_of(example, self.field)
        label = _declared(self.labels).get(_plain_label(text)) if self.labels else label_in(text, ())
        if label is None:
            raise BadInput(
                f"the gold label {text!r} of example {example.id!r} is none of {', '.join(self.labels)}; "
                "add it to `labels` or correct the row",
                where=place(example),
            )
        return label

    def predicted(self, response: Response) -> str | None:
        """The label that the answer names, or None."""
        text = extracted(text_of(response), self.extract)
        return None if text is None else label_in(text, self.labels)

    def right(self, example: Example, response: Response) -> float:
        """1 if the answer's label is the gold label; an answer without a readable label is wrong."""
        return float(self.predicted(response) == self.gold(example))


class AccuracyOptions(LabelOptions):
    """How the label is read out of the answer."""

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(1 if the answer's label is the gold label, 1)."""
        return (self.right(example, response), 1.0)


def _plain_label(text: str) -> str:
    return text.strip().casefold()


@lru_cache(maxsize=64)
def _declared(labels: tuple[str, ...]) -> dict[str, str]:
    """The declared label behind each plain form, the first where two share one: looked up for every row."""
    return {_plain_label(label): label for label in reversed(labels)}


def accuracy(options: AccuracyOptions) -> Metric:
    """Share of answers whose label is the gold label; case and surrounding punctuation do not count."""
    return Metric(
        name="accuracy",
        unit="share",
        better="higher",
        kind="binary",
        observe=options.observe,
        source="definition: correct / all, unreadable answers are wrong",
        version="2",
    )


class TokenF1Options(Record):
    """What is folded, and where the references stand."""

    fold: Fold = Folding()
    extract: Extract = None
    field: Field = None

    def __post_init__(self) -> None:
        if self.extract is not None:
            pattern(self.extract)

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(best F1 over the references, 1)."""
        golds = texts_of(example, self.field)
        answer = extracted(text_of(response), self.extract)
        return (0.0 if answer is None else max(self._f1(gold, answer) for gold in golds), 1.0)

    def _f1(self, gold: str, answer: str) -> float:
        return token_overlap_f1(self.fold(gold), self.fold(answer))


def token_overlap_f1(gold: str, answer: str) -> float:
    """F1 over the normalised tokens as multisets; two empty texts agree (the official SQuAD 2.0 script)."""
    want, got = squad_normalised(gold).split(), squad_normalised(answer).split()
    if not want or not got:
        return float(want == got)
    common = sum((Counter(want) & Counter(got)).values())
    return 2 * common / (len(want) + len(got))


def token_f1(options: TokenF1Options) -> Metric:
    """Mean token F1 with SQuAD normalisation, the best over the references."""
    return Metric(
        name="token_f1",
        unit="share",
        better="higher",
        kind="mean",
        observe=options.observe,
        source="Rajpurkar et al. 2018 (SQuAD 2.0), official evaluation script",
    )
