"""The fast path: a whole chunk of JSON lines decoded into typed structs at once. It answers None when anything about
the chunk is out of the ordinary; the careful path in `_read` then looks at each of its lines."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec

from shipworthy.data.training._kinds import learned_text
from shipworthy.data.training.batch import Batch, Lines
from shipworthy.data.training.types import Turn

_ROLE, _CONTENT = attrgetter("role"), attrgetter("content")
_KNOWN = {"system", "user", "assistant", "tool"}


class _Chat(msgspec.Struct, gc=False):
    messages: list[Turn]
    tools: msgspec.Raw | None = None
    functions: msgspec.Raw | None = None


class _PromptCompletion(msgspec.Struct, gc=False):
    prompt: str
    completion: str


class _Preference(msgspec.Struct, gc=False):
    prompt: str
    chosen: str
    rejected: str


class _Alpaca(msgspec.Struct, gc=False):
    instruction: str
    output: str
    input: str = ""
    system: str = ""


class _Labelled(msgspec.Struct, gc=False):
    text: str
    label: str


class _Answered(msgspec.Struct, gc=False):
    question: str
    answer: str


Columns = dict[str, Any]


def _chat(rows: Sequence[_Chat]) -> Columns | None:
    talk_N = [row.messages for row in rows]
    roles = [turn.role for turn in chain.from_iterable(talk_N)]
    if any(row.tools for row in rows) or not all(talk_N) or not _KNOWN.issuperset(set(roles)):
        return None
    n = len(talk_N)
    if len(roles) == 2 * n and roles[0::2].count("user") == n and roles[1::2].count("assistant") == n:
        pairs = set(map(len, talk_N)) == {2}
        if pairs and not any(talk[1].tool_calls for talk in talk_N):
            asked, said = [talk[0].content for talk in talk_N], [talk[1].content for talk in talk_N]
            return {"prompt_N": asked, "completion_N": said, "turn_N": talk_N}
    return _long_chat(talk_N)


def _long_chat(talk_N: Sequence[list[Turn]]) -> Columns:
    asked_N = [talk[:-1] if talk[-1].role == "assistant" else talk for talk in talk_N]
    system_N = ["\n".join([turn.content for turn in asked if turn.role == "system"]) for asked in asked_N]
    return {
        "turn_N": talk_N,
        "prompt_N": ["\n".join([turn.content for turn in asked if turn.role != "system"]) for asked in asked_N],
        "system_N": system_N if any(system_N) else None,
        "completion_N": [learned_text(talk[-1]) if talk[-1].role == "assistant" else "" for talk in talk_N],
    }


def _prompt_completion(rows: Sequence[_PromptCompletion]) -> Columns:
    return {"prompt_N": [row.prompt for row in rows], "completion_N": [row.completion for row in rows]}


def _preference(rows: Sequence[_Preference]) -> Columns:
    return {
        "prompt_N": [row.prompt for row in rows],
        "completion_N": [row.chosen for row in rows],
        "rejected_N": [row.rejected for row in rows],
    }


def _alpaca(rows: Sequence[_Alpaca]) -> Columns:
    system_N = [row.system for row in rows]
    return {
        "prompt_N": [f"{row.instruction}\n{row.input}" if row.input else row.instruction for row in rows],
        "completion_N": [row.output for row in rows],
        "system_N": system_N if any(system_N) else None,
    }


def _labelled(rows: Sequence[_Labelled]) -> Columns:
    label_N = [row.label for row in rows]
    return {"prompt_N": [row.text for row in rows], "completion_N": label_N, "label_N": label_N}


def _answered(rows: Sequence[_Answered]) -> Columns:
    return {"prompt_N": [row.question for row in rows], "completion_N": [row.answer for row in rows]}


_PATHS: Mapping[str, tuple[type, Callable[[Any], Columns | None]]] = {
    "chat": (_Chat, _chat),
    "prompt_completion": (_PromptCompletion, _prompt_completion),
    "preference": (_Preference, _preference),
    "alpaca": (_Alpaca, _alpaca),
    "label": (_Labelled, _labelled),
    "qa": (_Answered, _answered),
}


class FastPath:
    """Decodes chunks of one kind. `keys`: the columns of the file's first row, watched for a key that stands twice."""

    def __init__(self, kind: str, keys: Sequence[str]) -> None:
        self._kind = kind
        known = _PATHS.get(kind)
        self._decoder: msgspec.json.Decoder[Any] | None = None if known is None else msgspec.json.Decoder(known[0])
        self._columns = None if known is None else known[1]
        self._keys = [b'"' + key.encode() + b'"' for key in keys[:16]]

    def batch(self, data: bytes, path: str, first: int) -> Batch | None:
        """The rows of a chunk; None: look at each line, something may be wrong."""
        if self._decoder is None or self._columns is None:
            return None
        lines = data.count(b"\n") + (not data.endswith(b"\n"))
        try:
            rows = self._decoder.decode_lines(data) if data.isascii() or data.decode() else []
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if len(rows) != lines or any(data.count(key) > lines for key in self._keys):
            return None
        columns = self._columns(rows)
        if columns is None or (self._kind == "chat" and self._twice(data, columns["turn_N"])):
            return None
        return Batch(kind=self._kind, lines=Lines(path=path, line_N=range(first, first + lines)), **columns)

    @staticmethod
    def _twice(data: bytes, talk_N: Sequence[list[Turn]]) -> bool:
        turns = sum(map(len, talk_N))
        return data.count(b'"role"') > turns or data.count(b'"content"') > turns
