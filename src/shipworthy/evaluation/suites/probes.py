"""What probes share: cases with their checks become examples and responses."""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec

from shipworthy.errors import BackendError, MissingExtra
from shipworthy.evaluation.suites.types import Handle, Outcome
from shipworthy.models.inside import LOCAL
from shipworthy.records import Example, Message, Prompt, Response

Found = tuple[Outcome, dict[str, Any]]
"""The outcome, and details for the response's `extra`."""
Check = Callable[[Handle, Prompt, int], Found]
"""Looks at a model; runs in a thread of its own."""
Drive = Callable[[Handle, Prompt, int], Awaitable[Found | str]]
"""Asks a model; a text says why nothing was found out, and becomes an error."""


async def _no_question(_model: Handle, _prompt: Prompt, _seed: int) -> Found | str:
    return "this case asks nothing"


OK = {"json": {"path": "ok", "equals": True}}
"""The reference of a probe's example, as the metric `assertions` reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to find out. `drive` asks the model; `check`, where it is given, looks inside instead. `alone`: what is
    found would be another thing beside other questions (load, memory, what a batch does)."""

    id: str
    slices: Mapping[str, str]
    text: str
    drive: Drive = _no_question
    check: Check | None = None
    alone: bool = False


AT_ONCE = 8
"""How many cases ask an endpoint side by side."""


class Cases:
    """The probe over a list of cases. A local model has them one after the other; an endpoint, once its first case has
    shown that it is there, has several at once, but for those that must be alone."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._cases = {case.id: case for case in cases}

    async def answer(self, model: Handle, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One response a prompt; a check that breaks is an error of its prompt."""
        together = [prompt for prompt in prompts if self._shares(model, prompt)][1:]
        shared = {prompt.example_id for prompt in together}
        for prompt in prompts:
            if prompt.example_id not in shared:
                yield await self._one(model, prompt, seed)
        async with aclosing(_side_by_side([self._one(model, prompt, seed) for prompt in together], AT_ONCE)) as found:
            async for one in found:
                yield one

    def _shares(self, model: Handle, prompt: Prompt) -> bool:
        case = self._cases[prompt.example_id]
        return "endpoint" in model.backend.identity and case.check is None and not case.alone

    async def _one(self, model: Handle, prompt: Prompt, seed: int) -> Response:
        case = self._cases[prompt.example_id]
        started = time.perf_counter()
        if case.check is not None:
            found = await asyncio.to_thread(_looked, case.check, model, prompt, seed)
        else:
            found = await case.drive(model, prompt, seed)
        if isinstance(found, str):
            return failed(model, prompt, seed, found)
        return response(model, prompt, seed, found, latency_s=time.perf_counter() - started)


class Standing:
    """The probe over outcomes that were found out before any model was asked: every model has the same."""

    def __init__(self, outcomes: Mapping[str, Outcome]) -> None:
        self._outcomes = outcomes

    async def answer(self, model: Handle, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One response a prompt, in order."""
        for prompt in prompts:
            yield response(model, prompt, seed, (self._outcomes[prompt.example_id], {}))


async def _side_by_side(work: Sequence[Coroutine[Any, Any, Response]], most: int) -> AsyncGenerator[Response, None]:
    """What the work gives, so much of it at once, in the order of completion; on the way out the rest is cancelled."""
    gate = asyncio.Semaphore(most)

    async def one(piece: Coroutine[Any, Any, Response]) -> Response:
        async with gate:
            return await piece

    tasks = [asyncio.ensure_future(one(piece)) for piece in work]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for piece in work:
            piece.close()  # one that never began


def _looked(check: Check, model: Handle, prompt: Prompt, seed: int) -> Found | str:
    """What a look inside found, or why it could not be taken: whatever a tokenizer or template throws is a finding."""
    if model.spec.backend != LOCAL:
        return f"a look inside needs the weights, and {model.name!r} has the backend {model.spec.backend}"
    try:
        return check(model, prompt, seed)
    except MissingExtra:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        return f"{type(error).__name__}: {error}"


def examples(name: str, suite: str, cases: Iterable[Case], *, secret: object = None) -> list[Example]:
    """The examples of cases. The system turn names the suite and all that decides, so that no cache and no reader takes
    such a row for an ordinary question."""
    listed = list(cases)
    digest = hashlib.sha256(msgspec.json.encode([(case.id, case.text) for case in listed] + [repr(secret)])).hexdigest()
    return [
        Example(
            id=case.id,
            dataset=name,
            messages=(
                Message(role="system", content=f"Probe {suite}/{case.id} {digest[:16]}"),
                Message(role="user", content=case.text),
            ),
            reference=OK,
            slices=dict(case.slices),
            fields={"suite": suite, **case.slices},
        )
        for case in listed
    ]


def response(model: Handle, prompt: Prompt, seed: int, found: Found, *, latency_s: float | None = None) -> Response:
    """An outcome as the response it is stored as."""
    outcome, extra = found
    return Response(
        example_id=prompt.example_id,
        dataset=prompt.dataset,
        model=model.name,
        seed=seed,
        text=msgspec.json.encode(outcome).decode(),
        latency_s=latency_s,
        extra=extra,
    )


def failed(model: Handle, prompt: Prompt, seed: int, error: str) -> Response:
    """The probe could not be carried out."""
    return Response(example_id=prompt.example_id, dataset=prompt.dataset, model=model.name, seed=seed, error=error)


async def ask(model: Handle, prompt: Prompt, messages: Sequence[Message], seed: int) -> Response:
    """One question to the model in the course of a probe."""
    asked = Prompt(example_id=prompt.example_id, dataset=prompt.dataset, messages=tuple(messages))
    return (await ask_all(model, [asked], seed))[0]


async def ask_all(model: Handle, prompts: Sequence[Prompt], seed: int) -> list[Response]:
    """Several questions at once, answered in their order. Raises: BackendError: it is not there, or left one out."""
    found = {answer.example_id: answer async for answer in model.backend.answer(prompts, seed=seed)}
    missing = [prompt.example_id for prompt in prompts if prompt.example_id not in found]
    if missing:
        raise BackendError(f"model {model.name!r} gave no response to {missing[0]!r}")
    return [found[prompt.example_id] for prompt in prompts]


def says(messages: Sequence[Message]) -> str:
    """The text of the last user turn."""
    return next((message.content for message in reversed(messages) if message.role == "user"), "")


def verdict(ok: object, because: str, *, score: float | None = None, **extra: Any) -> Found:
    """An outcome with its details."""
    return Outcome(ok=bool(ok), because=because, score=score), extra
