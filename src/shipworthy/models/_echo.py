"""Scores over completions: the prompt comes back (`echo`) with a log-probability for each of its tokens. Pure.

A row is one request with several prompts: what stands before the options, and each option behind it. How many tokens
the beginning has tells where an option begins, as in lm-eval and as for local weights: the joint encoding decides.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from shipworthy.models._choices import (
    Key,
    Mode,
    Scoring,
    asked_identity,
    chosen,
    options_in,
    summed,
    target_of,
    unsound,
)
from shipworthy.models._completions import plain_text
from shipworthy.models._failures import not_a_completion
from shipworthy.models._likelihood import Score
from shipworthy.models._options import likely
from shipworthy.models._reply import Usage, raw
from shipworthy.models._retry import Failure
from shipworthy.models._wire import Answer
from shipworthy.records import Example, Prompt

WRITTEN = 1
"""Tokens that a server is asked to write behind the prompt: some refuse to write none."""
_NO_ECHO = (
    "it gives no log-probabilities of the prompt (`echo` with `logprobs`), which scoring needs; serve the model with "
    "what does, such as vLLM, or score its weights with backend: huggingface"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One row: the beginning, what continues it, and how the continuations are called."""

    mode: Mode
    beginning: str
    wholes: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def body(self) -> dict[str, Any]:
        """What the request says besides the model and its sampling."""
        return {
            "prompt": [self.beginning, *self.wholes],
            "echo": True,
            "logprobs": 1,
            "max_tokens": WRITTEN,
            "temperature": 0,
        }


class Echo:
    """What to score of which row, and how to read the answer."""

    def __init__(self, settings: Scoring, examples: Sequence[Example]) -> None:
        self._settings = settings
        rows = [row for row in examples if settings.mode_of(row.dataset) != "generate"]
        self._targets: dict[Key, Any] = {
            (row.dataset, row.id): target_of(row, settings.mode_of(row.dataset), settings.choices) for row in rows
        }

    def split(self, prompts: Sequence[Prompt]) -> tuple[Sequence[Prompt], list[tuple[Prompt, str]]]:
        """The prompts that can be asked, and those that cannot be scored, with the reason."""
        if not self._settings.scores:
            return prompts, []
        asked = [(prompt, self.asked(prompt)) for prompt in prompts]
        unscorable = [(prompt, why) for prompt, why in asked if isinstance(why, str)]
        return [prompt for prompt, what in asked if not isinstance(what, str)], unscorable

    @property
    def identity(self) -> Mapping[str, str]:
        """What is scored and how; nothing where nothing is."""
        return asked_identity(self._settings.how, self._targets) if self._settings.scores else {}

    def asked(self, prompt: Prompt) -> Asked | str | None:
        """What is scored for a prompt; why it cannot be; None: it is to be generated."""
        mode = self._settings.mode_of(prompt.dataset)
        if mode == "generate":
            return None
        target = self._targets.get((prompt.dataset, prompt.example_id))
        beginning = plain_text(prompt.messages)
        texts, error = options_in(target, self._settings.choices) if mode == "choices" else _reference(target)
        if error is not None or not beginning:
            return error or "there is no prompt that its options could follow"
        return Asked(mode, beginning, tuple(beginning + self._settings.join + text for text in texts), texts)

    def read(self, asked: Asked, body: bytes, latency_s: float) -> Answer | Failure:
        """What the body of a 200 says about a row."""
        try:
            said = _completion(body)
        except msgspec.DecodeError:
            return not_a_completion(body)
        scores = _scores(asked, said)
        if isinstance(scores, Failure):
            return scores
        odd = unsound(scores)
        if odd is not None:
            return Failure(kind="rejected", message=odd)
        text, extra = self._found(asked, scores)
        usage = said.usage or Usage()
        reported = {"reported_model": said.model, "system_fingerprint": said.system_fingerprint}
        return Answer(
            text=text,
            latency_s=latency_s,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            extra={**extra, **{key: value for key, value in reported.items() if value is not None}},
        )

    def _found(self, asked: Asked, scores: Sequence[Score]) -> tuple[str, dict[str, Any]]:
        if asked.mode == "likelihood":
            return asked.texts[0], summed(scores)
        _, label, extra = chosen(asked.texts, scores, self._settings.choose_by, self._settings.answer_as)
        return label, extra


GENERATES = Echo(Scoring(), ())
"""Scores nothing."""


def no_echo(failure: Failure) -> Failure:
    """A server that refuses the request because of what it asks for will refuse them all."""
    if failure.kind == "rejected" and re.search(r"echo|logprob|prompt.{0,40}(?:list|array|string)", failure.message):
        return Failure(kind="denied", message=f"{_NO_ECHO} ({failure.message})", status=failure.status, hopeless=True)
    return failure


def _reference(target: Any) -> tuple[tuple[str, ...], str | None]:
    text, error = likely(target)
    return ((), error) if text is None else ((text,), None)


# --- The wire ---------------------------------------------------------------------------------------------------------


class _Logprobs(msgspec.Struct):
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float] | None] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    logprobs: _Logprobs | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: Usage | None = None
    model: str | None = None
    system_fingerprint: str | None = None


_DECODER = msgspec.json.Decoder(_Completion)
Kind = TypeVar("Kind")


def _completion(body: bytes) -> _Completion:
    """As declared at once, or field by field where a side field is odd: that one is left out, the scores are read.

    Raises: msgspec.DecodeError: no JSON object, or choices that cannot be told apart.
    """
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        given = raw(body)
    return _Completion(
        choices=[_choice(one) for one in _field(given.get("choices"), list[dict[str, Any]]) or []],
        usage=_field(given.get("usage"), Usage),
        model=_field(given.get("model"), str),
        system_fingerprint=_field(given.get("system_fingerprint"), str),
    )


def _choice(given: Mapping[str, Any]) -> _Choice:
    index = _field(given.get("index", 0), int)
    if index is None:
        raise msgspec.DecodeError("a choice does not say which prompt it belongs to")
    logprobs = _field(given.get("logprobs"), dict[str, Any]) or {}
    values, likeliest = (_field(logprobs.get(name), list[Any]) for name in ("token_logprobs", "top_logprobs"))
    return _Choice(
        index=index,
        logprobs=_Logprobs(
            token_logprobs=[_field(value, float) for value in values or []],
            top_logprobs=None if likeliest is None else [_field(top, dict[str, float]) for top in likeliest],
        ),
    )


def _field(value: Any, kind: type[Kind]) -> Kind | None:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:  # of another type than declared: not known
        return None


def _scores(asked: Asked, said: _Completion) -> list[Score] | Failure:
    """One score a continuation, in order; a Failure where the endpoint does not say what it was asked."""
    choices = sorted(said.choices, key=lambda choice: choice.index)
    if len(choices) != 1 + len(asked.wholes):
        return _hopeless(f"it answers {len(choices)} of {1 + len(asked.wholes)} prompts of one request")
    listed = [choice.logprobs.token_logprobs if choice.logprobs else [] for choice in choices]
    written = _written(listed, said.usage)
    if written is None or any(len(one) <= written for one in listed):
        return _hopeless(_NO_ECHO)
    begins = len(listed[0]) - written
    found = []
    for choice, values in zip(choices[1:], listed[1:], strict=True):
        end = len(values) - written
        start = min(begins, end - 1)
        scored = [value for value in values[start:end] if value is not None]
        if len(scored) < end - start:
            return Failure(kind="rejected", message="it gives no log-probability for a token of an option")
        found.append(Score(sum(scored), len(scored), _likeliest(choice, start, end)))
    return found


def _written(listed: Sequence[Sequence[float | None]], usage: Usage | None) -> int | None:
    """How many tokens behind each prompt the server wrote and listed; None: its counts do not fit what it lists."""
    if usage is None or usage.prompt_tokens is None:
        return WRITTEN
    extra = sum(map(len, listed)) - usage.prompt_tokens
    return extra // len(listed) if extra in (0, WRITTEN * len(listed)) else None


def _likeliest(choice: _Choice, start: int, end: int) -> bool:
    """Whether every scored token was the likeliest one; not known is no."""
    given = choice.logprobs
    if given is None or given.top_logprobs is None or len(given.top_logprobs) < end:
        return False
    pairs = zip(given.token_logprobs[start:end], given.top_logprobs[start:end], strict=True)
    return all(value is not None and top and value >= max(top.values()) for value, top in pairs)


def _hopeless(message: str) -> Failure:
    return Failure(kind="denied", message=message, status=200, hopeless=True)
