import json
import re
from collections import Counter
from pathlib import Path

from shipworthy.demo import _vocabulary as words
from shipworthy.demo import ladder, story, world
from shipworthy.training import read_recipe


def test_the_story_writes_every_file_that_its_recipes_name(tmp_path: Path) -> None:
    told = story.write(tmp_path)
    recipes = [read_recipe(told.candidate_a), read_recipe(told.candidate_b)]

    assert all(Path(path).is_file() for recipe in recipes for path in recipe.data + recipe.replay)
    assert all((Path(recipe.base) / "model.safetensors").is_file() for recipe in recipes)
    assert () == recipes[0].replay
    assert not any(Path(recipe.output).exists() for recipe in recipes)


def test_a_test_file_has_an_id_a_prompt_a_reference_and_a_column_a_slice(tmp_path: Path) -> None:
    lines = story.write(tmp_path).tests["ticket"].read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]

    assert ["id", "prompt", "reference", "skill", "intent", "priority", "plan"] == list(rows[0])
    assert 400 == len({row["id"] for row in rows})


def test_a_pattern_never_leaves_a_prompt_without_an_answer() -> None:
    rules = story.keyword_rules()

    for skill in world.SKILLS:
        for sample in world.test_samples(skill):
            assert any(re.search(rule["pattern"], sample.prompt) for rule in rules)


def test_keyword_rules_are_better_than_the_majority_and_far_from_right() -> None:
    trivial = ladder.scores(ladder.trivial_answers())["ticket"]
    rules = ladder.scores(ladder.rule_answers())["ticket"]

    assert trivial < 0.15 < 0.4 < rules < 0.7


def test_the_majority_answer_is_the_most_frequent_reference() -> None:
    samples = world.training_samples("ticket", 300, 1)
    counts = Counter(sample.reference for sample in samples)

    assert counts.most_common(1)[0][1] == counts[story.majority_answer(samples)]


def test_a_refusal_is_the_one_answer_that_is_right_for_an_unsafe_request() -> None:
    sample = world.test_samples("unsafe")[0]

    assert ladder.is_right(sample, words.REFUSAL)
    assert not ladder.is_right(sample, "Use the small pump.")


def test_a_ticket_is_right_however_its_json_is_spaced() -> None:
    sample = world.test_samples("ticket")[0]

    assert ladder.is_right(sample, json.dumps(json.loads(sample.reference), indent=2))
    assert not ladder.is_right(sample, sample.reference[:-1])
