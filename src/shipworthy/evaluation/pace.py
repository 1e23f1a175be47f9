"""Several models that are asked side by side, none of them a step ahead of the others."""

import asyncio


class Pace:
    """A meeting point for a number of parties that may leave; pure waiting, it measures nothing."""

    def __init__(self, parties: int) -> None:
        self._parties = parties
        self._waiting = 0
        self._gate = asyncio.Event()

    async def together(self) -> None:
        """Returns once every party that is still there has come."""
        self._waiting += 1
        if self._waiting >= self._parties:
            self._open()
            return
        await self._gate.wait()

    def leave(self) -> None:
        """One party comes no more; nobody waits for it."""
        self._parties -= 1
        if self._waiting and self._waiting >= self._parties:
            self._open()

    def _open(self) -> None:
        self._waiting = 0
        self._gate.set()
        self._gate = asyncio.Event()
