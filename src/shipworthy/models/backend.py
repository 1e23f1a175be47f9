"""How a model answers: one narrow protocol, met by every backend and held by one contract suite."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from shipworthy.records import Prompt, Response


class Backend(Protocol):
    """Answers prompts. Constructors do no I/O; `load` functions do."""

    @property
    def identity(self) -> Mapping[str, str]:
        """What makes two models different: digests, endpoint and name, template, sampling, precision. Never a key.

        Three keys are read by the runner: `endpoint` (answers come over a network: models with one are asked side by
        side, first of all, and count against the budget) and `weights_sha256` (the answering weights are pinned, so
        that a response cache may be trusted), and `noise` (chance belongs to the example, so a cached answer does too).
        """
        ...

    def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One Response a prompt, in the order of completion; a prompt that fails yields a Response with `error`.

        Raises: BackendError: the model cannot be reached or loaded at all, or has stopped answering.
        """
        ...

    async def close(self) -> None:
        """Give back what `answer` opened. Closing twice is fine."""
        ...
