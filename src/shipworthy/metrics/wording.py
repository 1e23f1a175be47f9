"""Length, repetition and form of an answer."""

import re
from typing import Annotated, Literal

from msgspec import Meta

from shipworthy.metrics._answer import pattern, text_of
from shipworthy.metrics.overlap import ngrams
from shipworthy.metrics.types import Metric
from shipworthy.records import Direction, Example, Record, Response


class LengthOptions(Record):
    """What is counted, and whether shorter or longer is wanted."""

    count: Annotated[Literal["words", "characters"], Meta(description="Words (by white space) or characters.")] = (
        "words"
    )
    better: Annotated[Direction, Meta(description="Whether `lower` (short) or `higher` (long) is better.")] = "lower"

    def observe(self, _example: Example, response: Response) -> tuple[float, ...]:
        """(length, 1)."""
        text = text_of(response)
        return (float(len(text.split() if self.count == "words" else text)), 1.0)


def length(options: LengthOptions) -> Metric:
    """Mean length of an answer in words or characters."""
    return Metric(
        name="length",
        unit=options.count,
        better=options.better,
        kind="corpus",  # a failed answer has no length, so it carries no weight
        per_answer=True,
        observe=options.observe,
        failure=(0.0, 0.0),
        survivorship=True,
        margin=10.0,
        source="definition: words between white space, or Unicode characters",
    )


class RepetitionOptions(Record):
    """How long a run must be to count as repeated."""

    words: Annotated[int, Meta(ge=1, le=20, description="Length of the runs of words.")] = 4

    def observe(self, _example: Example, response: Response) -> tuple[float, ...]:
        """(share of runs that stood before, 1); 0 for an answer too short to repeat one."""
        runs = ngrams(tuple(text_of(response).casefold().split()), self.words)
        return (1 - len(runs) / runs.total() if runs else 0.0, 1.0)


def repetition(options: RepetitionOptions) -> Metric:
    """Mean share of runs of four words that stood in the same answer before."""
    return Metric(
        name="repetition",
        unit="share",
        better="lower",
        kind="mean",
        observe=options.observe,
        failure=(1.0, 1.0),
        source="Welleck et al. 2020 (seq-rep-4)",
    )


class RegexOptions(Record):
    """The form that an answer must have."""

    pattern: Annotated[str, Meta(description="Regular expression.", examples=["^[A-Z]{3}-[0-9]+$"])]
    match: Annotated[
        Literal["search", "full"], Meta(description="Somewhere in the answer, or the whole answer without outer space.")
    ] = "search"

    def __post_init__(self) -> None:
        pattern(self.pattern)

    def observe(self, _example: Example, response: Response) -> tuple[float, ...]:
        """(1 if the answer has the form, 1)."""
        text, form = text_of(response), pattern(self.pattern)
        found = form.search(text) if self.match == "search" else form.fullmatch(text.strip())
        return (float(found is not None), 1.0)


def regex_match(options: RegexOptions) -> Metric:
    """Share of answers that match a regular expression."""
    return Metric(
        name="regex_match",
        unit="share",
        better="higher",
        kind="binary",
        observe=options.observe,
        source="Python's re",
    )


class SectionsOptions(Record):
    """The headings."""

    sections: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="The headings that must stand.", examples=[["Summary", "Steps"]]),
    ]
    order: Annotated[Literal["fixed", "any"], Meta(description="Whether their order counts.")] = "fixed"

    def observe(self, _example: Example, response: Response) -> tuple[float, ...]:
        """(1 if every heading stands on a line of its own, 1)."""
        lines = [_heading(line) for line in text_of(response).splitlines()]
        wanted = [_heading(section) for section in self.sections]
        if self.order == "any":
            return (float(set(wanted) <= set(lines)), 1.0)
        rest = iter(lines)
        return (float(all(any(line == one for line in rest) for one in wanted)), 1.0)


_NUMBERING = re.compile(r"\d+[.)]")


def _heading(line: str) -> str:
    """A line without Markdown's heading and emphasis marks, numbering and closing colon; case does not count."""
    bare = line.lstrip("#>*_- \t")
    number = _NUMBERING.match(bare)
    return bare[number.end() if number else 0 :].strip("*_:# \t\r").casefold()


def required_sections(options: SectionsOptions) -> Metric:
    """Share of answers that hold every required heading on a line of its own, in order."""
    return Metric(
        name="required_sections",
        unit="share",
        better="higher",
        kind="binary",
        observe=options.observe,
        source="definition: Markdown headings, bold lines, numbered lines and plain lines count",
    )
