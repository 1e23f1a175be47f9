"""A metric is two small functions: one answer becomes additive counts; the value is a function of their sum."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shipworthy.records import Direction, Example, Response

Floats = NDArray[np.float64]
Weights = NDArray[np.float64] | NDArray[np.float32]
"""(B, N) resampling weights of rows: how often each was drawn, whole numbers."""
Kind = Literal["binary", "mean", "corpus", "quantile", "rank"]
_NOT_NEGATIVE = ("s", "usd", "tokens", "tokens/s", "MiB", "J", "words", "characters")
_SPANS: Mapping[str, tuple[float, float]] = {
    "share": (0.0, 1.0),
    "correlation": (-1.0, 1.0),
    "perplexity": (1.0, math.inf),
    **dict.fromkeys(_NOT_NEGATIVE, (0.0, math.inf)),
}
"""What a value of this unit can be; a metric that knows better says so by its `bounds`."""


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Elementwise numerator / denominator; 0 where the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.zeros(shape), where=np.asarray(denominator) > 0)


def mean_of(sums: Floats) -> Floats:
    """(..., 2) sums of (score, 1) -> (...,) mean score; 0 where nothing was counted."""
    return ratio(sums[..., 0], sums[..., 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How answers are scored.

    Attributes:
        name: as it stands in the protocol.
        unit: of the value and of margins: "share" (0..1), "s", "usd", "tokens", "points".
        better: which direction is better.
        kind: which interval it needs. "binary": counts (0 or 1, 1). "mean": counts (score, 1). "corpus": any K counts,
            resampled. "quantile": counts (value, 1), the value is the `quantile` of the column, not of the sum.
            "rank": a statistic of the whole column such as AUROC, by `summarize_rows`.
        observe: (example, answered response) -> K finite counts. All counts zero: this answer carries no measurement
            (latency that nobody recorded), it has weight 0 and is no example of its model.
            Raises BadInput when the *example* cannot be scored (no reference), MissingEvidence when the backend did not
            report what the metric reads; a bad answer is a low score.
        summarize: (..., K) sums -> (...,) values. For "quantile" and "rank" the sums do not hold the value; there it
            gives the mean of the column, for dashboards only.
        failure: the K counts of an answer that errored or never came (it counts against its model).
        failure_of: where those counts depend on the example (BLEU needs the length of the reference); used instead of
            `failure` by `counts`. All zero: no answer to this example is measured (a condition leaves it out).
        quantile: for kind "quantile": which one, 0..1.
        margin: default non-inferiority margin in the unit.
        source: paper, specification or reference implementation.
        version: changes when the scores of the same answer may change.
        requires: what a response must carry: "logprobs", "usage".
        summarize_rows: for kind "rank": (N, K) counts, (B, N) weights (whole numbers, single precision) -> (B,)
            values, so that a bootstrap is one call.
        survivorship: failed answers carry no weight here; whoever prints the value must warn (code `survivorship`).
        per_answer: for kind "corpus": each answer is measured by itself (cost, tokens), so an answer without weight is
            one that nobody measured, and two models are compared on the rows that both measured (see `row_by_row`).
        costliest: for kind "corpus": (N, K) counts, tokens that an answer can have (None: nobody said) -> (M, K) counts
            of the answers that cost most: one that runs on so long, and an empty one; None: none stands out.
        noise: for kind "corpus": (..., K) sums -> (...,) the value that a perfect model has by chance, where that
            is not 0 and two such values do not cancel (a binned calibration error); None: none.
        compared_only: why an absolute limit on it is not judged (its estimate is biased); "": it is.
        unread: of a judge's metric: what a candidate's answer counts whose verdict cannot be read (its counts are then
            zeros, and an unread verdict on a baseline's answer is a tie); None: every answer that came is measured.
        bounds: smallest and largest value that a sample can have; None: as the unit says (see `span`).

    Raises: ValueError: the parts contradict one another.
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
    summarize_rows: Callable[[Floats, Weights], Floats] | None = None
    survivorship: bool = False
    per_answer: bool = False
    failure_of: Callable[[Example], tuple[float, ...]] | None = None
    bounds: tuple[float, float] | None = None
    compared_only: str = ""
    costliest: Callable[[Floats, float | None], Floats] | None = None
    noise: Callable[[Floats], Floats] | None = None
    unread: tuple[float, ...] | None = None

    @property
    def span(self) -> tuple[float, float]:
        """The smallest and the largest value that it can have; infinite where nothing says."""
        return self.bounds or _SPANS.get(self.unit, (-math.inf, math.inf))

    @property
    def row_by_row(self) -> bool:
        """Whether a row without weight lacks a measurement; in other sums it may be a row with nothing to count."""
        return self.kind != "corpus" or self.per_answer

    def counts(self, example: Example, response: Response | None) -> tuple[float, ...]:
        """K counts of one response, whatever became of it; None is an answer that never came."""
        if response is not None and response.error is None:
            return self.observe(example, response)
        return self.failure if self.failure_of is None else self.failure_of(example)

    def weighs(self, example: Example) -> bool:
        """Whether an answer to this example can be measured at all, as far as that is known before there is one."""
        return self.failure_of is None or any(self.failure_of(example))

    def __post_init__(self) -> None:
        if not self.failure or not all(math.isfinite(count) for count in self.failure):
            raise ValueError(f"metric {self.name!r}: `failure` needs at least one count, all finite")
        if self.kind in ("binary", "mean", "quantile") and len(self.failure) != 2:
            raise ValueError(f"metric {self.name!r}: kind {self.kind} counts (score, 1), so `failure` has two counts")
        if (self.kind == "quantile") != (self.quantile is not None):
            raise ValueError(f"metric {self.name!r}: `quantile` is set for kind quantile and for no other")
        if (self.kind == "rank") != (self.summarize_rows is not None):
            raise ValueError(f"metric {self.name!r}: `summarize_rows` is set for kind rank and for no other")
