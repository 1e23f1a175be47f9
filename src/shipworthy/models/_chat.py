"""One chat completion over HTTP: a prompt goes out, an Answer or a Failure comes back. Retries live elsewhere."""

import asyncio
import email.utils
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from shipworthy.models._retry import Failure
from shipworthy.records import Message

CONNECT_S = 5.0
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


class _Turn(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Turn = msgspec.field(default_factory=_Turn)
    delta: _Turn = msgspec.field(default_factory=_Turn)
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None
    model: str | None = None
    system_fingerprint: str | None = None


class ChatClient:
    """Speaks to one OpenAI-compatible endpoint over one connection pool."""

    def __init__(
        self,
        *,
        base_url: str,
        fixed: Mapping[str, Any],
        headers: Mapping[str, str],
        timeout_s: float,
        stream: bool,
        proxy: str | None,
    ) -> None:
        self._url = f"{base_url}/chat/completions"
        self._models_url = f"{base_url}/models"
        self._fixed = {**fixed, **({"stream": True, "stream_options": {"include_usage": True}} if stream else {})}
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        self._timeout_s = timeout_s
        self._stream = stream
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(_Completion)

    async def ask(self, messages: Sequence[Message], *, seed: int | None) -> Answer | Failure:
        """One request, never retried; whatever goes wrong becomes a Failure."""
        body = {**self._fixed, "messages": messages, **({} if seed is None else {"seed": seed})}
        started = time.perf_counter()
        try:
            async with self._open().post(
                self._url, data=self._encoder.encode(body), allow_redirects=False, proxy=self._proxy
            ) as response:
                if response.status != 200:
                    return failure_of(response.status, response.headers, await response.read())
                if self._stream:
                    return await self._streamed(response, started)
                return self._whole(await response.read(), time.perf_counter() - started)
        except TimeoutError:
            message = f"no answer within {self._timeout_s:g} s"
            return Failure(kind="unavailable", message=message, timed_out=True)
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            return Failure(kind="unavailable", message=_unreachable(error))

    async def sign_of_life(self, within_s: float) -> bool:
        """Whether anything at all answers at the endpoint within so many seconds."""
        try:
            async with asyncio.timeout(within_s), self._open().get(self._models_url, proxy=self._proxy):
                return True
        except (TimeoutError, aiohttp.ClientError, OSError):
            return False

    async def close(self) -> None:
        """Close the connections. Closing twice is fine."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=30),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=min(CONNECT_S, self._timeout_s)),
            )
        return self._session

    def _whole(self, body: bytes, latency_s: float) -> Answer | Failure:
        try:
            said = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _not_a_completion(body)
        if not said.choices:
            return Failure(kind="unavailable", message="answered without a choice")
        choice = said.choices[0]
        return _answer(choice.message, [said], choice.finish_reason, latency_s, None)

    async def _streamed(self, response: aiohttp.ClientResponse, started: float) -> Answer | Failure:
        turn, seen, finish_reason, first_token_s = _Turn(), [], None, None
        async for data in _events(response.content):
            try:
                part = self._decoder.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return _not_a_completion(data)
            seen.append(part)
            for choice in part.choices[:1]:
                finish_reason = choice.finish_reason or finish_reason
                if (choice.delta.content or choice.delta.refusal) and first_token_s is None:
                    first_token_s = time.perf_counter() - started
                turn.content = (turn.content or "") + (choice.delta.content or "")
                turn.refusal = (turn.refusal or "") + (choice.delta.refusal or "")
        if not any(part.choices for part in seen) or finish_reason is None:
            return Failure(kind="unavailable", message="the stream ended before the answer was complete")
        return _answer(turn, seen, finish_reason, time.perf_counter() - started, first_token_s)


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The data of each server-sent event up to `[DONE]`; a body that is no event stream comes as it is."""
    while line := await content.readline():
        line = line.strip()
        if line == b"data: [DONE]" or line == b"data:[DONE]":
            return
        if line.startswith(b"data:"):
            yield line[5:].strip()
        elif line and not line.startswith((b":", b"event:", b"id:", b"retry:")):
            yield line


def _answer(
    turn: _Turn, parts: Sequence[_Completion], finish_reason: str | None, latency_s: float, first_token_s: float | None
) -> Answer:
    usage = next((part.usage for part in reversed(parts) if part.usage is not None), _Usage())
    last = parts[-1]
    extra: dict[str, Any] = {
        "finish_reason": finish_reason,
        "reported_model": last.model,
        "system_fingerprint": last.system_fingerprint,
        "refusal_field": True if turn.refusal and not turn.content else None,
    }
    return Answer(
        text=turn.content or turn.refusal or "",
        latency_s=latency_s,
        first_token_s=first_token_s,
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        extra={key: value for key, value in extra.items() if value is not None},
    )


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
    except (msgspec.DecodeError, UnicodeDecodeError):
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


def _not_a_completion(body: bytes) -> Failure:
    what = _quote(body) or "an empty body"
    return Failure(
        kind="unavailable",
        message=f"answered with {what}, not with a chat completion; base_url must end where /chat/completions follows",
        status=200,
    )


def _unreachable(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        why = (os.strerror(number) if number and number > 0 else str(error.os_error)).lower()
        return f"cannot connect to {error.host}:{error.port} ({why})"
    if isinstance(error, aiohttp.InvalidURL):
        return "base_url is no URL"
    return f"the connection broke ({str(error) or type(error).__name__})"
