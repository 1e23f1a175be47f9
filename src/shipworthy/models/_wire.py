"""What an endpoint says, read: bytes of a chat completion in, an Answer or a Failure out. Pure."""

import email.utils
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shipworthy.models._retry import Failure

LONGEST_QUOTE = 200
_NOT_NOW = frozenset({429, 503, 529})
_DENIED = frozenset({401, 403, 404, 405})
_TRY_AGAIN = frozenset({408, 409, 425})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the endpoint said; `first_token_s` only where it streamed."""

    text: str
    latency_s: float
    first_token_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str | dict[str, Any] | None = None


class _ToolCall(msgspec.Struct):
    function: _Function
    index: int = 0


class _Part(msgspec.Struct):
    text: str = ""


class _Turn(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None

    def said(self) -> str:
        """The text of the turn; some servers cut it into parts."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class _Token(msgspec.Struct):
    logprob: float = 0.0


class _Logprobs(msgspec.Struct):
    """Of the answer's tokens: chat completions list objects, completions list numbers (null: not known)."""

    content: list[_Token] | None = None
    token_logprobs: list[float | None] | None = None

    def values(self) -> list[float]:
        """One natural logarithm a token."""
        if self.content is not None:
            return [token.logprob for token in self.content]
        return [value for value in self.token_logprobs or () if value is not None]


class _Choice(msgspec.Struct):
    message: _Turn = msgspec.field(default_factory=_Turn)
    delta: _Turn = msgspec.field(default_factory=_Turn)
    text: str | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None

    def whole(self) -> _Turn:
        """What was said; completions have a text in the place of a turn."""
        return self.message if self.text is None else _Turn(content=self.text)

    def piece(self) -> _Turn:
        """The same of a piece of a stream."""
        return self.delta if self.text is None else _Turn(content=self.text)


class Usage(msgspec.Struct):
    """What an endpoint says it read and wrote, in tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: Usage | None = None
    model: str | None = None
    system_fingerprint: str | None = None


_DECODER = msgspec.json.Decoder(_Completion)


_SILENCE = (_Turn(), _Turn(content=""))
"""Deltas that bring no token."""


def _join(turn: _Turn, delta: _Turn) -> None:
    """Add a piece of a stream to the turn; the pieces of one tool call have one index."""
    turn.content = turn.said() + delta.said()
    turn.refusal = (turn.refusal or "") + (delta.refusal or "")
    for piece in delta.tool_calls or ():
        calls = turn.tool_calls = turn.tool_calls or []
        known = next((call for call in calls if call.index == piece.index), None)
        if known is None:
            calls.append(piece)
        else:
            known.function.name += piece.function.name
            known.function.arguments = f"{known.function.arguments or ''}{piece.function.arguments or ''}"


class Stream:
    """The pieces of one streamed answer, put together."""

    def __init__(self) -> None:
        self._turn = _Turn()
        self._parts: list[_Completion] = []
        self._finish_reason: str | None = None
        self._first_token_s: float | None = None
        self._logprobs: list[float] = []

    def add(self, data: bytes, at_s: float) -> None:
        """One event, so many seconds after the request went out. Raises msgspec.DecodeError: no piece of an answer."""
        part = _DECODER.decode(data)
        self._parts.append(part)
        for choice in part.choices[:1]:
            self._finish_reason = choice.finish_reason or self._finish_reason
            if choice.piece() not in _SILENCE and self._first_token_s is None:
                self._first_token_s = at_s
            _join(self._turn, choice.piece())
            self._logprobs += choice.logprobs.values() if choice.logprobs else ()

    def answer(self, latency_s: float) -> Answer | Failure:
        """The whole; a stream without a finish reason broke off."""
        if self._finish_reason is None:
            return Failure(kind="unavailable", message="the stream ended before the answer was complete")
        said = _Said(self._turn, self._finish_reason, self._logprobs, self._first_token_s)
        return _answer(said, self._parts, latency_s)


def answer_of(body: bytes, latency_s: float) -> Answer | Failure:
    """What the body of a 200 says."""
    try:
        said = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return not_a_completion(body)
    if not said.choices:
        return Failure(kind="unavailable", message="answered without a choice")
    choice = said.choices[0]
    logprobs = choice.logprobs.values() if choice.logprobs else []
    return _answer(_Said(choice.whole(), choice.finish_reason, logprobs), [said], latency_s)


@dataclass(frozen=True, slots=True)
class _Said:
    turn: _Turn
    finish_reason: str | None
    logprobs: Sequence[float]
    first_token_s: float | None = None


def _answer(said: _Said, parts: Sequence[_Completion], latency_s: float) -> Answer:
    turn = said.turn
    usage = next((part.usage for part in reversed(parts) if part.usage is not None), Usage())
    last = parts[-1]
    extra: dict[str, Any] = {
        "finish_reason": said.finish_reason,
        "reported_model": last.model,
        "system_fingerprint": last.system_fingerprint,
        "refusal_field": True if turn.refusal and not turn.said() else None,
        "tool_calls": len(turn.tool_calls) if turn.tool_calls else None,
        **_likelihood(said.logprobs),
    }
    return Answer(
        text=turn.said() or turn.refusal or _calls(turn.tool_calls or ()),
        latency_s=latency_s,
        first_token_s=said.first_token_s,
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        extra={key: value for key, value in extra.items() if value is not None},
    )


def _likelihood(logprobs: Sequence[float]) -> dict[str, Any]:
    """What metrics read: nats summed over the answer's tokens, their number, the probability of the whole answer."""
    if not logprobs:
        return {}
    nll = max(0.0, -math.fsum(logprobs))
    return {"nll": nll, "tokens": len(logprobs), "confidence": math.exp(-nll)}


def _calls(calls: Sequence[_ToolCall]) -> str:
    """Tool calls as text: a JSON list of name and arguments; "" without any."""
    if not calls:
        return ""
    return msgspec.json.encode([{"name": call.function.name, "arguments": _arguments(call)} for call in calls]).decode()


def _arguments(call: _ToolCall) -> Any:
    """Arguments as the object that their text spells; as the text itself where it spells none."""
    given = call.function.arguments
    if not isinstance(given, str):
        return given or {}
    try:
        return msgspec.json.decode(given) if given.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return given


# --- What went wrong --------------------------------------------------------------------------------------------------


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an answer other than 200 means."""
    code, quote = _error_of(body)
    message = f"HTTP {status}: {quote}" if quote else f"HTTP {status}"
    if status in _NOT_NOW:
        hopeless = code == "insufficient_quota"
        return Failure(
            kind="refused", message=message, status=status, retry_after_s=retry_after_s(headers), hopeless=hopeless
        )
    if status in _DENIED or 300 <= status < 400:
        to = headers.get("Location")
        message += f" (redirects to {to}: put that address into base_url)" if to else ""
        return Failure(kind="denied", message=message, status=status, hopeless=status == 401)
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        return Failure(kind="rejected", message=message, status=status)
    return Failure(kind="unavailable", message=message, status=status)


def retry_after_s(headers: Mapping[str, str], now_s: float | None = None) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, or `Retry-After` as seconds or as a date (RFC 9110)."""
    if milliseconds := headers.get("retry-after-ms"):
        return _seconds(milliseconds, 1000)
    value = headers.get("Retry-After")
    if value is None:
        return None
    seconds = _seconds(value, 1)
    if seconds is not None:
        return seconds
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, date.timestamp() - (time.time() if now_s is None else now_s))


def _seconds(value: str, per_second: int) -> float | None:
    try:
        seconds = float(value) / per_second
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _error_of(body: bytes) -> tuple[str | None, str]:
    """(error code, a short quotation) of an error's body."""
    try:
        error = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, _quote(body)
    error = error.get("error", error) if isinstance(error, dict) else error
    if not isinstance(error, dict):
        return None, _quote(body)
    code, message = error.get("code"), error.get("message") or error.get("detail")
    return (code if isinstance(code, str) else None), _quote(str(message).encode() if message else body)


def _quote(body: bytes) -> str:
    text = " ".join(body[: 4 * LONGEST_QUOTE].decode("utf-8", errors="replace").split())
    if text[:1] == "<":
        return "an HTML page"
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def not_a_completion(body: bytes) -> Failure:
    what = _quote(body) or "an empty body"
    return Failure(
        kind="unavailable",
        message=f"answered with {what}, not with a chat completion; base_url must end where /chat/completions follows",
        status=200,
    )
