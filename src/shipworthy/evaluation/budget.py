"""What a run may still spend. Prompts go out in parcels, each no larger than what is left surely pays for."""

from shipworthy.protocol.types import Budget


class Purse:
    """Counts requests and dollars against a budget; shared by all models that spend."""

    def __init__(self, budget: Budget, *, requests: int = 0, cost_usd: float = 0.0) -> None:
        self._budget = budget
        self._requests = requests
        self._cost_usd = cost_usd
        self._held = 0
        self._dearest_usd = 0.0

    def take(self, wanted: int) -> int:
        """How many of `wanted` requests may go out now; 0: the budget is used up. Give each back with `pay`."""
        allowed = wanted
        if self._budget.max_requests is not None:
            allowed = min(allowed, self._budget.max_requests - self._requests - self._held)
        if self._budget.max_cost_usd is not None:
            allowed = min(allowed, self._affordable())
        allowed = max(0, allowed)
        self._held += allowed
        return allowed

    def pay(self, cost_usd: float) -> None:
        """One request that was taken has been answered (or has failed) at this cost."""
        self._held -= 1
        self._requests += 1
        self._cost_usd += cost_usd
        self._dearest_usd = max(self._dearest_usd, cost_usd)

    def put_back(self, count: int) -> None:
        """So many requests that were taken never went out."""
        self._held -= count

    def reason(self) -> str:
        """Why nothing more may go out."""
        most = self._budget.max_requests
        if most is not None and self._requests + self._held >= most:
            return f"budget.max_requests {most} is used up"
        return f"budget.max_cost_usd {self._budget.max_cost_usd:g} is used up ({self._cost_usd:.4g} spent)"

    def _affordable(self) -> int:
        left = (self._budget.max_cost_usd or 0.0) - self._cost_usd - self._held * self._dearest_usd
        if left <= 0:
            return 0
        if self._dearest_usd == 0:
            return 1  # the first answer says what one costs
        return int(left / self._dearest_usd)
