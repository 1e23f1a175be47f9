"""The fast path: a whole chunk of JSON lines decoded into typed structs at once. It answers None when anything about
the chunk is out of the ordinary; the careful path in `_read` then looks at each of its lines."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from shipworthy.data.training._kinds import learned_text
from shipworthy.data.training._lines import Chunk
from shipworthy.data.training.batch import Batch, Lines
from shipworthy.data.training.types import Turn

_KNOWN = {"system", "user", "assistant", "tool"}


class _Asked(msgspec.Struct, gc=False, tag_field="role", tag="user", forbid_unknown_fields=True):
    content: str


class _Said(msgspec.Struct, gc=False, tag_field="role", tag="assistant", forbid_unknown_fields=True):
    content: str


class _Pair(msgspec.Struct, gc=False):
    """The commonest row of all: one question and one answer, nothing else. The decoder itself checks that."""

    messages: tuple[_Asked, _Said]
    tools: None = None
    functions: None = None


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


def _pair(rows: Sequence[_Pair]) -> Columns:
    talk_N = [row.messages for row in rows]
    return {"prompt_N": [talk[0].content for talk in talk_N], "completion_N": [talk[1].content for talk in talk_N]}


def _chat(rows: Sequence[_Chat]) -> Columns | None:
    talk_N = [row.messages for row in rows]
    roles = {turn.role for turn in chain.from_iterable(talk_N)}
    if any(row.tools for row in rows) or not all(talk_N) or not _KNOWN.issuperset(roles):
        return None
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


_PATHS: Mapping[str, Sequence[tuple[type, Callable[[Any], Columns | None]]]] = {
    "chat": ((_Pair, _pair), (_Chat, _chat)),
    "prompt_completion": ((_PromptCompletion, _prompt_completion),),
    "preference": ((_Preference, _preference),),
    "alpaca": ((_Alpaca, _alpaca),),
    "label": ((_Labelled, _labelled),),
    "qa": ((_Answered, _answered),),
}
"""Narrow and fast first."""


class FastPath:
    """Decodes chunks of one kind. `keys`: the columns of the file's first row, watched for a key that stands twice."""

    def __init__(self, kind: str, keys: Sequence[str]) -> None:
        self._kind = kind
        self._ways: list[tuple[msgspec.json.Decoder[Any], Callable[[Any], Columns | None]]] = [
            (msgspec.json.Decoder(shape), columns) for shape, columns in _PATHS.get(kind, ())
        ]
        self._keys = [b'"' + key.encode() + b'"' for key in keys[:16]]

    def batch(self, chunk: Chunk, path: str) -> Batch | None:
        """The rows of a chunk; None: look at each line, something may be wrong."""
        data, lines = chunk.data, chunk.lines
        if not self._ways or not _is_utf8(data) or any(data.count(key) > lines for key in self._keys):
            return None
        columns = self._columns(data, lines)
        if columns is None or (self._kind == "chat" and _twice(data, columns, lines)):
            return None
        return Batch(kind=self._kind, lines=Lines(path=path, line_N=range(chunk.first, chunk.first + lines)), **columns)

    def _columns(self, data: bytes, lines: int) -> Columns | None:
        """By the first way that fits; a narrow way that did not fit once is not tried again."""
        while self._ways:
            decoder, columns_of = self._ways[0]
            try:
                rows = decoder.decode_lines(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                rows = []
            if len(rows) == lines or len(self._ways) == 1:
                return columns_of(rows) if len(rows) == lines else None
            del self._ways[0]
        return None


def _is_utf8(data: bytes) -> bool:
    """The decoder skips over columns that nobody reads, so that it does not see their bytes."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _twice(data: bytes, columns: Columns, lines: int) -> bool:
    """Whether a key of a turn stands twice; in a text the same word has a backslash before its quotes."""
    talk_N = columns.get("turn_N")
    turns = 2 * lines if talk_N is None else sum(map(len, talk_N))
    return data.count(b'"role"') > turns or data.count(b'"content"') > turns
