"""The support desk as pure, deterministic generators: a `random.Random` goes in, a sample comes out.

Six skills: `ticket` (text -> compact JSON), `arithmetic` (a + b), `fact` (product facts), `howto`, `unsafe` (mild
requests that must be refused) and `safe` (look-alikes that must not be). Every sample has a *key*, the part that makes
it a different question; `is_held_out(key)` is a fixed rule over the key, so a test prompt can come out of no training
generator, whatever the seed. Pretraining shows only `PRETRAINED_INTENTS` as JSON, and its prose obeys the same rule.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from itertools import product as pairs
from random import Random
from typing import Literal

from shipworthy.demo import _vocabulary as words
from shipworthy.records import Message, Record

Skill = Literal["ticket", "arithmetic", "fact", "howto", "unsafe", "safe"]
Side = Literal["train", "test"]
SKILLS: tuple[Skill, ...] = ("ticket", "arithmetic", "fact", "howto", "unsafe", "safe")
TEST_SIZE: Mapping[Skill, int] = {
    "ticket": 400,
    "arithmetic": 300,
    "fact": 150,
    "howto": 150,
    "unsafe": 240,
    "safe": 220,
}
"""Rows of each test set. With no discordant pair a 2-point margin needs n >= 133 at one-sided .05 (Tango 1998)."""

_HELD_OUT_PERCENT: Mapping[Skill, int] = {
    "ticket": 20,
    "arithmetic": 15,
    "fact": 35,
    "howto": 20,
    "unsafe": 30,
    "safe": 48,
}
_LARGEST_ADDEND = 49


class Sample(Record):
    """One question with its right answer. `key` decides on which side of the split it falls; see `is_held_out`."""

    skill: Skill
    prompt: str
    reference: str
    key: str
    slices: dict[str, str]


def is_held_out(skill: Skill, key: str) -> bool:
    """Whether questions with this key belong to the test side; the same on every machine and for every seed."""
    digest = sha256(f"{skill}/{key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < _HELD_OUT_PERCENT[skill]


def draw(skill: Skill, rng: Random, side: Side) -> Sample:
    """One sample of `skill` from the wanted side of the split."""
    return _until(lambda: _GENERATORS[skill](rng), side)


def training_samples(skill: Skill, n: int, seed: int) -> list[Sample]:
    """`n` samples of the training side; repeats may occur. The same seed gives the same list."""
    rng = Random(f"train/{skill}/{seed}")
    return [draw(skill, rng, "train") for _ in range(n)]


def test_samples(skill: Skill) -> list[Sample]:
    """The test set of `skill`: `TEST_SIZE[skill]` different prompts of the held-out side, always the same.

    Keys repeat only where the skill has fewer held-out keys than rows; each such key then comes in another phrasing.
    """
    rng = Random(f"test/{skill}")
    by_prompt: dict[str, Sample] = {}
    keys: set[str] = set()
    for attempt in range(40 * TEST_SIZE[skill]):
        sample = draw(skill, rng, "test")
        if sample.key not in keys or attempt > 30 * TEST_SIZE[skill]:
            by_prompt.setdefault(sample.prompt, sample)
            keys.add(sample.key)
        if len(by_prompt) == TEST_SIZE[skill]:
            return list(by_prompt.values())
    raise AssertionError(f"the {skill} vocabulary is too small for {TEST_SIZE[skill]} test prompts")


def pretraining_document(rng: Random) -> list[Message] | str:
    """One document of the pretraining mix: natural prose (str), or a short chat about one or two questions."""
    kind = rng.choices(tuple(_PRETRAINING_MIX), tuple(_PRETRAINING_MIX.values()))[0]
    if kind == "prose":
        return _prose(rng)
    turns = 2 if rng.random() < 0.04 else 1
    messages = [Message(role="system", content=rng.choice(words.SYSTEM))] if rng.random() < 0.1 else []
    for sample in (_pretraining_sample(kind, rng) for _ in range(turns)):
        messages += [Message(role="user", content=sample.prompt), Message(role="assistant", content=sample.reference)]
    return messages


def ticket_answer(intent: str, priority: str) -> str:
    """The compact JSON that the desk writes for a ticket."""
    return json.dumps({"intent": intent, "priority": priority}, separators=(",", ":"))


_PRETRAINING_MIX: Mapping[str, float] = {
    "prose": 0.14,
    "ticket": 0.06,
    "arithmetic": 0.48,
    "fact": 0.10,
    "howto": 0.07,
    "unsafe": 0.08,
    "safe": 0.07,
}


def _pretraining_sample(kind: str, rng: Random) -> Sample:
    if kind == "ticket":
        return _until(lambda: _ticket(rng, words.PRETRAINED_INTENTS, _plain_style), "train")
    return _until(lambda: _GENERATORS[kind](rng), "train")


def _until(make: Callable[[], Sample], side: Side) -> Sample:
    while True:
        sample = make()
        if is_held_out(sample.skill, sample.key) == (side == "test"):
            return sample


# --- Tickets ---------------------------------------------------------------------------------------------------------


class _Style(Record):
    """What a ticket carries besides its problem and its urgency."""

    plan: str
    distractor: bool
    typo: bool


def _plain_style(rng: Random) -> _Style:
    return _Style(plan="none", distractor=False, typo=rng.random() < 0.02)


def _hard_style(rng: Random) -> _Style:
    plan = rng.choices(tuple(words.PLANS), (2, 1, 1, 1))[0]
    return _Style(plan=plan, distractor=rng.random() < 0.35, typo=rng.random() < 0.25)


def _ticket(rng: Random, intents: Sequence[str], style_of: Callable[[Random], _Style]) -> Sample:
    intent, style = rng.choice(intents), style_of(rng)
    urgency = rng.choices(words.PRIORITIES, (1, 2, 1))[0]
    sentences = _ticket_sentences(rng, intent, urgency, style)
    key = " ".join(sorted(sentences))
    rng.shuffle(sentences)
    name = rng.choice(words.NAMES) if rng.random() < 0.5 else ""
    text = " ".join(part for part in (rng.choice(words.GREETINGS), *sentences, name) if part)
    priority = _priority(urgency, style.plan)
    return Sample(
        skill="ticket",
        prompt="Classify this ticket as JSON.\n" + (_with_typo(text, rng) if style.typo else text),
        reference=ticket_answer(intent, priority),
        key=key,
        slices={"skill": "ticket", "intent": intent, "priority": priority, "plan": style.plan},
    )


def _ticket_sentences(rng: Random, intent: str, urgency: str, style: _Style) -> list[str]:
    problem = rng.choice(words.INTENTS[intent]).format(product=rng.choice(words.PRODUCTS))
    sentences = [_sentence(problem), _sentence(rng.choice(words.URGENCY[urgency]))]
    if style.distractor:
        other = rng.choice([name for name in words.TOPICS if name != intent])
        sentences.append(rng.choice(words.DISTRACTORS).format(topic=words.TOPICS[other]))
    said = words.PLANS[style.plan][0]
    return [*sentences, said] if said else sentences


def _priority(urgency: str, plan: str) -> str:
    step = words.PRIORITIES.index(urgency) + words.PLANS[plan][1]
    return words.PRIORITIES[min(2, max(0, step))]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _with_typo(text: str, rng: Random) -> str:
    at = rng.randrange(1, len(text) - 2)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


# --- The other skills ------------------------------------------------------------------------------------------------


def _arithmetic(rng: Random) -> Sample:
    a, b = rng.randint(1, _LARGEST_ADDEND), rng.randint(1, _LARGEST_ADDEND)
    carry = "carry" if a % 10 + b % 10 > 9 else "plain"
    prompt = rng.choice(words.SUMS).format(a=a, b=b)
    slices = {"skill": "arithmetic", "kind": carry}
    return Sample(skill="arithmetic", prompt=prompt, reference=str(a + b), key=f"{a}+{b}", slices=slices)


def _facts() -> dict[tuple[str, str], str]:
    rng = Random("facts")
    return {(kind, name): rng.choice(values) for kind, values in words.FACT_VALUES.items() for name in words.PRODUCTS}


FACTS = _facts()
"""(kind, product) -> value; the truth of this world."""


def _fact(rng: Random) -> Sample:
    (kind, name), value = rng.choice(tuple(FACTS.items()))
    prompt = rng.choice(words.FACT_QUESTIONS[kind]).format(product=name)
    return Sample(skill="fact", prompt=prompt, reference=value, key=prompt, slices={"skill": "fact", "kind": kind})


def _how_to(rng: Random) -> Sample:
    verb, answer = rng.choice(tuple(words.HOW_TO.items()))
    return _asked(rng, "howto", f"{verb} the {rng.choice(words.PRODUCTS)}", answer, verb)


def _unsafe(rng: Random) -> Sample:
    verbs, targets = rng.choice(words.UNSAFE)
    group = ("people", "places", "things")[(words.PEOPLE, words.PLACES, words.THINGS).index(targets)]
    return _asked(rng, "unsafe", f"{rng.choice(verbs)} {rng.choice(targets)}", words.REFUSAL, group)


def _safe(rng: Random) -> Sample:
    request, answer = rng.choice(_HARMLESS)
    return _asked(rng, "safe", request, answer, "known target" if request.endswith(_TARGETS) else "frightening verb")


_TARGETS = words.PEOPLE + words.PLACES + words.THINGS
_HARMLESS = tuple(
    (f"{verb} {target}", answer)
    for verbs, targets in words.HARMLESS
    for (verb, answer), target in pairs(verbs.items(), targets)
)


def _asked(rng: Random, skill: Skill, request: str, answer: str, kind: str) -> Sample:
    prompt = rng.choice(words.ASKS).format(request=request)
    key = prompt if skill == "howto" else request
    return Sample(skill=skill, prompt=prompt, reference=answer, key=key, slices={"skill": skill, "kind": kind})


_GENERATORS: Mapping[str, Callable[[Random], Sample]] = {
    "ticket": lambda rng: _ticket(rng, tuple(words.INTENTS), _hard_style),
    "arithmetic": _arithmetic,
    "fact": _fact,
    "howto": _how_to,
    "unsafe": _unsafe,
    "safe": _safe,
}


# --- Prose -----------------------------------------------------------------------------------------------------------


def _prose(rng: Random) -> str:
    return rng.choice((_letter, _remark, _errand, _coins))(rng)


def _letter(rng: Random) -> str:
    ticket = _until(lambda: _ticket(rng, tuple(words.INTENTS), _plain_style), "train")
    said = ticket.prompt.partition("\n")[2]
    topic, priority = words.TOPICS[ticket.slices["intent"]], ticket.slices["priority"]
    return f"{rng.choice(words.NAMES)} wrote to us. {said} It was about {topic} and the priority was {priority}."


def _remark(rng: Random) -> str:
    (kind, name), value = rng.choice(tuple(FACTS.items()))
    return words.FACT_STATEMENTS[kind].format(product=name, value=value) + f" {rng.choice(words.NAMES)} likes it."


def _errand(rng: Random) -> str:
    who, friend = rng.sample(words.NAMES, 2)
    bought, price = rng.choice(words.PRODUCTS), rng.randint(5, 500)
    return f"{who} went to {rng.choice(words.CITIES)} with {friend} and bought a {bought} for {price} coins."


def _coins(rng: Random) -> str:
    a, b = draw("arithmetic", rng, "train").key.split("+")
    total = int(a) + int(b)
    return f"{rng.choice(words.NAMES)} had {a} coins and got {b} more, so now there are {total} coins."
