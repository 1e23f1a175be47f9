"""A backend that hands the rows of some datasets to probes, and asks the model itself about all others."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from shipworthy.evaluation.suites.probes import Standing
from shipworthy.evaluation.suites.types import Handle, Probe
from shipworthy.models import Backend
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Prompt, Response

AS_THEY_ARE = ("recorded", "trivial")
"""Backends that have no model behind them: recorded probes are looked up, trivial answers stay trivial. What was found
out before any model is asked holds for them, too."""


class Placed(Protocol):
    """A model as it is declared, and the folder that its paths are relative to."""

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def folder(self) -> Path: ...


def equip(
    backends: Mapping[str, Backend], models: Mapping[str, Placed], probes: Mapping[str, Probe]
) -> dict[str, Backend]:
    """Every backend with the probes of the protocol's suites."""
    if not probes:
        return dict(backends)
    return {name: _equipped(name, backend, models[name], probes) for name, backend in backends.items()}


def _equipped(name: str, backend: Backend, placed: Placed, probes: Mapping[str, Probe]) -> Backend:
    if placed.spec.backend in AS_THEY_ARE:
        probes = {dataset: probe for dataset, probe in probes.items() if isinstance(probe, Standing)}
    return Equipped(Handle(name, placed.spec, backend, placed.folder), probes) if probes else backend


class Equipped:
    """One model with probes; its identity is the model's."""

    def __init__(self, model: Handle, probes: Mapping[str, Probe]) -> None:
        self._model = model
        self._probes = probes

    @property
    def identity(self) -> Mapping[str, str]:
        """What makes the model different: the probes' rows carry their own digest."""
        return self._model.backend.identity

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """The model's own answers first, then each probe's."""
        own = [prompt for prompt in prompts if prompt.dataset not in self._probes]
        if own:
            async with _closing(self._model.backend.answer(own, seed=seed)) as responses:
                async for response in responses:
                    yield response
        for dataset, probe in self._probes.items():
            probed = [prompt for prompt in prompts if prompt.dataset == dataset]
            if probed:
                async with _closing(probe.answer(self._model, probed, seed=seed)) as responses:
                    async for response in responses:
                        yield response

    async def close(self) -> None:
        """Close the model, and give back what a probe loaded."""
        self._model.close()
        await self._model.backend.close()


@asynccontextmanager
async def _closing(responses: AsyncIterator[Response]) -> AsyncIterator[AsyncIterator[Response]]:
    """The answers, their generator closed at once on the way out, so that requests in flight are cancelled."""
    try:
        yield responses
    finally:
        if isinstance(responses, AsyncGenerator):
            await responses.aclose()
