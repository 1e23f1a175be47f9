"""What the body of a completion holds, as records: of the declared types at once, or field by field where one is odd.

A side field of another type than declared (a number as text, a log-probability that is null) is left out, never
guessed, and takes nothing else with it. Pure.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

BOM = b"\xef\xbb\xbf"
NOT_KNOWN = -9999.0
"""OpenAI's log-probability of a token that is not among the likeliest: a mark, no number."""
_SPOKEN = (None, "text", "output_text")
"""Types of content parts that are the answer; others are thoughts, pictures, sound."""
_ENDS = (b"", b"data: [DONE]", b"data:[DONE]", b"[DONE]")
"""What may follow a whole answer in one body."""


class Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCall(msgspec.Struct):
    function: Function
    index: int | None = None
    id: str | int | None = None


class Part(msgspec.Struct):
    type: str | None = None
    text: str | None = None


class Turn(msgspec.Struct):
    """A turn or a piece of one. `function_call` is the older form of one tool call."""

    content: str | list[Part] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None

    def said(self) -> str:
        """The text of the turn; some servers cut it into parts."""
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content if part.type in _SPOKEN)
        return self.content or ""

    def thoughts(self) -> str:
        """What the server keeps apart as thoughts."""
        return self.reasoning_content or self.reasoning or ""


class Token(msgspec.Struct):
    logprob: float | None = None


class Logprobs(msgspec.Struct):
    """Of the answer's tokens: chat completions list objects, completions list numbers."""

    content: list[Token] | None = None
    token_logprobs: list[float | None] | None = None

    def values(self) -> list[float] | None:
        """One natural logarithm a token; None: that of a token is not known, so neither is their sum."""
        given = self.token_logprobs if self.content is None else [token.logprob for token in self.content]
        known = [value for value in given or () if value is not None and NOT_KNOWN < value < math.inf]
        return known if len(known) == len(given or ()) else None


class Choice(msgspec.Struct):
    message: Turn | None = None
    delta: Turn | None = None
    text: str | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None
    error: Any = None

    def turn(self, of: Turn | None) -> Turn:
        """What was said; completions have a text in the place of a turn, and a server may send both."""
        if self.text or (self.text is not None and of is None):
            return Turn(content=self.text)
        return of or Turn()


class Usage(msgspec.Struct):
    """What an endpoint says it read and wrote, in tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(msgspec.Struct):
    """A completion, a piece of one, or the error in its place (`error`, or `message` and `code` at the top)."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    error: Any = None


_DECODER = msgspec.json.Decoder(Completion)


def read(body: bytes) -> Completion:
    """The completion in a body. Raises: msgspec.DecodeError: it is no JSON object."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _completion(raw(body))


def raw(body: bytes) -> Mapping[str, Any]:
    """The object in a body, as lenient readers read JSON: with a byte order mark, NaN, Infinity, half of a pair of
    surrogates, and the end of a stream behind it. Raises: msgspec.DecodeError: it is no JSON object."""
    try:
        text = body.removeprefix(BOM).decode().strip()
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as odd:
        raise msgspec.DecodeError(str(odd)) from None
    if not isinstance(found, dict) or text[end:].strip().encode() not in _ENDS:
        raise msgspec.DecodeError("no JSON object")
    return found


def whole_characters(text: str) -> str:
    """The text with halves of surrogate pairs joined, or replaced by U+FFFD where the other half never came."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


# --- Field by field ---------------------------------------------------------------------------------------------------


def _completion(given: Mapping[str, Any]) -> Completion:
    usage = _object(given.get("usage"))
    listed = given.get("choices")
    return Completion(
        choices=[_choice(one) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else None,
        usage=Usage(_tokens(usage.get("prompt_tokens")), _tokens(usage.get("completion_tokens"))) if usage else None,
        model=_text(given.get("model")),
        system_fingerprint=_text(given.get("system_fingerprint")),
        error=given.get("error"),
    )


def _choice(given: Mapping[str, Any]) -> Choice:
    return Choice(
        message=_turn(given.get("message")),
        delta=_turn(given.get("delta")),
        text=_text(given.get("text")),
        logprobs=_logprobs(given.get("logprobs")),
        finish_reason=_text(given.get("finish_reason")),
        error=given.get("error"),
    )


def _turn(given: Any) -> Turn | None:
    if not isinstance(given, dict):
        return None
    content = given.get("content")
    called = given.get("function_call")
    return Turn(
        content=[_part(one) for one in content] if isinstance(content, list) else _text(content),
        refusal=_text(given.get("refusal")),
        tool_calls=_calls(given.get("tool_calls")),
        function_call=_function(called) if isinstance(called, dict) else None,
        reasoning_content=_text(given.get("reasoning_content")),
        reasoning=_text(given.get("reasoning")),
    )


def _part(given: Any) -> Part:
    if isinstance(given, str):
        return Part(text=given)
    part = _object(given)
    return Part(type=_text(part.get("type")), text=_text(part.get("text")))


def _calls(given: Any) -> list[ToolCall] | None:
    """None where a call cannot be read: those that can would pass for all of them."""
    if not isinstance(given, list) or not all(isinstance(_object(one).get("function"), dict) for one in given):
        return None
    return [ToolCall(_function(one["function"]), _whole(one.get("index")), _name(one.get("id"))) for one in given]


def _function(given: Mapping[str, Any]) -> Function:
    arguments = given.get("arguments")
    return Function(_text(given.get("name")), arguments if isinstance(arguments, str | dict) else None)


def _logprobs(given: Any) -> Logprobs | None:
    found = _object(given)
    tokens, values = found.get("content"), found.get("token_logprobs")
    if isinstance(tokens, list):
        return Logprobs(content=[Token(_number(_object(one).get("logprob"))) for one in tokens])
    return Logprobs(token_logprobs=[_number(one) for one in values]) if isinstance(values, list) else None


def _object(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, dict) else {}


def _text(given: Any) -> str | None:
    return given if isinstance(given, str) else None


def _name(given: Any) -> str | int | None:
    return given if isinstance(given, str | int) else None


def _number(given: Any) -> float | None:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    return float(given) if number and math.isfinite(given) else None


def _whole(given: Any) -> int | None:
    number = _number(given)
    return int(number) if number is not None and number == int(number) else None


def _tokens(given: Any) -> int | None:
    count = _whole(given)
    return count if count is not None and count >= 0 else None


def beside(turns: Sequence[Mapping[str, Any]]) -> list[str]:
    """The fields of a turn, or of its pieces, that hold something other than what is read here."""
    named = {name: None for turn in turns for name, value in turn.items() if value and name not in ("role", "name")}
    return [name for name in named if name not in ("content", "refusal")]
