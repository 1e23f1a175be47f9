"""A stub tool server on 127.0.0.1: a few tools with known answers, one that fails and one that hangs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
from aiohttp import web

TIMEOUT_S = 1.0
ORDERS = {"A-17": "shipped", "B-42": "waiting for payment", "C-3": "returned"}


def _add(arguments: Mapping[str, Any]) -> object:
    return arguments["a"] + arguments["b"]


def _order_status(arguments: Mapping[str, Any]) -> object:
    return ORDERS.get(str(arguments["order"]), "unknown order")


def _broken(_arguments: Mapping[str, Any]) -> object:
    raise web.HTTPInternalServerError(text="the tool is broken")


TOOLS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], object]]] = {
    "add": ('adds two numbers, arguments {"a": number, "b": number}', _add),
    "order_status": ('says where an order is, arguments {"order": text}', _order_status),
    "weather": ('says what the weather is, arguments {"city": text}', _broken),
}
"""Name -> (what it says of itself, what it does). `weather` always fails; `wait` hangs until its caller gives up."""


@dataclass(slots=True)
class ToolServer:
    """A running server: where it is, and every call it got."""

    url: str
    calls: list[str] = field(default_factory=list)

    async def call(self, session: aiohttp.ClientSession, name: str, arguments: Mapping[str, Any]) -> str:
        """What the tool answers, or a sentence about why it did not."""
        try:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            async with session.post(f"{self.url}/{name}", json=dict(arguments), timeout=timeout) as response:
                body = await response.text()
                return body if response.status == 200 else f"error {response.status}: {body}"
        except TimeoutError:
            return f"error: no answer within {TIMEOUT_S:g} s"


@asynccontextmanager
async def tool_server() -> AsyncIterator[ToolServer]:
    """The server while the block runs, on a free port of 127.0.0.1."""
    server = ToolServer(url="")
    app = web.Application(client_max_size=64 * 1024)
    app.router.add_post("/{name}", partial(_called, server))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        yield server
    finally:
        await runner.cleanup()


async def _called(server: ToolServer, request: web.Request) -> web.Response:
    name = request.match_info["name"]
    server.calls.append(name)
    if name == "wait":
        await asyncio.sleep(10 * TIMEOUT_S)
    if name not in TOOLS:
        raise web.HTTPNotFound(text=f"there is no tool {name!r}; there are: {', '.join(TOOLS)}")
    try:
        return web.json_response(TOOLS[name][1](await request.json()))
    except (KeyError, TypeError, ValueError) as error:
        raise web.HTTPBadRequest(text=f"wrong arguments: {type(error).__name__} {error}") from error
