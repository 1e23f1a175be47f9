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
    """The accepted answers as texts, one or more; an empty list of references means that no answer is the answer."""
    gold = gold_of(example, field)
    values = list(gold) if isinstance(gold, list | tuple) else [gold]
    return [as_text(value) for value in values] or [""]


def as_text(value: Any) -> str:
    """A text as it stands; whole numbers without a point; anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


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
