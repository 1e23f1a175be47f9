"""What the readers of evaluation logs share: scores one by one, collected into long rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shipworthy.data.results._long import Long, texts
from shipworthy.data.results._query import Query
from shipworthy.errors import BadInput
from shipworthy.records import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One value of one metric on one example. `value` None: the model errored."""

    example: str
    model: str
    metric: str
    value: float | None
    where: str
    seed: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    cluster: str | None = None
    asked: str | None = None
    gold: str | None = None


def long_rows(
    scores: list[Score], *, source: str, where: str, better: Mapping[str, Direction], extras: tuple[str, ...] = ()
) -> Long:
    """The scores as columns."""
    models = list(dict.fromkeys(score.model for score in scores))
    metrics = list(dict.fromkeys(score.metric for score in scores))
    columns = dict.fromkeys(name for score in scores for name in score.labels)
    model_code = {name: code for code, name in enumerate(models)}
    metric_code = {name: code for code, name in enumerate(metrics)}
    return Long(
        source=source,
        where=where,
        example_R=texts([score.example for score in scores]),
        models=models,
        model_R=np.array([model_code[score.model] for score in scores], dtype=np.int64),
        metrics=metrics,
        metric_R=np.array([metric_code[score.metric] for score in scores], dtype=np.int64),
        seed_R=np.array([score.seed for score in scores], dtype=np.int64),
        value_R=np.array([np.nan if score.value is None else score.value for score in scores], dtype=np.float64),
        failed_R=np.array([score.value is None for score in scores], dtype=np.bool_),
        slices={name: texts([score.labels.get(name) for score in scores]) for name in columns},
        place=lambda row: scores[row].where,
        cluster_R=texts([score.cluster for score in scores]) if any(score.cluster for score in scores) else None,
        input_R=texts([score.asked for score in scores]) if any(score.asked for score in scores) else None,
        gold_R=texts([score.gold for score in scores]) if any(score.gold is not None for score in scores) else None,
        better=better,
        extras=extras,
    )


def called(query: Query, names: list[str]) -> str:
    """The name of a log's model: the one of `names` that is asked for, else the first."""
    return next((name for name in names if name in (query.candidate, query.baseline)), names[0])


def same_input(scores: Sequence[Score], asked: dict[str, Score]) -> None:
    """Raises: BadInput: one id stands for two inputs, as when two datasets are numbered alike.

    Args: asked: the first score of every example so far; it is added to.
    """
    for score in scores:
        if score.asked is None:
            continue
        other = asked.setdefault(score.example, score)
        if other.asked != score.asked:
            message = f"{score.example!r} has another input than at {other.where}; run both models on one dataset"
            raise BadInput(message, where=score.where)


def finite(value: Any, metric: str, where: str) -> float:
    """A score as a number; true is 1. Raises: BadInput: it is none, or not finite."""
    if not isinstance(value, bool | int | float) or not math.isfinite(value):
        raise BadInput(f"{metric} is {str(value)[:40]!r}, which is not a score", where=where)
    return float(value)
