"""A metric is two small functions: one answer becomes additive counts; the value is a function of their sum."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shipworthy.records import Direction, Example, Response

Floats = NDArray[np.float64]
Kind = Literal["binary", "mean", "corpus", "quantile"]


def mean_of(sums: Floats) -> Floats:
    """(..., 2) sums of (score, 1) -> (...,) mean score; 0 where nothing was counted."""
    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros_like(sums[..., 0]), where=sums[..., 1] > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How answers are scored.

    Attributes:
        name: as it stands in the protocol.
        unit: of the value and of margins: "share" (0..1), "s", "usd", "tokens", "points".
        better: which direction is better.
        kind: which interval it needs. "binary": counts (0 or 1, 1). "mean": counts (score, 1). "corpus": any K counts,
            resampled. "quantile": counts (value, 1), the value is the `quantile` of the column, not of the sum.
        observe: (example, answered response) -> K finite counts.
        summarize: (..., K) sums -> (...,) values.
        failure: the K counts of an answer that errored or never came (it counts against its model).
        quantile: for kind "quantile": which one, 0..1.
        margin: default non-inferiority margin in the unit.
        source: paper, specification or reference implementation.
        version: changes when the scores of the same answer may change.
    """

    name: str
    unit: str
    better: Direction
    kind: Kind
    observe: Callable[[Example, Response], tuple[float, ...]]
    summarize: Callable[[Floats], Floats] = mean_of
    failure: tuple[float, ...] = (0.0, 1.0)
    quantile: float | None = None
    margin: float = 0.02
    source: str = ""
    version: str = "1"
    requires: frozenset[str] = field(default_factory=frozenset)
