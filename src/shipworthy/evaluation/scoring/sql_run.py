"""Runs untrusted queries on SQLite and DuckDB files, read-only, in a process of its own (`_sql_worker.py`)."""

import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shipworthy.evaluation.scoring._workers import Child, spread
from shipworthy.records import Record

Engine = Literal["sqlite", "duckdb"]
Row = tuple[Any, ...]
_WORKER = Path(__file__).with_name("_sql_worker.py")
_GRACE_S = 2.0


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
    start = partial(_Worker.start, limits or QueryLimits())
    async with aclosing(spread(queries, start, workers=workers)) as results:
        async for position, result in results:
            yield position, result


class _Worker:
    """One process. Made by `start`; ask it one query at a time."""

    def __init__(self, child: Child, limits: QueryLimits) -> None:
        self._child = child
        self._limits = limits
        self.dead = False

    @classmethod
    async def start(cls, limits: QueryLimits) -> "_Worker":
        """Start a worker and hear that it is ready. Raises: BackendError: it does not start."""
        command = (sys.executable, "-I", "-B", str(_WORKER), msgspec.json.encode(limits).decode())
        failing = "the process that runs queries did not start; raise memory_mb in its limits"
        return cls(await Child.ready(*command, longest=1 << 30, failing=failing), limits)

    async def ask(self, job: Query) -> Result:
        """The result of a query."""
        await self._child.tell(msgspec.json.encode(job) + b"\n")
        try:
            line = await self._child.line(self._limits.wall_s + _GRACE_S)
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
        await self._child.stop()
