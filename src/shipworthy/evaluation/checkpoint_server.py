"""The checkpoint endpoint: a trainer posts `{event, step, checkpoint_dir, output_dir}`, hears scalars and a stop flag.

Bound to 127.0.0.1 unless told otherwise. It answers JSON only, to JSON only, and only under its own name, so that a web
page that somebody has open cannot make it load a file; `roots` are the only folders that it reads checkpoints from.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from shipworthy.errors import BadInput, ShipworthyError
from shipworthy.evaluation.checkpoints import Heard, Notice

STOP_METRIC = "shipworthy/stop"
"""1 where the stop rule is met, 0 where it is not: for trainers that stop by a metric."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Judge = Callable[[Notice], Heard]


def application(judge: Judge, *, roots: Sequence[Path], host: str = LOOPBACK[0]) -> web.Application:
    """POST /checkpoint judges, one checkpoint at a time; GET /health says that somebody is there.

    Args:
        judge: runs in a thread.
        roots: checkpoint_dir and output_dir must lie below one of them.
        host: what the server is bound to; on a loopback address requests under another name are refused.
    """
    one_at_a_time = asyncio.Lock()
    allowed = [root.resolve() for root in roots]

    async def checkpoint(request: web.Request) -> web.Response:
        if host in LOOPBACK and (request.url.host or "") not in LOOPBACK:
            return _error(403, f"this server answers on {host} only, not as {request.url.host!r}")
        if request.content_type != "application/json":
            return _error(415, "send JSON with the header Content-Type: application/json")
        try:
            notice = _notice(await request.read(), allowed)
        except BadInput as error:
            return _error(400, str(error))
        async with one_at_a_time:
            try:
                heard = await asyncio.to_thread(judge, notice)
            except BadInput as error:
                return _error(400, str(error))
            except ShipworthyError as error:
                return _error(500, str(error))
            except Exception as error:
                request.app.logger.exception("a checkpoint could not be judged")
                return _error(500, f"internal error: {type(error).__name__}: {error}")
        return web.json_response(told(heard))

    app = web.Application(client_max_size=64 * 1024)
    app.router.add_post("/checkpoint", checkpoint)
    app.router.add_get("/health", _health)
    return app


def told(heard: Heard) -> dict[str, Any]:
    """What goes over the wire: `status` and the flag as a scalar are what axolotl's benchmark plugin reads."""
    metrics = {**heard.metrics, STOP_METRIC: float(heard.stop)}
    return {"status": "completed", **msgspec.to_builtins(heard), "metrics": metrics}


@asynccontextmanager
async def serving(app: web.Application, *, host: str, port: int) -> AsyncIterator[str]:
    """The server while the block runs; yields its address. Port 0 takes a free one.

    Raises: BadInput: the port is taken, or the host is not one of this machine.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise BadInput(
                f"cannot listen on {host}:{port} ({error.strerror or error}); choose another --port"
            ) from error
        bound = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    finally:
        await runner.cleanup()


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _notice(body: bytes, roots: Sequence[Path]) -> Notice:
    try:
        notice = msgspec.json.decode(body, type=Notice)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput(f"the body is no notice of a checkpoint ({error}); it needs checkpoint_dir") from error
    for said in (notice.checkpoint_dir, *([notice.output_dir] if notice.output_dir else [])):
        if not any(Path(said).resolve().is_relative_to(root) for root in roots):
            raise BadInput(f"{said} lies outside the folders that are watched: {', '.join(map(str, roots))}")
    return notice


def _error(status: int, message: str) -> web.Response:
    """An error never stops a training run: the flag is false, and the trainer may log the sentence."""
    return web.json_response({"status": "failed", "error": message, "stop": False, "metrics": {}}, status=status)
