"""How a column of values is judged: its unit, its direction, its interval, and what an answer that failed counts as."""

import re
from typing import Literal

import numpy as np

from shipworthy import records
from shipworthy.data.results._direction import better_of
from shipworthy.data.results._kinds import USD, is_price, time_of
from shipworthy.data.results._long import Long
from shipworthy.data.results._margins import own_margin
from shipworthy.data.results._query import Query
from shipworthy.errors import MissingEvidence
from shipworthy.metrics.types import Floats, Metric
from shipworthy.metrics.usage import UNMEASURED
from shipworthy.records import Direction, Example, Response

FAILURE_S = 3600.0
"""A failed answer is never a fast one: as in a run it counts as an hour (a quantile asks only that it be slow)."""


def metric_of(long: Long, name: str, values: Floats, query: Query) -> Metric:
    """0 and 1 are binary, anything else a mean; times are a quantile (p95), prices a ratio, as in a run.

    Raises: BadInput: nobody knows which direction is better.
    """
    asked = {} if name in long.extras else query.better
    better = better_of(name, long.better or {}, asked, long.where)
    if (time := time_of(name)) is not None:
        return _time(long, name, time, better)
    within = bool(((values >= 0) & (values <= 1)).all())
    binary = within and bool(np.isin(values, (0.0, 1.0)).all())
    if is_price(name):
        return Metric(
            name=name,
            unit="usd" if name.lower() in USD else "tokens",
            better=better,
            kind="corpus" if long.failed_R.any() else "mean",
            per_answer=True,
            observe=not_observed,
            failure=UNMEASURED,
            survivorship=True,
            margin=own_margin(name, "usd" if name.lower() in USD else "tokens", 0.0),
            source=long.where,
        )
    worst = min(0.0, float(values.min())) if better == "higher" else float(values.max(initial=1.0 if within else 0.0))
    return Metric(
        name=name,
        unit="share" if within else "points",
        better=better,
        kind="binary" if binary else "mean",
        observe=not_observed,
        failure=(worst, 1.0),
        source=long.where,
        margin=own_margin(name, "share" if within else "points", float(values.max(initial=0.0))),
    )


def _time(long: Long, name: str, time: re.Match[str], better: Direction) -> Metric:
    unit: Literal["s", "ms"] = "ms" if time["unit"] == "ms" else "s"
    return Metric(
        name=name,
        unit=unit,
        better=better,
        kind="quantile",
        observe=not_observed,
        failure=(FAILURE_S * (1000 if unit == "ms" else 1), 1.0),
        quantile=int(time["percent"]) / 100 if time["percent"] and int(time["percent"]) else 0.95,
        source=long.where,
        margin=own_margin(name, unit, 0.0),
    )


def not_observed(example: Example, response: Response) -> tuple[float, ...]:
    """Raises: MissingEvidence: always; a results file holds scores, not answers."""
    raise MissingEvidence(
        f"the scores of {example.id!r} and {response.model!r} come from a results file, not from answers"
    )


def opposite_means(metric: Metric, value_MN: Floats, query: Query) -> list[records.Warning]:
    """Times are judged by a percentile, which a reader takes for a mean: `percentile` where the two disagree.

    Args: value_MN: (2, N) times of candidate and baseline, NaN where there is none.
    """
    told = value_MN[:, np.isfinite(value_MN).all(axis=0)]
    if metric.quantile is None or not told.size:
        return []
    at, means = np.quantile(told, metric.quantile, axis=1), told.mean(axis=1)
    if (at[0] - at[1]) * (means[0] - means[1]) >= 0:
        return []
    message = (
        f"{metric.name} is judged by its {100 * metric.quantile:.0f}th percentile, and the means say the opposite: "
        f"{means[0]:.4g} of {query.candidate} against {means[1]:.4g} of {query.baseline}"
    )
    return [records.Warning(code="percentile", message=message)]
