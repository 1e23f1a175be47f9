"""One completion over HTTP: a prompt goes out, an Answer or a Failure comes back. Retries live elsewhere."""

import asyncio
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec

from shipworthy.models._completions import Dialect
from shipworthy.models._connection import hidden
from shipworthy.models._failures import failure_of
from shipworthy.models._retry import Failure
from shipworthy.models._wire import Answer, Reply, answer_of
from shipworthy.records import Message

CONNECT_S = 5.0
Read = Callable[[bytes, float], Answer | Failure]
"""(body of a 200, seconds it took) -> what it says."""
ReadStream = Callable[[aiohttp.StreamReader, float], Awaitable[Answer | Failure]]


class ChatClient:
    """Speaks to one OpenAI-compatible endpoint over one connection pool."""

    def __init__(
        self,
        *,
        base_url: str,
        dialect: Dialect,
        fixed: Mapping[str, Any],
        headers: Mapping[str, str],
        timeout_s: float,
        stream: bool,
        proxy: str | None,
        query: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._dialect = dialect
        asked = f"?{urlencode(query)}" if query else ""
        self._url = f"{base_url}{dialect.path}{asked}"
        self._models_url = f"{base_url}/models{asked}"
        self._secrets = secrets
        self._trusted: ssl.SSLContext | bool = trusted or True
        self._fixed = dict(fixed)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        self._timeout_s = timeout_s
        self._stream = stream
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None
        self._encoder = msgspec.json.Encoder()

    async def ask(self, messages: Sequence[Message], *, seed: int | None) -> Answer | Failure:
        """One request, never retried; whatever goes wrong becomes a Failure."""
        body = {**self._dialect.asked(messages), **({} if seed is None else {"seed": seed})}
        if not self._stream:
            return await self.send(body, answer_of)
        return await self._sent({**body, "stream": True, "stream_options": {"include_usage": True}}, _streamed)

    async def send(self, body: Mapping[str, Any], read: Read) -> Answer | Failure:
        """One request with this body, whose whole answer `read` understands."""

        async def whole(content: aiohttp.StreamReader, started: float) -> Answer | Failure:
            return read(await content.read(), time.perf_counter() - started)

        return await self._sent(body, whole)

    async def _sent(self, said: Mapping[str, Any], read: ReadStream) -> Answer | Failure:
        outcome = await self._tried(said, read)
        if isinstance(outcome, Failure) and self._secrets:
            return replace(outcome, message=hidden(outcome.message, self._secrets))
        return outcome

    async def _tried(self, said: Mapping[str, Any], read: ReadStream) -> Answer | Failure:
        body = {**self._fixed, **said}
        started = time.perf_counter()
        try:
            async with self._open().post(
                self._url, data=self._encoder.encode(body), allow_redirects=False, proxy=self._proxy
            ) as response:
                if not 200 <= response.status < 300:
                    return failure_of(response.status, response.headers, await response.read(), url=self._url)
                return await read(response.content, started)
        except aiohttp.ClientSSLError as error:
            return Failure(kind="denied", message=_untrusted(error))
        except aiohttp.ConnectionTimeoutError:
            return Failure(kind="unavailable", message="cannot connect within a few seconds", timed_out=True)
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
                connector=aiohttp.TCPConnector(limit=0, ssl=self._trusted, ttl_dns_cache=300, keepalive_timeout=30),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=min(CONNECT_S, self._timeout_s)),
            )
        return self._session


async def _streamed(content: aiohttp.StreamReader, started: float) -> Answer | Failure:
    reply = Reply()
    async for data in content.iter_any():
        if not reply.feed(data, time.perf_counter() - started):
            break
    return reply.answer(time.perf_counter() - started)


def _untrusted(error: aiohttp.ClientSSLError) -> str:
    said = str(getattr(error.os_error, "verify_message", "") or error.os_error)
    if "WRONG_VERSION" in said.upper():
        return f"{error.host}:{error.port} does not speak https; write http:// in base_url"
    return (
        f"the certificate of {error.host}:{error.port} is not trusted ({said}); where an authority of your own "
        "signed it, export SSL_CERT_FILE with the path of that authority's certificate (PEM)"
    )


def _unreachable(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        why = (os.strerror(number) if number and number > 0 else error.os_error.strerror or str(error.os_error)).lower()
        return f"cannot connect to {error.host}:{error.port} ({why})"
    if isinstance(error, aiohttp.InvalidURL):
        return "base_url is no URL"
    return f"the connection broke ({str(error) or type(error).__name__})"
