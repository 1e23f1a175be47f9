"""What every backend keeps, whatever answers behind it."""

import asyncio
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shipworthy import models
from shipworthy.demo import story
from shipworthy.models import Backend
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Message, Prompt, Response

ODD = (
    "plain",
    "ümlaut · 日本語 · 🚢",
    "  spaces\n\tand lines  ",
    '{"json": "{braces}"}',
    "e\u0301 \u202e rtl",
    "x" * 5_000,
)
EXAMPLES = [
    Example(id=f"é/{at}", dataset="d", messages=(Message(role="user", content=text),), reference=text)
    for at, text in enumerate(ODD)
]
PROMPTS = [Prompt(example_id=row.id, dataset=row.dataset, messages=row.messages) for row in EXAMPLES]
RULES = {"rules": [{"pattern": "json", "answer": "yes"}], "default": "no"}


def _mock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mock_openai", Path(__file__).parents[1] / "mock_openai.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault("mock_openai", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with _mock().endpoint() as endpoint:
        yield endpoint.base_url


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings that differ, one of them incomplete."""
    folder = tmp_path_factory.mktemp("recorded")
    for name, rows in (("all", EXAMPLES), ("some", EXAMPLES[:3])):
        lines = [json.dumps({"example_id": row.id, "text": row.reference}) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


SPECS: Mapping[str, Mapping[str, Any]] = {
    "recorded": {"path": "all.jsonl"},
    "recorded, incomplete": {"path": "some.jsonl"},
    "majority": {"backend": "trivial", "strategy": "majority"},
    "random": {"backend": "trivial", "strategy": "random"},
    "constant": {"backend": "trivial", "strategy": "constant", "options": {"answer": "no"}},
    "rules": {"backend": "trivial", "strategy": "rules", "options": RULES},
    "openai": {"backend": "openai", "model": "echo"},
    "openai, streaming": {"backend": "openai", "model": "echo", "options": {"stream": True}},
    "openai, completions": {"backend": "openai", "model": "echo", "options": {"api": "completions"}},
    "openai, other model": {"backend": "openai", "model": "wrong"},
    "openai, sampling": {"backend": "openai", "model": "echo", "sampling": {"temperature": 0.5}},
}

LOCAL: Mapping[str, Mapping[str, Any]] = {
    "huggingface": {"sampling": {"max_tokens": 5}},
    "huggingface, choices": {"options": {"mode": "choices", "choices": ["no", "yes"]}},
    "huggingface, likelihood": {"options": {"mode": "likelihood"}},
    "huggingface, perplexity": {"options": {"mode": "perplexity", "stride": 100}},
    "huggingface, adapter": {"adapter": str(story.PRODUCTION_ADAPTER), "sampling": {"max_tokens": 5}},
}
"""The demo's model on this machine; asked only where the [train] extra is installed."""

Load = Callable[[], Backend]


@pytest.fixture(params=[*SPECS, *(pytest.param(name, marks=pytest.mark.train) for name in LOCAL)])
def load(request: pytest.FixtureRequest, folder: Path, base_url: str) -> Load:
    """Makes the same backend anew each time."""
    return _loader(request.param, folder, base_url)


def _loader(name: str, folder: Path, base_url: str) -> Load:
    if name in SPECS:
        return lambda: _load(SPECS[name], folder, base_url)
    pytest.importorskip("peft")
    local = {"backend": "huggingface", "path": str(story.MODEL), **LOCAL[name]}
    return lambda: _load(local, folder, base_url)


def _load(spec: Mapping[str, Any], folder: Path, base_url: str) -> Backend:
    address = {"base_url": base_url} if spec.get("backend") == "openai" else {}
    model = ModelSpec(**{"role": "candidate", **spec, **address})
    return models.load("m", model, folder=folder, examples=EXAMPLES, environ={})


def answers(backend: Backend, prompts: Sequence[Prompt], *, seed: int = 0) -> list[Response]:
    async def all_of_them() -> list[Response]:
        try:
            return [response async for response in backend.answer(prompts, seed=seed)]
        finally:
            await backend.close()

    return asyncio.run(all_of_them())


def said(responses: Sequence[Response]) -> dict[str, tuple[str | None, str | None]]:
    return {response.example_id: (response.text, response.error) for response in responses}


def test_each_prompt_has_exactly_one_response(load: Load) -> None:
    responses = answers(load(), PROMPTS)

    assert sorted(prompt.example_id for prompt in PROMPTS) == sorted(response.example_id for response in responses)
    assert {"d"} == {response.dataset for response in responses}
    assert {"m"} == {response.model for response in responses}


def test_the_order_of_the_prompts_changes_no_answer(load: Load) -> None:
    assert said(answers(load(), PROMPTS)) == said(answers(load(), PROMPTS[::-1]))


def test_a_prompt_is_answered_the_same_alone_and_in_company(load: Load) -> None:
    together = said(answers(load(), PROMPTS))

    assert together == {key: value for one in PROMPTS for key, value in said(answers(load(), [one])).items()}


def test_the_same_seed_gives_the_same_answers_and_is_written_down(load: Load) -> None:
    first, again = answers(load(), PROMPTS, seed=3), answers(load(), PROMPTS, seed=3)

    assert said(first) == said(again)
    assert {3} == {response.seed for response in first}


def test_no_prompts_are_no_responses(load: Load) -> None:
    assert [] == answers(load(), [])


def test_any_character_survives(load: Load, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["load"] in ("huggingface", "huggingface, adapter"):
        pytest.skip("what a language model writes freely is its own")
    known = {row.id: {row.reference, "wrong"} for row in EXAMPLES}
    alien = {"no", "yes", ""} | {row.reference for row in EXAMPLES}
    for response in answers(load(), PROMPTS):
        assert response.text is None or response.text in known[response.example_id] | alien


def test_a_second_call_answers_again(load: Load) -> None:
    async def twice() -> list[list[Response]]:
        backend = load()
        got = [[response async for response in backend.answer(PROMPTS, seed=0)] for _ in range(2)]
        await backend.close()
        return got

    first, second = asyncio.run(twice())

    assert said(first) == said(second)


def test_leaving_in_the_middle_and_closing_twice_is_fine(load: Load) -> None:
    async def leave() -> int:
        backend = load()
        stream = backend.answer(PROMPTS, seed=0)
        seen = 0
        async for _ in stream:
            seen += 1
            break
        await stream.aclose()  # type: ignore[attr-defined]
        await backend.close()
        await backend.close()
        return seen

    assert 1 == asyncio.run(leave())


def test_the_identity_is_text_and_the_same_every_time(load: Load) -> None:
    identity = load().identity

    assert dict(identity) == dict(load().identity)
    assert all(isinstance(part, str) for pair in identity.items() for part in pair)


def test_models_that_differ_have_identities_that_differ(folder: Path, base_url: str) -> None:
    different = {name: spec for name, spec in SPECS.items() if name != "openai, streaming"}
    identities = [json.dumps(dict(_load(spec, folder, base_url).identity)) for spec in different.values()]

    assert len(different) == len(set(identities))


@pytest.mark.train
def test_local_models_that_differ_have_identities_that_differ(folder: Path, base_url: str) -> None:
    identities = [json.dumps(dict(_loader(name, folder, base_url)().identity)) for name in LOCAL]

    assert len(LOCAL) == len(set(identities))


def test_streaming_makes_no_other_model(folder: Path, base_url: str) -> None:
    plain, streaming = (_load(SPECS[name], folder, base_url).identity for name in ("openai", "openai, streaming"))

    assert dict(plain) == dict(streaming)
