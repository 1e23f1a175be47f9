"""Any backend, its answers without the thoughts that stand in them: what is scored is what was answered.

The one place through which the answer of every kind of model goes: local, served, recorded, judges and plug-ins.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec

from shipworthy.errors import BadInput
from shipworthy.models._options import REASONING
from shipworthy.models._thoughts import split
from shipworthy.models.backend import Backend
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Prompt, Response

Reasoning = Literal["strip", "keep"]
OF_THE_WHOLE = ("nll", "tokens", "confidence")
"""What is measured over thoughts and answer together, and so says nothing about the answer."""


class Reasoned:
    """A backend whose answers come without thoughts; these stand in `extra.reasoning`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def inner(self) -> Backend:
        """The backend whose answers these are."""
        return self._backend

    @property
    def identity(self) -> Mapping[str, str]:
        """The backend's own: taking thoughts off is what every model is held to."""
        return self._backend.identity

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One Response a prompt, in the backend's order."""
        responses = self._backend.answer(prompts, seed=seed)
        try:
            async for response in responses:
                yield without_thoughts(response)
        finally:
            if isinstance(responses, AsyncGenerator):
                await responses.aclose()

    async def close(self) -> None:
        """Close the backend."""
        await self._backend.close()


class Whole:
    """A backend whose answers are scored with the thoughts that stand in them, which is another model to compare."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def inner(self) -> Backend:
        """The backend whose answers these are."""
        return self._backend

    @property
    def identity(self) -> Mapping[str, str]:
        """The backend's, and that its thoughts are scored."""
        return {**self._backend.identity, REASONING: "keep"}

    def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """The backend's own answers."""
        return self._backend.answer(prompts, seed=seed)

    async def close(self) -> None:
        """Close the backend."""
        await self._backend.close()


def without_thoughts(response: Response) -> Response:
    """The response with its thoughts in `extra.reasoning`; an error where nothing but thoughts was written."""
    found = split(response.text) if response.text else None
    if found is None:
        return response
    others = {key: value for key, value in response.extra.items() if key not in OF_THE_WHOLE}
    extra: dict[str, Any] = {**others, "reasoning": found.thoughts, "thoughts": "stripped"}
    if found.answer.strip():
        return msgspec.structs.replace(response, text=found.answer, extra=extra)
    why = "the text ends within its thoughts; raise max_tokens in its sampling" if found.unfinished else "only thoughts"
    error = f"nothing was answered: {why} (options.reasoning: keep scores thoughts)"
    return msgspec.structs.replace(
        response, text=None, error=error, latency_s=None, first_token_s=None, extra={**extra, "failure": "rejected"}
    )


def reasoning_of(name: str, spec: ModelSpec) -> tuple[Reasoning, ModelSpec]:
    """What the options say about thoughts, and the model without that option, as its backend reads it.

    Raises: BadInput: neither strip nor keep.
    """
    if REASONING not in spec.options:
        return "strip", spec
    said = spec.options[REASONING]
    if said not in get_args(Reasoning):
        raise BadInput(f"model {name!r}: options.reasoning is {said!r}; it may be strip (the default) or keep")
    others = {key: value for key, value in spec.options.items() if key != REASONING}
    return said, msgspec.structs.replace(spec, options=others)
