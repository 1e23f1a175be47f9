"""What is read out of references, answers, labels and judges, on inputs that were misread once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Case = Callable[[str], Path]
Verdict = Callable[..., dict[str, Any]]
Told = Callable[..., tuple[int, str, str]]


def test_rows_without_weight_are_no_examples(case: Case, verdict: Verdict, told: Told) -> None:
    case("weightless-rows")
    found = verdict("run")
    _, planned, _ = told("validate")

    assert (12, 3) == (found["exit"], found["metrics"][0]["n"])
    assert "3 examples are too few to judge" in planned


def test_the_article_names_no_option(case: Case, verdict: Verdict) -> None:
    case("article-a")
    found = verdict("run")

    assert ("block", 10, 0.0) == (found["verdict"], found["exit"], found["metrics"][0]["candidate"]["value"])


def test_a_number_inside_another_is_no_label(case: Case, verdict: Verdict) -> None:
    case("label-in-number")
    found = verdict("run")

    assert pytest.approx(1 / 14) == found["metrics"][0]["candidate"]["value"]  # 3.0 is 3
