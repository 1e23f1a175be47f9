"""How much a model loses between the original rows and their changed copies, which share a cluster."""

from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.metrics._answer import place, text_of
from shipworthy.metrics.types import Floats, Metric, ratio
from shipworthy.records import Example, Record, Response

ORIGINAL = "original"


class DropOptions(Record):
    """What is measured on both sides, and which column tells them apart."""

    metric: Annotated[str, Meta(description="Metric of kind binary or mean that is measured on every row.")] = (
        "exact_match"
    )
    options: Annotated[dict[str, Any], Meta(description="Options of that metric.")] = {}
    field: Annotated[str, Meta(description="Column that says `original`, or how the row was changed.")] = "variant"


class _Drop:
    def __init__(self, inner: Metric, field: str) -> None:
        self._inner = inner
        self._field = field

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(score, 1) of an original row before (score, 1) of a changed one; the other pair is 0."""
        text_of(response)
        return self._placed(example, self._inner.observe(example, response))

    def failure_of(self, example: Example) -> tuple[float, ...]:
        return self._placed(example, self._inner.failure)

    def _placed(self, example: Example, counts: tuple[float, ...]) -> tuple[float, ...]:
        if example.fields.get(self._field) is None:
            raise BadInput(
                f"example {example.id!r} has no column {self._field!r}, so `drop` cannot tell original rows from "
                "changed ones; measure it on a robustness suite",
                where=place(example),
            )
        zero = (0.0, 0.0)
        return (*counts, *zero) if example.fields[self._field] == ORIGINAL else (*zero, *counts)


def _lost(sums: Floats) -> Floats:
    """(..., 4) sums -> (...,) mean on originals minus mean on changed rows; 0 where one side is empty."""
    both = (sums[..., 1] > 0) & (sums[..., 3] > 0)
    lost = ratio(sums[..., 0], sums[..., 1]) - ratio(sums[..., 2], sums[..., 3])
    return np.where(both, lost, 0.0)


def _gained(sums: Floats) -> Floats:
    return -_lost(sums)


def drop(options: DropOptions) -> Metric:
    """What another metric loses from original rows to their perturbed copies; positive is worse.

    Use it on a robustness suite. An original row and its copies are one cluster, so the interval is that of the paired
    drop. It counts (score, 1) for original rows and (score, 1) for changed ones, and takes the difference of the means.
    """
    from shipworthy.metrics._catalogue import build  # the table names this module, so not at the top

    inner = build(options.metric, options.metric, options.options)
    if inner.kind not in ("binary", "mean"):
        raise BadInput(f"drop needs a metric of kind binary or mean; {options.metric!r} is of kind {inner.kind}")
    scorer = _Drop(inner, options.field)
    return Metric(
        name="drop",
        unit=inner.unit,
        better="lower",
        kind="corpus",
        observe=scorer.observe,
        summarize=_lost if inner.better == "higher" else _gained,
        failure=(*inner.failure, 0.0, 0.0),
        failure_of=scorer.failure_of,
        margin=inner.margin,
        bounds=(inner.span[0] - inner.span[1], inner.span[1] - inner.span[0]),
        requires=inner.requires,
        source="definition: difference of two means over clusters of an original row and its changed copies",
        version=inner.version,
    )
