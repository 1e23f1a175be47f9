"""Stress: bursts of requests at once, and prompts that grow; every one must be answered in time."""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

from msgspec import Meta

from shipworthy.evaluation.suites.probes import Case, Cases, Found, ask_all, examples, says, verdict
from shipworthy.evaluation.suites.types import Handle, Made, Part
from shipworthy.records import Message, Prompt, Record


class StressOptions(Record):
    """How hard."""

    bursts: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(description="Requests at once, a row each.")] = (
        1, 8, 32,
    )  # fmt: skip
    words: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(description="Length of a prompt, a row each.")] = (
        50, 200,
    )  # fmt: skip
    max_seconds: Annotated[float, Meta(gt=0, description="Longest time for all answers of one row.")] = 120.0
    min_answered: Annotated[float, Meta(gt=0, le=1, description="Share of a burst that must be answered.")] = 1.0


def stress(part: Part) -> Made:
    """Bursts over the rows of `of`, and prompts of growing length; slices by `load`. The metric is `assertions`.

    `score` of an outcome is answers a second.
    """
    options = part.options(StressOptions)
    source, rows = part.source()
    del source
    if not rows:
        raise part.wrong("needs at least one row to ask")
    asked = [part.asked(row).messages for row in rows]
    cases = list(_cases(options, asked))
    return Made(
        examples=examples(part.name, "stress", cases, secret=(options, asked)),
        role="unit",
        slices=("load",),
        probe=Cases(cases),
    )


def _cases(options: StressOptions, asked: Sequence[Sequence[Message]]) -> Iterator[Case]:
    for size in options.bursts:
        burst = [asked[at % len(asked)] for at in range(size)]
        text = f"{size} requests at once"
        yield Case(
            id=f"burst/{size}", slices={"load": "burst"}, text=text, drive=partial(_burst, options, burst), alone=True
        )
    for words in options.words:
        turn = Message(role="user", content=_grown(says(asked[0]), words))
        text = f"a prompt of {words} words"
        yield Case(
            id=f"long/{words}",
            slices={"load": "long"},
            text=text,
            drive=partial(_burst, options, [(turn,)]),
            alone=True,
        )


def _grown(text: str, words: int) -> str:
    said = text.split() or ["word"]
    return " ".join(said[at % len(said)] for at in range(words))


async def _burst(
    options: StressOptions, burst: Sequence[Sequence[Message]], model: Handle, prompt: Prompt, seed: int
) -> Found:
    asked = [
        Prompt(example_id=f"{prompt.example_id}#{at}", dataset=prompt.dataset, messages=tuple(messages))
        for at, messages in enumerate(burst)
    ]
    started = time.perf_counter()
    answers = await ask_all(model, asked, seed)
    took_s = time.perf_counter() - started
    answered = sum(answer.text is not None for answer in answers)
    enough = answered >= options.min_answered * len(asked) and took_s <= options.max_seconds
    error = next((f"; first error: {answer.error}" for answer in answers if answer.error), "")
    text = f"{answered} of {len(asked)} answered in {took_s:.2f} s{error}"
    return verdict(enough, text, score=answered / max(took_s, 1e-9), answered=answered, asked=len(asked))
