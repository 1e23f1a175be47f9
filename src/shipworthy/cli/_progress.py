"""Progress on stderr: a bar on a terminal, a line every ten seconds elsewhere, nothing with --quiet."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Shows how far named stages have come; call `update(stage, done, total, note)` as often as you like."""

    def __init__(self, *, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.quiet = quiet
        self._clock = clock
        self._bar = _TerminalBar() if sys.stderr.isatty() and not quiet else None
        self._last_line = clock()

    def update(self, stage: str, done: int, total: int, note: str = "") -> None:
        if self.quiet:
            return
        if self._bar is not None:
            self._bar.show(stage, done, total, note)
        elif done >= total or self._clock() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = self._clock()
            print(f"{stage}: {done}/{total} {note}".rstrip(), file=sys.stderr, flush=True)

    def say(self, message: str) -> None:
        """One line about what happens next."""
        if not self.quiet:
            self.close()
            print(message, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _TerminalBar:
    def __init__(self) -> None:
        self._stage = ""
        self._bar: tqdm[NoReturn] | None = None

    def show(self, stage: str, done: int, total: int, note: str) -> None:
        if self._bar is None or stage != self._stage:
            self.close()
            self._stage, self._bar = stage, _bar(stage, total)
        self._bar.total = total
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._stage, self._bar = "", None


def _bar(stage: str, total: int) -> "tqdm[NoReturn]":
    from tqdm import tqdm  # 15 ms that a quiet command need not pay

    return tqdm(total=total, desc=stage, unit="", file=sys.stderr)
