"""Latency, tokens and cost."""

import numpy as np
import pytest

from shipworthy import metrics


def test_latency_is_the_recorded_one(observe):
    assert (1.5, 1.0) == observe("latency_p95", None, "x", latency_s=1.5)
    assert (0.2, 1.0) == observe("first_token", None, "x", first_token_s=0.2)


def test_an_answer_without_a_measurement_carries_no_weight(observe):
    for kind in ("latency_p50", "first_token", "tokens", "cost"):
        assert (0.0, 0.0) == observe(kind, None, "x")


def test_a_failed_answer_is_slow_never_fast():
    assert (3600.0, 1.0) == metrics.build("l", "latency", {}).failure
    assert (60.0, 1.0) == metrics.build("l", "latency_p50", {"failure_s": 60}).failure


def test_leaving_failures_out_is_possible_and_says_so():
    left_out = metrics.build("l", "latency_p95", {"failure_s": None})

    assert ((0.0, 0.0), True) == (left_out.failure, left_out.survivorship)
    assert metrics.build("c", "cost", {}).survivorship
    assert not metrics.build("c", "cost", {"failure": 0.01}).survivorship


def test_the_quantile_is_an_option_of_latency_only():
    assert 0.99 == metrics.build("l", "latency", {"quantile": 0.99}).quantile
    assert (0.5, 0.95) == tuple(metrics.build("l", kind, {}).quantile for kind in ("latency_p50", "latency_p95"))


def test_tokens_of_prompt_and_answer_can_be_counted_together(observe):
    assert (5.0, 1.0) == observe("tokens", None, "x", input_tokens=9, output_tokens=5)
    assert (14.0, 1.0) == observe("tokens", None, "x", {"count": "all"}, input_tokens=9, output_tokens=5)


def test_the_mean_cost_is_over_the_answers_that_have_one(observe):
    cost = metrics.build("c", "cost", {})
    sums = [
        sum(pair) for pair in zip(observe("cost", None, "x", cost_usd=0.02), observe("cost", None, "x"), strict=True)
    ]

    assert 0.02 == pytest.approx(float(cost.summarize(np.array(sums))))
