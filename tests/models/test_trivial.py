"""The floor to beat."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shipworthy import models
from shipworthy.errors import BadInput
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Message, Prompt


def rows(dataset: str, references: list[Any]) -> list[Example]:
    return [
        Example(
            id=str(at),
            dataset=dataset,
            messages=(Message(role="system", content="urgent"), Message(role="user", content=f"row {at}")),
            reference=reference,
        )
        for at, reference in enumerate(references)
    ]


def texts(examples: list[Example], *, seed: int = 0, **spec: Any) -> list[str | None]:
    async def all_of_them() -> list[str | None]:
        model = ModelSpec(role="trivial", backend="trivial", **spec)
        backend = models.load("t", model, folder=Path(), examples=examples)
        asked = [Prompt(example_id=row.id, dataset=row.dataset, messages=row.messages) for row in examples]
        return [response.text async for response in backend.answer(asked, seed=seed)]

    return asyncio.run(all_of_them())


def test_majority_says_the_commonest_reference_of_each_dataset() -> None:
    examples = rows("one", ["b", "a", "a"]) + rows("two", ["z"])

    assert ["a", "a", "a", "z"] == texts(examples, strategy="majority")


def test_a_tie_is_broken_the_same_way_whatever_the_order() -> None:
    assert ["a", "a"] == texts(rows("d", ["b", "a"]), strategy="majority")
    assert ["a", "a"] == texts(rows("d", ["a", "b"]), strategy="majority")


def test_a_reference_that_is_no_text_is_answered_as_json() -> None:
    assert ['{"intent":"x"}'] == texts(rows("d", [{"intent": "x"}]), strategy="majority")


def test_random_draws_from_the_distribution_of_the_references() -> None:
    counts = Counter(texts(rows("d", ["a"] * 3000 + ["b"] * 1000), strategy="random"))

    assert counts["a"] == pytest.approx(3000, abs=110)
    assert {"a", "b"} == set(counts)


def test_random_depends_on_the_seed_and_not_on_the_order() -> None:
    examples = rows("d", ["a", "b"] * 50)

    assert texts(examples, strategy="random") == texts(examples[::-1], strategy="random")[::-1]
    assert texts(examples, strategy="random") != texts(examples, strategy="random", seed=1)


def test_constant_always_says_the_same() -> None:
    assert ["no", "no"] == texts(rows("d", [None, None]), strategy="constant", options={"answer": "no"})


def test_rules_search_the_last_user_turn_and_the_first_match_answers() -> None:
    rules = [
        {"pattern": r"\brow 1\b", "answer": "one"},
        {"pattern": "ROW", "answer": "any"},
        {"pattern": "urgent", "answer": "x"},
    ]

    assert ["any", "one"] == texts(rows("d", [None] * 2), strategy="rules", options={"rules": rules})


def test_no_rule_that_matches_gives_the_default() -> None:
    rules = [{"pattern": "never", "answer": "x"}]

    assert ["?"] == texts(rows("d", [None]), strategy="rules", options={"rules": rules, "default": "?"})


def test_rules_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('[{"pattern": "row 1", "answer": "one"}]')
    rules = tmp_path / "rules.json"

    assert ["", "one"] == texts(rows("d", [None] * 2), strategy="rules", path=str(rules))


@pytest.mark.parametrize("content", ["{}", "[{}]", "[", '[{"pattern": "x", "answer": "y", "z": 1}]'])
def test_a_file_that_holds_no_rules_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "rules.json").write_text(content)
    with pytest.raises(BadInput, match=r"rules\.json: not a list of rules"):
        texts(rows("d", [None]), strategy="rules", path=str(tmp_path / "rules.json"))


def test_a_dataset_without_references_is_an_error_of_its_prompts() -> None:
    assert ["a", None] == texts(rows("d", ["a"]) + rows("e", [None]), strategy="majority")


def test_no_references_at_all_are_refused() -> None:
    with pytest.raises(BadInput, match="no dataset has references to be fitted on"):
        texts(rows("d", [None]), strategy="random")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "needs a strategy: majority, constant, random or rules"),
        ({"strategy": "constant"}, "missing required field `answer`"),
        ({"strategy": "constant", "options": {"anwser": "x"}}, "did you mean 'answer'"),
        ({"strategy": "majority", "options": {"answer": "x"}}, "unknown option 'answer'; known: none"),
        (
            {"strategy": "rules", "options": {"rules": [{"pattern": "(", "answer": "x"}]}},
            "rule 1 is no regular expression",
        ),
    ],
)
def test_a_wrong_option_is_one_sentence(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as raised:
        texts(rows("d", ["a"]), **spec)

    assert said in str(raised.value)
