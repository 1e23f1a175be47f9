"""Training data: rows counted once, places that are right, runs that go on."""

from collections.abc import Callable
from pathlib import Path

import pytest

Told = Callable[..., tuple[int, str, str]]
Case = Callable[[str], Path]


def test_a_run_with_training_data_goes_on(case: Case, told: Told) -> None:
    case("resume-with-data")
    first, _, _ = told("run", "min.yaml", "--out", "r")
    again, _, err = told("run", "--resume", "--out", "r", "min.yaml")

    assert (first, first) == (0, again), err


def test_rows_that_share_two_things_count_once(case: Case, told: Told) -> None:
    case("boilerplate")
    code, out, _ = told("data", "check", "boil.jsonl", "--limit", "boilerplate=100%")

    assert 0 == code
    assert "(60 rows, 100.00%)" in out


@pytest.mark.parametrize("words", [("data", "check"), ("data", "split"), ("data", "drift"), ("data", "leakage")])
def test_a_byte_that_is_not_utf8_is_placed_on_its_line(words: tuple[str, str], case: Case, told: Told) -> None:
    folder = case("csv-line")
    more = {"split": ["--out", "parts"], "drift": ["latin.csv"], "leakage": ["latin.csv"]}.get(words[1], [])
    code, _, err = told(*words, "latin.csv", *more)

    assert 2 == code
    assert "latin.csv:2: byte 0xDF is not UTF-8" in err
    assert not (folder / "parts").exists()


@pytest.mark.parametrize("name", ["columns.json", "dictlists.json", "wrapped.json"])
def test_a_table_inside_one_object_is_read(name: str, case: Case, told: Told) -> None:
    case("columns-json")
    code, out, _ = told("data", "check", name)

    assert 0 == code
    assert "30 rows: 0 errors" in out
