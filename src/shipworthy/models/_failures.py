"""What went wrong, read: the status and the body of an error in, a Failure with the server's own words out. Pure."""

import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import msgspec

from shipworthy.models._reply import raw
from shipworthy.models._retry import Failure

LONGEST_QUOTE = 200
FILTERED = "content_filter"
_NOT_NOW = frozenset({429, 503, 529})
_DENIED = frozenset({401, 403, 404, 405})
_TRY_AGAIN = frozenset({408, 409, 425})
_NOT_NOW_NAMED = frozenset({"insufficient_quota", "rate_limit_exceeded", "overloaded_error"})
_USED_UP = "insufficient_quota"


def failure_of(status: int, headers: Mapping[str, str], body: bytes, *, url: str = "") -> Failure:
    """What an answer that is no success means. `url`: where it was asked."""
    said = _error_of(body)
    message = f"HTTP {status}: {said.quote}" if said.quote else f"HTTP {status}"
    if status in _NOT_NOW:
        hopeless = said.code == _USED_UP
        return Failure(
            kind="refused", message=message, status=status, retry_after_s=retry_after_s(headers), hopeless=hopeless
        )
    if status in _DENIED or 300 <= status < 400:
        to = headers.get("Location")
        return Failure(
            kind="denied", message=message + (_moved(url, to) if to else ""), status=status, hopeless=status == 401
        )
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        return _rejected(message, said, status)
    return Failure(kind="unavailable", message=message, status=status)


def _rejected(message: str, said: "_Said", status: int) -> Failure:
    """A request that will not do: because of what this prompt says, or of what every request says."""
    remedy = _remedy(f"{said.code or ''} {said.quote}")
    if remedy:
        return Failure(kind="denied", message=f"{message} ({remedy})", status=status)
    return Failure(kind="rejected", message=message, status=status, extra=_filtered(said.code))


_UNKNOWN = r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|not permitted|extra_forbidden|extra fields"
_REMEDIES: tuple[tuple[str, str], ...] = (
    (r"\bmax_tokens\b.*\bmax_completion_tokens\b", "write max_completion_tokens in its sampling, not max_tokens"),
    (rf"\bseed\b.*({_UNKNOWN})|({_UNKNOWN}).*\bseed\b", "set options: {send_seed: false}"),
    (rf"\bstream_options\b.*({_UNKNOWN})|({_UNKNOWN}).*\bstream_options\b", "set options: {stream: false}"),
    (
        rf"\b(temperature|top_p|logprobs|top_logprobs|tools|response_format)\b.*({_UNKNOWN})"
        rf"|({_UNKNOWN}).*\b(temperature|top_p|logprobs|top_logprobs|tools|response_format)\b",
        "take this key out of the model's sampling",
    ),
    (r"\bmodel\b.{0,80}(not found|does not exist|not exist)|model_not_found", "check the model's `model`"),
)
"""What a server says of a request that it will refuse for every prompt -> what to do about it."""


def _remedy(said: str) -> str | None:
    return next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, said, re.IGNORECASE | re.DOTALL)), None)


def error_in_200(error: Any) -> Failure:
    """What an error means that came where an answer should: a failure of this prompt, whatever the status said."""
    said = _spelled(error)
    message = f"HTTP 200 with an error: {said.quote}"
    if said.status in _NOT_NOW or said.code in _NOT_NOW_NAMED:
        hopeless = said.code == _USED_UP
        return Failure(kind="refused", message=message, status=200, hopeless=hopeless, unread=not hopeless)
    of_prompt = said.status is not None and 400 <= said.status < 500 and said.status not in _TRY_AGAIN
    if of_prompt or said.code == FILTERED:
        return Failure(kind="rejected", message=message, status=200, extra=_filtered(said.code))
    return Failure(kind="unavailable", message=message, status=200, unread=True)


def _filtered(code: str | None) -> dict[str, Any]:
    return {"finish_reason": FILTERED} if code == FILTERED else {}


def _moved(url: str, to: str) -> str:
    """Where a redirect leads, and the base_url that would lead there."""
    there = urljoin(url, to).partition("?")[0]
    for path in ("/chat/completions", "/completions"):
        if there.endswith(path):
            return f" (redirects to {to}: write base_url: {there.removesuffix(path)})"
    return f" (redirects to {to}: put that address into base_url)"


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


@dataclass(frozen=True, slots=True)
class _Said:
    """An error's code as a name, its code as an HTTP status where it is one, and a short quotation."""

    code: str | None
    status: int | None
    quote: str


def _error_of(body: bytes) -> _Said:
    try:
        error = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Said(None, None, quote(body))
    error = error.get("error") or error if isinstance(error, dict) else error
    return _spelled(error) if isinstance(error, dict) else _Said(None, None, quote(body))


def _spelled(error: Any) -> _Said:
    if not isinstance(error, dict):
        return _Said(None, None, quote(str(error).encode(errors="replace")))
    code, message = error.get("code"), error.get("message") or error.get("detail")
    status = int(str(code)) if str(code).isdecimal() and len(str(code)) == 3 else None
    words = str(message) if message else msgspec.json.encode(_printable(error)).decode()
    return _Said(code if isinstance(code, str) else None, status, quote(words.encode(errors="replace")))


def _printable(error: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in error.items()}


def quote(body: bytes) -> str:
    """The beginning of a body on one line."""
    text = " ".join(body[: 4 * LONGEST_QUOTE].decode("utf-8", errors="replace").split())
    if text[:1] == "<":
        return "an HTML page"
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def not_a_completion(body: bytes) -> Failure:
    """A body that is no completion: an object in its place may be this prompt's failure, else it is the address's."""
    try:
        raw(body)
    except msgspec.DecodeError:
        unread = False
    else:
        unread = True
    what = quote(body) or "an empty body"
    message = f"answered with {what}, not with a chat completion; base_url must end where /chat/completions follows"
    return Failure(kind="unavailable", message=message, status=200, unread=unread)
