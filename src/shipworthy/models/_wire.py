"""What an endpoint says, read: bytes of a chat completion in, an Answer or a Failure out. Pure.

A reply in which nothing was said that is read here is a Failure with the server's own words, never an empty answer.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shipworthy.models import _calls
from shipworthy.models._events import Events, is_stream
from shipworthy.models._failures import FILTERED, error_in_200, not_a_completion, quote
from shipworthy.models._reply import Choice, Completion, Turn, Usage, beside, raw, read, whole_characters
from shipworthy.models._retry import Failure

CUT = "length"
_SILENCE = (Turn(), Turn(content=""))
"""Pieces that bring no token."""
_MOST_PIECES_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the endpoint said; `first_token_s` only where it streamed."""

    text: str
    latency_s: float
    first_token_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Reply:
    """The body of a 200 as it comes in, where a stream was asked for: events, or one whole completion."""

    def __init__(self) -> None:
        self._events = Events()
        self._stream = Stream()
        self._failure: Failure | None = None

    def feed(self, data: bytes, at_s: float) -> bool:
        """Bytes, so many seconds after the request went out. False: nothing that follows matters."""
        for event in self._events.feed(data):
            self._add(event, at_s)
        return self._failure is None and not self._events.done

    def answer(self, latency_s: float) -> Answer | Failure:
        """What the whole of it says."""
        for event in self._events.end():
            self._add(event, latency_s)
        if self._failure is not None:
            return self._failure
        if (body := self._events.whole) is not None:
            return _noted(_answer_of(body, latency_s), "whole")
        return self._stream.answer(latency_s, ended=self._events.done)

    def _add(self, event: bytes, at_s: float) -> None:
        try:
            self._failure = self._failure or self._stream.add(event, at_s)
        except msgspec.DecodeError:
            self._failure = not_a_completion(event)


class Stream:
    """The pieces of one streamed answer, put together."""

    def __init__(self) -> None:
        self._turn = Turn()
        self._meta = Completion()
        self._finish_reason: str | None = None
        self._first_token_s: float | None = None
        self._logprobs: list[float] | None = []
        self._unspoken: list[bytes] = []

    def add(self, data: bytes, at_s: float) -> Failure | None:
        """One event, so many seconds after the request went out; a Failure where it tells of an error.

        Raises: msgspec.DecodeError: the event is no JSON object.
        """
        part = read(data)
        if failure := _error_in(part):
            return failure
        meta = self._meta
        meta.usage, meta.model = part.usage or meta.usage, part.model or meta.model
        meta.system_fingerprint = part.system_fingerprint or meta.system_fingerprint
        for choice in (part.choices or ())[:1]:
            self._finish_reason = choice.finish_reason or self._finish_reason
            self._join(choice, data, at_s)
        return None

    def _join(self, choice: Choice, data: bytes, at_s: float) -> None:
        piece = choice.turn(choice.delta or choice.message)
        if not piece.said() and len(self._unspoken) < _MOST_PIECES_KEPT:
            self._unspoken.append(data)
        if piece in _SILENCE:
            return
        if self._first_token_s is None:
            self._first_token_s = at_s
        _join(self._turn, piece)
        values = choice.logprobs.values() if choice.logprobs else []
        if values is None or self._logprobs is None or (piece.said() and not values and self._logprobs):
            self._logprobs = None  # that of a token is not known
        else:
            self._logprobs += values

    def answer(self, latency_s: float, *, ended: bool = False) -> Answer | Failure:
        """The whole. `ended`: the server said that this was all; else a stream without a finish reason broke off."""
        if self._finish_reason is None and not ended:
            return Failure(kind="unavailable", message="the stream ended before the answer was complete")
        said = _Said(self._turn, self._finish_reason, self._logprobs or (), self._first_token_s)
        return _answer(said, self._meta, self._unspoken, latency_s)


def _join(turn: Turn, piece: Turn) -> None:
    """Add a piece of a stream to the turn."""
    turn.content = turn.said() + piece.said()
    turn.refusal = (turn.refusal or "") + (piece.refusal or "")
    turn.reasoning = turn.thoughts() + piece.thoughts()
    turn.reasoning_content = None
    for call in piece.tool_calls or ():
        turn.tool_calls = turn.tool_calls or []
        _calls.join(turn.tool_calls, call)
    _calls.join_function(turn, piece.function_call)


def answer_of(body: bytes, latency_s: float) -> Answer | Failure:
    """What the body of a 200 says, that of a server that streams although nobody asked it to included."""
    if not is_stream(body):
        return _answer_of(body, latency_s)
    reply = Reply()
    reply.feed(body, latency_s)
    return _noted(reply.answer(latency_s), "unasked")


def _answer_of(body: bytes, latency_s: float) -> Answer | Failure:
    try:
        said = read(body)
    except msgspec.DecodeError:
        return not_a_completion(body)
    if failure := _error_in(said):
        return failure
    if said.choices is None:
        return not_a_completion(body)
    if not said.choices:
        return Failure(kind="unavailable", message=f"answered without a choice: {quote(body)}", status=200, unread=True)
    choice = said.choices[0]
    logprobs = (choice.logprobs.values() if choice.logprobs else None) or ()
    turn = choice.turn(choice.message or choice.delta)
    return _answer(_Said(turn, choice.finish_reason, logprobs), said, [body], latency_s)


def _noted(outcome: Answer | Failure, stream: str) -> Answer | Failure:
    """The answer, and how it came: `whole` although a stream was asked for, or as a stream `unasked`."""
    if isinstance(outcome, Failure):
        return outcome
    outcome.extra["stream"] = stream
    return Answer(
        text=outcome.text,
        latency_s=outcome.latency_s,
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
        extra=outcome.extra,
    )


def _error_in(said: Completion) -> Failure | None:
    error = said.error
    for choice in (said.choices or ())[:1]:
        error = error or choice.error or (choice.finish_reason == "error" and "finish_reason error")
    return error_in_200(error) if error else None


@dataclass(frozen=True, slots=True)
class _Said:
    turn: Turn
    finish_reason: str | None
    logprobs: Sequence[float]
    first_token_s: float | None = None


def _answer(said: _Said, meta: Completion, bodies: Sequence[bytes], latency_s: float) -> Answer | Failure:
    turn, usage = said.turn, meta.usage or Usage()
    calls, text = _calls.called(turn), turn.said()
    extra: dict[str, Any] = {
        "finish_reason": said.finish_reason,
        "reported_model": meta.model,
        "system_fingerprint": meta.system_fingerprint,
        "reasoning": whole_characters(turn.thoughts()) or None,
        "refusal_field": True if turn.refusal and not text else None,
        "tool_calls": len(calls) or None,
        **_likelihood(said.logprobs),
    }
    extra = {key: value for key, value in extra.items() if value is not None}
    found = text or turn.refusal or _calls.spelled(calls)
    if not found and (why := _nothing_said(said, bodies)):
        return Failure(kind="rejected", message=why, status=200, extra=extra, usage=usage)
    return Answer(
        text=whole_characters(found),
        latency_s=latency_s,
        first_token_s=said.first_token_s,
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        extra=extra,
    )


def _nothing_said(said: _Said, bodies: Sequence[bytes]) -> str | None:
    """Why an empty text is no answer; None: the model did answer, with nothing: its text is there, empty, and alone."""
    turns = [turn for body in bodies for turn in _turns(body)]
    others = beside(turns)
    ended = f"finish_reason {said.finish_reason}" if said.finish_reason else "no finish_reason"
    if said.finish_reason == FILTERED:
        return f"nothing was answered: the endpoint filtered it ({ended})"
    if said.finish_reason == CUT:
        where = f" within {', '.join(others)}" if others else ""
        return f"nothing was answered: its tokens were used up{where} ({ended}); raise max_tokens in its sampling"
    if not others and any(turn.get("content") == "" for turn in turns):
        return None
    words = quote(b" ".join(json.dumps(turn, ensure_ascii=False).encode(errors="replace") for turn in turns))
    if others:
        return f"nothing was answered but in {', '.join(others)}, which is no answer ({ended}): {words}"
    return f"nothing was answered, no text is there ({ended}): {words or 'the turn is empty'}"


def _turns(body: bytes) -> list[dict[str, Any]]:
    """The turns of a body as they stand there; completions have a text in the place of a turn."""
    choices = raw(body).get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    texts = [{"content": first["text"]}] if "text" in first else []
    return [*texts, *(first[key] for key in ("message", "delta") if isinstance(first.get(key), dict))]


def _likelihood(logprobs: Sequence[float]) -> dict[str, Any]:
    """What metrics read: nats summed over the answer's tokens, their number, the probability of the whole answer."""
    if not logprobs:
        return {}
    nll = max(0.0, -math.fsum(logprobs))
    return {"nll": nll, "tokens": len(logprobs), "confidence": math.exp(-nll)}
