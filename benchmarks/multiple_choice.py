"""Multiple choice by log-likelihood: this project beside lm-evaluation-harness (`hf`), in samples per CPU second.

`pip install 'shipworthy[train,bench]'`, then `python benchmarks/multiple_choice.py [SAMPLES]`. Both render and score
the same questions (options of several tokens) with the demo's model on one thread, alternately, and each at the
fastest of several batch sizes, found before. Printed for each shape of question: the ratio with its spread beside the
ratio of tokens read (what sharing can give, all else being equal), the largest difference of a log-probability, and
both accuracies. The shapes: the question alone, the question with its options listed, two solved questions before it,
and, where sharing helps least, options that are longer than the question.
"""

import asyncio
import dataclasses
import logging
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from shipworthy import models
from shipworthy.demo import story, world
from shipworthy.models import Backend
from shipworthy.models._hf_scores import WORTH_A_CACHE
from shipworthy.models._likelihood import families, grow, sequel_of
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Message, Prompt

REPETITIONS = 3
BATCHES = (4, 8, 16, 32, 64)
OPTIONS = 4
SHAPES: dict[str, world.Skill] = {
    "question alone": "ticket",
    "options listed": "ticket",
    "two shots": "ticket",
    "long options": "howto",
}
BARS = {"ratio": 3.0, "difference": 1e-4}
Scores = dict[str, list[float]]
"""Example id -> log-probability of each option."""


@dataclass(frozen=True)
class Question:
    """A prompt, its options, and which is right."""

    prompt: str
    options: tuple[str, ...]
    right: int


def questions(n: int, shape: str) -> list[Question]:
    """Questions of the demo's world in one of `SHAPES`; wrong options are right answers to others."""
    rng = random.Random(5)
    skill = SHAPES[shape]
    solved = [_question(skill, rng, "train") for _ in range(2)]
    header = "".join(f"{one.prompt}\n{one.options[one.right]}\n\n" for one in solved) if shape == "two shots" else ""
    asked = [_question(skill, rng, "test") for _ in range(n)]
    return [dataclasses.replace(one, prompt=header + _listed(one, shape)) for one in asked]


def _listed(one: Question, shape: str) -> str:
    return "\n".join((one.prompt, *one.options)) if shape == "options listed" else one.prompt


def _question(skill: world.Skill, rng: random.Random, side: world.Side) -> Question:
    while True:
        mine = world.draw(skill, rng, side)
        others = {world.draw(skill, rng, side).reference for _ in range(20)} - {mine.reference}
        options = [mine.reference, *sorted(others)[: OPTIONS - 1]]
        if len(options) == OPTIONS:
            rng.shuffle(options)
            return Question(mine.prompt, tuple(options), options.index(mine.reference))


def tokens_read(asked: Sequence[Question]) -> float:
    """How many times as many tokens are read where each option comes with its whole prompt."""
    from transformers import AutoTokenizer

    encode = AutoTokenizer.from_pretrained(story.MODEL)
    apart, trees = 0, []
    for one in asked:
        begin = encode(one.prompt)["input_ids"]
        wholes = [encode(one.prompt + option)["input_ids"] for option in one.options]
        apart += sum(len(whole) - 1 for whole in wholes)
        trees.append(grow([sequel_of(begin, whole) for whole in wholes]))
    alike = families([tree.trunk for tree in trees], worth=WORTH_A_CACHE["cpu"])
    return apart / (sum(map(len, trees)) - sum(family.shared * (len(family.members) - 1) for family in alike))


def ours(asked: Sequence[Question]) -> Callable[[int], Scores]:
    """Through the backend, as a protocol uses it: templates, tokens, responses and all."""
    messages = [(Message(role="user", content=one.prompt),) for one in asked]
    rows = [
        Example(id=str(at), dataset="d", messages=said, fields={"choices": list(one.options)})
        for at, (one, said) in enumerate(zip(asked, messages, strict=True))
    ]
    prompts = [Prompt(example_id=row.id, dataset="d", messages=row.messages) for row in rows]
    loaded: dict[int, Backend] = {}

    async def collect(backend: Backend) -> Scores:
        return {
            response.example_id: list(response.extra["logprobs"].values())
            async for response in backend.answer(prompts, seed=0)
        }

    def run(batch_size: int) -> Scores:
        if batch_size not in loaded:
            options = {"mode": "choices", "batch_size": batch_size}
            spec = ModelSpec(role="candidate", backend="huggingface", path=story.MODEL.name, options=options)
            loaded[batch_size] = models.load("m", spec, folder=story.MODEL.parent, examples=rows)
        return asyncio.run(collect(loaded[batch_size]))

    return run


def theirs(asked: Sequence[Question]) -> Callable[[int], Scores]:
    """lm-eval's own `apply_chat_template` and `loglikelihood`."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    logging.disable(logging.WARNING)
    model = HFLM(pretrained=str(story.MODEL), dtype="float32", device="cpu", batch_size=1)

    def requests() -> list[Instance]:
        contexts = [model.apply_chat_template([{"role": "user", "content": one.prompt}]) for one in asked]
        return [
            Instance(request_type="loglikelihood", doc={}, arguments=(context, option), idx=at)
            for context, one in zip(contexts, asked, strict=True)
            for at, option in enumerate(one.options)
        ]

    def run(batch_size: int) -> Scores:
        model.batch_size_per_gpu = batch_size
        found = [value for value, _ in model.loglikelihood(requests(), disable_tqdm=True)]
        return {str(at): found[at * OPTIONS : (at + 1) * OPTIONS] for at in range(len(asked))}

    return run


def cpu_s(run: Callable[[int], Scores], batch_size: int) -> tuple[float, Scores]:
    """CPU seconds of this process, and the scores."""
    began = time.process_time()
    scores = run(batch_size)
    return time.process_time() - began, scores


def fastest(run: Callable[[int], Scores]) -> int:
    """The batch size at which it needs least; the first run of each warms up."""
    for size in BATCHES:
        run(size)
    return min(BATCHES, key=lambda size: min(cpu_s(run, size)[0] for _ in range(2)))


def accuracy(scores: Scores, asked: Sequence[Question]) -> float:
    """Share of questions whose likeliest option is right."""
    return statistics.fmean(
        max(range(OPTIONS), key=scores[str(at)].__getitem__) == one.right for at, one in enumerate(asked)
    )


def compare(shape: str, samples: int) -> None:
    """Both, alternately; one block of lines."""
    asked = questions(samples, shape)
    sides = {"shipworthy": ours(asked), "lm-eval": theirs(asked)}
    batch = {name: fastest(run) for name, run in sides.items()}
    spent: dict[str, list[float]] = {name: [] for name in sides}
    scores: dict[str, Scores] = {}
    for _ in range(REPETITIONS):
        for name, run in sides.items():
            seconds, scores[name] = cpu_s(run, batch[name])
            spent[name].append(samples / seconds)
    mine, other = scores["shipworthy"], scores["lm-eval"]
    apart = max(abs(a - b) for key in mine for a, b in zip(mine[key], other[key], strict=True))
    ratios = [a / b for a, b in zip(spent["shipworthy"], spent["lm-eval"], strict=True)]
    print(f"{shape}: {samples} questions, {OPTIONS} options of several tokens, one thread; median of {REPETITIONS}:")
    for name, values in spent.items():
        right = accuracy(scores[name], asked)
        print(
            f"  {name:<10} {statistics.median(values):8.1f} samples/CPU s (batch {batch[name]}), accuracy {right:.4f}"
        )
    spread = f"[{min(ratios):.2f}, {max(ratios):.2f}]"
    bound = f"tokens read: {tokens_read(asked):.2f}"
    print(f"  ratio      {statistics.median(ratios):8.2f} {spread}  (>= {BARS['ratio']:g}; {bound})")
    print(f"  largest difference of a log-probability {apart:.1e}  (<= {BARS['difference']:g})", flush=True)


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    for shape in SHAPES:
        compare(shape, int(sys.argv[1]) if len(sys.argv) > 1 else 200)
