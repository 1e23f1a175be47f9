"""What is read out of references, answers, labels and judges, on inputs that were misread once."""

import json
import runpy
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
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


def test_a_judge_is_read_by_its_declared_key(case: Case, verdict: Verdict) -> None:
    folder = case("json-judge")
    handler = runpy.run_path(str(CASES / "_mock" / "jm.py"))["H"]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        protocol = folder / "shipworthy.yaml"
        protocol.write_text(protocol.read_text().replace(":18703", f":{server.server_port}"))
        found = verdict("run")
        server.shutdown()
    (run,) = (folder / "runs").iterdir()
    lines = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
    scores = {line["example_id"]: line["counts"][0] for line in lines if line["model"] == "new"}

    assert [pytest.approx(7 / 9)] * 2 == [scores["c16"], scores["c28"]]
    assert 33 == found["metrics"][0]["n"]
    assert 17 == sum(line["note"] == "unparsed_verdict" for line in lines if line["model"] == "new")


def _errors(told: Told, name: str) -> tuple[int, dict[str, int]]:
    code, out, err = told("data", "check", name, "--json")
    assert out, err
    found = json.loads(out)["report"]["findings"]
    return code, {one["code"]: one["count"] for one in found if one["severity"] == "error"}


@pytest.mark.parametrize(
    ("name", "errors"),
    [
        ("fc_some.jsonl", {}),
        ("fc_some.parquet", {}),
        ("nulls.jsonl", {}),
        ("pref.jsonl", {}),
        ("badargs.jsonl", {"tool_arguments_break_schema": 10}),
        ("badargs.parquet", {"tool_arguments_break_schema": 10}),
        ("nullarg.jsonl", {"tool_arguments_break_schema": 10}),
    ],
)
def test_null_is_absent_where_the_format_means_absent(
    case: Case, told: Told, name: str, errors: dict[str, int]
) -> None:
    case("null-keys")

    assert errors == _errors(told, name)[1]


def test_parts_that_parquet_filled_are_the_parts_of_the_json_lines(case: Case, told: Told) -> None:
    case("parquet-null-text")

    assert _errors(told, "mm.jsonl") == _errors(told, "mm.parquet")
    assert {} == _errors(told, "mm.parquet")[1]
