"""Replies of servers that are compatible in their own way: read, or a failure with the server's own words."""

import json
from typing import Any

import pytest

from shipworthy.models._failures import failure_of
from shipworthy.models._retry import Failure
from shipworthy.models._wire import Answer, Reply, answer_of


def whole(message: dict[str, Any], finish_reason: Any = "stop", **others: Any) -> bytes:
    choice = {"message": message, "finish_reason": finish_reason, **others.pop("choice", {})}
    return json.dumps({"choices": [choice], **others}).encode()


def piece(finish_reason: str | None = None, **delta: Any) -> bytes:
    return json.dumps({"choices": [{"delta": delta, "finish_reason": finish_reason}]}).encode()


def streamed(body: bytes, *, at_once: int = 7) -> Answer | Failure:
    """A body that arrives some bytes at a time."""
    reply = Reply()
    for begin in range(0, len(body), at_once):
        if not reply.feed(body[begin : begin + at_once], at_s=float(begin)):
            break
    return reply.answer(1e6)


def events(*pieces: bytes, end: bytes = b"data: [DONE]\n\n") -> bytes:
    return b"".join(b"data: " + one + b"\n\n" for one in pieces) + end


def answered(outcome: Answer | Failure) -> Answer:
    assert isinstance(outcome, Answer), outcome
    return outcome


def failed(outcome: Answer | Failure) -> Failure:
    assert isinstance(outcome, Failure), outcome
    return outcome


# --- Nothing was said -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (whole({"content": None}), '{"content": null}'),
        (whole({"role": "assistant"}), '{"role": "assistant"}'),
        (whole({"content": "", "reasoning_content": "It is 8"}), "but in reasoning_content"),
        (whole({"content": "", "thinking": ["It is 8"]}), "but in thinking"),
        (whole({"content": None, "audio": {"id": "a1"}}), "but in audio"),
        (whole({"content": {"answer": 8}}), "no text is there"),
        (whole({"content": ""}, "content_filter"), "filtered it"),
        (whole({"content": ""}, "length"), "raise max_tokens"),
        (whole({"content": None, "tool_calls": [{"custom": {"name": "f"}}]}), "but in tool_calls"),
        (whole({"content": [{"type": "thinking", "text": "hm"}]}), "no text is there"),
        (b'{"choices": [{"text": null, "finish_reason": "stop"}]}', "no text is there"),
        (b'{"choices": [], "id": "c7"}', '"id": "c7"'),
        (b'{"choices": null, "id": "c7"}', '"id": "c7"'),
        (b'{"error": {"message": "Provider returned error", "code": 502}}', "Provider returned error"),
        (b'{"error": "model is loading"}', "model is loading"),
        (b'{"object": "error", "message": "worker died", "code": 500}', "worker died"),
        (whole({"content": "8"}, "error"), "finish_reason error"),
        (whole({"content": "8"}, choice={"error": {"message": "upstream went away", "code": 502}}), "went away"),
        (whole({"content": "8"}, error={"message": "cut off by the provider"}), "cut off by the provider"),
    ],
)
@pytest.mark.parametrize("read", [lambda body: answer_of(body, 0.5), streamed])
def test_a_reply_in_which_nothing_was_said_is_a_failure_with_the_servers_words(
    read: Any, body: bytes, words: str
) -> None:
    failure = failed(read(body))

    assert words in failure.message
    assert failure.unread or failure.kind == "rejected"


def test_an_empty_text_alone_is_what_the_model_answered() -> None:
    assert "" == answered(answer_of(whole({"content": ""}), 0.5)).text
    assert "" == answered(answer_of(b'{"choices": [{"text": "", "finish_reason": "stop"}]}', 0.5)).text
    assert "" == answered(streamed(events(piece(role="assistant", content=""), piece("stop")))).text


@pytest.mark.parametrize(
    "body",
    [
        events(piece(role="assistant", content=""), piece(reasoning_content="It is 8"), piece("stop")),
        events(piece(role="assistant"), piece("stop")),
        events(b'{"error": {"message": "overloaded"}}'),
        b'event: error\ndata: {"message": "It is over"}\n\ndata: [DONE]\n\n',
        events(piece(content="8"), b'{"error": {"message": "broke", "code": 500}}'),
        events(piece(content="8"), end=b""),
        b"",
    ],
)
def test_a_stream_in_which_nothing_was_said_or_that_broke_off_is_a_failure(body: bytes) -> None:
    failed(streamed(body))


@pytest.mark.parametrize(
    ("error", "kind", "unread"),
    [
        ({"code": 403, "message": "flagged"}, "rejected", False),
        ({"code": "400", "message": "too long"}, "rejected", False),
        ({"code": "content_filter", "message": "filtered"}, "rejected", False),
        ({"code": 502, "message": "provider"}, "unavailable", True),
        ({"code": 429, "message": "slow down"}, "refused", True),
        ({"code": "insufficient_quota", "message": "no credit"}, "refused", False),
        ("plain words", "unavailable", True),
    ],
)
def test_an_error_inside_a_200_is_what_its_code_says(error: Any, kind: str, unread: bool) -> None:
    failure = failed(answer_of(json.dumps({"error": error}).encode(), 0.5))

    assert (kind, unread) == (failure.kind, failure.unread)


def test_what_a_silent_reply_cost_is_kept() -> None:
    body = whole({"content": "", "reasoning": "hm"}, usage={"prompt_tokens": 3, "completion_tokens": 40})
    failure = failed(answer_of(body, 0.5))

    assert failure.usage is not None
    assert (3, 40) == (failure.usage.prompt_tokens, failure.usage.completion_tokens)
    assert {"finish_reason": "stop", "reasoning": "hm"} == failure.extra


# --- Side fields ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {"usage": {"prompt_tokens": 3.5, "completion_tokens": "9"}},
        {"usage": "none"},
        {"usage": {"prompt_tokens": -1, "completion_tokens": True}},
        {"model": 7, "system_fingerprint": ["a"]},
        {"choice": {"logprobs": {"content": [{"token": "8", "logprob": None}]}}},
        {"choice": {"logprobs": {"content": [{"token": "8", "logprob": "low"}]}}},
        {"choice": {"logprobs": {"content": [{"token": "8", "logprob": -9999.0}]}}},
        {"choice": {"logprobs": {"content": [{"logprob": -1.0}, {"logprob": float("-inf")}]}}},
        {"choice": {"logprobs": {"content": [{"logprob": float("nan")}]}}},
        {"choice": {"logprobs": {"token_logprobs": [None, -1.0]}}},
        {"choice": {"logprobs": []}},
        {"choice": {"delta": "8", "index": "zero"}},
        {"choices_end": 1, "error": None},
    ],
)
def test_an_odd_side_field_is_left_out_and_the_text_is_read(odd: dict[str, Any]) -> None:
    answer = answered(answer_of(whole({"role": "assistant", "content": "8"}, **odd), 0.5))

    assert "8" == answer.text
    assert {"finish_reason": "stop"} == answer.extra
    assert (None, None) == (answer.input_tokens, answer.output_tokens)


def test_an_odd_field_takes_no_other_with_it() -> None:
    body = whole({"content": "8"}, 1, usage={"prompt_tokens": 9.0, "completion_tokens": 3.5}, model="m")
    answer = answered(answer_of(body, 0.5))

    assert (9, None, {"reported_model": "m"}) == (answer.input_tokens, answer.output_tokens, answer.extra)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "a", "image_url": None}, {"type": "image", "text": None}], "a"),
        ([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "a"}], "a"),
        ([{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "output_text", "text": "a"}], "a"),
        (["a", "b"], "ab"),
        ([None, {"type": "text", "text": "a"}], "a"),
    ],
)
def test_the_parts_of_a_text_are_read_and_thoughts_are_not(content: Any, text: str) -> None:
    assert text == answered(answer_of(whole({"content": content}), 0.5)).text


def test_a_mark_at_the_beginning_and_half_a_pair_of_surrogates_are_no_reason_to_refuse() -> None:
    half = b'{"choices": [{"message": {"content": "8 \\ud83d"}, "finish_reason": "stop"}]}'

    assert "8" == answered(answer_of(b"\xef\xbb\xbf" + whole({"content": "8"}), 0.5)).text
    assert "8 \N{REPLACEMENT CHARACTER}" == answered(answer_of(half, 0.5)).text


def test_a_pair_of_surrogates_that_a_stream_cut_apart_is_one_character() -> None:
    body = events(piece(content="8 \ud83d"), piece(content="\ude00"), piece("stop"))

    assert "8 \N{GRINNING FACE}" == answered(streamed(body)).text


def test_a_text_beside_an_empty_one_is_read() -> None:
    both = b'{"choices": [{"text": "", "message": {"content": "8"}, "finish_reason": "stop"}]}'

    assert "8" == answered(answer_of(both, 0.5)).text


# --- Streams ----------------------------------------------------------------------------------------------------------

USAGE = b'{"choices": null, "usage": {"prompt_tokens": 3, "completion_tokens": 4}}'


@pytest.mark.parametrize(
    "body",
    [
        events(piece(content="8"), piece("stop")),
        events(piece(content="8")),
        events(piece(content="8"), piece("stop"), end=b""),
        events(piece(content="8"), piece("stop"), end=b"data: [DONE]"),
        events(piece(content="8"), piece("stop")).replace(b"\n", b"\r\n"),
        events(piece(content="8"), piece("stop")).replace(b"\n\n", b"\n"),
        events(piece("", content="8"), piece("", content="")),
        events(USAGE, piece(content="8"), USAGE, piece("stop"), USAGE),
        b": alive\n\nevent: ping\ndata: {}\n\n" + events(b'{"type": "ping"}', b"ping", b"", piece(content="8")),
        b"\xef\xbb\xbf" + events(piece(content="8")),
        b"\n\n" + events(piece(content="8")),
        b"data: " + json.dumps(json.loads(piece("stop", content="8")), indent=1).encode().replace(b"\n", b"\ndata: "),
        events(piece(content="8", reasoning_content="z" * 300_000)),
        events(b'{"choices": [{"delta": {"content": "8"}, "finish_reason": 1}]}'),
        events(b'{"choices": [{"text": "8", "finish_reason": "stop"}]}'),
        events(whole({"content": "8"})),
    ],
)
@pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
def test_every_way_to_write_a_stream_is_read(body: bytes, at_once: int) -> None:
    body = body if at_once > 1 or len(body) < 10_000 else body.replace(b"z" * 300_000, b"z" * 300)

    assert "8" == answered(streamed(body, at_once=at_once)).text
    assert "8" == answered(answer_of(body, 0.5)).text


def test_what_came_otherwise_than_asked_is_said() -> None:
    pretty = json.dumps(json.loads(whole({"content": "8"})), indent=2).encode()

    assert "whole" == answered(streamed(pretty)).extra["stream"]
    assert answered(streamed(pretty)).first_token_s is None
    assert "unasked" == answered(answer_of(events(piece(content="8")), 0.5)).extra["stream"]
    assert answered(answer_of(events(piece(content="8")), 0.5)).first_token_s is None
    assert "8" == answered(answer_of(whole({"content": "8"}) + b"\n\ndata: [DONE]\n\n", 0.5)).text


def test_log_probabilities_of_which_a_piece_has_none_are_left_out() -> None:
    def scored(text: str, *values: float | None) -> bytes:
        logprobs = {"content": [{"logprob": value} for value in values]}
        return json.dumps({"choices": [{"delta": {"content": text}, "logprobs": logprobs}]}).encode()

    assert 3.0 == answered(streamed(events(scored("8", -1.0), scored("9", -2.0)))).extra["nll"]
    assert "nll" not in answered(streamed(events(scored("8", -1.0), scored("9", None)))).extra
    assert "nll" not in answered(streamed(events(scored("8", -1.0), piece(content="9")))).extra


# --- Tool calls -------------------------------------------------------------------------------------------------------


def call(name: str | None, arguments: Any, **others: Any) -> dict[str, Any]:
    return {**others, "function": {"name": name, "arguments": arguments}}


ADD, MUL = {"name": "add", "arguments": {"x": 1}}, {"name": "mul", "arguments": {"y": 2}}
AGAIN = {"name": "add", "arguments": {"x": 2}}


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([call("add", '{"x": 1}', index=0, id="a"), call("mul", '{"y": 2}', index=0, id="b")], [ADD, MUL]),
        ([call("add", '{"x": 1}', id="a"), call("mul", '{"y": 2}', id="b")], [ADD, MUL]),
        ([call("add", '{"x": 1}', index=0), call("mul", '{"y": 2}', index=0)], [ADD, MUL]),
        ([call("add", '{"x": 1}'), call("add", '{"x": 2}')], [ADD, AGAIN]),
        ([call("add", '{"x": 1}', index=0, id=""), call("add", '{"x": 2}', index=0, id="")], [ADD, AGAIN]),
        ([call("add", '{"x": 1}', index=0, id="a"), call("add", '{"x": 2}', index=0, id="b")], [ADD, AGAIN]),
        ([call("add", "", index=0, id="a"), call(None, '{"x": 1}', index=0, id=None)], [ADD]),
        ([call("add", '{"x"', index=0, id="a"), call("add", ": 1}", index=0, id="a")], [ADD]),
        ([call("add", '{"x"', index=0, id="a"), call("add", ": 1}", index=0)], [ADD]),
        ([call("add", "", id="a"), call(None, '{"x"'), call(None, ": 1}")], [ADD]),
        ([call("add", {"x": 1}, index=0), call("mul", {"y": 2}, index=1)], [ADD, MUL]),
        (
            [
                call("add", '{"x"', index=0, id="a"),
                call("mul", '{"y"', index=0, id="b"),
                call(None, ": 1}", index=0, id="a"),
                call(None, ": 2}", index=0, id="b"),
            ],
            [ADD, MUL],
        ),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_parallel_calls_are_told_apart_by_id_and_name(
    pieces: list[dict[str, Any]], expected: list[dict[str, Any]], together: bool
) -> None:
    deltas = [piece(tool_calls=pieces)] if together else [piece(tool_calls=[one]) for one in pieces]

    assert expected == json.loads(answered(streamed(events(*deltas, piece("tool_calls")))).text)


def test_the_older_form_of_a_call_is_read_whole_and_in_pieces() -> None:
    function = {"name": "add", "arguments": '{"x": 1}'}
    pieces = [
        piece(content=None, function_call={"name": "add", "arguments": ""}),
        piece(function_call={"arguments": '{"x"'}),
        piece(function_call={"name": None, "arguments": ": 1}"}),
        piece("function_call"),
    ]

    assert [ADD] == json.loads(answered(answer_of(whole({"content": None, "function_call": function}), 0.5)).text)
    assert [ADD] == json.loads(answered(streamed(events(*pieces))).text)


def test_calls_of_which_one_cannot_be_read_are_not_read_in_part() -> None:
    calls = [call("add", "{}"), {"function": None}]

    assert "tool_calls" in failed(answer_of(whole({"content": None, "tool_calls": calls}), 0.5)).message


# --- Other statuses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said", "remedy"),
    [
        (400, "Unsupported parameter: 'seed' is not supported with this model.", "send_seed: false"),
        (422, [{"loc": ["body", "seed"], "type": "extra_forbidden"}], "send_seed: false"),
        (400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_completion_tokens"),
        (400, "'temperature' does not support 0 with this model", "take this key out"),
        (400, "Unrecognized request argument supplied: stream_options", "stream: false"),
        (400, "Model 'prod-7b' not found", "`model`"),
    ],
)
def test_what_every_request_says_wrong_is_told_at_once_with_what_to_do(status: int, said: Any, remedy: str) -> None:
    failure = failure_of(status, {}, json.dumps({"detail": said}).encode())

    assert "denied" == failure.kind
    assert remedy in failure.message


@pytest.mark.parametrize("said", ["maximum context length is 16 tokens", "flagged by moderation", "bad image"])
def test_what_one_prompt_says_wrong_is_a_failure_of_that_prompt(said: str) -> None:
    assert "rejected" == failure_of(400, {}, json.dumps({"error": {"message": said}}).encode()).kind


def test_a_redirect_says_the_base_url_that_leads_there() -> None:
    url = "http://h:1/old/v1/chat/completions"
    failure = failure_of(308, {"Location": "/new/v1/chat/completions"}, b"", url=url)

    assert "write base_url: http://h:1/new/v1" in failure.message
