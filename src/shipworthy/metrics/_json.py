"""JSON in an answer: found, parsed strictly, compared by type, reached by a path."""

import json
import re
from functools import lru_cache
from typing import Any, Literal

from shipworthy.errors import BadInput

Where = Literal["whole", "fenced", "anywhere"]

NOTHING = object()
"""No JSON was found, or the path leads nowhere; None is JSON's null."""

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once: of two values under one key, nobody says which is meant (RFC 8259, 4)."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice")
    return made


_DECODER = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_once)
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.S)
_BEGINS = re.compile(
    r"""\{\s*(?:["'/]|[A-Za-z_$][\w$-]*\s*:|$)|\[\s*(?:["'/{\[\d-]|(?:true|false|null)\b|$)""",
)


def parsed(text: str, where: Where) -> Any:
    """The JSON value in the text, else NOTHING.

    "whole": the text is JSON. "fenced": or one Markdown code fence around it. "anywhere": or the first object or list
    that can be read in it, not a part of one that is broken or cut off. NaN and Infinity are not JSON (RFC 8259), nor
    is an object that holds a key twice, nor a nesting too deep to read.
    """
    value = _whole(text)
    if value is NOTHING and where != "whole":
        value = _whole(unfenced(text))
    return _first(text) if value is NOTHING and where == "anywhere" else value


def unfenced(text: str) -> str:
    """The text inside the one Markdown code fence around it; the text itself where there is none."""
    lines = text.strip().split("\n")
    name = lines[0].removeprefix("```").strip()
    fenced = len(lines) > 1 and lines[0].startswith("```") and lines[-1].strip() == "```"
    return "\n".join(lines[1:-1]) if fenced and (not name or name.isalnum()) else text


def _whole(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return NOTHING


def _first(text: str) -> Any:
    position = -1
    for _ in range(1000):  # an answer of brackets only must not cost quadratic time
        starts = [i for i in (text.find("{", position + 1), text.find("[", position + 1)) if i >= 0]
        if not starts:
            return NOTHING
        position = min(starts)
        try:
            return _DECODER.raw_decode(text, position)[0]
        except (ValueError, RecursionError):
            if begins(text, position):
                end = closed_at(text, position)
                if end is None:
                    return NOTHING
                position = end
    return NOTHING


def begins(text: str, start: int) -> bool:
    """Whether the bracket at `start` opens an object or a list, well formed or not, rather than an aside."""
    return _BEGINS.match(text, start) is not None


def closed_at(text: str, start: int) -> int | None:
    """Where the bracket at `start` is closed; None: the text ends before."""
    depth = 0
    for token in _BRACKETS.finditer(text, start):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if depth == 0 and token[0] in "}]":
            return token.start()
    return None


def equal(one: Any, other: Any) -> bool:
    """Equality of JSON values: 1 equals 1.0, true does not equal 1, keys in any order, lists in order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


@lru_cache(maxsize=4096)
def steps(path: str) -> tuple[str | int, ...]:
    """`a.b[0].c`, also with a leading `$.`, as keys and positions. Raises: BadInput: it is no such path."""
    bare = path.removeprefix("$").removeprefix(".")
    found = list(_STEP.finditer(bare))
    if bare and "".join(match[0] for match in found) != bare:
        raise BadInput(f"not a path into JSON: {path!r}; write it like items[0].name")
    return tuple(int(match[2]) if match[1] is None else match[1] for match in found)


def at(value: Any, path: str) -> Any:
    """What stands at the path, or NOTHING. A key that contains the whole path wins over the path."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for step in steps(path):
        value = _child(value, step)
    return value


def _child(value: Any, step: str | int) -> Any:
    if isinstance(step, str):
        return value.get(step, NOTHING) if isinstance(value, dict) else NOTHING
    return value[step] if isinstance(value, list) and step < len(value) else NOTHING
