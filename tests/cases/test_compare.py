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


@pytest.mark.parametrize(("folder", "said"), [("lm", "another document"), ("shots", "asked with another prompt")])
def test_logs_without_hashes_are_paired_by_what_they_hold(case: Case, told: Told, folder: str, said: str) -> None:
    case("lm-eval-no-hash")
    code, out, err = told("compare", folder, *PAIR)

    assert (2, "") == (code, out)
    assert said in err and "samples_sums" in err


def test_recorded_answers_under_foreign_ids_are_a_gap_and_no_failure(case: Case, told: Told, verdict: Verdict) -> None:
    case("foreign-ids")
    _, checked, _ = told("validate", "n2.yaml")
    found = verdict("run", "n2.yaml", "--out", "runs/one")

    assert "99 of 100 have no line" in checked and "99 recorded ids match no example ('z1'" in checked
    assert (12, "inconclusive") == (found["exit"], found["verdict"])
    assert {"foreign_ids", "missing_examples"} <= set(codes(found))
    assert (100, 1, 1) == tuple(found["coverage"][key] for key in ("candidate", "baseline", "common"))
    assert 12 == verdict("run", "--out", "runs/two")["exit"]  # letters of the candidate's ids in another case


def test_a_gate_can_require_that_no_row_lacks(case: Case, verdict: Verdict) -> None:
    folder = case("foreign-ids")
    gate = "gates:\n  - {metric: accuracy, baseline: old, require_absent: [missing_examples]}\n"
    text = (folder / "n2.yaml").read_text().split("gates:")[0] + gate
    (folder / "n2.yaml").write_text(text)

    assert 10 == verdict("run", "n2.yaml", "--out", "runs/one")["exit"]


def test_one_answer_to_everything_is_seen_in_the_texts(case: Case, verdict: Verdict) -> None:
    case("constant-texts")
    found = verdict("run", "--out", "runs/one")

    assert any("gave the same answer to all 200 rows" in warning["message"] for warning in found["warnings"])


def test_samples_are_counted_as_samples_where_epochs_differ(case: Case, verdict: Verdict) -> None:
    case("inspect-epochs")
    found = verdict("compare", "epochdiff", *PAIR)

    assert ("inconclusive", 150) == (found["verdict"], found["metrics"][0]["n"])
    assert any("of 450 samples x epochs" in warning["message"] for warning in found["warnings"])
