"""One decoded object under examination: every rule that it breaks is noted, not only the first."""

from collections.abc import Iterable, Mapping
from typing import Any

from shipworthy.data.training.types import Turn

ROLES: Mapping[str, str] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
    "function_call": "function_call",
    "tool_call": "function_call",
}
"""The names that formats give to the four roles. A `function_call` is a turn of the assistant that only calls."""


class Faults:
    """Reads values out of one row; what is wrong is appended to `found` and a harmless value is returned."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.found: list[str] = []

    def add(self, what: str) -> None:
        self.found.append(what)

    def text(self, name: str, *, default: str | None = None) -> str:
        """A text (a number is taken as its digits); `default` where the column may be absent or null."""
        value = self.fields.get(name)
        if value is None:
            if default is None:
                self.add(f"{name!r} is {'null' if name in self.fields else 'missing'}{self._instead(name)}")
            return default or ""
        return self.as_text(name, value)

    def as_text(self, name: str, value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        self.add(f"{name!r} must be text, not {say(value)}")
        return ""

    def choice(self, names: Iterable[str]) -> str | None:
        """The first of these columns that the row has."""
        return next((name for name in names if self.fields.get(name) is not None), None)

    def turns(self, name: str, value: Any = None) -> list[Turn]:
        """A conversation: a list of role and content (or from and value), one such object, or one text."""
        found = self.fields.get(name) if value is None else value
        if isinstance(found, dict):
            found = [found]
        if not isinstance(found, list):
            self.add(f"{name!r} must be a list of turns, not {say(found)}" if name in self.fields else self._none(name))
            return []
        if not found:
            self.add(f"{name!r} has no turns")
        return [self._turn(f"{name}[{i}]", turn) for i, turn in enumerate(found)]

    def _turn(self, at: str, turn: Any) -> Turn:
        if not isinstance(turn, dict):
            self.add(f"{at} must be an object with role and content, not {say(turn)}")
            return Turn("user", "")
        role_key, text_key = ("from", "value") if turn.get("from") is not None else ("role", "content")
        role = turn.get(role_key)
        if not isinstance(role, str):
            self.add(f"{at} has no {role_key!r}" if role is None else f"{at}.{role_key} must be text, not {say(role)}")
        elif role not in ROLES:
            self.add(f"{at}.{role_key} is {role[:40]!r}; known are system, user, assistant and tool")
        known = ROLES.get(role, "user") if isinstance(role, str) else "user"
        calls = turn.get("tool_calls")
        if not calls and _there(turn.get("function_call")):
            calls = [{"function": turn["function_call"]}]
        if calls is not None and not isinstance(calls, list):
            self.add(f"{at}.tool_calls must be a list, not {say(calls)}")
            calls = None
        text = self._content(at, turn, text_key, optional=bool(calls))
        if known == "function_call":
            return Turn("assistant", "", [{"function": text}])
        return Turn(known, text, calls or None, self._weight(at, turn))

    def _content(self, at: str, turn: Mapping[str, Any], key: str, *, optional: bool) -> str:
        content = turn.get(key)
        match content:
            case str():
                return content
            case None if optional:
                return ""
            case list():
                return "".join(self._part(f"{at}.{key}[{i}]", part) for i, part in enumerate(content))
        self.add(f"{at} has no {key!r}" if key not in turn else f"{at}.{key} must be text, not {say(content)}")
        return ""

    def _part(self, at: str, part: Any) -> str:
        if isinstance(part, dict) and isinstance(part.get("type"), str):
            text = part.get("text")
            if isinstance(text, str):
                return text
            if text is None and part["type"] != "text":  # an SDK writes, and Parquet fills in, what a part has not
                return ""
        self.add(f"{at} must be a part with a type, and text where its type is text")
        return ""

    def _weight(self, at: str, turn: Mapping[str, Any]) -> float | None:
        weight = turn.get("weight")
        if weight is None or (isinstance(weight, int | float) and not isinstance(weight, bool)):
            return weight
        self.add(f"{at}.weight must be a number, not {say(weight)}")
        return None

    def _none(self, name: str) -> str:
        return f"{name!r} is missing{self._instead(name)}"

    def _instead(self, name: str) -> str:
        others = ", ".join(list(self.fields)[:8])
        return f" (the row has {others})" if name not in self.fields and others else ""


def _there(found: Any) -> bool:
    """Whether a call is there: null, and an object of nothing but null, is an SDK's or Parquet's way to say no."""
    return any(value is not None for value in found.values()) if isinstance(found, dict) else found is not None


def say(found: Any) -> str:
    """A value in words, short enough for a sentence."""
    from shipworthy.data import _rows

    return _rows.say(found)
