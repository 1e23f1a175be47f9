"""Conversations: the order of turns (judged once per shape, shapes are few), calls of tools, weights."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any

from shipworthy.data.training._kinds import learned_text
from shipworthy.data.training.batch import Batch
from shipworthy.data.training.checks import Desk
from shipworthy.data.training.types import Turn

_LETTER = {"system": "s", "user": "u", "assistant": "a", "tool": "t"}
_ORDER = re.compile(r"u(?:a(?:t+a)*u)*(?:a(?:t+a)*)?")
_UNTRAINED = ("prompt", "tool_prompts")


class Chat:
    def __init__(self, desk: Desk) -> None:
        self._found = desk.found
        self._systems: dict[str, dict[str, list[tuple[str, str]]]] = {}
        self._system_counts: dict[str, int] = {}

    def look(self, batch: Batch) -> None:
        if batch.turn_N is not None:
            turns = list(chain.from_iterable(batch.turn_N))
            if not self._all_pairs([turn.role for turn in turns], len(batch)):
                self._shapes(batch, batch.turn_N)
            weights = [turn.weight for turn in turns]
            if weights.count(None) < len(weights):
                self._weights(batch, batch.turn_N)
            if any(turn.tool_calls for turn in turns):
                self._calls(batch, batch.turn_N)
        if batch.system_N is not None:
            self._system(batch, batch.system_N)

    # --- order ---

    @staticmethod
    def _all_pairs(roles: list[str], n: int) -> bool:
        """One question and one answer in every row (a row with four turns would make the number of roles differ)."""
        return len(roles) == 2 * n and roles[0::2].count("user") == n and roles[1::2].count("assistant") == n

    def _shapes(self, batch: Batch, turn_N: Sequence[Sequence[Turn]]) -> None:
        for index, turns in enumerate(turn_N):
            shape = "".join([_LETTER.get(turn.role, "?") for turn in turns])
            for code in _judge(shape, batch.kind not in _UNTRAINED):
                self._found.add(code, batch, index, "roles", " ".join(turn.role for turn in turns))
            if len(turns) > 2 and any(one.content and one.content == two.content for one, two in pairwise(turns)):
                self._found.add("repeated_turn", batch, index, "turns", turns[-1].content)

    def _weights(self, batch: Batch, turn_N: Sequence[Sequence[Turn]]) -> None:
        for index, turns in enumerate(turn_N):
            weights = [turn.weight for turn in turns if turn.weight is not None and turn.role == "assistant"]
            if weights and not any(weights) and len(weights) == sum(turn.role == "assistant" for turn in turns):
                self._found.add("zero_weight", batch, index, "weight", turns[-1].content)

    # --- tools ---

    def _calls(self, batch: Batch, turn_N: Sequence[Sequence[Turn]]) -> None:
        for index, turns in enumerate(turn_N):
            for turn in turns:
                if turn.tool_calls:
                    tools = batch.tools_N[index] if batch.tools_N is not None else None
                    for code, because in _faults_of(turn, tools):
                        self._found.add(code, batch, index, "tool_calls", learned_text(turn), because)

    # --- system prompts ---

    def _system(self, batch: Batch, system_N: Sequence[str]) -> None:
        for index, system in enumerate(system_N):
            if not system.strip():
                continue
            if len(system) > 20 and system in batch.prompt_N[index]:
                self._found.add("system_repeated", batch, index, "prompt", system)
            elif batch.turn_N is not None:
                said = [turn.content for turn in batch.turn_N[index] if turn.role == "system"]
                if len(said) > len(set(said)):
                    self._found.add("system_repeated", batch, index, "system", said[0])
            self._spelling(batch.where(index), system)

    def _spelling(self, where: str, system: str) -> None:
        if system not in self._system_counts and len(self._system_counts) > 10_000:
            return  # every row has its own system prompt: there is no usual spelling
        self._system_counts[system] = self._system_counts.get(system, 0) + 1
        spellings = self._systems.setdefault(re.sub(r"\W+", "", system).casefold(), {})
        places = spellings.setdefault(system, [])
        if len(places) < self._found.keep:
            places.append((where, system))

    def close(self) -> None:
        for spellings in self._systems.values():
            usual = max(spellings, key=self._system_counts.__getitem__)
            for system, places in spellings.items():
                if system != usual:
                    for where, text in places:
                        self._found.at("system_variants", where, "system", text)
                    left = self._system_counts[system] - len(places)
                    self._found.whole("system_variants", left, f"{len(spellings)} spellings")


@lru_cache(maxsize=4096)
def _judge(shape: str, trained: bool) -> tuple[str, ...]:  # noqa: FBT001  cache key
    """What is wrong with an order of roles, written as one letter a turn."""
    codes = []
    bare = shape.lstrip("s")
    if "s" in bare:
        codes.append("system_not_first")
    bare = bare.replace("s", "")
    if trained and not bare.endswith("a"):
        codes.append("nothing_to_learn")
    if "u" not in bare:
        return (*codes, "no_user_turn")
    if re.search(r"(?:^|u)t", bare):
        codes.append("tool_result_without_call")
    elif not _ORDER.fullmatch(bare):
        codes.append("not_alternating")
    return tuple(codes)


def _faults_of(turn: Turn, tools: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    for call in turn.tool_calls or ():
        function = (call.get("function") or call) if isinstance(call, dict) else call
        decoded = _decoded(function)
        if not isinstance(decoded, dict) or decoded.get("name") is None:
            yield "tool_arguments_not_json", "a call needs a name and arguments"
            continue
        name = str(decoded["name"])
        given = decoded.get("arguments")
        arguments = {} if given is None else _decoded(given)
        if not isinstance(arguments, dict):
            yield "tool_arguments_not_json", f"arguments of {name}"
            continue
        if tools is not None and name not in tools:
            yield "undeclared_tool", f"{name} is not among {', '.join(list(tools)[:6])}"
        elif tools is not None:
            yield from _against(name, arguments, tools[name])


def _against(name: str, arguments: dict[str, Any], schema: Any) -> Iterator[tuple[str, str]]:
    """Required and undeclared arguments; types stand in as many dialects as there are formats."""
    known = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(known, dict):
        return
    missing = [one for one in schema.get("required") or () if one not in arguments]
    foreign = [one for one in arguments if one not in known] if known else []
    empty = [
        one for one in schema.get("required") or () if one not in missing and _empty(arguments[one], known.get(one))
    ]
    if missing or foreign or empty:
        said = [f"{name} lacks {', '.join(map(str, missing))}"] if missing else []
        said += [f"{name} needs {', '.join(map(str, empty))}, which is null"] if empty else []
        said += [f"{name} has no {', '.join(foreign)}"] if foreign else []
        yield "tool_arguments_break_schema", "; ".join(said)


def _empty(value: Any, schema: Any) -> bool:
    """Whether an argument is null though its declared type is another one."""
    if value is not None or not isinstance(schema, dict):
        return False
    ways = [schema, *(way for key in ("anyOf", "oneOf") for way in schema.get(key) or () if isinstance(way, dict))]
    types = [one for way in ways for one in _listed(way.get("type"))]
    allowed = schema.get("nullable") is True or None in _listed(schema.get("enum"))
    return bool(types) and "null" not in types and not allowed


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _decoded(value: Any) -> Any:
    import json

    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None
