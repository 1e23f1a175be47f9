"""What answers cost and how long they took, for each model, out of its responses."""

import numpy as np

from shipworthy.records import Response
from shipworthy.stats.clustered import cluster_means
from shipworthy.stats.quantiles import order_statistic_interval, quantile
from shipworthy.web._page import Column, Measured

LATENCY = Column(name="median latency", dataset="answered requests", unit="s", better="lower")
COST = Column(name="cost of 1,000 answers", dataset="answered requests", unit="usd", better="lower")
_NOTHING = Measured(value=None, low=None, high=None, n=0)


class Prices:
    """Collects latency and cost while responses pass by; an answer given again replaces the one before."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[tuple[str, str, int], tuple[float | None, float | None]]] = {}

    def add(self, response: Response) -> None:
        """Take note of one response; one that failed has no price and counts in the metrics instead."""
        if response.error is None:
            key = (response.dataset, response.example_id, response.seed)
            self._seen.setdefault(response.model, {})[key] = (response.latency_s, response.cost_usd)

    def latency(self, model: str, *, alpha: float) -> Measured:
        """Median seconds of one answer, mean over seeds first, with its order-statistic interval."""
        values = self._by_example(model, 0)
        if not values:
            return _NOTHING
        value = quantile(values, 0.5)
        low, high = order_statistic_interval(values, 0.5, alpha=alpha)
        return Measured(value=value, low=_finite(low), high=_finite(high), n=len(values))

    def cost(self, model: str, *, alpha: float) -> Measured:
        """US dollars of a thousand answers, with the t interval of their mean."""
        values = [1_000 * value for value in self._by_example(model, 1)]
        if not values:
            return _NOTHING
        means = cluster_means(np.array(values))
        low, high = means.interval(alpha=alpha)
        return Measured(
            value=float(means.mean_SM[0, 0]), low=_finite(low[0, 0]), high=_finite(high[0, 0]), n=len(values)
        )

    def _by_example(self, model: str, which: int) -> list[float]:
        seeds: dict[tuple[str, str], list[float]] = {}
        for (dataset, example_id, _), prices in self._seen.get(model, {}).items():
            price = prices[which]
            if price is not None:
                seeds.setdefault((dataset, example_id), []).append(price)
        return [sum(values) / len(values) for values in seeds.values()]


def _finite(limit: float) -> float | None:
    return float(limit) if np.isfinite(limit) else None
