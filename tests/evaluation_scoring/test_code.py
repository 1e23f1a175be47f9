"""Answers that are code."""

import pytest

from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring import Context, build, load
from shipworthy.evaluation.scoring.code import CodeOptions, code_in, pooled
from shipworthy.records import Response
from tests.evaluation_scoring.conftest import example, item, scored

PROMPT = 'from typing import List\n\ndef add(a: List[int]) -> int:\n    """Sum."""\n'
TASK = example(
    prompt=PROMPT,
    test="def check(f):\n    assert f([1, 2]) == 3\n",
    entry_point="add",
)
OPTIONS = {"prefix": "prompt", "tests": "test", "entry_point": "entry_point"}


@pytest.mark.usefixtures("isolated")
def test_a_body_a_function_and_a_fenced_block_all_run() -> None:
    loaded = load("code_pass", OPTIONS, dataset="d", context=Context(name="c"))
    assert loaded is not None
    answers = {
        "body": "    return sum(a)\n",
        "function": "def add(a: List[int]) -> int:\n    return sum(a)",
        "fenced": "Here it is:\n```python\ndef add(a):\n    return sum(a)\n```\nIt adds.",
        "wrong": "    return 4\n",
        "no code": "I would add them.",
        "endless": "    while True: pass\n",
    }
    scores = scored(loaded.scorer, [item(text, TASK, key=key) for key, text in answers.items() if key != "endless"])

    assert {"body": 1, "function": 1, "fenced": 1, "wrong": 0, "no code": 0} == {
        key: one.counts[0] for key, one in scores.items() if one.counts
    }
    assert "AssertionError" in scores["wrong"].detail["why"]


@pytest.mark.usefixtures("isolated")
def test_a_stopped_program_is_a_failure_that_is_counted() -> None:
    options = {**OPTIONS, "limits": {"wall_s": 1}}
    loaded = load("code_pass", options, dataset="d", context=Context(name="c"))
    assert loaded is not None
    one = scored(loaded.scorer, [item("    while True: pass\n", TASK)])["k"]

    assert ((0.0, 1.0), "stopped_program") == (one.counts, one.note)


def test_the_longest_block_is_the_code() -> None:
    assert "x = 1\ny = 2\n" == code_in("```\nz\n```\ntext\n```python\nx = 1\ny = 2\n```")
    assert "  return 1" == code_in("  return 1")


def test_pass_at_k_over_seeds_is_the_unbiased_estimate() -> None:
    five = [(1.0, 1.0), (0.0, 1.0), (0.0, 1.0), (1.0, 1.0), (0.0, 1.0)]

    assert [(pytest.approx(0.7), 1.0)] * 5 == pooled(2, "any", five)  # 1 - C(3,2)/C(5,2)
    assert [(pytest.approx(0.1), 1.0)] * 5 == pooled(2, "all", five)  # C(2,2)/C(5,2)


def test_an_example_without_tests_is_named_before_a_model_is_asked() -> None:
    metric = build("c", "code_pass", {})
    assert metric is not None
    with pytest.raises(BadInput, match=r"d\.jsonl:e: example 'e' has no code as its reference"):
        metric.observe(example(), Response(example_id="e", dataset="d", model="", text=""))


def test_a_wrong_option_is_one_sentence() -> None:
    with pytest.raises(
        BadInput, match=r"metric 'c' \(code_pass\): unknown option 'isolaton'; did you mean 'isolation'"
    ):
        build("c", "code_pass", {"isolaton": "none"})
    with pytest.raises(BadInput, match=r"metric 'c' \(code_pass\).*limits"):
        build("c", "code_pass", {"limits": {"wall_s": 0}})


def test_forcing_is_part_of_the_identity() -> None:
    forced = load("code_pass", {"isolation": "none"}, dataset="d", context=Context(name="c"))
    plain = load("code_pass", {}, dataset="d", context=Context(name="c"))
    assert forced is not None and plain is not None

    assert forced.scorer.identity != plain.scorer.identity
    assert CodeOptions().isolation == "namespaces"
