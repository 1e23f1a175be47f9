"""What an endpoint says becomes an answer or a failure, without a network."""

import json
from typing import Any

import msgspec
import pytest

from shipworthy.models._retry import Failure
from shipworthy.models._wire import Answer, Stream, answer_of


def body(message: dict[str, Any], **others: Any) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], **others}).encode()


def text(message: dict[str, Any]) -> str:
    answer = answer_of(body(message), 0.5)
    assert isinstance(answer, Answer)
    return answer.text


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "assistant", "content": "hi"}, "hi"),
        ({"content": ""}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
        ({"content": None, "refusal": "I cannot help."}, "I cannot help."),
        ({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1}'}}]}, "f {'a': 1}"),
        ({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": ""}}]}, "f {}"),
        ({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{oops"}}]}, "f {oops"),
        ({"content": "hi", "tool_calls": [{"function": {"name": "f"}}]}, "hi"),
    ],
)
def test_every_shape_of_a_turn_has_its_text(message: dict[str, Any], expected: str) -> None:
    said = text(message)
    if message.get("tool_calls") and not message["content"]:
        (call,) = json.loads(said)
        said = f"{call['name']} {call['arguments']}"

    assert expected == said


def test_what_the_server_reports_is_kept() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    answer = answer_of(body({"content": "x"}, usage=usage, model="m-0613", system_fingerprint="fp"), 0.5)

    assert isinstance(answer, Answer)
    assert (3, 4, 0.5) == (answer.input_tokens, answer.output_tokens, answer.latency_s)
    assert {"finish_reason": "stop", "reported_model": "m-0613", "system_fingerprint": "fp"} == answer.extra


@pytest.mark.parametrize(
    "said", [b"", b"\xff", b"null", b"[]", b'{"choices": null}', b'{"choices": []}', b"<html>", b"{}"]
)
def test_anything_else_is_no_answer(said: bytes) -> None:
    failure = answer_of(said, 0.5)

    assert isinstance(failure, Failure)
    assert "unavailable" == failure.kind


def streamed(*parts: dict[str, Any]) -> Answer | Failure:
    stream = Stream()
    for at, part in enumerate(parts):
        stream.add(json.dumps(part).encode(), at_s=float(at))
    return stream.answer(9.0)


def piece(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"delta": delta, "finish_reason": finish_reason}]}


def test_a_stream_is_put_together_and_the_first_token_is_the_first_with_text() -> None:
    answer = streamed(
        piece(role="assistant", content=""),
        piece(content="a"),
        piece(content="b"),
        piece("length"),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    )

    assert isinstance(answer, Answer)
    assert ("ab", 1.0, 9.0, 2) == (answer.text, answer.first_token_s, answer.latency_s, answer.output_tokens)
    assert {"finish_reason": "length"} == answer.extra


def test_the_pieces_of_streamed_tool_calls_are_put_together() -> None:
    answer = streamed(
        piece(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": ""}}]),
        piece(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        piece(tool_calls=[{"index": 1, "function": {"name": "g", "arguments": "{}"}}]),
        piece("tool_calls", tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
    )

    assert isinstance(answer, Answer)
    assert [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}] == json.loads(answer.text)


def test_a_stream_that_breaks_off_is_no_answer() -> None:
    assert isinstance(streamed(piece(content="a")), Failure)
    assert isinstance(streamed(), Failure)
    with pytest.raises(msgspec.DecodeError):
        Stream().add(b"<html>", 0.0)
