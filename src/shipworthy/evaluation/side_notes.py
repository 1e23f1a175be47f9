"""What answers say beside their text that a reader of the verdict must know: cut, filtered, by another model.

Notes are taken while the responses pass by; the last response to a prompt counts.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shipworthy import records
from shipworthy.models.endings import CUT, FILTERED
from shipworthy.models.recorded import UNRECORDED
from shipworthy.records import Prompt, Response

Unit = tuple[str, str, str, int]
"""(model, dataset, example id, seed)."""
MOST_LETTERS = 8
"""More letters than this to a token of the prompt, and the endpoint has hardly read all of it."""
_LONG = 200
_ERROR = 200
_SAME_WITH = re.compile(r"([-@:_](\d{4}(-?\d\d(-?\d\d)?)?|latest|preview))*(\.gguf)?")
"""What may stand behind a model's name without making it another model: a date, a file's ending."""
_SHOWN = 3

SAID: Mapping[str, str] = {
    "answers_cut": "were cut at their longest (finish_reason length), so that a beginning was scored or nothing; raise "
    "max_tokens in its sampling",
    "failed_answers": "errored and count as failures; as a baseline it is not beaten by them alone",
    "answers_filtered": "were filtered by what serves it (finish_reason content_filter)",
    "prompts_cut": "were given to fewer tokens of the prompt than its letters need: what serves it may cut prompts "
    "silently; raise its context length",
    "reasoning_stripped": "held thoughts, which were taken off before scoring (extra.reasoning keeps them; "
    "options.reasoning: keep scores them)",
    "stream_ignored": "came whole although options.stream asks for a stream, so that no first token was timed",
    "stream_unasked": "came as a stream that nobody asked for; options.stream: true times their first tokens",
}
"""Code of a warning -> what it says of so many answers of a model."""


class SideNotes:
    """Takes notes of the responses of a run.

    Args:
        asked: model -> the name that it is asked under at its endpoint; only those models are behind one.
        prompts: what was asked; their letters are compared with the tokens that an endpoint says it read.
    """

    def __init__(self, asked: Mapping[str, str], prompts: Iterable[Prompt]) -> None:
        self._asked = asked
        self._letters = {(one.dataset, one.example_id): _letters(one) for one in prompts} if asked else {}
        self._codes: dict[Unit, list[str]] = {}
        self._errors: dict[Unit, str] = {}
        self._names: dict[str, dict[Unit, str]] = {model: {} for model in asked}

    def through(self, responses: Iterable[Response]) -> Iterator[Response]:
        """The responses as they are, noted."""
        for response in responses:
            self._note(response)
            yield response

    def warnings(self) -> list[records.Warning]:
        """One warning a code and model, with its count."""
        counted = Counter((code, unit[0]) for unit, codes in self._codes.items() for code in codes)
        found = [
            records.Warning(code=code, message=self._told(code, model, count), count=count, ungated=model)
            for (code, model), count in sorted(counted.items())
        ]
        return found + [told for model in self._names for told in self._other_models(model)]

    def _told(self, code: str, model: str, count: int) -> str:
        said = f"{count} answers of {model} {SAID[code]}"
        if code != "failed_answers":
            return said
        unit, error = next((unit, error) for unit, error in self._errors.items() if unit[0] == model)
        return f"{said}; first: {unit[2]}: {error[:_ERROR]}"

    def _note(self, response: Response) -> None:
        unit = (response.model, response.dataset, response.example_id, response.seed)
        codes = list(self._codes_of(response))
        if "failed_answers" in codes:
            self._errors[unit] = response.error or ""
        else:
            self._errors.pop(unit, None)
        if codes:
            self._codes[unit] = codes
        else:
            self._codes.pop(unit, None)
        name = response.extra.get("reported_model")
        if isinstance(name, str) and response.model in self._names and response.text is not None:
            self._names[response.model][unit] = name

    def _codes_of(self, response: Response) -> Iterator[str]:
        extra = response.extra
        if response.error is not None and extra.get(UNRECORDED) is not True:
            yield "failed_answers"
        ended = extra.get("finish_reason")
        if ended in CUT:
            yield "answers_cut"
        if ended in FILTERED:
            yield "answers_filtered"
        if extra.get("thoughts") == "stripped" and response.text is not None:
            yield "reasoning_stripped"
        yield from _streamed(extra.get("stream"))
        letters = self._letters.get((response.dataset, response.example_id), 0)
        tokens = response.input_tokens
        if response.model in self._asked and tokens is not None and letters > _LONG and letters > MOST_LETTERS * tokens:
            yield "prompts_cut"

    def _other_models(self, model: str) -> Iterator[records.Warning]:
        names = Counter(self._names[model].values())
        shown = ", ".join(f"{name!r} ({count})" for name, count in names.most_common(_SHOWN))
        if len(names) > 1:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            message = (
                f"{model} was answered by {len(names)} models, {shown}{more}: its endpoint switched within the run"
            )
            count = names.total() - max(names.values())
            yield records.Warning(code="model_switched", message=message, count=count)
        elif names and not _same(self._asked[model], next(iter(names))):
            message = (
                f"{model} asks for {self._asked[model]!r} and was answered by {shown}; see that this is what it is"
            )
            yield records.Warning(code="model_differs", message=message, count=names.total())


def _streamed(stream: Any) -> tuple[str, ...]:
    return {"whole": ("stream_ignored",), "unasked": ("stream_unasked",)}.get(stream, ())


def _letters(prompt: Prompt) -> int:
    """Letters of the conversation, without white space, of which one token may hold any number."""
    return sum(len(word) for message in prompt.messages for word in message.content.split())


def _same(asked: str, answered: str) -> bool:
    """Whether two names are one model's: a path or an owner before it, a date or a file's ending
    behind it."""
    names = (name.lower().rstrip("/").rpartition("/")[2] for name in (asked, answered))
    shorter, longer = sorted(names, key=len)
    return bool(shorter) and longer.startswith(shorter) and _SAME_WITH.fullmatch(longer[len(shorter) :]) is not None
