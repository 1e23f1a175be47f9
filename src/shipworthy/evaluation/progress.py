"""How far a run has come."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A moment of a run. `done` of `total` responses are on disk; `eta_s` is None until something was answered."""

    done: int
    total: int
    failed: int
    cost_usd: float
    eta_s: float | None


Report = Callable[[Progress], None]


class Meter:
    """Counts responses and reports at most ten times a second, and at the end."""

    BETWEEN_REPORTS_S = 0.1

    def __init__(self, total: int, report: Report, clock: Callable[[], float]) -> None:
        self._total = total
        self._report = report
        self._clock = clock
        self._started = self._reported = clock()
        self._done = 0
        self._already = 0
        self._failed = 0
        self.cost_usd = 0.0

    def skip(self, count: int, cost_usd: float) -> None:
        """So many were answered in an earlier session."""
        self._done += count
        self._already += count
        self.cost_usd += cost_usd

    def count(self, *, failed: bool, cost_usd: float) -> None:
        """One more response is on disk."""
        self._done += 1
        self._failed += failed
        self.cost_usd += cost_usd
        now = self._clock()
        if now - self._reported >= self.BETWEEN_REPORTS_S or self._done == self._total:
            self._reported = now
            self._report(self._now(now))

    def _now(self, now: float) -> Progress:
        fresh = self._done - self._already
        eta_s = (now - self._started) * (self._total - self._done) / fresh if fresh else None
        return Progress(done=self._done, total=self._total, failed=self._failed, cost_usd=self.cost_usd, eta_s=eta_s)
