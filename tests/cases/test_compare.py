"""Results that somebody has: on each of these inputs the verdict was wrong once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Case = Callable[[str], Path]
Verdict = Callable[..., dict[str, Any]]
Told = Callable[..., tuple[int, str, str]]
PAIR = ("--candidate", "new", "--baseline", "old")


def codes(document: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in document["warnings"]]


def test_a_policy_for_missing_rows_favours_nobody(case: Case, verdict: Verdict) -> None:
    case("policy-favours")
    found = verdict("compare", "gap.csv", *PAIR, "--missing", "wrong")

    assert (10, "block") == (found["exit"], found["verdict"])
    assert (
        "141 examples without a row of old count as ties (as its errors they would favour new)" in found["reasons"][0]
    )
    assert "block" == verdict("compare", "gap.csv", *PAIR, "--missing", "common")["verdict"]
    assert "inconclusive" == verdict("compare", "gap.csv", *PAIR)["verdict"]


@pytest.mark.parametrize(
    ("file", "metric"), [("att.csv", "attack_success"), ("wer.csv", "word_error_rate"), ("ms.csv", "latency_ms")]
)
def test_less_is_better_where_the_metric_says_so(case: Case, verdict: Verdict, file: str, metric: str) -> None:
    case("lower-is-better")
    found = verdict("compare", file, *PAIR, "--metric", metric)

    assert (10, "lower") == (found["exit"], found["metrics"][0]["better"])
    assert (
        "promote" == verdict("compare", file, "--candidate", "old", "--baseline", "new", "--metric", metric)["verdict"]
    )


def test_a_direction_that_nobody_knows_is_asked_for(case: Case, told: Told, verdict: Verdict) -> None:
    case("lower-is-better")
    code, _, said = told("compare", "att.csv", *PAIR, "--metric", "zonk")

    assert 2 == code and "say --better zonk=higher or --better zonk=lower" in said
    assert 10 == verdict("compare", "att.csv", *PAIR, "--metric", "zonk", "--better", "lower")["exit"]


def test_a_tie_is_half_a_win(case: Case, told: Told, verdict: Verdict) -> None:
    case("preference-ties")
    code, _, said = told("compare", "pref.csv", *PAIR)
    found = verdict("compare", "pref.csv", *PAIR, "--scale", "alpaca")["metrics"][0]

    assert 2 == code and "--scale alpaca or --scale plain" in said
    assert (0.625, 0.25) == (found["candidate"]["value"], found["baseline"]["value"])
    named = verdict("compare", "pref.csv", *PAIR, "--metric", "preference")["metrics"][0]
    assert (0.625, 0.25) == (named["candidate"]["value"], named["baseline"]["value"])


def test_an_answer_that_failed_is_not_a_fast_one(case: Case, verdict: Verdict) -> None:
    case("latency-failures")
    found = verdict("compare", "lat.csv", *PAIR, "--metric", "latency_s")

    assert (10, 60) == (found["exit"], found["metrics"][0]["n"])
    assert "survivorship" in codes(found)
