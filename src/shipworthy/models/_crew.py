"""Workers that share one iterator of items. A worker that naps is replaced, so that waiting costs no throughput."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from shipworthy.models._pace import Pace

Item = TypeVar("Item")
Done = TypeVar("Done")
NAPPING_TOO = 4
"""At most this many times the ceiling exist at once, those that nap included: bounds the memory."""


class Crew(Generic[Item, Done]):
    """Calls `ask` once for each item, `ceiling` at a time; make it inside the event loop."""

    def __init__(self, items: Iterable[Item], ask: Callable[[Item], Awaitable[Done]], *, ceiling: int) -> None:
        self._items = iter(items)
        self._ask = ask
        self._ceiling = ceiling
        self._awake = 0
        self._owed = 0
        self._workers: set[asyncio.Task[None]] = set()
        self._results: asyncio.Queue[tuple[Done] | Exception] = asyncio.Queue()
        self.pace = Pace(ceiling)

    async def results(self) -> AsyncIterator[Done]:
        """What `ask` gave, in the order of completion. Raises what `ask` raised."""
        for _ in range(self._ceiling):
            if not self._start():
                break
        while self._owed:
            result = await self._results.get()
            self._owed -= 1
            if isinstance(result, Exception):
                raise result
            yield result[0]

    async def nap(self, seconds: float) -> None:
        """Sleep inside `ask`; another worker takes over meanwhile."""
        self._awake -= 1
        if len(self._workers) < NAPPING_TOO * self._ceiling:
            self._start()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._awake += 1

    async def stop(self) -> None:
        """End every worker, also in the middle of a request."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def _start(self) -> bool:
        for item in self._items:
            self._awake += 1
            self._owed += 1
            worker = asyncio.get_running_loop().create_task(self._work(item))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
            return True
        return False

    async def _work(self, item: Item) -> None:
        try:
            await self._deliver(item)
            while self._awake <= self._ceiling:
                for following in self._items:
                    self._owed += 1
                    await self._deliver(following)
                    break
                else:
                    return
        finally:
            self._awake -= 1

    async def _deliver(self, item: Item) -> None:
        try:
            self._results.put_nowait((await self._ask(item),))
        except Exception as error:  # noqa: BLE001 - handed to whoever reads the results, who raises it
            self._results.put_nowait(error)
