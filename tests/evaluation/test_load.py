"""Latency is measured as declared: warm-up, requests in flight, models in step; and compared only under one load."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import numpy as np
import pytest

from shipworthy.evaluation.load import loads, steps, timed
from shipworthy.evaluation.runner import Plan, ask
from shipworthy.protocol.types import (
    Budget,
    DatasetSpec,
    GateSpec,
    MetricSpec,
    ModelSpec,
    Protocol,
)
from shipworthy.records import Prompt, Response
from tests.evaluation.test_runner import Memory, Scripted, prompts
from tests.gates.conftest import Judge, make_evidence, make_metric, make_question, verdict_of

LATENCY = make_metric("latency", unit="s", better="lower", kind="quantile", quantile=0.5)
IDENTITIES = {"c": {"endpoint": "http://x"}, "b": {"endpoint": "http://y"}, "l": {"batch_size": "8"}}

__all__ = ["verdict_of"]


def _protocol(**models: ModelSpec) -> Protocol:
    return Protocol(
        shipworthy=1,
        name="p",
        datasets={"t": DatasetSpec(path="t.jsonl")},
        models={"c": ModelSpec(role="candidate", backend="openai", options={"concurrency": 4}), **models},
        metrics={"latency": MetricSpec(dataset="t")},
        gates=(GateSpec(metric="latency", baseline="b", margin=0.1),),
    )


def test_each_model_tells_under_what_its_seconds_were_measured() -> None:
    promised = _protocol(
        b=ModelSpec(role="production", backend="openai", warm_up=3),
        l=ModelSpec(role="peft", backend="huggingface"),
        r=ModelSpec(role="full", path="r.jsonl"),
    )

    assert {
        "c": {"measured": "live", "in flight": "4", "order": "in step with the others", "warm-up": "0"},
        "b": {"measured": "live", "in flight": "32", "order": "in step with the others", "warm-up": "3"},
        "l": {"measured": "local", "batch": "8", "order": "one after another", "warm-up": "0"},
        "r": {"measured": "recorded"},
    } == loads(promised, IDENTITIES, {"latency": LATENCY})


def test_models_keep_step_only_where_their_seconds_are_compared() -> None:
    promised = _protocol(b=ModelSpec(role="production", backend="openai"))

    assert {"c": 128, "b": 128} == steps(promised, IDENTITIES, {"latency": LATENCY})
    assert {} == steps(promised, IDENTITIES, {"latency": make_metric("latency")})
    assert timed(promised, {"latency": LATENCY}) and not timed(promised, {"latency": make_metric("latency")})


def _asked(models: Mapping[str, Scripted], *, count: int = 6, **plan: object) -> Memory:
    log = Memory()
    asyncio.run(ask(Plan(prompts=prompts(count), backends=models, **plan), log))
    return log


@pytest.mark.parametrize("identity", [{}, {"endpoint": "x"}])
def test_a_warm_up_is_asked_and_counts_for_nothing(identity: Mapping[str, str]) -> None:
    model = Scripted(**identity)

    log = _asked({"a": model}, warm_up={"a": 2})

    assert (8, 6) == (len(model.asked), len(log.lines))
    assert len({line.example_id for line in log.lines}) == 6


def test_a_warm_up_is_paid_for_and_never_beyond_the_budget() -> None:
    model = Scripted(endpoint="x")

    _asked({"a": model}, warm_up={"a": 2}, budget=Budget(max_requests=5))

    assert 5 == len(model.asked)


class _Seen:
    """A model whose calls go into one list; `pause` turns of the loop before each answer."""

    def __init__(self, name: str, order: list[str], pause: int) -> None:
        self._name, self._order, self._pause = name, order, pause
        self.identity: Mapping[str, str] = {"endpoint": name}

    async def answer(self, asked: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        for prompt in asked:
            for _ in range(self._pause):
                await asyncio.sleep(0)
            self._order.append(self._name)
            yield Response(example_id=prompt.example_id, dataset=prompt.dataset, model="?", text="x")

    async def close(self) -> None:
        return


@pytest.mark.parametrize(("in_step", "apart"), [({"a": 2, "b": 2}, False), ({}, True)])
def test_a_fast_and_a_slow_model_are_asked_in_step(in_step: Mapping[str, int], apart: bool) -> None:
    order: list[str] = []
    models = {"a": _Seen("a", order, 1), "b": _Seen("b", order, 50)}
    asyncio.run(ask(Plan(prompts=prompts(12), backends=models, in_step=in_step), Memory()))
    ahead = max(abs(order[:at].count("a") - order[:at].count("b")) for at in range(len(order)))

    assert 24 == len(order)
    assert (ahead > 4) == apart


def test_a_model_that_dies_lets_the_others_go_on() -> None:
    models = {"a": Scripted(endpoint="x", dies_after=4), "b": Scripted(endpoint="y")}

    log = _asked(models, count=12, in_step={"a": 2, "b": 2})

    assert 12 == sum(line.model == "b" for line in log.lines)


LIVE = {"measured": "live", "in flight": "4", "order": "in step with the others", "warm-up": "2"}


@pytest.mark.parametrize(
    "theirs",
    [LIVE | {"in flight": "32"}, LIVE | {"warm-up": "0"}, LIVE | {"order": "side by side"}, {"measured": "recorded"}],
)
def test_seconds_under_another_load_are_not_judged(verdict_of: Judge, theirs: Mapping[str, str]) -> None:
    verdict = _judged(verdict_of, {"new": LIVE, "old": theirs})

    assert "inconclusive" == verdict.verdict
    assert "latency met different load: new was measured live, 4 in flight" in verdict.metrics[0].because
    assert "not_comparable" in [one.code for one in verdict.warnings]


@pytest.mark.parametrize("loads", [{}, {"new": LIVE, "old": LIVE}])
def test_seconds_under_one_load_are_judged_and_it_stands_beside_them(verdict_of: Judge, loads) -> None:
    verdict = _judged(verdict_of, loads)

    assert "promote" == verdict.verdict
    assert bool(loads) == ("measured live, 4 in flight, 2 warm-up requests, in step" in verdict.metrics[0].because)


def test_what_does_not_depend_on_load_is_judged_all_the_same(verdict_of: Judge) -> None:
    n = 2000
    right = np.r_[np.ones(n - 10), np.zeros(10)]
    question = make_question(
        GateSpec(metric="accuracy", baseline="old", margin=0.02), loads={"new": LIVE, "old": {"measured": "recorded"}}
    )

    assert (
        "promote"
        == verdict_of(question, make_evidence({("new", "accuracy"): right, ("old", "accuracy"): right})).verdict
    )


def _judged(verdict_of: Judge, loads: Mapping[str, Mapping[str, str]]):
    seconds = np.random.default_rng(1).gamma(4, 0.1, 400)
    gate = GateSpec(metric="latency", baseline="old", margin=0.5)
    question = make_question(gate, metrics=[LATENCY], loads=loads)
    evidence = make_evidence({("new", "latency"): seconds, ("old", "latency"): seconds[::-1]})
    return verdict_of(question, evidence)
