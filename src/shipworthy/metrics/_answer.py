"""What every metric asks of an example and of an answer: its text, its references, its label."""

import json
import math
import re
from functools import lru_cache
from typing import Any

from shipworthy.errors import BadInput
from shipworthy.records import Example, Response


def text_of(response: Response) -> str:
    """The answer's text. Raises: ValueError: the response is an error; its counts are the metric's `failure`."""
    if response.text is None:
        raise ValueError(f"response to {response.example_id!r} failed; use the metric's `failure` counts")
    return response.text


def gold_of(example: Example, field: str | None) -> Any:
    """The gold value: `example.reference`, or the column `field`. Raises: BadInput: there is none."""
    if field is None:
        gold, what = example.reference, "reference"
    else:
        gold, what = example.fields.get(field), f"column {field!r}"
    if gold is None:
        raise BadInput(
            f"example {example.id!r} has no {what} to score against; add it or move the metric", where=place(example)
        )
    return gold


def texts_of(example: Example, field: str | None) -> list[str]:
    """The accepted answers as texts, one or more; an empty list of references means that no answer is the answer.

    Read: a text, a number, true or false, a list of these, and SQuAD's `{text: [...], answer_start: [...]}` or
    `[{text, answer_start}]`. Raises: BadInput: there is none, or it is anything else (null in a list, an object).
    """
    gold = gold_of(example, field)
    values = gold if isinstance(gold, list | tuple) else [gold]
    texts = [text for value in values for text in _squad_or_scalar(value, example)]
    return texts or [""]


def spoken_of(example: Example, field: str | None) -> list[str]:
    """The references as `texts_of` reads them, without empty ones. Raises: BadInput: no text is left to be met."""
    texts = [text for text in texts_of(example, field) if text.strip()]
    if not texts:
        raise BadInput(
            f"the reference of example {example.id!r} is empty, which no answer can come near; give it a text, or use "
            "exact_match or token_f1, where an empty reference asks for no answer",
            where=place(example),
        )
    return texts


def label_of(example: Example, field: str | None) -> str:
    """The one gold label as text: a text, a number, true or false, or a list of one of them. Raises: BadInput."""
    gold = gold_of(example, field)
    one = gold[0] if isinstance(gold, list | tuple) and len(gold) == 1 else gold
    if not isinstance(one, str | int | float):
        raise BadInput(
            f"the reference of example {example.id!r} is {_kind(gold)}, not one label; give one text or number, or use "
            "exact_match where any of several is right",
            where=place(example),
        )
    if as_text(one).strip() == "":
        raise BadInput(f"the label of example {example.id!r} is empty; add it or remove the row", where=place(example))
    return as_text(one)


_SQUAD = frozenset({"text", "answer_start"})


def is_squad(value: Any) -> bool:
    """Whether this is an answer as SQuAD writes it, `{text, answer_start}`."""
    return isinstance(value, dict) and "text" in value and _SQUAD.issuperset(value)


def _squad_or_scalar(value: Any, example: Example) -> list[str]:
    if isinstance(value, str | int | float):
        return [as_text(value)]
    if is_squad(value):
        texts = value["text"] if isinstance(value["text"], list | tuple) else [value["text"]]
        if all(isinstance(text, str) for text in texts):
            return list(texts)
    raise BadInput(
        f"the reference of example {example.id!r} holds {_kind(value)}, which is no text to compare an answer with; "
        "give a text, a number, or a list of them",
        where=place(example),
    )


def _kind(value: Any) -> str:
    """What a value is, in words."""
    if isinstance(value, dict):
        return f"an object ({', '.join(map(str, list(value)[:4])) or 'without keys'})"
    return "null" if value is None else f"a list of {len(value)}" if isinstance(value, list | tuple) else repr(value)


def as_text(value: Any) -> str:
    """A text as it stands; whole numbers without a point; anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def scalar_text(value: Any) -> str | None:
    """The same of a text, a number, true or false; None of anything that has no one text (null, lists, objects)."""
    return as_text(value) if isinstance(value, str | int | float) else None


def place(example: Example) -> str:
    """file:line of the example, or its data set and id."""
    return example.where or f"{example.dataset}/{example.id}"


@lru_cache(maxsize=4096)
def pattern(expression: str, flags: int = 0) -> re.Pattern[str]:
    """The compiled expression. Raises: BadInput: it is no regular expression."""
    try:
        return re.compile(expression, flags)
    except re.error as error:
        raise BadInput(f"not a regular expression: {expression!r} ({error})") from error


def extracted(text: str, expression: str | None) -> str | None:
    """The last match of `expression` (its first group when it has one), the whole text without it, None: no match."""
    if expression is None:
        return text
    last = None
    for last in pattern(expression).finditer(text):  # noqa: B007  the last one counts: reasoning comes before an answer
        pass
    if last is None:
        return None
    return last.group(1 if last.re.groups else 0)
