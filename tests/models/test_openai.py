"""The OpenAI-compatible backend against a real server in another process."""

import asyncio
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shipworthy import models
from shipworthy.errors import BackendError, BadInput
from shipworthy.models._noise import seed_of
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Message, Prompt, Response

Start = Callable[..., Any]


def prompts(count: int) -> list[Prompt]:
    return [
        Prompt(example_id=str(at), dataset="d", messages=(Message(role="user", content=f"question {at}"),))
        for at in range(count)
    ]


def spec(base_url: str, **others: Any) -> ModelSpec:
    return ModelSpec(**{"role": "candidate", "backend": "openai", "base_url": base_url, "model": "echo", **others})


def answers(
    model: ModelSpec, asked: list[Prompt], *, seed: int = 0, environ: dict[str, str] | None = None
) -> list[Response]:
    async def all_of_them() -> list[Response]:
        backend = models.load("m", model, folder=Path(), environ=environ)
        try:
            return [response async for response in backend.answer(asked, seed=seed)]
        finally:
            await backend.close()

    return asyncio.run(all_of_them())


def test_every_prompt_is_answered_with_its_usage_latency_and_cost(start: Start) -> None:
    model = spec(start().base_url, usd_per_million_input=1.0, usd_per_million_output=3.0)
    got = {response.example_id: response for response in answers(model, prompts(50))}

    assert {str(at): f"question {at}" for at in range(50)} == {key: value.text for key, value in got.items()}
    one = got["7"]
    assert (2, 2, 8e-6) == (one.input_tokens, one.output_tokens, one.cost_usd)
    assert one.latency_s is not None and one.latency_s > 0
    assert {"finish_reason": "stop", "reported_model": "echo", "system_fingerprint": "fp_1"} == one.extra


def test_a_cost_without_prices_is_not_known(start: Start) -> None:
    assert [None] == [response.cost_usd for response in answers(spec(start().base_url), prompts(1))]


def test_without_chance_the_seed_of_the_run_reaches_the_endpoint(start: Start) -> None:
    endpoint = start()
    answers(spec(endpoint.base_url, sampling={"temperature": 0}), prompts(2), seed=17)

    assert {"echo/17/question 0": 1, "echo/17/question 1": 1} == endpoint.stats()["answered"]


@pytest.mark.parametrize("sampling", [{"temperature": 0.5}, {}, {"temperature": None}, {"top_p": 0.9}])
def test_where_tokens_are_drawn_each_example_has_a_seed_of_its_own(start: Start, sampling: dict[str, Any]) -> None:
    """One seed for all rows lets a server that honours it repeat its draws across them."""
    endpoint, asked = start(), prompts(20)
    answers(spec(endpoint.base_url, sampling=sampling), asked, seed=17)
    sent = {f"echo/{seed_of(17, each)}/question {at}": 1 for at, each in enumerate(asked)}

    assert sent == endpoint.stats()["answered"]
    assert 20 == len({seed_of(17, each) for each in asked}), "two rows share their draws"
    answers(spec(endpoint.base_url, sampling=sampling), asked[::-1], seed=17)
    assert dict.fromkeys(sent, 2) == endpoint.stats()["answered"], "the order of asking changed a seed"
    assert all(0 <= seed_of(seed, each) < 2**31 for seed in (0, 18) for each in asked)
    assert not {seed_of(17, each) for each in asked} & {seed_of(18, each) for each in asked}


def test_the_identity_says_that_chance_belongs_to_the_example() -> None:
    def noise(**others: Any) -> str | None:
        return models.load("m", spec("http://127.0.0.1:9/v1", **others), folder=Path()).identity.get("noise")

    assert "seed and example" == noise(sampling={"temperature": 0.7}) == noise()
    assert noise(sampling={"temperature": 0.0}) is None
    assert noise(options={"send_seed": False}) is None
    assert noise(options={"api": "completions", "mode": "choices"}) is None


def test_streaming_measures_the_first_token(start: Start) -> None:
    got = answers(spec(start().base_url, options={"stream": True}), prompts(3))

    assert {"question 0", "question 1", "question 2"} == {response.text for response in got}
    assert all(response.first_token_s is not None and response.first_token_s <= response.latency_s for response in got)  # type: ignore[operator]
    assert [2, 2, 2] == [response.output_tokens for response in got]


@pytest.mark.parametrize("stream", [False, True])
def test_a_base_model_is_asked_for_completions_of_plain_text(start: Start, stream: bool) -> None:
    endpoint = start()
    turns = (Message(role="system", content="Q:"), Message(role="user", content="hi"))
    asked = Prompt(example_id="0", dataset="d", messages=turns)
    (response,) = answers(spec(endpoint.base_url, options={"api": "completions", "stream": stream}), [asked])

    assert "Q:\n\nhi" == response.text == endpoint.stats()["last"]["prompt"]
    assert stream == (response.first_token_s is not None)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("api", "logprobs"), [("chat", True), ("completions", 1)])
def test_log_probabilities_that_come_back_are_summed(start: Start, api: str, logprobs: Any, stream: bool) -> None:
    model = spec(start().base_url, options={"api": api, "stream": stream}, sampling={"logprobs": logprobs})
    (response,) = answers(model, prompts(1))
    letters = len("question 0")

    assert letters == response.extra["tokens"]
    assert letters * math.log(2) == pytest.approx(response.extra["nll"])
    assert 0.5**letters == pytest.approx(response.extra["confidence"])


def test_json_mode_and_tools_reach_the_endpoint_and_a_call_is_the_answer(start: Start) -> None:
    endpoint = start()
    tools = [{"type": "function", "function": {"name": "say", "parameters": {"type": "object"}}}]
    sampling = {"response_format": {"type": "json_object"}, "tools": tools, "tool_choice": "required"}
    (response,) = answers(spec(endpoint.base_url, sampling=sampling), prompts(1))
    sent = endpoint.stats()["last"]

    assert sampling == {key: sent[key] for key in sampling}
    assert [{"name": "say", "arguments": {"said": "question 0"}}] == json.loads(response.text or "")
    assert 1 == response.extra["tool_calls"]


def test_no_more_requests_are_in_flight_than_allowed(start: Start) -> None:
    endpoint = start(latency_s=0.01)
    answers(spec(endpoint.base_url, options={"concurrency": 7}), prompts(60))

    assert 7 == endpoint.stats()["highest"]


def test_shed_requests_are_asked_again_until_all_are_answered(start: Start) -> None:
    endpoint = start(refuse=0.3, latency_s=0.002)
    got = answers(spec(endpoint.base_url), prompts(200))

    assert 200 == sum(response.text is not None for response in got)
    assert endpoint.stats()["refused"] > 30


def test_a_server_that_is_briefly_overloaded_is_asked_again(start: Start) -> None:
    endpoint = start(mode="503", fail_from=1, fail_until=2)
    got = answers(spec(endpoint.base_url), prompts(2))

    assert [None, 2] == [response.extra.get("attempts") for response in got]


@pytest.mark.parametrize("mode", ["500", "reset", "empty", "html"])
def test_a_passing_fault_is_retried(start: Start, mode: str) -> None:
    got = answers(spec(start(mode=mode, fail_from=3, fail_until=6).base_url), prompts(12))

    assert 12 == sum(response.text is not None for response in got)


def test_a_prompt_that_is_rejected_is_a_failure_of_that_prompt_alone(start: Start) -> None:
    endpoint = start(mode="400", fail_from=3, fail_until=4)
    got = answers(spec(endpoint.base_url), prompts(12))

    assert ["HTTP 400: told to say 400"] == [response.error for response in got if response.error]
    assert 12 == endpoint.stats()["requests"]


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("500", "HTTP 500: told to say 500"),
        ("html", "answered with an HTML page, not with a chat completion"),
        ("text", "answered with hello, not with a chat completion"),
        ("401", "HTTP 401: told to say 401"),
        ("404", "HTTP 404: told to say 404"),
        ("quota", "you have no credit left"),
        ("reset", "the connection broke"),
        ("hang", "no sign of life within 2 s"),
    ],
)
def test_an_endpoint_that_is_down_from_the_start_is_one_sentence_within_seconds(
    start: Start, mode: str, said: str
) -> None:
    model = spec(start(mode=mode).base_url, options={"start_s": 2})
    began = time.monotonic()
    with pytest.raises(BackendError) as raised:
        answers(model, prompts(20))

    assert said in str(raised.value)
    assert time.monotonic() - began < 5


def test_a_refused_connection_is_one_sentence(mock_openai: ModuleType) -> None:
    port = mock_openai.free_port()
    began = time.monotonic()
    with pytest.raises(BackendError, match=f"gives no answers: cannot connect to 127.0.0.1:{port}"):
        answers(spec(f"http://127.0.0.1:{port}/v1"), prompts(3))

    assert time.monotonic() - began < 10


def test_an_endpoint_that_dies_half_way_is_said_after_what_it_answered(start: Start) -> None:
    model = spec(start(dead_after=30).base_url, options={"max_retries": 1, "concurrency": 4})
    got: list[Response] = []

    async def collect() -> None:
        backend = models.load("m", model, folder=Path())
        try:
            async for response in backend.answer(prompts(100), seed=0):
                got.append(response)  # noqa: PERF401 - what came before the error counts
        finally:
            await backend.close()

    with pytest.raises(BackendError, match="stopped answering"):
        asyncio.run(collect())

    assert 30 == sum(response.text is not None for response in got)
    assert len(got) < 50


def test_the_last_requests_failing_together_means_that_the_endpoint_died(start: Start) -> None:
    model = spec(start(dead_after=16).base_url, options={"max_retries": 0, "concurrency": 4})
    with pytest.raises(BackendError, match="stopped answering, 4 requests in a row"):
        answers(model, prompts(20))


def test_a_hanging_request_ends_at_its_timeout(start: Start) -> None:
    endpoint = start(mode="hang", fail_from=5, fail_until=6)
    got = answers(spec(endpoint.base_url, options={"timeout_s": 0.3}), prompts(10))

    assert 10 == sum(response.text is not None for response in got)


def test_a_missing_key_is_bad_input_and_the_key_never_shows(start: Start) -> None:
    model = spec(start().base_url, api_key_env="MY_KEY")
    with pytest.raises(BadInput, match="the variable MY_KEY is not set"):
        answers(model, prompts(1))
    backend = models.load("m", model, folder=Path(), environ={"MY_KEY": "sk-secret"})

    assert "sk-secret" not in str(backend.identity)
    assert ["question 0"] == [r.text for r in answers(model, prompts(1), environ={"MY_KEY": "sk-secret"})]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"base_url": "localhost:8000"}, "is no http or https address"),
        ({"base_url": "http://[::1"}, "is no http or https address"),
        ({"base_url": None}, "needs 'base_url'"),
        ({"model": None}, "needs 'model'"),
        ({"options": {"concurency": 3}}, "did you mean 'concurrency'"),
        ({"options": {"concurrency": 0}}, "in its options"),
        ({"sampling": {"seed": 3}}, "sampling may not set 'seed'"),
    ],
)
def test_a_wrong_setting_is_bad_input(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said.replace("[", r"\[")):
        models.load("m", spec(**{"base_url": "http://h/v1", **change}), folder=Path())


def test_a_password_in_the_address_is_no_part_of_the_identity() -> None:
    backend = models.load("m", spec("https://user:secret@host/v1/"), folder=Path())

    assert "https://host/v1" == backend.identity["endpoint"]
