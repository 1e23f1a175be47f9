"""An OpenAI-compatible endpoint that behaves as it is told, in a process of its own. Also used by the benchmarks.

`endpoint(...)` starts it and stops it. `python tests/mock_openai.py '{"latency_s": 0.05}'` prints its port and serves.
Every letter of an answer is a token of probability 1/2; with `echo` a prompt comes back in words, of which one of n
letters (the space before it counts) has the log-probability -n / 10. With `tools` it calls the first. `/stats` tells
the last request. The model `echo` repeats the last user turn; `wrong` answers every third prompt (by its digest) with
"wrong".
"""

import asyncio
import contextlib
import ctypes
import dataclasses
import hashlib
import json
import math
import os
import random
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """`mode`: ok, 500, html, hang, 401, 404, 400, text, empty, quota, reset, deaf (hears no `echo`).
    `refuse`: share of requests met with 429.
    `dead_after`: the process ends at this many answers; `fail_from`: `mode` holds only from this request on."""

    mode: str = "ok"
    latency_s: float = 0.0
    refuse: float = 0.0
    retry_after: str | None = None
    dead_after: int | None = None
    fail_from: int = 0
    fail_until: int = 1_000_000_000
    port: int = 0


class Endpoint:
    """A running mock."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}/v1"

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats", timeout=5) as response:
            return json.load(response)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start(**behaviour: Any) -> Endpoint:
    """Start a mock; the caller stops it."""
    told = json.dumps(dataclasses.asdict(Behaviour(**behaviour)))
    process = subprocess.Popen([sys.executable, __file__, told], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return Endpoint(process, int(process.stdout.readline()))


@contextlib.contextmanager
def endpoint(**behaviour: Any) -> Iterator[Endpoint]:
    """A mock that runs as long as the block."""
    running = start(**behaviour)
    try:
        yield running
    finally:
        running.stop()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """Counts what comes in and answers as told."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._rng = random.Random(0)
        self._answered: Counter[str] = Counter()
        self._last: dict[str, Any] = {}
        self._requests = self._refused = self._in_flight = self._highest = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/completions", self.chat),
            web.get("/v1/models", self.models),
            web.get("/stats", self.stats),
        ]

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self._requests += 1
        self._in_flight += 1
        self._highest = max(self._highest, self._in_flight)
        try:
            failing = self._behaviour.fail_from < self._requests <= self._behaviour.fail_until
            body = self._last = await request.json()
            await asyncio.sleep(self._behaviour.latency_s)
            refusal = self._refusal() or (await self._fault(request) if failing else None)
            return refusal or await self._reply(request, body)
        finally:
            self._in_flight -= 1

    async def models(self, _: web.Request) -> web.Response:
        if self._behaviour.mode == "hang" and self._behaviour.fail_from == 0:
            await asyncio.sleep(3600)
        return web.json_response({"data": []})

    async def stats(self, _: web.Request) -> web.Response:
        counted = {"requests": self._requests, "refused": self._refused, "highest": self._highest, "last": self._last}
        return web.json_response({"answered": dict(self._answered), **counted})

    def _refusal(self) -> web.Response | None:
        if self._rng.random() >= self._behaviour.refuse:
            return None
        self._refused += 1
        headers = {"Retry-After": self._behaviour.retry_after} if self._behaviour.retry_after else {}
        return web.json_response({"error": {"message": "slow down"}}, status=429, headers=headers)

    async def _fault(self, request: web.Request) -> web.Response | None:
        match self._behaviour.mode:
            case "quota":
                said = {"error": {"code": "insufficient_quota", "message": "you have no credit left"}}
                return web.json_response(said, status=429)
            case "html":
                return web.Response(text="<!doctype html><html><body>Welcome</body></html>", content_type="text/html")
            case "text":
                return web.Response(text="hello")
            case "empty":
                return web.json_response({"choices": []})
            case "hang":
                await asyncio.sleep(3600)
            case "reset" if request.transport is not None:
                request.transport.abort()
                return web.Response()
            case status if status.isdigit():
                return web.json_response({"error": {"message": f"told to say {status}"}}, status=int(status))
        return None

    async def _reply(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if self._behaviour.dead_after is not None and self._answered.total() >= self._behaviour.dead_after:
            os._exit(0)
        if isinstance(body.get("prompt"), list):
            self._answered["echo"] += 1
            return web.json_response(echoed(body, deaf=self._behaviour.mode == "deaf"))
        plain = "prompt" in body
        last = body["prompt"] if plain else [turn for turn in body["messages"] if turn["role"] == "user"][-1]["content"]
        self._answered[f"{body['model']}/{body.get('seed')}/{last}"] += 1
        text = said_by(body["model"], last)
        usage = {"prompt_tokens": len(last.split()), "completion_tokens": len(text.split())}
        if body.get("stream"):
            return await _streamed(request, text, usage, body)
        message = {"role": "assistant", "content": text}
        if body.get("tools"):
            call = {"name": body["tools"][0]["function"]["name"], "arguments": json.dumps({"said": text})}
            message = {"role": "assistant", "content": None, "tool_calls": [{"function": call}]}
        said = {"text": text} if plain else {"message": message}
        choice = {"index": 0, **said, **_logprobs(text, body), "finish_reason": "stop"}
        whole = {"model": body["model"], "system_fingerprint": "fp_1", "choices": [choice], "usage": usage}
        return web.json_response(whole)


def echoed(body: dict[str, Any], *, deaf: bool = False) -> dict[str, Any]:
    """Several prompts of one request, each with one word behind it."""
    choices, tokens_in = [], 0
    for index, prompt in enumerate(body["prompt"]):
        words = re.findall(r" ?[^ ]+| +", prompt)
        tokens_in += len(words)
        tokens = [" end"] if deaf or not body.get("echo") else [*words, " end"]
        values = [None if at == 0 and not deaf else -len(word) / 10 for at, word in enumerate(tokens)]
        top = [None if value is None else {word: value} for word, value in zip(tokens, values, strict=True)]
        logprobs = {"tokens": tokens, "token_logprobs": values, "top_logprobs": top}
        choices.append({"index": index, "text": "".join(tokens), "logprobs": logprobs, "finish_reason": "length"})
    usage = {"prompt_tokens": tokens_in, "completion_tokens": len(choices)}
    return {"model": body["model"], "choices": choices[::-1], "usage": usage}


def _logprobs(text: str, body: dict[str, Any]) -> dict[str, Any]:
    """The logarithm of 1/2 for every letter, in the shape of the API that was asked for it."""
    if not body.get("logprobs"):
        return {}
    if "prompt" in body:
        return {"logprobs": {"tokens": list(text), "token_logprobs": [math.log(0.5)] * len(text)}}
    return {"logprobs": {"content": [{"token": letter, "logprob": math.log(0.5)} for letter in text]}}


async def _streamed(request: web.Request, text: str, usage: dict[str, int], body: dict[str, Any]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    parts: list[dict[str, Any]] = [
        {
            "choices": [
                {
                    "index": 0,
                    **({"text": letter} if "prompt" in body else {"delta": {"content": letter}}),
                    **_logprobs(letter, body),
                }
            ]
        }
        for letter in text
    ]
    parts.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    parts.append({"choices": [], "usage": usage})
    for part in parts:
        await response.write(f"data: {json.dumps(part)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    return response


def serve(behaviour: Behaviour) -> None:
    """Print the port, then serve until the process ends."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", behaviour.port))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    app = web.Application()
    app.add_routes(Server(behaviour).routes())
    web.run_app(app, sock=listener, print=None, access_log=None)


def said_by(model: str, last: str) -> str:
    """What the models answer."""
    if model == "wrong" and int(hashlib.sha256(last.encode()).hexdigest(), 16) % 3 == 0:
        return "wrong"
    return last


def _end_with_parent() -> None:
    """Ask the kernel to end this process with its parent, also when that is killed (Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


if __name__ == "__main__":
    _end_with_parent()
    serve(Behaviour(**json.loads(sys.argv[1])) if len(sys.argv) > 1 else Behaviour())
