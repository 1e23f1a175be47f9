"""Answers that were not met can cost a corpus metric its margin, and a handful of long texts cannot carry a verdict."""

from typing import Any

import numpy as np
import pytest

from shipworthy.metrics.likelihood import exp_mean
from shipworthy.metrics.overlap import BleuOptions, ChrfOptions, bleu, chrf
from shipworthy.metrics.ter import TerOptions, ter
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import GateSpec
from shipworthy.records import Example, Finding, Response

from .conftest import Judge, make_evidence, make_metric, make_question

TEXT = "a calm river ran under the old bridge while two boats went by in the rain"


def judged(verdict_of: Judge, metric: Metric, new: Any, old: Any, margin: Any, tokens: str = "") -> Finding:
    gate = GateSpec(metric=metric.name, baseline="old", margin=margin)
    known = {model: {"longest answer": tokens} for model in ("new", "old")}
    question = make_question(gate, metrics=[metric], facts=known)
    return verdict_of(question, make_evidence({("new", metric.name): new, ("old", metric.name): old})).metrics[0]


def rows(metric: Metric, n: int, seed: int) -> Any:
    """(n, K): answers that change a word or two of their reference."""
    rng, found = np.random.default_rng(seed), []
    for i in range(n):
        answer = [word if rng.random() > 0.1 else "grey" for word in TEXT.split()]
        example = Example(id=str(i), dataset="d", messages=(), reference=TEXT)
        response = Response(example_id=str(i), dataset="d", model="m", text=" ".join(answer))
        found.append(metric.observe(example, response))
    return np.array(found)


@pytest.mark.parametrize(
    "metric", [bleu(BleuOptions()), chrf(ChrfOptions()), ter(TerOptions())], ids=["bleu", "chrf", "ter"]
)
def test_a_sample_that_cannot_have_met_a_loop_is_not_judged(verdict_of: Judge, metric: Metric) -> None:
    new, old = rows(metric, 300, 1), rows(metric, 300, 2)
    long, short = (judged(verdict_of, metric, new, old, 5.0, t) for t in ("2048", "24"))

    assert "inconclusive" == long.outcome and "pass" == short.outcome
    assert "max_tokens (2,048)" in long.because and "a smaller max_tokens" in long.because
    assert long.n_needed is not None and long.n_needed > 300


def test_without_a_known_limit_twice_the_longest_met_counts(verdict_of: Judge) -> None:
    metric = bleu(BleuOptions())
    new, old = rows(metric, 100, 1), rows(metric, 100, 2)
    finding = judged(verdict_of, metric, new, old, 4.0)

    assert finding.outcome == "inconclusive" and "twice as long as the longest met" in finding.because


def test_a_margin_in_percent_leaves_the_same_room(verdict_of: Judge) -> None:
    metric = bleu(BleuOptions())
    new, old = rows(metric, 300, 1), rows(metric, 300, 2)
    long, short = (judged(verdict_of, metric, new, old, "8%", t) for t in ("2048", "24"))

    assert ("inconclusive", "pass") == (long.outcome, short.outcome)


def test_a_perplexity_that_few_long_texts_carry_is_refused(verdict_of: Judge) -> None:
    rng = np.random.default_rng(3)
    metric = make_metric("ppl", kind="corpus", unit="perplexity", better="lower", summarize=exp_mean)
    tokens = np.full(200, 10.0)
    tokens[:3] = 20_000
    base = 2 + rng.normal(0, 0.1, 200)
    ours = base + rng.normal(0, 0.05, 200)
    long = judged(verdict_of, metric, np.c_[ours * tokens, tokens], np.c_[base * tokens, tokens], 0.5)
    even = judged(verdict_of, metric, np.c_[ours, np.ones(200)], np.c_[base, np.ones(200)], 0.5)

    assert "inconclusive" == long.outcome and "rests on" in long.because and "length of a text" in long.because
    assert "pass" == even.outcome
