"""What went wrong with one request, and when to try again. Pure."""

import random
from dataclasses import dataclass, field
from typing import Any, Literal

from shipworthy.models._reply import Usage
from shipworthy.records import Record

Kind = Literal["refused", "unavailable", "denied", "rejected"]
"""refused: not now (429, 503). unavailable: no proper answer (5xx, reset, timeout, HTML). denied: not for this key,
model or request (401, 403, 404, redirect). rejected: not this prompt (400, 413, 422, an answer without text)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One request that brought no answer. `hopeless`: nothing that follows can succeed (key wrong, quota used up).

    `unread`: a 200 in the protocol's form, in which there is no answer: it may pass, and may be this prompt's alone.
    `extra` and `usage`: what the endpoint said beside the answer that is missing.
    """

    kind: Kind
    message: str
    status: int | None = None
    retry_after_s: float | None = None
    timed_out: bool = False
    hopeless: bool = False
    unread: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    usage: Usage | None = None


class RetryPolicy(Record):
    """How long to insist. Waits double from `*_base_s`, each shortened at random by up to half, at most `longest_s`.

    A server that sheds a few requests at random says nothing new by refusing one of them twice, so the waits after
    refusals double with the windows in a row that found it overloaded (`Pace.pressure`), not with one request's luck.
    """

    max_retries: int = 4
    max_timeouts: int = 1
    patience_s: float = 120.0
    refused_base_s: float = 0.03
    unavailable_base_s: float = 0.25
    longest_s: float = 30.0

    def delay_s(
        self, failure: Failure, attempt: int, waited_s: float, rng: random.Random, *, pressure: int | None = None
    ) -> float | None:
        """Seconds to wait before the next attempt; None: give up.

        Args:
            attempt: how many attempts were made, 1 after the first.
            waited_s: seconds since the first attempt began.
            pressure: how many windows in a row found the server overloaded; None: not known, attempts tell.
        """
        if failure.kind in ("denied", "rejected") or failure.hopeless:
            return None
        if failure.kind == "unavailable":
            most = self.max_timeouts if failure.timed_out else self.max_retries
            return self._backoff(self.unavailable_base_s, attempt, rng) if attempt <= most else None
        delay = failure.retry_after_s
        if delay is None:
            doublings = attempt if pressure is None else min(attempt, 1 + pressure)
            delay = self._backoff(self.refused_base_s, doublings, rng)
        return delay if waited_s + delay <= self.patience_s else None

    def _backoff(self, base_s: float, attempt: int, rng: random.Random) -> float:
        longest = min(self.longest_s, base_s * 2.0 ** min(attempt - 1, 30))
        return longest * (1 - rng.random() / 2)
