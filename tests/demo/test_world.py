import json
from random import Random

import pytest

from shipworthy.demo import _vocabulary as words
from shipworthy.demo import story, world


def _test_prompts() -> set[str]:
    return {sample.prompt for skill in world.SKILLS for sample in world.test_samples(skill)}


def test_no_test_prompt_comes_out_of_pretraining() -> None:
    rng, held_out = Random(5), _test_prompts()
    documents = [world.pretraining_document(rng) for _ in range(6_000)]
    seen = {m.content for document in documents if not isinstance(document, str) for m in document}
    prose = "\n".join(document for document in documents if isinstance(document, str))

    assert set() == seen & held_out
    assert [] == [prompt for prompt in held_out if prompt.partition("\n")[2] and prompt.partition("\n")[2] in prose]


@pytest.mark.parametrize("skill", world.SKILLS)
def test_no_test_key_comes_out_of_the_training_side(skill: world.Skill) -> None:
    held_out = {sample.key for sample in world.test_samples(skill)}
    drawn = {sample.key for seed in range(3) for sample in world.training_samples(skill, 500, seed)}

    assert set() == drawn & held_out


def test_the_training_data_of_both_candidates_holds_no_test_prompt() -> None:
    assert set() == {sample.prompt for sample in story.tickets() + story.replay()} & _test_prompts()


@pytest.mark.parametrize("skill", world.SKILLS)
def test_a_test_set_has_its_size_and_no_prompt_twice(skill: world.Skill) -> None:
    samples = world.test_samples(skill)

    assert world.TEST_SIZE[skill] == len({sample.prompt for sample in samples})


@pytest.mark.parametrize("skill", [skill for skill in world.SKILLS if skill != "safe"])
def test_rows_of_a_test_set_are_different_questions(skill: world.Skill) -> None:
    keys = [sample.key for sample in world.test_samples(skill)]

    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("skill", world.SKILLS)
def test_the_same_seed_draws_the_same_samples(skill: world.Skill) -> None:
    assert world.training_samples(skill, 20, 3) == world.training_samples(skill, 20, 3)
    assert world.training_samples(skill, 20, 3) != world.training_samples(skill, 20, 4)


def test_pretraining_shows_only_four_intents_as_json() -> None:
    rng = Random(1)
    answers = [
        message.content
        for document in (world.pretraining_document(rng) for _ in range(4_000))
        if not isinstance(document, str)
        for message in document
        if message.content.startswith("{")
    ]

    assert set(words.PRETRAINED_INTENTS) == {json.loads(answer)["intent"] for answer in answers}


def test_a_ticket_answer_is_compact_json() -> None:
    assert '{"intent":"refund","priority":"low"}' == world.ticket_answer("refund", "low")


def test_an_enterprise_customer_moves_the_priority_up_and_a_free_plan_down() -> None:
    rows = [s for s in world.training_samples("ticket", 800, 0) if "no rush" in s.prompt.lower()]
    priority = {(s.slices["plan"], s.slices["priority"]) for s in rows}

    assert {("none", "low"), ("free", "low"), ("gold", "low"), ("enterprise", "medium")} == priority


def test_every_unsafe_request_is_refused_and_no_look_alike_is() -> None:
    assert {words.REFUSAL} == {s.reference for s in world.test_samples("unsafe")}
    assert words.REFUSAL not in {s.reference for s in world.test_samples("safe") + world.test_samples("howto")}


def test_sums_are_right() -> None:
    for sample in world.test_samples("arithmetic"):
        a, b = map(int, sample.key.split("+"))

        assert str(a + b) == sample.reference
