"""Small worlds for the judge: evidence from plain columns, a question around it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from shipworthy.gates import Question, judge
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import Decisions, GateSpec
from shipworthy.records import ANSWERED, Evidence, Labels, ModelRole, Verdict


def make_metric(name: str = "accuracy", **changes: Any) -> Metric:
    """A metric whose counts the test writes down itself."""
    settings: dict[str, Any] = {"unit": "share", "better": "higher", "kind": "binary", "observe": _never} | changes
    return Metric(name=name, **settings)


def _never(example: object, response: object) -> tuple[float, ...]:
    raise AssertionError("the judge observes nothing")


def make_evidence(
    scores: Mapping[tuple[str, str], Any],
    *,
    dataset: str = "test",
    clusters: Any = None,
    slices: Mapping[str, Sequence[str]] | None = None,
    status: Mapping[str, Any] | None = None,
    seeds: Any = None,
    ids: Any = None,
) -> Evidence:
    """(model, metric) -> scores (N,) or counts (N, K); slices as one label a row."""
    counts = {key: _counts(value) for key, value in scores.items()}
    n = len(next(iter(counts.values())))
    ids = np.array([f"e{i}" for i in range(n)] if ids is None else ids, dtype=object)
    every = {model: np.full(n, ANSWERED, np.uint8) for model, _ in counts}
    every.update({model: np.asarray(column, np.uint8) for model, column in (status or {}).items()})
    return Evidence(
        dataset=dataset,
        example_N=ids,
        seed_N=np.zeros(n, np.int64) if seeds is None else np.asarray(seeds, np.int64),
        cluster_N=np.arange(n) if clusters is None else np.asarray(clusters, np.int64),
        slices={column: _labels(rows) for column, rows in (slices or {}).items()},
        status=every,
        counts=counts,
    )


def _counts(value: Any) -> Any:
    values = np.asarray(value, dtype=np.float64)
    return values if values.ndim == 2 else np.stack([values, np.ones(len(values))], axis=1)


def _labels(rows: Sequence[str]) -> Labels:
    names = tuple(sorted(set(rows)))
    where = {name: code for code, name in enumerate(names)}
    return Labels(names=names, code_N=np.array([where[row] for row in rows], np.int64))


def make_question(
    *gates: GateSpec,
    metrics: Sequence[Metric] | None = None,
    roles: Mapping[str, ModelRole] | None = None,
    datasets: Mapping[str, str] | None = None,
    **rest: Any,
) -> Question:
    known = {metric.name: metric for metric in (metrics or [make_metric()])}
    return Question(
        candidate="new",
        roles=roles or {"new": "candidate", "old": "production"},
        gates=gates,
        metrics=known,
        datasets=dict.fromkeys(known, "test") | dict(datasets or {}),
        decisions=rest.pop("decisions", None) or Decisions(draws=1000),
        **rest,
    )


def paired_scores(n: int, *, lost: int, won: int, both: int | None = None) -> tuple[Any, Any]:
    """(new, old): `lost` rows that only the old one has right, `won` that only the new one has."""
    both = (n - lost - won) if both is None else both
    new = np.array([0] * lost + [1] * won + [1] * both + [0] * (n - lost - won - both), np.float64)
    old = np.array([1] * lost + [0] * won + [1] * both + [0] * (n - lost - won - both), np.float64)
    return new, old


Judge = Callable[..., Verdict]


@pytest.fixture
def verdict_of() -> Judge:
    """Judges with a fixed generator."""

    def call(question: Question, *evidence: Evidence, seed: int = 7) -> Verdict:
        return judge(question, evidence, rng=np.random.default_rng(seed))

    return call
