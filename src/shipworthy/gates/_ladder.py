"""The ladder: every model on every metric, alone, with quality beside cost and latency."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipworthy.gates._compare import contrast
from shipworthy.gates._generators import Generators
from shipworthy.gates._pairs import Pair, Rows, measured
from shipworthy.gates._unpaired import published_error
from shipworthy.gates.question import Question
from shipworthy.metrics.types import Floats, Metric
from shipworthy.protocol.types import PublishedNumber
from shipworthy.records import Direction, Estimate, Evidence, Interval, ModelRole, Record
from shipworthy.stats.unpaired import welch


class Rung(Record):
    """One model of the ladder. `cells`: metric -> its value with limits; None limits where the sample is refused.

    `n` counts the examples behind each metric; a published number brings its own n, 0 where nobody said.
    """

    model: str
    role: ModelRole
    cells: dict[str, Interval]
    n: dict[str, int]
    method: dict[str, str]
    unit: dict[str, str]
    better: dict[str, Direction]


def estimate(
    metric: Metric,
    counts_NK: Floats,
    cluster_N: NDArray[np.int64] | None = None,
    *,
    rng: np.random.Generator,
    alpha: float = 0.05,
    draws: int = 10_000,
) -> Estimate | None:
    """One model alone on one metric, by the method its evidence asks for; None where the sample is refused.

    Args: counts_NK: (N, K) counts; cluster_N: (N,) codes, None: independent examples. alpha: left out on each side.
    Raises: MissingEvidence: no row carries a measurement.
    """
    codes = np.arange(len(counts_NK)) if cluster_N is None else cluster_N
    independent = cluster_N is None or bool((np.bincount(codes) <= 1).all())
    pair = Pair(metric=metric, ours_NK=counts_NK, base_NK=None, cluster_N=codes, independent=independent, slices={})
    found = contrast(measured(pair), (), alpha=alpha, draws=draws, rng=rng)
    told = found.ours.at(0, refused=found.refused[0] is not None)
    if told.value is None or told.low is None or told.high is None:
        return None
    return Estimate(value=told.value, low=told.low, high=told.high, n=int(found.n_S[0]), method=found.method)


def ladder(question: Question, evidence: Sequence[Evidence], *, rng: np.random.Generator) -> list[Rung]:
    """One rung a model, the candidate first, then the baselines by role; published numbers beside measured ones.

    Absent examples are handled as the policy says (`fail` shows what is there). Source: Miller 2024 for one model's
    standard error; STATISTICS of the judge for the methods.
    """
    rows = Rows(evidence, question)
    names = [question.candidate, *question.baselines()]
    generators = Generators(rng)
    return [_rung(question, rows, name, generators) for name in names]


def _rung(question: Question, rows: Rows, model: str, generators: Generators) -> Rung:
    cells: dict[str, Interval] = {}
    n: dict[str, int] = {}
    method: dict[str, str] = {}
    for metric in question.metrics:
        told = question.published.get(model, {}).get(metric)
        if told is not None:
            cells[metric] = _published(question.metrics[metric], told, question.decisions.alpha)
            n[metric], method[metric] = told.n or 0, "published"
        elif rows.has(model, metric):
            pair = rows.pair(metric, None, question.decisions.missing, model)
            if len(pair):
                cells[metric], n[metric], method[metric] = _alone(pair, question, generators.of(metric, model))
    units = {metric: question.metrics[metric].unit for metric in cells}
    better = {metric: question.metrics[metric].better for metric in cells}
    role = question.roles[model]
    return Rung(model=model, role=role, cells=cells, n=n, method=method, unit=units, better=better)


def _alone(pair: Pair, question: Question, rng: np.random.Generator) -> tuple[Interval, int, str]:
    found = contrast(pair, (), alpha=question.decisions.alpha, draws=question.decisions.draws, rng=rng)
    return found.ours.at(0, refused=found.refused[0] is not None), int(found.n_S[0]), found.method


def _published(metric: Metric, number: PublishedNumber, alpha: float) -> Interval:
    se = published_error(metric, number)
    if se is None:
        return Interval(value=number.value, low=None, high=None)
    limits = welch((number.value, se, np.inf), alpha=alpha)
    return Interval(value=number.value, low=limits.low, high=limits.high)
