"""A number that the answer itself states as JSON: what a probe of a suite reports."""

import math
from typing import Annotated

from msgspec import Meta

from shipworthy.metrics._answer import text_of
from shipworthy.metrics._json import at, parsed, steps
from shipworthy.metrics.types import Metric
from shipworthy.records import Direction, Example, Record, Response


class JsonNumberOptions(Record):
    """Where the number stands and what it may be."""

    path: Annotated[str, Meta(description="Path into the answer's JSON, such as `score` or `items[0].share`.")] = (
        "score"
    )
    better: Annotated[Direction, Meta(description="Which direction is better.")] = "higher"
    unit: Annotated[str, Meta(description="Unit of the number, for reports.")] = "points"
    low: Annotated[float, Meta(description="Smallest number; a smaller one counts as this.")] = 0.0
    high: Annotated[float, Meta(description="Largest number; a larger one counts as this.")] = 1.0

    def __post_init__(self) -> None:
        steps(self.path)
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError("`low` must be less than `high`, both finite")

    @property
    def worst(self) -> float:
        """What an answer without the number counts as."""
        return self.low if self.better == "higher" else self.high

    def observe(self, _example: Example, response: Response) -> tuple[float, ...]:
        """(the number within its limits, 1); the worst number where the answer states none."""
        found = at(parsed(text_of(response), "fenced"), self.path)
        if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) < math.inf:
            return (self.worst, 1.0)
        return (float(min(self.high, max(self.low, found))), 1.0)


def json_number(options: JsonNumberOptions) -> Metric:
    """Mean of a number that the answer states as JSON, such as the score that a probe reports.

    An answer without the number, or without JSON, counts as the worst number allowed.
    """
    return Metric(
        name="json_number",
        unit=options.unit,
        better=options.better,
        kind="mean",
        observe=options.observe,
        failure=(options.worst, 1.0),
        bounds=(options.low, options.high),
        source="definition: mean of the stated number within its declared limits",
    )
