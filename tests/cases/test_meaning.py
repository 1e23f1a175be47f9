"""What is read out of references, answers, labels and judges, on inputs that were misread once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Case = Callable[[str], Path]
Verdict = Callable[..., dict[str, Any]]
Told = Callable[..., tuple[int, str, str]]


def test_rows_without_weight_are_no_examples(case: Case, verdict: Verdict, told: Told) -> None:
    case("weightless-rows")
    found = verdict("run")
    _, planned, _ = told("validate")

    assert (12, 3) == (found["exit"], found["metrics"][0]["n"])
    assert "3 examples are too few to judge" in planned
