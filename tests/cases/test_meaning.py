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


def test_a_reference_that_is_no_text_is_refused_with_its_line(case: Case, told: Told) -> None:
    case("reference-dict")
    code, _, said = told("run")

    assert 2 == code
    assert "d.jsonl:2" in said  # SQuAD's object on line 1 is read, a list in a list is not


@pytest.mark.parametrize("metric", ["token_f1", "rouge1", "bleu", "chrf", "exact_match"])
def test_the_answers_of_squad_are_read_as_texts(case: Case, verdict: Verdict, metric: str) -> None:
    folder = case("reference-dict")
    for name in ("d", "new", "old"):
        path = folder / f"{name}.jsonl"
        path.write_text(path.read_text().splitlines(keepends=True)[0])
    protocol = folder / "shipworthy.yaml"
    protocol.write_text(protocol.read_text().replace('"exact_match"', f'"{metric}"'))
    best = 100.0 if metric in ("bleu", "chrf") else 1.0

    assert pytest.approx(best) == verdict("run")["metrics"][0]["candidate"]["value"]


def test_accuracy_takes_one_label(case: Case, told: Told) -> None:
    case("accuracy-list")
    code, _, said = told("run")

    assert 2 == code
    assert "d.jsonl:1" in said
    assert "a list of 2, not one label" in said
