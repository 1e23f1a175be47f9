"""Thoughts in an answer are told apart from it, whatever kind of model wrote it, and are never scored."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from shipworthy import models
from shipworthy.errors import BadInput
from shipworthy.models._hf import HuggingFaceBackend
from shipworthy.models._hf_engine import Completion, Engine, Settings
from shipworthy.models._reasoned import Reasoned, without_thoughts
from shipworthy.models._thoughts import split
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Message, Prompt, Response

PROMPT = Prompt(example_id="1", dataset="d", messages=(Message(role="user", content="What is 3 plus 5?"),))


@pytest.mark.parametrize(
    ("text", "answer", "thoughts"),
    [
        ("<think>maybe 7, no</think>\n\n8", "8", "maybe 7, no"),
        ("  \n<think>\nmaybe 7\n</think>8", "8", "maybe 7"),
        ("<think>\n\n</think>\n\n8", "8", ""),
        ("maybe 7, no\n</think>\n\n8", "8", "maybe 7, no"),
        ("<think>a</think>\n<think>b</think>\n8", "8", "a\n\nb"),
        ("Well.\n<think>a</think>\n8", "Well.\n\n8", "a"),
        ("<thinking>a</thinking>8", "8", "a"),
        ("<thought>a</thought>8", "8", "a"),
        ("<THINK>a</Think>8", "8", "a"),
        ("[THINK]a[/THINK]8", "8", "a"),
        ("\u25c1think\u25b7a\u25c1/think\u25b78", "8", "a"),
        ("<seed:think>a</seed:think>8", "8", "a"),
        ("<think>is [/THINK] a tag? <think></think>8", "8", "is [/THINK] a tag? <think>"),
    ],
)
def test_a_block_of_thoughts_is_taken_off(text: str, answer: str, thoughts: str) -> None:
    found = split(text)

    assert found is not None
    assert (answer, thoughts, False) == (found.answer, found.thoughts, found.unfinished)


@pytest.mark.parametrize("text", ["<think>maybe 7", "<think>", "\n<think>\nIt is 8.\n\nThe answer is 8", "[THINK]8"])
def test_a_block_that_does_not_end_leaves_nothing(text: str) -> None:
    found = split(text)

    assert found is not None
    assert ("", True) == (found.answer, found.unfinished)


@pytest.mark.parametrize(
    "text",
    [
        "8",
        "",
        "I think 8",
        "Use the <think> tag.",
        "The tags <think> and </think> hold thoughts.",
        "`<think>` begins them",
        "```\n<think>a</think>\n```",
        "<b>8</b>",
    ],
)
def test_a_text_that_only_speaks_of_thoughts_has_none(text: str) -> None:
    assert split(text) is None


def response(text: str, **extra: Any) -> Response:
    return Response(example_id="1", dataset="d", model="m", text=text, output_tokens=9, cost_usd=0.5, extra=extra)


def test_what_was_measured_over_thoughts_says_nothing_of_the_answer() -> None:
    found = without_thoughts(response("<think>a</think>8", nll=3.0, tokens=9, confidence=0.1, finish_reason="stop"))

    assert "8" == found.text
    assert {"finish_reason": "stop", "reasoning": "a", "thoughts": "stripped"} == found.extra
    assert (9, 0.5) == (found.output_tokens, found.cost_usd)


@pytest.mark.parametrize(
    ("text", "said"), [("<think>It is 8", "ends within its thoughts"), ("<think>It is 8</think>\n", "only thoughts")]
)
def test_thoughts_without_an_answer_are_a_failed_answer_that_was_paid(text: str, said: str) -> None:
    found = without_thoughts(response(text))

    assert found.text is None
    assert said in (found.error or "")
    assert ("It is 8", 0.5) == (found.extra["reasoning"], found.cost_usd)


def test_an_answer_without_thoughts_stays_the_same_object() -> None:
    whole = response("8", nll=1.0)

    assert whole is without_thoughts(whole)


def recorded(folder: Path, *lines: dict[str, Any], **options: Any) -> Response:
    (folder / "r.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    spec = ModelSpec(role="candidate", path="r.jsonl", options=options)

    async def one() -> Response:
        backend = models.load("m", spec, folder=folder)
        (found,) = [found async for found in backend.answer([PROMPT], seed=0)]
        await backend.close()
        return found

    return asyncio.run(one())


def test_recorded_answers_lose_their_thoughts_and_keep_them_where_asked(tmp_path: Path) -> None:
    line = {"example_id": "1", "text": "<think>7?</think>8"}

    assert "8" == recorded(tmp_path, line).text
    assert "8" == recorded(tmp_path, line, reasoning="strip").text
    assert line["text"] == recorded(tmp_path, line, reasoning="keep").text


def test_keeping_thoughts_makes_another_model(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"example_id": "1", "text": "8"}')

    def identity(**options: Any) -> dict[str, str]:
        spec = ModelSpec(role="candidate", path="r.jsonl", options=options)
        return dict(models.load("m", spec, folder=tmp_path).identity)

    assert identity() == identity(reasoning="strip")
    assert {**identity(), "reasoning": "keep"} == identity(reasoning="keep")


def test_local_weights_lose_their_thoughts() -> None:
    engine = Engine(
        render=lambda messages: messages[-1].content,
        count=len,
        generate=lambda texts, _: [
            Completion(text="7?\n</think>\n8", input_tokens=3, output_tokens=5, ended=False) for _ in texts
        ],
        context=999,
    )
    backend = Reasoned(HuggingFaceBackend(engine, {"name": "m"}, Settings(max_new_tokens=5)))

    async def one() -> Response:
        (found,) = [found async for found in backend.answer([PROMPT], seed=0)]
        return found

    found = asyncio.run(one())

    assert ("8", "7?", "length") == (found.text, found.extra["reasoning"], found.extra["finish_reason"])


@pytest.mark.parametrize("said", ["drop", True, None, ["strip"]])
def test_an_unknown_way_to_treat_thoughts_is_bad_input(said: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="strip \\(the default\\) or keep"):
        recorded(tmp_path, {"example_id": "1", "text": "8"}, reasoning=said)


def test_a_misspelt_option_is_corrected_to_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="did you mean 'reasoning'"):
        recorded(tmp_path, {"example_id": "1", "text": "8"}, reasonning="keep")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>a <think>b</think> 9</think>8", "8"),
        ("<think>\n<think>a</think>\n<think>b</think>\n7\n</think>\n8", "8"),
        ("<think>a</think>\n<think>b <think>c</think> d</think>8", "8"),
        ("<think>a <think> is a tag</think>8", "8"),
    ],
)
def test_thoughts_within_thoughts_are_taken_off_whole(text: str, answer: str) -> None:
    found = split(text)

    assert found is not None
    assert answer == found.answer.strip()
