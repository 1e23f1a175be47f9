"""Micro, macro and weighted F1 and Matthews' correlation from additive per-class counts.

Counts of one answer over C declared classes: C x (class is right), C x (class is predicted), C x (class is gold), 1.
A prediction that names no class is counted in the last one only. Values equal scikit-learn's (test_parity.py).
"""

from functools import lru_cache, partial
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from shipworthy.metrics.match import Extract, Field, LabelOptions
from shipworthy.metrics.types import Floats, Metric, ratio
from shipworthy.records import Example, Record, Response


class ClassesOptions(Record):
    """The classes, and how one is read out of the answer."""

    labels: Annotated[tuple[str, ...], Meta(min_length=2, description="Every class.", examples=[["a", "b"]])]
    only: Annotated[
        tuple[str, ...], Meta(description="The classes whose F1 counts, for example all but `none`; default: all.")
    ] = ()
    extract: Extract = None
    field: Field = None

    def __post_init__(self) -> None:
        if len({label.casefold() for label in self.labels}) < len(self.labels):
            raise ValueError("`labels` names a class twice")
        unknown = [label for label in self.only if label not in self.labels]
        if unknown:
            raise ValueError(f"`only` names {unknown[0]!r}, which is none of `labels`")

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(C right, C predicted, C gold, 1)."""
        reader = LabelOptions(labels=self.labels, extract=self.extract, field=self.field)
        gold, predicted = reader.gold(example), reader.predicted(response)
        return self._counts(gold, predicted)

    def failed(self, example: Example) -> tuple[float, ...]:
        """A failed answer misses its class."""
        return self._counts(LabelOptions(labels=self.labels, field=self.field).gold(example), None)

    def _counts(self, gold: str, predicted: str | None) -> tuple[float, ...]:
        places, size = _places(self.labels), len(self.labels)
        counts = [0.0] * (3 * size) + [1.0]
        counts[2 * size + places[gold]] = 1.0
        if predicted is not None:
            counts[size + places[predicted]] = 1.0
            counts[places[predicted]] = float(predicted == gold)
        return tuple(counts)

    def counted(self) -> tuple[int, ...]:
        """Positions of the classes whose F1 counts."""
        return tuple(i for i, label in enumerate(self.labels) if not self.only or label in self.only)


@lru_cache(maxsize=64)
def _places(labels: tuple[str, ...]) -> dict[str, int]:
    return {label: place for place, label in enumerate(labels)}


def _parts(sums: Floats) -> tuple[Floats, Floats, Floats]:
    c = (sums.shape[-1] - 1) // 3
    return sums[..., :c], sums[..., c : 2 * c], sums[..., 2 * c : 3 * c]


def f1(sums: Floats, *, average: Literal["micro", "macro", "weighted"], classes: tuple[int, ...]) -> Floats:
    """(..., 3C + 1) sums -> (...,) F1; a class that is neither predicted nor gold has F1 0, as in scikit-learn."""
    right, got, gold = (part[..., list(classes)] for part in _parts(sums))
    if average == "micro":
        return ratio(2 * right.sum(-1), (got + gold).sum(-1))
    per_class = ratio(2 * right, got + gold)
    if average == "macro":
        return np.asarray(per_class.mean(-1))
    return ratio((per_class * gold).sum(-1), gold.sum(-1))


def matthews(sums: Floats) -> Floats:
    """(..., 3C + 1) sums -> (...,) multi-class Matthews correlation, -1 to 1; answers without a class are a class."""
    right, got, gold = _parts(sums)
    n = sums[..., -1]
    unread = n - got.sum(-1)
    covariance = n * right.sum(-1) - (got * gold).sum(-1)
    spread_got = n**2 - (got**2).sum(-1) - unread**2
    spread_gold = n**2 - (gold**2).sum(-1)
    return ratio(covariance, np.sqrt(np.maximum(spread_got * spread_gold, 0.0)))


def _metric(name: str, options: ClassesOptions, average: Literal["micro", "macro", "weighted"]) -> Metric:
    return Metric(
        name=name,
        unit="share",
        better="higher",
        kind="corpus",
        observe=options.observe,
        summarize=partial(f1, average=average, classes=options.counted()),
        failure=(*(0.0,) * (3 * len(options.labels)), 1.0),
        failure_of=options.failed,
        source="scikit-learn f1_score, whose values it equals",
        version="2",
    )


def micro_f1(options: ClassesOptions) -> Metric:
    """Micro-averaged F1 over the declared classes: every answer counts the same."""
    return _metric("micro_f1", options, "micro")


def macro_f1(options: ClassesOptions) -> Metric:
    """Macro-averaged F1 over the declared classes: every class counts the same."""
    return _metric("macro_f1", options, "macro")


def weighted_f1(options: ClassesOptions) -> Metric:
    """F1 averaged over the declared classes by how often each is gold."""
    return _metric("weighted_f1", options, "weighted")


def mcc(options: ClassesOptions) -> Metric:
    """Matthews' correlation of predicted and gold classes; answers without a readable class are one of their own."""
    return Metric(
        name="mcc",
        unit="correlation",
        better="higher",
        kind="corpus",
        observe=options.observe,
        summarize=matthews,
        failure=(*(0.0,) * (3 * len(options.labels)), 1.0),
        failure_of=options.failed,
        source="Gorodkin 2004; scikit-learn matthews_corrcoef, whose values it equals",
        version="2",
    )
