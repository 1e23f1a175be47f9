"""Jobs spread over processes of their own, each asked one job at a time: what the sandbox and the queries share."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from shipworthy.errors import BackendError

START_S = 30.0
"""How long a process may take to say that it is ready."""
Job = TypeVar("Job")
Result = TypeVar("Result")
Asked = TypeVar("Asked", contravariant=True)
Told = TypeVar("Told", covariant=True)


class Worker(Protocol[Asked, Told]):
    """One process that does jobs; when it is `dead`, the next job gets a new one."""

    @property
    def dead(self) -> bool: ...

    async def ask(self, job: Asked) -> Told:
        """The result of one job."""
        ...

    async def stop(self) -> None:
        """End the process."""
        ...


async def spread(
    jobs: Sequence[Job], start: Callable[[], Awaitable[Worker[Job, Result]]], *, workers: int
) -> AsyncGenerator[tuple[int, Result], None]:
    """(position, result) of every job, as they end. What `start` or a worker raises ends all of them and is raised."""
    left = iter(enumerate(jobs))
    results: asyncio.Queue[Any] = asyncio.Queue()
    count = max(1, min(workers, len(jobs)))
    tasks = [asyncio.create_task(_work(left, start, results)) for _ in range(count)]
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


async def _work(
    left: Iterator[tuple[int, Job]],
    start: Callable[[], Awaitable[Worker[Job, Result]]],
    results: "asyncio.Queue[Any]",
) -> None:
    """One worker after another, until no job is left; what goes wrong is put where the results are read."""
    worker: Worker[Job, Result] | None = None
    try:
        for position, job in left:
            if worker is None or worker.dead:
                worker = await start()
            await results.put((position, await worker.ask(job)))
    except Exception as error:  # noqa: BLE001 - raised again by the reader of the results
        await results.put(error)
    finally:
        if worker is not None:
            await worker.stop()
    await results.put(None)


class Child:
    """A process in a group of its own that answers a line with a line. Made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, *command: str, longest: int, cwd: str | None = None) -> "Child":
        """Start it with an empty environment. Args: longest: bytes that one of its lines may have."""
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                cwd=cwd,
                start_new_session=True,
                limit=longest,
            )
        )

    @classmethod
    async def ready(cls, *command: str, longest: int, failing: str, within_s: float = START_S) -> "Child":
        """Start it and hear its first line. Raises: BackendError, with the sentence `failing`: none came in time."""
        child = await cls.start(*command, longest=longest)
        said = b""
        try:
            with suppress(TimeoutError):
                said = await child.line(within_s)
        finally:
            if not said:
                await child.stop()
        if not said:
            raise BackendError(failing)
        return child

    async def tell(self, line: bytes) -> None:
        """Write a line; that it has ended shows in the missing answer."""
        assert self._process.stdin is not None
        with suppress(ConnectionError):
            self._process.stdin.write(line)
            await self._process.stdin.drain()

    async def line(self, timeout_s: float) -> bytes:
        """Its next line, empty when it has ended. Raises: TimeoutError; ValueError: the line is too long."""
        assert self._process.stdout is not None
        return await asyncio.wait_for(self._process.stdout.readline(), timeout_s)

    async def stop(self) -> None:
        """Kill it with all that it started in its group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
