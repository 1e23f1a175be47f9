"""Does confidence mean what it says: ECE, Brier score and its parts, from additive bin counts.

Counts of one answer over B bins: B x (it is in this bin), B x (its confidence), B x (it is right). The same sums give
the reliability diagram. Confidence is `extra.confidence` of the response, between 0 and 1.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from shipworthy.metrics._extra import probabilities, probability
from shipworthy.metrics.match import LabelOptions
from shipworthy.metrics.types import Floats, Metric, ratio
from shipworthy.records import Example, Response

Key = Annotated[str, Meta(description="Key of the confidence in the response's `extra`.")]
NEEDS = frozenset({"confidence"})
BIASED = (
    "binned calibration is estimated too high on a finite sample (a perfectly calibrated model of 100 answers shows an "
    "error above .05), so no absolute limit on it is judged; compare it with a baseline (`margin` or `min_gain`)"
)
"""Kumar, Liang & Ma 2019; Roelofs et al. 2022. The bias of two models on the same rows cancels."""


class BinOptions(LabelOptions):
    """The bins, and how right and wrong are told apart (as in `accuracy`)."""

    bins: Annotated[int, Meta(ge=1, le=1000, description="Number of bins of equal width.")] = 15
    edges: Annotated[
        tuple[float, ...],
        Meta(description="Upper edges of the bins but the last, ascending, for example of equal mass in a reference."),
    ] = ()
    confidence: Key = "confidence"

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("`edges` must rise")

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(B in bin, B confidence, B right)."""
        right = self.right(example, response)
        return self._counts(probability(response, self.confidence, needed_by="calibration"), right)

    def failure(self) -> tuple[float, ...]:
        """A failed answer was sure and wrong."""
        return self._counts(1.0, 0.0)

    def count(self) -> int:
        """How many bins there are."""
        return len(self.edges) + 1 if self.edges else self.bins

    def _counts(self, sure: float, right: float) -> tuple[float, ...]:
        at = int(np.searchsorted(self._edges(), sure))  # bins are (low, high], Guo et al. 2017
        one = [0.0] * self.count()
        one[at] = 1.0
        return (*one, *(sure * share for share in one), *(right * share for share in one))

    def _edges(self) -> Floats:
        return np.array(self.edges) if self.edges else np.arange(1, self.bins) / self.bins


def _parts(sums: Floats) -> tuple[Floats, Floats, Floats]:
    b = sums.shape[-1] // 3
    return sums[..., :b], sums[..., b : 2 * b], sums[..., 2 * b :]


def expected_error(sums: Floats) -> Floats:
    """(..., 3B) sums -> (...,) expected calibration error: mean distance of accuracy from confidence, by bin."""
    n, sure, right = _parts(sums)
    return ratio(np.abs(right - sure).sum(-1), n.sum(-1))


def reliability_diagram(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """(3B,) sums -> per bin with answers: (mean confidence, accuracy, number of answers)."""
    n, sure, right = _parts(sums)
    full = n > 0
    return sure[full] / n[full], right[full] / n[full], n[full]


def murphy(sums: Floats, *, part: Literal["reliability", "resolution", "uncertainty"]) -> Floats:
    """(..., 3B) sums -> (...,) one part of the Brier score: reliability - resolution + uncertainty.

    Exact where all answers of a bin have one confidence; else the parts leave out the spread within bins.
    Source: Murphy 1973; Stephenson et al. 2008.
    """
    n, sure, right = _parts(sums)
    total = n.sum(-1)
    rate = ratio(right.sum(-1), total)
    if part == "uncertainty":
        return rate * (1 - rate)
    gap = right - sure if part == "reliability" else right - n * rate[..., None]
    return ratio(ratio(gap**2, n).sum(-1), total)


def ece(options: BinOptions) -> Metric:
    """Expected calibration error: how far accuracy lies from confidence, over bins of equal width or given edges."""
    source = "Naeini et al. 2015; Guo et al. 2017, bins (low, high]"
    return replace(_binned("ece", options, expected_error, "lower", source), noise=_error_by_chance)


def _error_by_chance(sums: Floats) -> Floats:
    """(..., 3 x bins) sums -> (...,) expected error of a perfectly calibrated model: sqrt(2/pi) deviations a bin."""
    n, sure, _ = _parts(sums)
    p = ratio(sure, n)
    return ratio(np.sqrt(2 / np.pi * n * p * (1 - p)).sum(-1), n.sum(-1))


def brier_reliability(options: BinOptions) -> Metric:
    """The part of the Brier score that better calibration would remove."""
    return _binned("brier_reliability", options, partial(murphy, part="reliability"), "lower", "Murphy 1973")


def brier_resolution(options: BinOptions) -> Metric:
    """The part of the Brier score that telling right from wrong answers earns."""
    return _binned("brier_resolution", options, partial(murphy, part="resolution"), "higher", "Murphy 1973")


def _binned(name: str, options: BinOptions, summarize: object, better: object, source: str) -> Metric:
    return Metric(
        name=name,
        unit="share",
        better=better,  # type: ignore[arg-type]
        kind="corpus",
        observe=options.observe,
        summarize=summarize,  # type: ignore[arg-type]
        failure=options.failure(),
        requires=NEEDS,
        source=source,
        version="2",
        compared_only=BIASED,
    )


class BrierOptions(LabelOptions):
    """Over the answer's own confidence, or over the probabilities of all labels."""

    over: Annotated[
        Literal["confidence", "probabilities"],
        Meta(
            description="`confidence`: (confidence - right) squared, 0 to 1. `probabilities`: over all labels, 0 to 2."
        ),
    ] = "confidence"
    confidence: Key = "confidence"
    probabilities: Annotated[str, Meta(description="Key of {label: probability} in the response's `extra`.")] = (
        "probabilities"
    )

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(squared error, 1)."""
        if self.over == "confidence":
            right = self.right(example, response)
            return ((probability(response, self.confidence, needed_by="brier") - right) ** 2, 1.0)
        gold = self.gold(example).casefold()
        shares = probabilities(response, self.probabilities, needed_by="brier")
        hit = sum(share for label, share in shares.items() if label.casefold() == gold)
        return (sum(share**2 for share in shares.values()) - 2 * hit + 1, 1.0)


def brier(options: BrierOptions) -> Metric:
    """Mean squared error of the confidence, or of the probabilities of all labels."""
    worst = 1.0 if options.over == "confidence" else 2.0
    return Metric(
        name="brier",
        unit="score",
        better="lower",
        kind="mean",
        observe=options.observe,
        failure=(worst, 1.0),
        bounds=(0.0, worst),
        requires=NEEDS if options.over == "confidence" else frozenset({"probabilities"}),
        source="Brier 1950",
        version="2",
    )


def equal_mass_edges(sure_N: Floats, bins: int) -> tuple[float, ...]:
    """Edges for `edges:` that put the same number of these confidences into every bin (ties may move some)."""
    inner = np.quantile(sure_N, np.arange(1, bins) / bins)
    return tuple(sorted({float(edge) for edge in inner}))


def fit_temperature(logits_NC: Floats, label_N: NDArray[np.int64]) -> float:
    """The temperature that gives these logits the lowest negative log-likelihood; above 1 means overconfident.

    Golden-section search over log T in [-4, 4]; the loss is convex in 1/T. Source: Guo et al. 2017.
    """

    def loss(log_t: float) -> float:
        scaled = logits_NC / np.exp(log_t)
        top = scaled.max(1, keepdims=True)
        log_sum = np.log(np.exp(scaled - top).sum(1)) + top[:, 0]
        return float((log_sum - scaled[np.arange(len(label_N)), label_N]).mean())

    low, high, golden = -4.0, 4.0, (np.sqrt(5) - 1) / 2
    for _ in range(60):
        one, two = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, two) if loss(one) < loss(two) else (one, high)
    return float(np.exp((low + high) / 2))
