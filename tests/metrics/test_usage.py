"""Latency, tokens and cost."""

import numpy as np
import pytest

from shipworthy import metrics
from shipworthy.errors import MissingEvidence


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


def test_tokens_a_second_are_those_after_the_first_token_where_the_answer_streamed(observe):
    assert (10.0, 2.0) == observe("tokens_per_second", None, "x", latency_s=2.0, output_tokens=10)
    assert (9.0, 1.5) == observe("tokens_per_second", None, "x", latency_s=2.0, first_token_s=0.5, output_tokens=10)


def test_the_speed_of_two_answers_is_their_tokens_by_their_seconds():
    speed = metrics.build("s", "tokens_per_second", {})

    assert 4.0 == speed.summarize(np.array([10.0 + 2.0, 2.0 + 1.0]))


def test_an_answer_that_nobody_timed_or_that_has_one_token_has_no_speed(observe):
    assert (0.0, 0.0) == observe("tokens_per_second", None, "x", output_tokens=10)
    assert (0.0, 0.0) == observe("tokens_per_second", None, "x", latency_s=1.0)
    assert (0.0, 0.0) == observe("tokens_per_second", None, "x", latency_s=2.0, first_token_s=0.5, output_tokens=1)


def test_memory_is_in_mebibytes_of_the_process_or_of_its_gpus(observe):
    extra = {"memory_peak_bytes": 3 * 2**20, "gpu_memory_peak_bytes": 5 * 2**20}

    assert (3.0, 1.0) == observe("memory_peak", None, "x", extra=extra)
    assert (5.0, 1.0) == observe("memory_peak", None, "x", {"of": "gpu"}, extra=extra)


def test_what_no_machine_measured_is_said_in_one_sentence(observe):
    with pytest.raises(MissingEvidence, match=r"an NVIDIA GPU .*'shipworthy\[energy\]'; 'm' reported none"):
        observe("energy", None, "x")
    with pytest.raises(MissingEvidence, match=r"memory_peak reads `extra\.gpu_memory_peak_bytes`"):
        observe("memory_peak", None, "x", {"of": "gpu"})
