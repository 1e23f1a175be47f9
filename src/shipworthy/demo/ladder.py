"""The ladder of the story: what every model gets right, skill by skill. `python -m shipworthy.demo.ladder [DIR]`."""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shipworthy.demo import story, world
from shipworthy.models._hf import HuggingFaceBackend
from shipworthy.models._hf_engine import Settings
from shipworthy.records import Message, Prompt, Response
from shipworthy.training import launch, read_recipe

Answers = Mapping[world.Skill, Sequence[str]]
"""Skill -> one answer a row of its test set, in order."""


def is_right(sample: world.Sample, answer: str) -> bool:
    """Whether an answer is the reference; a ticket's JSON may be spaced differently."""
    if sample.skill != "ticket":
        return answer.strip() == sample.reference
    try:
        return bool(json.loads(answer) == json.loads(sample.reference))
    except ValueError:
        return False


def model_answers(path: Path, adapter: Path | None = None) -> Answers:
    """What a local model answers to every test set."""
    backend = HuggingFaceBackend.load(path, adapter=adapter, settings=Settings(max_new_tokens=40, batch_size=100))
    return {skill: [r.text or "" for r in responses(backend, world.test_samples(skill))] for skill in world.SKILLS}


def responses(backend: HuggingFaceBackend, samples: Sequence[world.Sample]) -> list[Response]:
    """One response a sample, in the order of the samples; `example_id` is the position."""
    prompts = [
        Prompt(example_id=f"{n:06d}", dataset=s.skill, messages=(Message(role="user", content=s.prompt),))
        for n, s in enumerate(samples)
    ]

    async def collect() -> list[Response]:
        return [response async for response in backend.answer(prompts, seed=0)]

    return sorted(asyncio.run(collect()), key=lambda response: response.example_id)


def trivial_answers() -> Answers:
    """The majority answer of each skill's training samples."""
    return {
        skill: [story.majority_answer(world.training_samples(skill, 500, 0))] * world.TEST_SIZE[skill]
        for skill in world.SKILLS
    }


def rule_answers() -> Answers:
    """The keyword rules, whatever the skill: they know tickets only."""
    rules = [(re.compile(rule["pattern"]), rule["answer"]) for rule in story.keyword_rules()]
    return {
        skill: [next(a for pattern, a in rules if pattern.search(s.prompt)) for s in world.test_samples(skill)]
        for skill in world.SKILLS
    }


def scores(answers: Answers) -> dict[world.Skill, float]:
    """Share of right answers a skill."""
    return {skill: sum(hits(skill, answers)) / world.TEST_SIZE[skill] for skill in world.SKILLS}


def hits(skill: world.Skill, answers: Answers) -> list[bool]:
    """Right or wrong, row by row."""
    return [is_right(*pair) for pair in zip(world.test_samples(skill), answers[skill], strict=True)]


def trained(recipe_file: Path) -> tuple[Answers, str]:
    """Trains a recipe and answers with what came out; also says how long it took and with which loss it ended."""
    made = launch(read_recipe(recipe_file))
    note = f"{made.steps} steps, loss {made.final_loss:.3f}, {made.seconds:.0f} s of training"
    return model_answers(Path(made.recipe.output)), note


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the ladder; trains both candidates on the way."""
    parser = argparse.ArgumentParser(prog="python -m shipworthy.demo.ladder", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="an empty folder to work in; default: a temporary one")
    folder = parser.parse_args(argv).folder
    if folder is not None:
        _ladder(folder)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        _ladder(Path(temporary))
    return 0


def _ladder(folder: Path) -> None:
    told = story.write(folder)
    _print_row("model", dict(zip(world.SKILLS, world.SKILLS, strict=True)), "")
    _print_row("(rows)", {skill: str(n) for skill, n in world.TEST_SIZE.items()}, "")
    steps: dict[str, Callable[[], tuple[Answers, str]]] = {
        "trivial": lambda: (trivial_answers(), ""),
        "rules": lambda: (rule_answers(), ""),
        "zero-shot": lambda: (model_answers(told.base), ""),
        "production": lambda: (model_answers(told.base, told.production), ""),
        "candidate A": lambda: trained(told.candidate_a),
        "candidate B": lambda: trained(told.candidate_b),
    }
    for name, step in steps.items():
        started = time.monotonic()
        answers, note = step()
        cells = {skill: f"{score:.3f}" for skill, score in scores(answers).items()}
        _print_row(name, cells, f"{time.monotonic() - started:.0f} s  {note}")


def _print_row(name: str, cells: Mapping[world.Skill, str], note: str) -> None:
    print(f"{name:<12}" + "".join(f"{cells[skill]:>11}" for skill in world.SKILLS) + f"  {note}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
