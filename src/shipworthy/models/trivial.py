"""The floor to beat: baselines that look at the labels or at keywords, and understand nothing.

`majority` and `random` are fitted on the references of the very dataset they answer: they see its labels, never its
inputs, so they are the strongest constant and the honest coin of that dataset, not models that could be deployed.
`constant` and `rules` see no label at all.
"""

import hashlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from shipworthy.errors import BadInput
from shipworthy.models._noise import noise_of
from shipworthy.models._options import as_text, options_of
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Prompt, Record, Response

Answer = Callable[[Prompt, int], str | None]
"""(prompt, seed) -> text, or None where the baseline has nothing to say."""


Fit = Callable[[str, ModelSpec, Sequence[Example], Path], tuple[Answer, object]]
"""(name, spec, examples, the protocol's folder) -> the answers, and what they were fitted on."""


class Constant(Record):
    """Options of `constant`: always the same answer."""

    answer: str


class Rule(Record):
    """One keyword rule: a regular expression, searched without regard to case, and what to answer."""

    pattern: str
    answer: str


class Rules(Record):
    """Options of `rules`: the first rule that matches the last user turn answers, else `default`.

    The rules stand in the protocol, or in a JSON file (a list of pattern and answer) that the model's `path` names.
    """

    rules: tuple[Rule, ...] = ()
    default: str = ""


class NoOptions(Record):
    """Options of `majority` and `random`: none."""


class TrivialBackend:
    """Answers by a function of the prompt and the seed; instant and free."""

    def __init__(self, name: str, answer: Answer, identity: Mapping[str, str]) -> None:
        self._name = name
        self._answer = answer
        self._identity = dict(identity)

    @property
    def identity(self) -> Mapping[str, str]:
        """The strategy and a digest of what it was fitted on."""
        return self._identity

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One Response a prompt, in order; an error where the dataset has no reference to learn from."""
        for prompt in prompts:
            text = self._answer(prompt, seed)
            error = None if text is not None else f"dataset {prompt.dataset!r} has no references to be fitted on"
            yield Response(
                example_id=prompt.example_id,
                dataset=prompt.dataset,
                model=self._name,
                seed=seed,
                text=text,
                error=error,
            )

    async def close(self) -> None:
        """Nothing is open."""


def load(
    name: str, spec: ModelSpec, *, folder: Path, examples: Sequence[Example], environ: Mapping[str, str]
) -> TrivialBackend:
    """The trivial baseline that `spec.strategy` names. Raises: BadInput: no strategy, or its options are wrong."""
    del environ
    if spec.strategy is None:
        raise BadInput(f"model {name!r}: the trivial backend needs a strategy: majority, constant, random or rules")
    answer, fitted_on = _FITTED[spec.strategy](name, spec, examples, folder)
    identity = {
        "kind": "trivial",
        "strategy": spec.strategy,
        "fitted_on_sha256": hashlib.sha256(msgspec.json.encode(fitted_on, order="sorted")).hexdigest(),
    }
    return TrivialBackend(name, answer, identity)


def _majority(name: str, spec: ModelSpec, examples: Sequence[Example], folder: Path) -> tuple[Answer, object]:
    del folder
    options_of(name, spec.options, NoOptions)
    counts = _references(name, examples)
    commonest = {dataset: min(count, key=lambda text: (-count[text], text)) for dataset, count in counts.items()}
    return lambda prompt, _seed: commonest.get(prompt.dataset), commonest


def _random(name: str, spec: ModelSpec, examples: Sequence[Example], folder: Path) -> tuple[Answer, object]:
    del folder
    options_of(name, spec.options, NoOptions)
    urns = {dataset: sorted(count.elements()) for dataset, count in _references(name, examples).items()}

    def draw(prompt: Prompt, seed: int) -> str | None:
        urn = urns.get(prompt.dataset)
        return urn[noise_of(seed, prompt) % len(urn)] if urn else None

    return draw, urns


def _constant(name: str, spec: ModelSpec, examples: Sequence[Example], folder: Path) -> tuple[Answer, object]:
    del examples, folder
    options = options_of(name, spec.options, Constant)
    return lambda _prompt, _seed: options.answer, options


def _rules(name: str, spec: ModelSpec, examples: Sequence[Example], folder: Path) -> tuple[Answer, object]:
    del examples
    options = options_of(name, spec.options, Rules)
    rules = options.rules if spec.path is None else (*options.rules, *_rules_in(folder / spec.path))
    if not rules:
        raise BadInput(f"model {name!r}: the strategy rules needs `rules` in its options, or a JSON file as its path")
    compiled = [(_pattern(name, number, rule), rule.answer) for number, rule in enumerate(rules, start=1)]

    def first_match(prompt: Prompt, _seed: int) -> str:
        text = next((turn.content for turn in reversed(prompt.messages) if turn.role == "user"), "")
        return next((answer for pattern, answer in compiled if pattern.search(text)), options.default)

    return first_match, (rules, options.default)


_FITTED: Mapping[str, Fit] = {
    "majority": _majority,
    "random": _random,
    "constant": _constant,
    "rules": _rules,
}


def _references(name: str, examples: Sequence[Example]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for example in examples:
        if example.reference is not None:
            counts.setdefault(example.dataset, Counter())[as_text(example.reference)] += 1
    if not counts:
        raise BadInput(
            f"model {name!r}: no dataset has references to be fitted on; use constant or rules, or remove it"
        )
    return counts


def _rules_in(path: Path) -> tuple[Rule, ...]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Rule, ...])
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BadInput(f"the rules cannot be read: {why}; check the model's `path`", where=str(path)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"not a list of rules ({error}); a rule has pattern and answer", where=str(path)) from error


def _pattern(name: str, number: int, rule: Rule) -> re.Pattern[str]:
    try:
        return re.compile(rule.pattern, re.IGNORECASE)
    except re.error as error:
        raise BadInput(f"model {name!r}: rule {number} is no regular expression ({error}): {rule.pattern!r}") from error
