"""What a metric that needs I/O is: a *scorer* finds the counts of an answer, its `Metric` summarises them.

Scoring is a step of its own, between asking and observing. Its results are kept in the run folder (`scores.jsonl`), so
that a judge is not asked twice, and observing stays pure: it looks the counts up.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record

Counts = tuple[float, ...]
Pool = Callable[[Sequence[Counts]], Sequence[Counts]]
"""Counts of one example's answers under every seed -> what each of them counts in the end (pass@k)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One answer to score. `key` is the digest of all that decides about its counts.

    `opponent` is the answer of another model to the same example under the same seed, where the scorer compares; None
    where that model gave no answer.
    """

    key: str
    example: Example
    text: str
    opponent: str | None = None


class Score(Record):
    """What a scorer found for one item: counts, or the error that kept it from finding them.

    `note` is a code that is counted and told as a warning ("unparsed_verdict", "broken_gold"); `detail` is for people
    who read scores.jsonl, and says why. Without counts the run is incomplete; `--resume` scores the item again.
    """

    key: str
    counts: Counts | None = None
    error: str | None = None
    note: str | None = None
    detail: dict[str, Any] = {}
    cost_usd: float | None = None

    def __post_init__(self) -> None:
        if (self.counts is None) == (self.error is None):
            raise ValueError(f"score {self.key!r} needs either counts or an error")


class Scorer(Protocol):
    """Finds counts by I/O: a process, a database, a model. Constructors do none."""

    @property
    def identity(self) -> Mapping[str, str]:
        """What makes the same answer score otherwise: version, prompt digest, the judge's identity, options."""
        ...

    @property
    def requests(self) -> int:
        """How many requests to an endpoint an item costs; 0: it is scored on this machine."""
        ...

    async def check(self, examples: Sequence[Example]) -> None:
        """Before any model is asked. Raises BadInput when an example cannot be scored whatever the answer."""
        ...

    def score(self, items: Sequence[Item]) -> AsyncIterator[Score]:
        """One Score an item, in the order of completion.

        Raises: BackendError, Refused: nothing can be scored at all (no judge there, no isolation).
        """
        ...

    async def close(self) -> None:
        """Give back what `score` opened. Closing twice is fine."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a scorer may need from around it: the protocol's folder, keys, and all examples of its dataset."""

    name: str
    folder: Path = field(default_factory=Path)
    environ: Mapping[str, str] = field(default_factory=dict)
    examples: Sequence[Example] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """Where people's labels of the same answers stand, and how both sides' labels are spelled.

    A cell holds one person's label, a list of several people's, or an object: model -> either.

    Attributes:
        column: of the example.
        model: whose answers a cell rates that does not say so; None: of the only model that answered.
        ours: (counts, detail of the score) -> label; None: the verdict could not be read.
        theirs: value of the column -> label. Raises ValueError or TypeError: it is none.
        says: which values are labels, in words.
        ordered: the labels are numbers.
    """

    column: str
    ours: Callable[[Counts, Mapping[str, Any]], str | None]
    theirs: Callable[[Any], str]
    says: str
    ordered: bool = False
    model: str | None = None

    def labels(self, cell: Any) -> dict[str | None, list[str]]:
        """Model -> labels that people gave to its answer; None: the cell does not name one. Raises: ValueError or
        TypeError: a label is none."""
        by_model = cell if isinstance(cell, dict) else {self.model: cell}
        return {model: self._each(given) for model, given in by_model.items() if given is not None}

    def _each(self, given: Any) -> list[str]:
        return [self.theirs(one) for one in (given if isinstance(given, list) else [given]) if one is not None]


def nothing_left_out(_scorer: Any) -> frozenset[str]:
    """Every example has weight."""
    return frozenset()


async def nothing_to_reach(_scorer: Any) -> None:
    """What is scored on this machine is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of metric that needs I/O.

    Attributes:
        options: the record of its options.
        metric: options -> the Metric that summarises its counts. Its `observe` only says whether an *example* can be
            scored (BadInput) and else that the answer was not scored yet (MissingEvidence).
        load: options, context -> the scorer.
        against: options -> the model whose answers the others are compared with, if any.
        pool: options -> how the answers of one example under several seeds become counts together, if they do.
        rated: options -> people's labels to compare with, if there are any.
        heavy: options -> whether loading takes weights into memory; a mere check of the protocol then leaves it out.
        left_out: the scorer, once it has checked its examples -> ids of those that have no weight, whoever answers.
        reach: the scorer -> asks its endpoint for a sign of life, before any model is asked. Raises BackendError.
    """

    options: type[Record]
    metric: Callable[[Any], Metric]
    load: Callable[[Any, Context], Scorer]
    against: Callable[[Any], str | None] = lambda _options: None
    pool: Callable[[Any], Pool | None] = lambda _options: None
    rated: Callable[[Any], Rated | None] = lambda _options: None
    heavy: Callable[[Any], bool] = lambda _options: False
    left_out: Callable[[Any], frozenset[str]] = nothing_left_out
    reach: Callable[[Any], Coroutine[Any, Any, None]] = nothing_to_reach
