"""Any endpoint that speaks OpenAI's chat completions or completions: the API itself, vLLM, llama.cpp, a gateway.

The first request goes out alone. An endpoint that shows no sign of life is a BackendError within seconds, before
anything is written; one that answers three prompts with anything but completions is one as well, as a single prompt may
be what it cannot answer. After that one failed request is a Response with `error`; a run of failures without one answer
between them is a BackendError again, and the run can be resumed.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from shipworthy.errors import BackendError, BadInput
from shipworthy.models._chat import ChatClient
from shipworthy.models._choices import Scoring
from shipworthy.models._completions import DIALECTS, Api
from shipworthy.models._connection import Values, certificates, sent
from shipworthy.models._crew import Crew
from shipworthy.models._echo import GENERATES, Asked, Echo, no_echo
from shipworthy.models._noise import NOISE, seed_of
from shipworthy.models._options import cost_usd, options_of
from shipworthy.models._reply import Usage
from shipworthy.models._retry import Failure, RetryPolicy
from shipworthy.models._wire import Answer
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Prompt, Response

Seconds = Annotated[float, Meta(gt=0)]
EndpointMode = Literal["generate", "choices", "likelihood"]
SIGN_OF_LIFE_AFTER_S = 3.0
DOUBTED = 3
"""So many first prompts without anything that can be read, each asked twice, and the endpoint speaks no completions."""
OURS = ("messages", "model", "n", "prompt", "seed", "stream", "stream_options")
"""Keys of a request that `sampling` may not set."""


class Settings(Scoring):
    """Options of `openai`.

    `api` is `chat`, or `completions` for a base model (the turns as plain text, nothing between but an empty line);
    `concurrency` requests at most are in flight; `timeout_s` bounds one request, `start_s` the first sign of life;
    `dead_after` failures in a row, without an answer between them, mean that the endpoint is gone; `stream` asks for
    tokens as they come (gives `first_token_s`); `send_seed: false` for endpoints that refuse a seed; `proxy` is the URL
    of a proxy; `headers` and `query` go with every request, a secret as `{env: NAME}`.
    `mode` and the options after it, with `api: completions`, are those of `huggingface`: `choices` and
    `likelihood` score instead of generating, by prompts that come back with their log-probabilities (`echo`).
    """

    api: Api = "chat"
    concurrency: Annotated[int, Meta(ge=1, le=10_000)] = 32
    timeout_s: Seconds = 60.0
    start_s: Seconds = 8.0
    dead_after: Annotated[int, Meta(ge=1)] = 10
    max_retries: Annotated[int, Meta(ge=0)] = 4
    patience_s: Annotated[float, Meta(ge=0)] = 120.0
    stream: bool = False
    send_seed: bool = True
    proxy: str | None = None
    headers: Values = {}
    query: Values = {}
    mode: EndpointMode | Mapping[str, EndpointMode] = "generate"


class OpenAIBackend:
    """Asks an endpoint, as many prompts at a time as it bears.

    `clock` and `rng` decide about waiting only, never about what is asked.
    """

    def __init__(
        self,
        name: str,
        spec: ModelSpec,
        client: ChatClient,
        settings: Settings,
        *,
        rng: random.Random,
        echo: Echo = GENERATES,
        named: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._spec = spec
        self._client = client
        self._settings = settings
        self._echo = echo
        self._policy = RetryPolicy(max_retries=settings.max_retries, patience_s=settings.patience_s)
        self._rng = rng
        self._clock = clock
        self._proven = False
        self._doubts = 0
        self._identity = {
            "kind": "openai",
            "api": settings.api,
            "endpoint": _without_user(spec.base_url or ""),
            "model": spec.model or "",
            "sampling": msgspec.json.encode(spec.sampling, order="sorted").decode(),
            "send_seed": str(settings.send_seed).lower(),
            **({"noise": NOISE} if settings.send_seed and _draws(spec, settings) else {}),
            **echo.identity,
            **(named or {}),
        }

    @property
    def identity(self) -> Mapping[str, str]:
        """The endpoint, the model's name there, and what is sent along. Says nothing about the weights behind it."""
        return self._identity

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One Response a prompt, in the order of completion.

        Raises: BackendError: the endpoint is down from the start, or stopped answering.
        """
        askable, unscorable = self._echo.split(prompts)
        for prompt, why in unscorable:
            yield self._response(prompt, seed, Failure(kind="rejected", message=why), 1)
        waiting = iter(askable)
        while not self._proven:
            first = next(waiting, None)
            if first is None:
                break
            yield await self._prove(first, seed)
        crew: Crew[Prompt, _Done] = Crew(
            waiting, lambda prompt: self._ask(prompt, seed, crew), ceiling=self._settings.concurrency
        )
        fuse = _Fuse(self._settings.dead_after)
        try:
            async for done in crew.results():
                yield done.response
                fuse.see(done, self._name)
            fuse.at_end(self._name)
        finally:
            await crew.stop()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _prove(self, prompt: Prompt, seed: int) -> Response:
        """A first request, alone: the endpoint answers (with a completion, or about this prompt), or it is down."""
        deadline = self._clock() + self._settings.start_s
        for attempt in count(1):
            outcome = await self._first(prompt, seed, deadline)
            if isinstance(outcome, Answer) or outcome.kind == "rejected":
                self._proven = True
                return self._response(prompt, seed, outcome, attempt)
            delay = self._policy.delay_s(outcome, attempt, 0.0, self._rng)
            over = self._clock() + (delay or 0.0) >= deadline
            spoke = outcome.status is not None and outcome.status < 300 and not outcome.hopeless
            if spoke and (delay is None or over or (attempt > 1 and outcome.kind != "refused")):
                return self._doubted(prompt, seed, outcome, attempt)
            if delay is None or (outcome.kind == "unavailable" and over):
                raise self._no_answers(outcome)
            await asyncio.sleep(delay)
        raise AssertionError("count() never ends")

    def _doubted(self, prompt: Prompt, seed: int, outcome: Failure, attempts: int) -> Response:
        """One prompt without an answer is a failure of that prompt; several from the start on are the endpoint's."""
        self._doubts += 1
        if self._doubts == DOUBTED:
            raise self._no_answers(outcome)
        return self._response(prompt, seed, outcome, attempts)

    def _no_answers(self, outcome: Failure) -> BackendError:
        return BackendError(f"model {self._name!r} at {self._identity['endpoint']} gives no answers: {outcome.message}")

    async def _first(self, prompt: Prompt, seed: int, deadline: float) -> Answer | Failure:
        asked = asyncio.ensure_future(self._exchange(prompt, seed))
        try:
            early, _ = await asyncio.wait({asked}, timeout=min(SIGN_OF_LIFE_AFTER_S, self._settings.start_s / 2))
            if not early and not await self._client.sign_of_life(max(0.5, deadline - self._clock())):
                said = f"no sign of life within {self._settings.start_s:g} s (options.start_s)"
                return asked.result() if asked.done() else Failure(kind="denied", message=said)
            return await asked
        finally:
            asked.cancel()

    async def _ask(self, prompt: Prompt, seed: int, crew: "Crew[Prompt, _Done]") -> "_Done":
        started = self._clock()
        for attempt in count(1):
            await crew.pace.enter()
            outcome: Answer | Failure | None = None
            try:
                outcome = await self._exchange(prompt, seed)
            finally:
                refused = isinstance(outcome, Failure) and outcome.kind == "refused"
                overloaded = crew.pace.leave(refused=refused)
            if isinstance(outcome, Answer):
                return _Done(self._response(prompt, seed, outcome, attempt), None)
            waited_s, pressure = self._clock() - started, crew.pace.pressure
            delay = self._policy.delay_s(outcome, attempt, waited_s, self._rng, pressure=pressure)
            if delay is None:
                return _Done(self._response(prompt, seed, outcome, attempt), outcome)
            if overloaded and outcome.retry_after_s is not None:
                crew.pace.pause(outcome.retry_after_s)
            await crew.nap(delay)
        raise AssertionError("count() never ends")

    async def _exchange(self, prompt: Prompt, seed: int) -> Answer | Failure:
        asked = self._echo.asked(prompt)
        if not isinstance(asked, Asked):
            return await self._client.ask(prompt.messages, seed=self._sent(prompt, seed))
        outcome = await self._client.send(asked.body, lambda body, took_s: self._echo.read(asked, body, took_s))
        return no_echo(outcome) if isinstance(outcome, Failure) else outcome

    def _sent(self, prompt: Prompt, seed: int) -> int | None:
        """The seed of a request: each example's own where tokens are drawn, so that rows share no draws."""
        if not self._settings.send_seed:
            return None
        return seed_of(seed, prompt) if _draws(self._spec, self._settings) else seed

    def _response(self, prompt: Prompt, seed: int, outcome: Answer | Failure, attempts: int) -> Response:
        tried = {"attempts": attempts} if attempts > 1 else {}
        if isinstance(outcome, Failure):
            usage = outcome.usage or Usage()
            return Response(
                example_id=prompt.example_id,
                dataset=prompt.dataset,
                model=self._name,
                seed=seed,
                error=outcome.message,
                input_tokens=usage.prompt_tokens,
                output_tokens=usage.completion_tokens,
                cost_usd=cost_usd(self._spec, usage.prompt_tokens, usage.completion_tokens),
                extra={**outcome.extra, "failure": outcome.kind, **tried},
            )
        return Response(
            example_id=prompt.example_id,
            dataset=prompt.dataset,
            model=self._name,
            seed=seed,
            text=outcome.text,
            latency_s=outcome.latency_s,
            first_token_s=outcome.first_token_s,
            input_tokens=outcome.input_tokens,
            output_tokens=outcome.output_tokens,
            cost_usd=cost_usd(self._spec, outcome.input_tokens, outcome.output_tokens),
            extra={**outcome.extra, **tried},
        )


def load(
    name: str, spec: ModelSpec, *, folder: Path, examples: Sequence[Example], environ: Mapping[str, str]
) -> OpenAIBackend:
    """The endpoint that `spec` names; nothing is sent yet.

    Raises: BadInput: no base_url or model, an option or sampling key that is wrong, or a key variable that is not set.
    """
    del folder
    settings = options_of(name, spec.options, Settings)
    base_url = _checked_url(name, spec)
    if settings.scores and settings.api != "completions":
        raise BadInput(f"model {name!r}: `mode` scores prompts, which chat completions cannot; add `api: completions`")
    for key in OURS:
        if key in spec.sampling:
            raise BadInput(f"model {name!r}: sampling may not set {key!r}; Shipworthy sets it, remove it there")
    headers = sent(name, "headers", settings.headers, environ)
    query = sent(name, "query", settings.query, environ)
    authorization = _authorization(name, spec, environ)
    if authorization and any(key.lower() == "authorization" for key in headers.values):
        raise BadInput(f"model {name!r}: api_key_env and options.headers both set Authorization; remove one of them")
    client = ChatClient(
        base_url=base_url,
        dialect=DIALECTS[settings.api],
        fixed={"model": spec.model, **spec.sampling},
        headers={**headers.values, **authorization},
        query=query.values,
        secrets=(*headers.secrets, *query.secrets, *(value.split()[-1] for value in authorization.values())),
        trusted=certificates(environ) if base_url.startswith("https:") else None,
        timeout_s=settings.timeout_s,
        stream=settings.stream,
        proxy=settings.proxy,
    )
    echo = Echo(settings, examples)
    return OpenAIBackend(
        name, spec, client, settings, echo=echo, named={**headers.named, **query.named}, rng=random.Random(name)
    )


def _checked_url(name: str, spec: ModelSpec) -> str:
    if not spec.base_url or not spec.model:
        missing = "base_url" if not spec.base_url else "model"
        raise BadInput(f"model {name!r}: the openai backend needs {missing!r} (for example https://api.openai.com/v1)")
    if not _is_address(spec.base_url):
        raise BadInput(f"model {name!r}: base_url {spec.base_url!r} is no http or https address")
    if urlsplit(spec.base_url).query:
        raise BadInput(f"model {name!r}: base_url has a query; write it under options.query, as `api-version: ...`")
    return spec.base_url.rstrip("/")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False


def _authorization(name: str, spec: ModelSpec, environ: Mapping[str, str]) -> dict[str, str]:
    if spec.api_key_env is None:
        return {}
    key = environ.get(spec.api_key_env, "").strip()
    if not key:
        raise BadInput(
            f"model {name!r}: the variable {spec.api_key_env} is not set; export the API key under this name"
        )
    if not key.isascii() or not key.isprintable():
        raise BadInput(f"model {name!r}: the key in {spec.api_key_env} holds characters that no HTTP header may carry")
    return {"Authorization": f"Bearer {key}"}


def _draws(spec: ModelSpec, settings: Settings) -> bool:
    """Whether the endpoint draws tokens: one that is told no temperature has its own, mostly 1."""
    return spec.sampling.get("temperature") != 0 and settings.mode not in ("choices", "likelihood")


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")


# --- When an endpoint is gone -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Done:
    """A response, and the failure that was final where there was one."""

    response: Response
    failure: Failure | None


class _Fuse:
    """Blows when an endpoint is gone: so many final failures in a row, or the last three of a run.

    A prompt without an answer is no such failure, unless nothing but such prompts comes for long.
    """

    TAIL = 3
    LONG = 10

    def __init__(self, dead_after: int) -> None:
        self._dead_after = dead_after
        self._in_a_row = self._unanswered = 0
        self._last = ""

    def see(self, done: _Done, name: str) -> None:
        failure = done.failure
        if failure is None or failure.kind == "rejected":
            self._in_a_row = self._unanswered = 0
            return
        self._unanswered += 1
        self._in_a_row += not failure.unread
        self._last = failure.message
        long = self._unanswered >= max(self._dead_after, self.LONG)
        if failure.hopeless or long or self._in_a_row >= self._dead_after:
            self._blow(name)

    def at_end(self, name: str) -> None:
        if self._in_a_row >= min(self.TAIL, self._dead_after):
            self._blow(name)

    def _blow(self, name: str) -> None:
        times = f", {self._unanswered} requests in a row" if self._unanswered > 1 else ""
        raise BackendError(f"model {name!r} stopped answering{times}: {self._last}")
