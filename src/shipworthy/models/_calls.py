"""Tool calls: the pieces of a stream put together, and calls spelled as text. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from shipworthy.models._reply import Function, ToolCall, Turn


def join(calls: list[ToolCall], piece: ToolCall) -> None:
    """Add a piece of a stream to the calls: to the one that it goes on, or as a new one."""
    call = _gone_on(calls, piece)
    if call is None:
        calls.append(piece)
        return
    call.id = call.id or piece.id
    name = piece.function.name or ""
    if name != call.function.name:  # a server may say the name again with every piece
        call.function.name = (call.function.name or "") + name
    call.function.arguments = _text(call.function.arguments) + _text(piece.function.arguments)


def _gone_on(calls: Sequence[ToolCall], piece: ToolCall) -> ToolCall | None:
    """The call that a piece goes on; None: it begins one. An index alone tells nothing: some servers give 0 to all."""
    if piece.id and (known := [call for call in calls if call.id == piece.id]):
        return known[-1]
    candidates = [call for call in calls if piece.index is None or call.index == piece.index]
    if not candidates:
        return None
    last, name = candidates[-1], piece.function.name
    if piece.id and (last.id or name):
        return None
    if not name:
        return last
    again = name == last.function.name
    if piece.index is None or (not again and not last.id):
        return None
    return None if _complete(last) and (piece.function.arguments or not again) else last


def called(turn: Turn) -> Sequence[ToolCall]:
    """The calls of a turn, in the older form or the newer one."""
    if turn.tool_calls:
        return turn.tool_calls
    return [ToolCall(turn.function_call)] if turn.function_call and turn.function_call.name else ()


def join_function(turn: Turn, piece: Function | None) -> None:
    """The same of the older form, which knows one call."""
    if piece is None:
        return
    old = turn.function_call or Function()
    name = piece.name if piece.name == old.name else (old.name or "") + (piece.name or "")
    turn.function_call = Function(name, _text(old.arguments) + _text(piece.arguments))


def spelled(calls: Sequence[ToolCall]) -> str:
    """Tool calls as text: a JSON list of name and arguments; "" without any."""
    if not calls:
        return ""
    said = [{"name": call.function.name or "", "arguments": _arguments(call.function)} for call in calls]
    return msgspec.json.encode(said).decode()


def _arguments(function: Function) -> Any:
    """Arguments as the object that their text spells; as the text itself where it spells none."""
    given = function.arguments
    if not isinstance(given, str):
        return given or {}
    try:
        return msgspec.json.decode(given) if given.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return given


def _complete(call: ToolCall) -> bool:
    return isinstance(_arguments(call.function), dict) and bool(call.function.arguments)


def _text(arguments: str | dict[str, Any] | None) -> str:
    return msgspec.json.encode(arguments).decode() if isinstance(arguments, dict) else arguments or ""
