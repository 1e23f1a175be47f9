"""How long a run waits on servers that shed requests: simulated, on a clock that only moves when everybody waits."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from shipworthy.models._retry import Failure, RetryPolicy
from shipworthy.models._wire import Answer
from shipworthy.models.openai import OpenAIBackend, Settings
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Message, Prompt, Response

LATENCY_S, IN_FLIGHT = 0.05, 100
SEEDS = range(10)


class Virtual(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def at_once(timeout: float | None = None) -> Any:
            self.now_s += timeout or 0.0
            return select(0)

        self._selector.select = at_once  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now_s


@dataclass
class Server:
    """Answers after the latency; `refuses` says by the number in flight whether a request is shed, at once or late."""

    refuses: Callable[[int], bool]
    retry_after_s: float | None = None
    shed_after_s: float = LATENCY_S
    in_flight: int = 0
    most: int = 0
    asked_at_s: dict[str, list[float]] = field(default_factory=dict)

    async def ask(self, messages: tuple[Message, ...], *, seed: int | None) -> Answer | Failure:
        self.asked_at_s.setdefault(messages[0].content, []).append(asyncio.get_running_loop().time())
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        shed = self.refuses(self.in_flight)
        await asyncio.sleep(self.shed_after_s if shed else LATENCY_S)
        self.in_flight -= 1
        if shed:
            return Failure(kind="refused", message="HTTP 429", status=429, retry_after_s=self.retry_after_s)
        return Answer(text="42", latency_s=LATENCY_S)

    async def sign_of_life(self, within_s: float) -> bool:
        return True

    async def close(self) -> None:
        """Nothing is open."""


def at_random(share: float, seed: int) -> Callable[[int], bool]:
    rng = random.Random(seed)
    return lambda _: rng.random() < share


def window_s(server: Server, samples: int = 1000) -> float:
    """Seconds of waiting until every prompt has its answer."""
    loop = Virtual()
    spec = ModelSpec(role="candidate", backend="openai", base_url="http://host/v1", model="m")
    client: Any = server
    settings = Settings(concurrency=IN_FLIGHT)
    backend = OpenAIBackend("m", spec, client, settings, rng=random.Random(0), clock=loop.time)
    prompts = [
        Prompt(example_id=str(at), dataset="d", messages=(Message(role="user", content=str(at)),))
        for at in range(samples)
    ]

    async def answers() -> list[Response]:
        return [response async for response in backend.answer(prompts, seed=0)]

    try:
        assert samples == sum(response.text == "42" for response in loop.run_until_complete(answers()))
        return loop.now_s
    finally:
        loop.close()


def test_six_per_cent_of_429s_cost_a_few_retries_and_no_concurrency() -> None:
    servers = [Server(at_random(0.06, seed)) for seed in SEEDS]
    windows = sorted(map(window_s, servers))

    assert {IN_FLIGHT} == {server.most for server in servers}
    assert windows[len(windows) // 2] < 0.75
    assert windows[-1] < 0.9


def test_without_429s_every_place_is_always_taken() -> None:
    assert pytest.approx(0.55) == window_s(Server(lambda _: False))


def test_a_server_that_bears_less_than_we_may_ask_is_kept_busy() -> None:
    bears = 40
    ideal_s = 5000 / bears * LATENCY_S

    assert window_s(Server(lambda in_flight: in_flight > bears, shed_after_s=0.001), 5000) < 1.2 * ideal_s


def test_nobody_asks_again_before_the_server_said() -> None:
    server = Server(at_random(0.3, 1), retry_after_s=2.0)
    window_s(server, 300)
    waits = [later - one for asked in server.asked_at_s.values() for one, later in pairwise(asked)]

    assert waits
    assert min(waits) >= 2.0


def test_waits_double_under_pressure_and_not_with_one_request_s_bad_luck() -> None:
    policy, refused = RetryPolicy(), Failure(kind="refused", message="")
    longest = {
        (attempt, pressure): max(
            policy.delay_s(refused, attempt, 0.0, random.Random(at), pressure=pressure) or 0.0 for at in range(200)
        )
        for attempt in (1, 5)
        for pressure in (0, 2, 9)
    }
    base_s = policy.refused_base_s

    assert longest[5, 0] <= base_s
    assert longest[1, 9] <= base_s
    assert 2 * base_s < longest[5, 2] <= 4 * base_s
    assert 8 * base_s < longest[5, 9] <= 16 * base_s
