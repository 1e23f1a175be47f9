"""What is drawn for one comparison depends on its own names and rows alone."""

import numpy as np
import pytest

from shipworthy.gates import ladder
from shipworthy.metrics.types import Metric, ratio
from shipworthy.protocol.types import GateSpec
from shipworthy.records import Evidence, Finding

from .conftest import Judge, make_evidence, make_metric, make_question

N = 150


def rates(name: str) -> Metric:
    """A ratio of two sums, which is resampled."""
    return make_metric(name, kind="corpus", summarize=lambda sums: ratio(sums[..., 0], sums[..., 1]))


def columns(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    total = rng.integers(1, 30, N).astype(np.float64)
    return np.stack([rng.binomial(total.astype(int), 0.8), total], axis=1).astype(np.float64)


def evidence(*names: str, order: object = None) -> Evidence:
    rows = np.arange(N) if order is None else np.asarray(order)
    seeds = {name: 10 + 2 * place for place, name in enumerate(("b", "a", "z", "q"))}
    return make_evidence({(model, name): columns(seeds[name] + (model == "old"))[rows]
                          for name in names for model in ("new", "old")})  # fmt: skip


def findings(verdict_of: Judge, *names: str, order: object = None) -> dict[str, Finding]:
    gates = [GateSpec(metric=name, baseline="old", margin=0.02) for name in names if name != "q"]
    question = make_question(*gates, metrics=[rates(name) for name in names])
    return {one.metric: one for one in verdict_of(question, evidence(*names, order=order)).metrics}


@pytest.mark.parametrize("more", [("a",), ("z",), ("q",), ("a", "z", "q")], ids="+".join)
def test_another_metric_moves_no_limit(verdict_of: Judge, more: tuple[str, ...]) -> None:
    alone, beside = findings(verdict_of, "b")["b"], findings(verdict_of, "b", *more)["b"]

    assert alone.gain == beside.gain
    assert (alone.p_worse, alone.p_better, alone.candidate) == (beside.p_worse, beside.p_better, beside.candidate)


def test_the_order_of_rows_and_of_gates_moves_no_limit(verdict_of: Judge) -> None:
    forward = findings(verdict_of, "b", "a")
    shuffled = findings(verdict_of, "a", "b", order=np.random.default_rng(0).permutation(N))

    for name in ("a", "b"):
        assert (forward[name].gain, forward[name].p_worse) == (shuffled[name].gain, shuffled[name].p_worse)


def test_another_metric_moves_no_rung_of_the_ladder() -> None:
    one, two = (
        ladder(make_question(metrics=[rates(name) for name in names]), [evidence(*names)], rng=np.random.default_rng(3))
        for names in (("b",), ("a", "b"))
    )

    assert [rung.cells["b"] for rung in one] == [rung.cells["b"] for rung in two]
