"""Results that somebody has: on each of these inputs the verdict was wrong once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
