"""How many requests may be in flight: additive increase, decrease in proportion to what is refused.

A server that sheds a few per cent of requests at random is not overloaded, so halving at each 429 (TCP Reno) would
starve the client. The window shrinks by half of the share refused, as in DCTCP (Alizadeh et al. 2010), once a window.
"""

import asyncio
from collections import deque

SMALLEST_WINDOW = 8
GROWTH = 0.05
OVERLOADED = 0.5


def next_limit(limit: float, refused_share: float, ceiling: int) -> float:
    """The limit after a window in which `refused_share` (0..1) of the requests met 429 or 503; within [1, ceiling]."""
    shrunk = limit * (1 - refused_share / 2)
    grown = shrunk if refused_share >= OVERLOADED else shrunk + max(1.0, GROWTH * ceiling)
    return min(float(ceiling), max(1.0, grown))


class Pace:
    """A gate that at most `limit` requests pass at a time. All methods belong to one event loop."""

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._in_flight = 0
        self._seen = 0
        self._refused = 0
        self._closed_until = 0.0
        self.limit = float(ceiling)
        self.pressure = 0
        """How many windows in a row, up to now, found the server overloaded."""

    async def enter(self) -> None:
        """Wait for a free place, and for the end of a pause, and take it."""
        loop = asyncio.get_running_loop()
        while True:
            if (pause := self._closed_until - loop.time()) > 0:
                await asyncio.sleep(pause)
            elif self._in_flight >= int(self.limit):
                await self._turn(loop)
            else:
                self._in_flight += 1
                return

    def leave(self, *, refused: bool) -> bool:
        """Give the place back; says whether the server is overloaded, so that everybody should wait."""
        self._in_flight -= 1
        self._seen += 1
        self._refused += refused
        overloaded = False
        if self._seen >= max(SMALLEST_WINDOW, int(self.limit)):
            share = self._refused / self._seen
            self.limit = next_limit(self.limit, share, self._ceiling)
            overloaded = share >= OVERLOADED
            self.pressure = self.pressure + 1 if overloaded else 0
            self._seen = self._refused = 0
        self._wake()
        return overloaded

    def pause(self, seconds: float) -> None:
        """Let nobody in for so long: the server asked for it."""
        self._closed_until = max(self._closed_until, asyncio.get_running_loop().time() + seconds)

    async def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        turn = loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            self._wake()  # hand the turn on
            raise

    def _wake(self) -> None:
        free = int(self.limit) - self._in_flight
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
