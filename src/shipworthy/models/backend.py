"""How a model answers: one narrow protocol, met by every backend and held by one contract suite."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from shipworthy.records import Prompt, Response


class Backend(Protocol):
    """Answers prompts. Constructors do no I/O; `load` class methods do."""

    @property
    def identity(self) -> Mapping[str, str]:
        """What makes two models different: digests, endpoint and name, template, sampling, precision. Cache key."""
        ...

    def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One Response a prompt, in the order of completion; a prompt that fails yields a Response with `error`.

        Raises: BackendError: the model cannot be reached or loaded at all.
        """
        ...

    async def close(self) -> None:
        """Give back what `answer` opened."""
        ...
