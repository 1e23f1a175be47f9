"""A suite is a function: a part of the protocol goes in, examples come out, with a probe where asking is not enough."""

import difflib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from shipworthy import protocol as protocols
from shipworthy.errors import BadInput
from shipworthy.models import Backend
from shipworthy.models.inside import Inside
from shipworthy.protocol.types import DatasetSpec, ModelSpec, SuiteSpec
from shipworthy.records import DatasetRole, Example, Prompt, Record, Response

Options = TypeVar("Options", bound=Record)
Read = Callable[[str], tuple[Example, ...]]
"""Name of a dataset of the protocol -> its examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a suite is made from.

    Attributes:
        name: the suite's key in the protocol; the dataset that it becomes.
        spec: what the protocol says about it.
        protocol: the whole protocol, before anything was left out for an occasion.
        folder: where the protocol lies.
        read: reads any dataset of the protocol.
        asked: the conversation of any example of the protocol, its prompt applied.
    """

    name: str
    spec: SuiteSpec
    protocol: protocols.Protocol
    folder: Path
    read: Read
    asked: Callable[[Example], Prompt]

    def options(self, kind: type[Options]) -> Options:
        """The suite's options as a record. Raises: BadInput: a key is unknown or its type is wrong."""
        known = [one.name for one in msgspec.structs.fields(kind)]
        for key in self.spec.options:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                raise self.wrong(f"unknown option {key!r}; {hint}known: {', '.join(known) or 'none'}")
        try:
            return msgspec.convert(self.spec.options, kind)
        except msgspec.ValidationError as error:
            raise self.wrong(f"in its options, {error}") from error

    def source(self) -> tuple[DatasetSpec, tuple[Example, ...]]:
        """The dataset that the suite is made of, and its rows. Raises: BadInput: it names none."""
        if self.spec.of is None:
            raise self.wrong("needs rows to start from; name a dataset with `of: ...`")
        return self.protocol.datasets[self.spec.of], self.read(self.spec.of)

    def wrong(self, message: str) -> BadInput:
        """An error about this suite."""
        return BadInput(f"suite {self.name!r} ({self.spec.suite}): {message}")


class Outcome(Record):
    """What a probe found out about one model on one example; the text of its response, as JSON."""

    ok: bool
    because: str
    score: float | None = None


@dataclass(slots=True)
class Handle:
    """A model as a probe sees it: to be asked, and, where it is local, to be looked into."""

    name: str
    spec: ModelSpec
    backend: Backend
    folder: Path
    _inside: Inside | None = None

    def inside(self) -> Inside:
        """Tokenizer and network of a local model, loaded once. Raises: BackendError: the model is not local."""
        if self._inside is None:
            self._inside = Inside.load(self.name, self.spec, folder=self.folder)
        return self._inside

    def close(self) -> None:
        """Give the weights back."""
        self._inside = None


class Probe(Protocol):
    """Answers the examples of a suite about a model by more than one question to it, or by looking inside."""

    def answer(self, model: Handle, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One response a prompt. Raises: BackendError: the model cannot be reached at all."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a suite returns.

    Attributes:
        examples: its rows; `dataset` must be the part's name.
        role: what they are for, where the protocol does not say.
        slices: columns of the examples that are reported and can be gated.
        prompt: which of the protocol's prompts turns them into conversations; None: they are complete.
        probe: who answers them; None: the models do.
        looks_inside: the probe needs the weights, so a candidate behind an endpoint is refused.
        reads: other datasets of the protocol that it was made from, besides `of`.
    """

    examples: Sequence[Example]
    role: DatasetRole = "test"
    slices: tuple[str, ...] = ()
    prompt: str | None = None
    probe: Probe | None = None
    looks_inside: bool = False
    reads: tuple[str, ...] = ()


Suite = Callable[[Part], Made]
"""What `suites` in a protocol names: a built-in, an entry point `shipworthy.suite`, or `file.py:function`."""
