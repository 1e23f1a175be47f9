"""The vLLM backend up to the seam of its import: a small module stands for vLLM, with the parts of its API in use.

No test here runs vLLM itself, which needs a GPU.
"""

import asyncio
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from shipworthy import models
from shipworthy.demo import story
from shipworthy.errors import BackendError, BadInput, MissingExtra
from shipworthy.models import Backend
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Message, Prompt, Response


class SamplingParams:
    def __init__(
        self, *, temperature: float = 1.0, max_tokens: int = 16, seed: int | None = None, logprobs: int | None = None
    ) -> None:
        self.seed, self.logprobs, self.max_tokens = seed, logprobs, max_tokens


class LLM:
    made: dict[str, Any] = {}

    def __init__(self, model: str, **options: Any) -> None:
        if options.get("max_model_len") == 0:
            raise ValueError("max_model_len must be positive\nmore about it")
        LLM.made = {"model": model, **options}

    def chat(
        self,
        messages: list[list[dict[str, str]]],
        sampling_params: Sequence[SamplingParams],
        use_tqdm: bool = True,
        lora_request: Any = None,
    ) -> list[Any]:
        texts = [turns[-1]["content"] for turns in messages]
        if "too long" in texts:
            raise ValueError("the prompt is longer than the model's context")
        named = f" by {lora_request.lora_name}" if lora_request else ""
        return [
            self._output(f"{text}{named} #{own.seed}", own) for text, own in zip(texts, sampling_params, strict=True)
        ]

    @staticmethod
    def _output(text: str, params: SamplingParams) -> Any:
        logprob = None if params.logprobs is None else -1.5
        done = SimpleNamespace(text=text, token_ids=[1, 2, 3], finish_reason="stop", cumulative_logprob=logprob)
        return SimpleNamespace(prompt_token_ids=[1, 2], outputs=[done])


class LoRARequest:
    def __init__(self, lora_name: str, lora_int_id: int, lora_path: str) -> None:
        self.lora_name, self.lora_int_id, self.lora_path = lora_name, lora_int_id, lora_path


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the small module where vLLM would be."""
    parts: dict[str, dict[str, Any]] = {
        "vllm": {"LLM": LLM, "SamplingParams": SamplingParams},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": LoRARequest},
    }
    for name, contents in parts.items():
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)


def _load(**others: Any) -> Backend:
    spec = ModelSpec(**{"role": "candidate", "backend": "vllm", "path": story.MODEL.name, **others})
    return models.load("m", spec, folder=story.MODEL.parent)


def _ask(backend: Backend, texts: Sequence[str], seed: int = 0) -> list[Response]:
    prompts = [
        Prompt(example_id=str(at), dataset="d", messages=(Message(role="user", content=text),))
        for at, text in enumerate(texts)
    ]

    async def collect() -> list[Response]:
        return [response async for response in backend.answer(prompts, seed=seed)]

    return asyncio.run(collect())


@pytest.mark.usefixtures("vllm")
def test_conversations_go_to_chat_and_come_back_in_order_each_under_a_seed_of_its_own() -> None:
    responses = _ask(_load(options={"batch_size": 2}, usd_per_million_output=1e6), ["a", "b", "c"], seed=7)
    in_one = _ask(_load(), ["a", "b", "c"], seed=7)
    texts = [str(response.text) for response in responses]

    assert ["a", "b", "c"] == [text.partition(" #")[0] for text in texts]
    assert 3 == len({text.partition(" #")[2] for text in texts})
    assert texts == [response.text for response in in_one]
    assert {(2, 3, 3.0)} == {(one.input_tokens, one.output_tokens, one.cost_usd) for one in responses}
    assert {"finish_reason": "stop"} == responses[0].extra


@pytest.mark.usefixtures("vllm")
def test_options_of_the_engine_and_the_adapter_reach_it() -> None:
    backend = _load(
        adapter=story.PRODUCTION_ADAPTER.name, options={"dtype": "bfloat16", "engine": {"max_lora_rank": 8}}
    )

    assert {"dtype": "bfloat16", "seed": 0, "enable_lora": True, "max_lora_rank": 8} == {
        key: value for key, value in LLM.made.items() if key != "model"
    }
    assert str(_ask(backend, ["a"])[0].text).startswith(f"a by {story.PRODUCTION_ADAPTER.name} #")
    assert backend.identity["adapter_sha256"]


@pytest.mark.usefixtures("vllm")
def test_the_likelihood_of_an_answer_is_reported_where_it_is_asked_for() -> None:
    (response,) = _ask(_load(options={"likelihood": True}), ["a"])

    assert (1.5, 3) == (response.extra["nll"], response.extra["tokens"])


@pytest.mark.usefixtures("vllm")
def test_a_prompt_that_is_refused_fails_alone() -> None:
    responses = _ask(_load(), ["a", "too long", "b"])

    assert ["a", None, "b"] == [response.text and response.text.partition(" #")[0] for response in responses]
    assert "the prompt is longer than the model's context" == responses[1].error


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"path": None}, BadInput, "needs a `path`"),
        ({"path": "."}, BackendError, "no model can be loaded from it"),
        ({"options": {"batchsize": 1}}, BadInput, "did you mean 'batch_size'"),
        ({"options": {"engine": {"max_model_len": 0}}}, BackendError, "max_model_len must be positive"),
        ({"sampling": {"temprature": 1}}, BadInput, "does not take its options or sampling"),
        ({"sampling": {"seed": 1}}, BadInput, "may not set 'seed'"),
    ],
)
def test_what_is_wrong_is_one_sentence(change: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        _load(**change)

    assert "\n" not in str(caught.value)


def test_a_machine_without_vllm_says_what_to_install(tmp_path: Path) -> None:
    if importlib.util.find_spec("vllm"):
        pytest.skip("vLLM is installed")
    with pytest.raises(MissingExtra, match="pip install vllm"):
        _load()
