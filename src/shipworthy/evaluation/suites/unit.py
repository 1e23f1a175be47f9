"""Unit: what must hold of any model before anything else is measured. Each row is one check that passes or fails."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from random import Random
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from scipy.special import log_softmax

from shipworthy.evaluation.suites.edges import EDGE_TEXTS
from shipworthy.evaluation.suites.probes import Case, Cases, Drive, Found, ask, ask_all, examples, says, verdict
from shipworthy.evaluation.suites.types import Handle, Made, Part
from shipworthy.models.inside import LOCAL
from shipworthy.records import Message, Prompt, Record, Response

Kind = Literal["tokenizer", "template", "stop", "numerics", "determinism", "edges", "arithmetic"]
INSIDE: tuple[Kind, ...] = ("tokenizer", "template", "stop", "numerics")
ASKED: tuple[Kind, ...] = ("determinism", "edges", "arithmetic")
TOLERANCE = 1e-3
"""How far a log-probability may move between two ways of computing the same thing in float32 (nats)."""


class UnitOptions(Record):
    """Which checks, and what is asked in them."""

    checks: Annotated[
        tuple[Kind, ...] | None,
        Meta(description="Kinds of check; null: all that the candidate's backend allows."),
    ] = None
    prompts: Annotated[
        tuple[str, ...], Meta(description="Questions for determinism, the stop token and numerics; at least two.")
    ] = ("How can I reset my password?", "What is 12 plus 7?", "Classify this ticket as JSON.\nMy parcel is late.")
    question: Annotated[str, Meta(description="How a sum is asked; {a} and {b} are filled in.")] = (
        "What is {a} plus {b}?"
    )
    largest: Annotated[int, Meta(ge=1, description="Largest number in a sum.")] = 49
    sums: Annotated[int, Meta(ge=1, le=1000, description="How many sums.")] = 12

    def __post_init__(self) -> None:
        if len(set(self.prompts)) < 2:
            raise ValueError("`prompts` needs at least two different questions")


def unit(part: Part) -> Made:
    """Tokenizer, template, stop token, numerics, determinism, edge cases and sums; slices by `check`.

    The metric is `assertions`. Raises: BadInput: a check looks inside and the candidate is not local (`arrange` says).
    """
    options = part.options(UnitOptions)
    candidate = next(spec for spec in part.protocol.models.values() if spec.role == "candidate")
    closed = candidate.backend not in (LOCAL, "recorded")
    kinds = options.checks if options.checks is not None else ASKED if closed else (*INSIDE, *ASKED)
    cases = [case for kind in dict.fromkeys(kinds) for case in _CASES[kind](options)]
    return Made(
        examples=examples(part.name, "unit", cases, secret=options),
        role="unit",
        slices=("check",),
        probe=Cases(cases),
        looks_inside=bool(set(kinds) & set(INSIDE)),
    )


# --- Looking inside --------------------------------------------------------------------------------------------------


def _tokenizer_cases(_options: UnitOptions) -> Iterator[Case]:
    for name, text in EDGE_TEXTS.items():
        yield Case(id=f"tokenizer/{name}", slices={"check": "tokenizer"}, text=text, check=_idempotent)


def _idempotent(model: Handle, prompt: Prompt, _seed: int) -> Found:
    inside, text = model.inside(), says(prompt.messages)
    ids = inside.encode(text)
    again = inside.decode(ids)
    same = inside.encode(again) == ids
    lossless = again == text
    because = "what is decoded is encoded as before" if same else "decoding and encoding again gives other tokens"
    return verdict(same, f"{because}; the text came back {'whole' if lossless else 'changed'}", lossless=lossless)


def _template_cases(_options: UnitOptions) -> Iterator[Case]:
    for name in _CONVERSATIONS:
        check = partial(_round_trip, name)
        yield Case(id=f"template/{name}", slices={"check": "template"}, text=f"conversation: {name}", check=check)


_CONVERSATIONS: Mapping[str, tuple[Message, ...]] = {
    "one turn": (Message(role="user", content="First question?"), Message(role="assistant", content="First answer.")),
    "two turns": (
        Message(role="user", content="First question?"),
        Message(role="assistant", content="First answer."),
        Message(role="user", content="Second question?"),
        Message(role="assistant", content="Second answer."),
    ),
    "system": (
        Message(role="system", content="House rules."),
        Message(role="user", content="First question?"),
        Message(role="assistant", content="First answer."),
    ),
}


def _round_trip(name: str, model: Handle, _prompt: Prompt, _seed: int) -> Found:
    inside, turns = model.inside(), _CONVERSATIONS[name]
    whole = inside.render(turns, to_go_on=False)
    at = 0
    for turn in turns:
        found = whole.find(turn.content, at)
        if found < 0 or whole.count(turn.content) > 1:
            return verdict(False, f"the turn {turn.content!r} does not stand in the conversation exactly once, in turn")
        at = found + len(turn.content)
    asked = inside.render(turns[:-1], to_go_on=True)
    if not whole.startswith(asked + turns[-1].content):
        return verdict(False, "the answer does not follow the opened turn, so training and asking see other texts")
    return verdict(True, "every turn stands once and in order, and the answer follows where it was asked for")


def _stop_cases(options: UnitOptions) -> Iterator[Case]:
    yield Case(
        id="stop/template", slices={"check": "stop"}, text="stop token after an answer", check=_stops_in_template
    )
    for number, text in enumerate(options.prompts):
        yield Case(id=f"stop/{number}", slices={"check": "stop"}, text=text, drive=_stops)


def _stops_in_template(model: Handle, _prompt: Prompt, _seed: int) -> Found:
    inside, turns = model.inside(), _CONVERSATIONS["one turn"]
    if not inside.ends:
        return verdict(False, "no token is declared that ends an answer (eos_token_id), so every answer runs on")
    whole = inside.render(turns, to_go_on=False)
    rest = inside.encode(whole[whole.rfind(turns[-1].content) + len(turns[-1].content) :])
    ok = any(token in inside.ends for token in rest[:2])
    return verdict(ok, f"after an answer the template {'puts' if ok else 'does not put'} a token that ends it")


async def _stops(model: Handle, prompt: Prompt, seed: int) -> Found | str:
    response = await ask(model, prompt, [Message(role="user", content=says(prompt.messages))], seed)
    if response.text is None:
        return f"no answer: {response.error}"
    limit = model.backend.identity.get("max_new_tokens") or str(model.spec.sampling.get("max_tokens", ""))
    if response.output_tokens is None or not limit:
        return "the backend does not say how many tokens it wrote, or has no limit for them"
    stray = [mark for mark in (model.inside().special if model.spec.backend == LOCAL else ()) if mark in response.text]
    if stray:
        return verdict(False, f"the answer holds the special token {stray[0]}", answer=response.text)
    ok = response.output_tokens < int(limit)
    return verdict(ok, f"{response.output_tokens} of {limit} tokens written", answer=response.text)


def _numerics_cases(options: UnitOptions) -> Iterator[Case]:
    checks = {"finite": _finite, "batch": _batch, "cache": _cache}
    for name, check in checks.items():
        for number, text in enumerate(options.prompts):
            look = partial(check, options.prompts)
            yield Case(id=f"numerics/{name}/{number}", slices={"check": "numerics"}, text=text, check=look)


def _rendered(model: Handle, text: str) -> str:
    return model.inside().render([Message(role="user", content=text)], to_go_on=True)


def _finite(_prompts: Sequence[str], model: Handle, prompt: Prompt, _seed: int) -> Found:
    logits_V = model.inside().states([_rendered(model, says(prompt.messages))]).logits_NV[0]
    odd = int((~np.isfinite(logits_V)).sum())
    return verdict(odd == 0, f"{odd} of {len(logits_V)} logits are not finite")


def _batch(prompts: Sequence[str], model: Handle, prompt: Prompt, _seed: int) -> Found:
    texts = [_rendered(model, text) for text in prompts]
    at = prompts.index(says(prompt.messages))
    alone = model.inside().states([texts[at]]).logits_NV[0]
    return _alike(alone, model.inside().states(texts).logits_NV[at], "alone and in a padded batch")


def _cache(_prompts: Sequence[str], model: Handle, prompt: Prompt, _seed: int) -> Found:
    text = _rendered(model, says(prompt.messages))
    whole = model.inside().states([text]).logits_NV[0]
    return _alike(whole, model.inside().stepwise(text), "at once and through the key-value cache")


def _alike(one_V: "np.ndarray[tuple[int], np.dtype[np.float64]]", other_V: object, ways: str) -> Found:
    gap = float(np.abs(log_softmax(one_V) - log_softmax(np.asarray(other_V))).max())
    return verdict(gap <= TOLERANCE, f"log-probabilities {ways} differ by at most {gap:.2g} nats", gap=gap)


# --- Asking ----------------------------------------------------------------------------------------------------------


def _determinism_cases(options: UnitOptions) -> Iterator[Case]:
    for number, text in enumerate(options.prompts):
        drives: dict[str, Drive] = {"repeat": _repeats, "batch": partial(_in_company, options.prompts)}
        for name, drive in drives.items():
            yield Case(
                id=f"determinism/{name}/{number}", slices={"check": "determinism"}, text=text, drive=drive, alone=True
            )


async def _repeats(model: Handle, prompt: Prompt, seed: int) -> Found | str:
    asked = [Message(role="user", content=says(prompt.messages))]
    return _same(await ask(model, prompt, asked, seed), await ask(model, prompt, asked, seed), "asked twice alone")


async def _in_company(prompts: Sequence[str], model: Handle, prompt: Prompt, seed: int) -> Found | str:
    asked = [
        Prompt(example_id=f"{prompt.example_id}#{at}", dataset=prompt.dataset, messages=_turn(text))
        for at, text in enumerate(prompts)
    ]
    at = prompts.index(says(prompt.messages))
    alone = await ask(model, prompt, asked[at].messages, seed)
    return _same(alone, (await ask_all(model, asked, seed))[at], "asked alone and together with others")


def _same(one: Response, other: Response, how: str) -> Found | str:
    if one.text is None or other.text is None:
        return f"no answer: {one.error or other.error}"
    ok = one.text == other.text
    return verdict(ok, f"{how}, under one seed, the answers are {'the same' if ok else 'different'}")


def _edges_cases(_options: UnitOptions) -> Iterator[Case]:
    texts = {**EDGE_TEXTS, "long": "word " * 300, "too long": "word " * 200_000}
    for name, text in texts.items():
        shown = text if len(text) < 2_000 else f"({name}: {len(text)} characters)"
        yield Case(id=f"edges/{name}", slices={"check": "edges"}, text=shown, drive=partial(_handled, text))


async def _handled(text: str, model: Handle, prompt: Prompt, seed: int) -> Found | str:
    response = await ask(model, prompt, _turn(text), seed)
    if response.text is not None:
        return verdict(True, f"answered in {len(response.text)} characters")
    told = response.error or ""
    clear = response.extra.get("failure") == "rejected" or "room for" in told or "chat template refuses" in told
    return verdict(clear, f"{'refused clearly' if clear else 'broke'}: {told[:200]}")


def _arithmetic_cases(options: UnitOptions) -> Iterator[Case]:
    rng = Random(f"unit/arithmetic/{options.largest}")
    for number in range(options.sums):
        a, b = rng.randint(1, options.largest), rng.randint(1, options.largest)
        text = options.question.replace("{a}", str(a)).replace("{b}", str(b))
        drive = partial(_adds, a + b)
        yield Case(id=f"arithmetic/{number}", slices={"check": "arithmetic"}, text=text, drive=drive)


async def _adds(right: int, model: Handle, prompt: Prompt, seed: int) -> Found | str:
    response = await ask(model, prompt, _turn(says(prompt.messages)), seed)
    if response.text is None:
        return f"no answer: {response.error}"
    words = "".join(c if c.isdigit() or c == "-" else " " for c in response.text.replace(",", "")).split()
    ok = bool(words) and words[-1] == str(right)
    return verdict(ok, f"{right} was asked for, the answer ends with {words[-1] if words else 'no number'}")


def _turn(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


_CASES: Mapping[Kind, Callable[[UnitOptions], Iterator[Case]]] = {
    "tokenizer": _tokenizer_cases,
    "template": _template_cases,
    "stop": _stop_cases,
    "numerics": _numerics_cases,
    "determinism": _determinism_cases,
    "edges": _edges_cases,
    "arithmetic": _arithmetic_cases,
}
