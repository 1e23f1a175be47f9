"""Training data: rows counted once, places that are right, runs that go on."""

from collections.abc import Callable
from pathlib import Path

Told = Callable[..., tuple[int, str, str]]
Case = Callable[[str], Path]


def test_a_run_with_training_data_goes_on(case: Case, told: Told) -> None:
    case("resume-with-data")
    first, _, _ = told("run", "min.yaml", "--out", "r")
    again, _, err = told("run", "--resume", "--out", "r", "min.yaml")

    assert (first, first) == (0, again), err
