"""Floors for hallucination that need no model: are the numbers, quotations and citations of an answer in its source?

They find invented figures and quotes; they do not find a wrong claim made of words. The source is a column, or what the
conversation said.
"""

import re
from typing import Annotated, Any

from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.metrics._answer import pattern, place, scalar_text, text_of
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record, Response

Source = Annotated[
    str | None, Meta(description="Column that holds the source text or texts; default: the conversation itself.")
]
_NUMBER = re.compile(r"(?<![\w.])[-+\u2212]?(?:\d{1,3}(?:[,\u202f\u00a0 ]\d{3})+|\d+)(?:\.\d+)?")
_QUOTED = re.compile(r"[\"\u201c\u201e\u00ab]([^\"\u201c\u201d\u201e\u00ab\u00bb\n]+)[\"\u201d\u201c\u00bb]")
_SAME = str.maketrans("\u2018\u2019\u02bc\u2212\u2013\u2014\u00a0\u202f", "'''---  ")


def source_of(example: Example, column: str | None) -> str:
    """The text that an answer must keep to. Raises: BadInput: the column is empty."""
    if column is None:
        return "\n".join(message.content for message in example.messages)
    value = example.fields.get(column)
    if value is None:
        raise BadInput(f"example {example.id!r} has no column {column!r} with its source", where=place(example))
    texts = [scalar_text(one) for one in (value if isinstance(value, list | tuple) else [value])]
    if None in texts or not texts:
        raise BadInput(
            f"the source of example {example.id!r} in column {column!r} is no text or list of texts",
            where=place(example),
        )
    return "\n".join(text for text in texts if text is not None)


def numbers_in(text: str) -> list[str]:
    """The numbers of a text, each in one spelling: 1,200.50 and 1200.5 are one number; signs do not count."""
    found = (re.sub(r"[^\d.]", "", match[0]).partition(".") for match in _NUMBER.finditer(text))
    return [f"{whole.lstrip('0')}.{part.rstrip('0')}" for whole, _, part in found]


def _supported(found: list[bool]) -> tuple[float, ...]:
    return (sum(found) / len(found) if found else 1.0, 1.0)


class NumbersOptions(Record):
    """Where the source stands."""

    source: Source = None

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(share of the answer's numbers that the source holds, 1); 1 for an answer without numbers."""
        known = set(numbers_in(source_of(example, self.source)))
        return _supported([number in known for number in numbers_in(text_of(response))])


def numbers_supported(options: NumbersOptions) -> Metric:
    """Mean share of an answer's numbers that stand in its source; a floor for hallucination.

    Digits only: "three" is no number here, and a number that was rightly computed counts as unsupported.
    """
    return _metric("numbers_supported", options.observe)


class QuotesOptions(Record):
    """Where the source stands, and how short a quotation may be to be left alone."""

    source: Source = None
    least_words: Annotated[
        int, Meta(ge=1, description="Quotations of fewer words are titles or terms; not checked.")
    ] = 3

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(share of the quotations that stand in the source word for word, 1); 1 without quotations."""
        known = _plain(source_of(example, self.source))
        quotes = [_plain(match[1]).strip(" .,;:!?") for match in _QUOTED.finditer(text_of(response))]
        return _supported([quote in known for quote in quotes if len(quote.split()) >= self.least_words])


def _plain(text: str) -> str:
    return " ".join(text.translate(_SAME).casefold().split())


def quotes_supported(options: QuotesOptions) -> Metric:
    """Mean share of an answer's quotations that stand in its source word for word; a floor for hallucination."""
    return _metric("quotes_supported", options.observe)


class CitationsOptions(Record):
    """How a citation looks, and which ones exist."""

    sources: Annotated[
        str, Meta(description="Column with the sources: their number, a list of ids, or objects with an `id`.")
    ] = "sources"
    pattern: Annotated[str, Meta(description="Regular expression of a citation; its first group is the id.")] = (
        r"\[([\w.:-]+)\]"
    )
    uncited: Annotated[
        float, Meta(ge=0, le=1, description="What an answer without a citation scores; 0 asks for one.")
    ] = 0.0

    def __post_init__(self) -> None:
        if pattern(self.pattern).groups < 1:
            raise ValueError("`pattern` needs a group around the id")

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(share of the citations that name a source, 1)."""
        known = _ids(example, self.sources)
        cited = [match[1] for match in pattern(self.pattern).finditer(text_of(response))]
        return _supported([one in known for one in cited]) if cited else (self.uncited, 1.0)


def _ids(example: Example, column: str) -> set[str]:
    value: Any = example.fields.get(column)
    if isinstance(value, int) and not isinstance(value, bool):
        return {str(i) for i in range(1, value + 1)}
    if not isinstance(value, list | tuple):
        raise BadInput(
            f"example {example.id!r} needs the column {column!r}: how many sources there are, or a list of their ids",
            where=place(example),
        )
    ids = [scalar_text(one.get("id") if isinstance(one, dict) else one) for one in value]
    if None in ids:
        raise BadInput(f"a source of example {example.id!r} in column {column!r} has no id", where=place(example))
    return {id for id in ids if id is not None}


def citations_exist(options: CitationsOptions) -> Metric:
    """Mean share of an answer's citations that name a source it was given."""
    return _metric("citations_exist", options.observe)


def _metric(name: str, observe: Any) -> Metric:
    return Metric(
        name=name,
        unit="share",
        better="higher",
        kind="mean",
        observe=observe,
        source="definition: support by exact match in the source",
    )
