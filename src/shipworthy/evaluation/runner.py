"""Asks every model every prompt under every seed, and writes each answer down before it counts.

What was answered before is never asked again; errors are. Models behind an endpoint are asked side by side, after one
first prompt to each has shown that all of them are there; local models follow one after another.
"""

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgspec

from shipworthy.errors import BackendError
from shipworthy.evaluation.budget import Purse
from shipworthy.evaluation.pace import Pace
from shipworthy.evaluation.pending import Key, Parcel, Pending, key_of, refuse_doubles
from shipworthy.evaluation.progress import Meter, Report
from shipworthy.evaluation.prompts import digest
from shipworthy.evaluation.reuse import Cache, Reuse
from shipworthy.models import Backend
from shipworthy.protocol.types import Budget
from shipworthy.records import Prompt, Response

T = TypeVar("T")


class Log(Protocol):
    """Where responses go and come from: a run folder."""

    def append(self, response: Response) -> None:
        """When this returns, the response survives kill -9."""
        ...

    def responses(self) -> Iterable[Response]:
        """Every response so far, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to ask whom. Example ids are unique within a dataset; a prompt may be made anew whenever it is looked at."""

    prompts: Sequence[Prompt]
    backends: Mapping[str, Backend]
    seeds: Sequence[int] = (0,)
    budget: Budget = field(default_factory=Budget)
    warm_up: Mapping[str, int] = field(default_factory=dict)
    """Model -> how many requests it gets first whose answers are thrown away."""
    in_step: Mapping[str, int] = field(default_factory=dict)
    """Endpoint -> how many prompts it is given before it waits for the others that stand here."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A model that was not asked everything: how many answers are missing, and why."""

    model: str
    missing: int
    reason: str


async def ask(
    plan: Plan,
    log: Log,
    *,
    report: Report = lambda _: None,
    cache: Cache | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Gap]:
    """Ask what was not answered yet; an empty list means that every prompt has a response on disk.

    A response with an error is a response: it counts as a failure of its model. A gap is a prompt that was not asked
    because the budget ended or the endpoint died, or a model that answered nothing at all: such a run is incomplete
    and can be resumed.

    Raises: BackendError: a model cannot be reached or loaded and has answered nothing in this run.
    """
    try:
        return await _Runner(plan, log, Reuse(cache), report, clock).run()
    finally:
        for backend in plan.backends.values():
            await backend.close()


@dataclass(frozen=True, slots=True)
class _Job:
    """One model under one seed: what is still to be asked."""

    model: str
    backend: Backend
    seed: int
    pending: Pending
    remote: bool


@dataclass(slots=True)
class _Tally:
    """What one model has given so far, earlier sessions included."""

    answered: int = 0
    last_error: str = ""
    stopped: str = ""


@dataclass(slots=True)
class _History:
    """What earlier sessions left: what each model under each seed has still to answer, and what it cost."""

    pending: dict[tuple[str, int], Pending]
    requests: int = 0
    cost_usd: float = 0.0


class _Runner:
    def __init__(self, plan: Plan, log: Log, reuse: Reuse, report: Report, clock: Callable[[], float]) -> None:
        self._plan = plan
        self._log = log
        self._reuse = reuse
        refuse_doubles(plan.prompts)
        history = _history(plan, log)
        self._tallies = {model: _Tally() for model in plan.backends}
        for (model, _), pending in history.pending.items():
            self._tallies[model].answered += len(plan.prompts) - len(pending)
        self._purse = Purse(plan.budget, requests=history.requests, cost_usd=history.cost_usd)
        self._meter = Meter(len(plan.prompts) * len(plan.backends) * len(plan.seeds), report, clock)
        self._meter.skip(sum(tally.answered for tally in self._tallies.values()), history.cost_usd)
        self._pace = Pace(0)
        self._jobs = [
            _Job(model, plan.backends[model], seed, pending, _remote(plan.backends[model]))
            for (model, seed), pending in history.pending.items()
        ]

    async def run(self) -> list[Gap]:
        for job in self._jobs:
            self._from_cache(job)
        jobs = [job for job in self._jobs if job.pending]
        remote = _by_model(job for job in jobs if job.remote)
        await self._prove([model_jobs[0] for model_jobs in remote])
        await _all([self._warm_up(model_jobs[0]) for model_jobs in remote])
        self._pace = Pace(sum(model_jobs[0].model in self._plan.in_step for model_jobs in remote))
        await _all([self._model(model_jobs) for model_jobs in remote])
        for model_jobs in _by_model(job for job in jobs if not job.remote):
            await self._warm_up(model_jobs[0])
            await self._model(model_jobs)
            await model_jobs[0].backend.close()
        return list(self._gaps())

    def _from_cache(self, job: _Job) -> None:
        if not self._reuse.of(job.backend):
            return
        for prompt in job.pending.first(len(job.pending)):
            found = self._reuse.find(job.backend, prompt, job.seed)
            if found is None:
                job.pending.put_back(prompt)
                continue
            again = msgspec.structs.replace(found, example_id=prompt.example_id, dataset=prompt.dataset)
            self._write(job, prompt, msgspec.structs.replace(again, extra={**found.extra, "cached": True}))

    async def _prove(self, jobs: Sequence[_Job]) -> None:
        """Ask the first prompt of every endpoint; nothing is written before all of them have shown to be there."""
        proving = [(job, job.pending.first(1)) for job in jobs if self._purse.take(1)]
        answers = await _all([_answers(job, parcel) for job, parcel in proving])
        for (job, parcel), responses in zip(proving, answers, strict=True):
            for response in responses:
                self._take(job, response)
            self._settle(job, parcel)

    async def _warm_up(self, job: _Job) -> None:
        """Requests whose answers count for nothing but their price; where the budget has none left, none are sent."""
        wanted = min(self._plan.warm_up.get(job.model, 0), len(self._plan.prompts))
        size = self._purse.take(wanted) if job.remote and wanted else wanted
        if not size or not job.pending:
            return
        responses = job.backend.answer(self._plan.prompts[-size:], seed=job.seed)
        try:
            async for response in responses:
                if job.remote:
                    self._purse.pay(response.cost_usd or 0.0)
        except BackendError as error:
            self._tallies[job.model].last_error = str(error)  # the first counted request says whether it is there
        finally:
            if isinstance(responses, AsyncGenerator):
                await responses.aclose()

    async def _model(self, jobs: Sequence[_Job]) -> None:
        """Ask one model everything that is pending, seed by seed; remember why when it stops."""
        tally = self._tallies[jobs[0].model]
        try:
            for job in jobs:
                while job.pending and not tally.stopped:
                    await self._parcel(job, tally)
                    await self._keep_pace(job)
        except BackendError as error:
            if not tally.answered:
                raise
            tally.stopped = str(error)
        finally:
            if jobs[0].model in self._plan.in_step and jobs[0].remote:
                self._pace.leave()

    async def _keep_pace(self, job: _Job) -> None:
        """Wait until every endpoint whose seconds are compared has answered as many prompts."""
        if job.remote and job.model in self._plan.in_step:
            await self._pace.together()

    async def _parcel(self, job: _Job, tally: _Tally) -> None:
        wanted = min(len(job.pending), self._plan.in_step.get(job.model, len(job.pending)))
        size = self._purse.take(wanted) if job.remote else wanted
        if not size:
            tally.stopped = self._purse.reason()
            return
        parcel = job.pending.first(size)
        try:
            async with _asked(job, parcel) as responses:
                async for response in responses:
                    self._take(job, response)
        except BackendError:
            if job.remote:
                self._purse.put_back(sum(1 for _ in parcel.unanswered()))
            raise
        self._settle(job, parcel)

    def _settle(self, job: _Job, parcel: Parcel) -> None:
        """What a backend left out although it ended well is a failure like any other."""
        for prompt in parcel.unanswered():
            error = "unanswered: the backend gave no response to it"
            self._take(
                job, Response(example_id=prompt.example_id, dataset=prompt.dataset, model=job.model, error=error)
            )

    def _take(self, job: _Job, response: Response) -> None:
        """Write down what a backend gave; it pays for what it was asked."""
        prompt = job.pending.asked(response.dataset, response.example_id)
        if prompt is None:
            said = f"answered {response.example_id!r} of {response.dataset!r}, which it was not asked"
            raise BackendError(f"model {job.model!r} {said}")
        written = self._write(job, prompt, response)
        if job.remote:
            self._purse.pay(response.cost_usd or 0.0)
        self._reuse.keep(job.backend, prompt, job.seed, written)

    def _write(self, job: _Job, prompt: Prompt, response: Response) -> Response:
        """Append, then count: a response that is not on disk does not exist."""
        written = msgspec.structs.replace(response, model=job.model, seed=job.seed, prompt_sha256=digest(prompt))
        self._log.append(written)
        job.pending.answered(prompt)
        tally = self._tallies[job.model]
        if written.error is None:
            tally.answered += 1
        else:
            tally.last_error = written.error
        cost_usd = written.cost_usd if job.remote else None
        self._meter.count(failed=written.error is not None, cost_usd=cost_usd or 0.0)
        return written

    def _gaps(self) -> Iterator[Gap]:
        planned = len(self._plan.prompts) * len(self._plan.seeds)
        for model, tally in self._tallies.items():
            if tally.stopped:
                yield Gap(model, planned - tally.answered, tally.stopped)
            elif planned and not tally.answered:
                yield Gap(model, planned, f"it answered nothing; the last error was: {tally.last_error}")


def _remote(backend: Backend) -> bool:
    return "endpoint" in backend.identity


def _history(plan: Plan, log: Log) -> _History:
    history = _History(
        {(model, seed): Pending(plan.prompts) for model in plan.backends for seed in plan.seeds},
    )
    places: dict[Key, int] = {}
    for response in log.responses():
        backend = plan.backends.get(response.model)
        if backend is None:
            continue
        if _remote(backend):
            history.requests += 1
            history.cost_usd += response.cost_usd or 0.0
        places = places or {key_of(prompt): at for at, prompt in enumerate(plan.prompts)}
        place = places.get((response.dataset, response.example_id))
        if response.text is None or place is None or response.seed not in plan.seeds:
            continue
        if response.prompt_sha256 == digest(plan.prompts[place]):
            history.pending[response.model, response.seed].skip(place)
    return history


def _by_model(jobs: Iterable[_Job]) -> list[list[_Job]]:
    grouped: dict[str, list[_Job]] = {}
    for job in jobs:
        grouped.setdefault(job.model, []).append(job)
    return list(grouped.values())


@asynccontextmanager
async def _asked(job: _Job, prompts: Parcel) -> AsyncIterator[AsyncIterator[Response]]:
    """A backend's answers, its generator closed at once on the way out (requests in flight are cancelled)."""
    responses = job.backend.answer(prompts, seed=job.seed)
    try:
        yield responses
    finally:
        if isinstance(responses, AsyncGenerator):
            await responses.aclose()


async def _answers(job: _Job, prompts: Parcel) -> list[Response]:
    async with _asked(job, prompts) as responses:
        return [response async for response in responses]


async def _all(work: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """Everything side by side; when one fails the others are cancelled, and it raises."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
