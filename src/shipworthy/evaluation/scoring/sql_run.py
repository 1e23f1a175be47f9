"""Runs untrusted queries on SQLite and DuckDB files, read-only, in a process of its own (`_sql_worker.py`)."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shipworthy.errors import BackendError
from shipworthy.records import Record

Engine = Literal["sqlite", "duckdb"]
Row = tuple[Any, ...]
_WORKER = Path(__file__).with_name("_sql_worker.py")
_START_S, _GRACE_S = 30.0, 2.0


class QueryLimits(Record):
    """What one query may use."""

    wall_s: Annotated[float, Meta(gt=0, le=3600, description="Seconds.")] = 10.0
    max_rows: Annotated[int, Meta(ge=1, description="Rows of the result.")] = 10_000
    memory_mb: Annotated[int, Meta(ge=128, description="Address space of the process that runs queries.")] = 1024


class Query(Record):
    """One query; its `database` is the path of a file."""

    database: str
    sql: str
    engine: Engine = "sqlite"


class Result(Record):
    """The rows of a query, or the error that it ended with; `stopped` names a limit: time, memory, rows."""

    rows: list[Row] | None = None
    error: str | None = None
    stopped: str = ""


async def run(
    queries: Sequence[Query], *, limits: QueryLimits | None = None, workers: int = 2
) -> AsyncIterator[tuple[int, Result]]:
    """(position, result) of every query, as they end. One that does not heed its limit is stopped with its process.

    Raises: BackendError: the process does not start.
    """
    chosen = limits or QueryLimits()
    left = iter(enumerate(queries))
    results: asyncio.Queue[Any] = asyncio.Queue()
    count = max(1, min(workers, len(queries)))
    tasks = [asyncio.create_task(_work(left, chosen, results)) for _ in range(count)]
    try:
        while count:
            result = await results.get()
            if isinstance(result, BaseException):
                raise result
            if result is None:
                count -= 1
            else:
                yield result
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _work(left: Iterator[tuple[int, Query]], limits: QueryLimits, results: "asyncio.Queue[Any]") -> None:
    worker: _Worker | None = None
    try:
        for position, query in left:
            if worker is None or worker.dead:
                worker = await _Worker.start(limits)
            await results.put((position, await worker.ask(query)))
    except Exception as error:  # noqa: BLE001 - raised again by the reader of the results
        await results.put(error)
    finally:
        if worker is not None:
            await worker.stop()
    await results.put(None)


class _Worker:
    """One process. Made by `start`; ask it one query at a time."""

    def __init__(self, process: asyncio.subprocess.Process, limits: QueryLimits) -> None:
        self._process = process
        self._limits = limits
        self.dead = False

    @classmethod
    async def start(cls, limits: QueryLimits) -> "_Worker":
        """Start a worker and hear that it is ready. Raises: BackendError: it does not start."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-B", str(_WORKER), msgspec.json.encode(limits).decode()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            start_new_session=True,
            limit=1 << 30,
        )
        worker = cls(process, limits)
        try:
            if not await worker._line(_START_S):
                raise BackendError("the process that runs queries did not start; raise memory_mb in its limits")
        except BaseException:
            await worker.stop()
            raise
        return worker

    async def ask(self, query: Query) -> Result:
        """The result of a query."""
        assert self._process.stdin is not None
        with suppress(ConnectionError):  # a dead worker shows in the missing answer
            self._process.stdin.write(msgspec.json.encode(query) + b"\n")
            await self._process.stdin.drain()
        try:
            line = await self._line(self._limits.wall_s + _GRACE_S)
        except TimeoutError:
            await self.stop()
            return Result(error=f"stopped after {self._limits.wall_s:g} s, with its process", stopped="time")
        if not line:
            await self.stop()
            return Result(error=f"its process ended; it may use {self._limits.memory_mb} MB", stopped="memory")
        return msgspec.convert(json.loads(line), Result)

    async def stop(self) -> None:
        """End the process."""
        self.dead = True
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def _line(self, timeout_s: float) -> bytes:
        """The next line, empty when the process has ended. Raises: TimeoutError."""
        assert self._process.stdout is not None
        return await asyncio.wait_for(self._process.stdout.readline(), timeout_s)
