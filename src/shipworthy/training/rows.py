"""Training rows: JSONL in, conversations out; a bad row is named with file and line before anything is trained."""

from codecs import BOM_UTF8
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import msgspec

from shipworthy.data._rows import value as json_value
from shipworthy.errors import BadInput
from shipworthy.records import Message, Record


class Row(Record):
    """A prompt and the completion that is learned. `rejected` is set in preference data only."""

    prompt: Annotated[tuple[Message, ...], msgspec.Meta(min_length=1)]
    completion: Annotated[tuple[Message, ...], msgspec.Meta(min_length=1)]
    rejected: tuple[Message, ...] | None = None


class DataFile(Record):
    """What one file contributed: its path as given, the sha256 of its bytes, its number of rows."""

    path: str
    sha256: str
    rows: int


def read_rows(path: str, *, preference: bool) -> tuple[list[Row], DataFile]:
    """Every row of a JSONL file.

    Accepted are `prompt` with `completion` (preference data: with `chosen` and `rejected`), each a text or a list of
    messages, and `messages`, whose last turn is what is learned.

    Raises: BadInput: the file cannot be read, is empty, or a row is none of these.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror or error}); give a JSONL file", where=path) from error
    lines = raw.removeprefix(BOM_UTF8).split(b"\n")  # nothing else ends a line: U+2028 may stand inside a text
    rows = [_row(line, f"{path}:{n}", preference=preference) for n, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise BadInput("holds no row; a training file needs at least one", where=path)
    return rows, DataFile(path=path, sha256=sha256(raw).hexdigest(), rows=len(rows))


def _row(line: bytes, where: str, *, preference: bool) -> Row:
    try:
        value = json_value(line.decode())
    except UnicodeDecodeError as error:
        said = f"byte 0x{line[error.start]:02X} at column {error.start + 1} is not UTF-8; save the file as UTF-8"
        raise BadInput(said, where=where) from error
    except ValueError as error:
        raise BadInput(f"{error}; each line must be one JSON object", where=where) from error
    if not isinstance(value, dict):
        raise BadInput("a training row is a JSON object with `prompt` and `completion`", where=where)
    try:
        return _preference_row(value) if preference else _completion_row(value)
    except KeyError as error:
        raise BadInput(f"this row has no {error}; it has {', '.join(value) or 'no keys'}", where=where) from error
    except msgspec.ValidationError as error:
        raise BadInput(f"this row is not a conversation ({error})", where=where) from error


def _completion_row(value: dict[str, Any]) -> Row:
    if "messages" in value:
        messages = _messages(value["messages"], "user")
        return _checked(Row(prompt=messages[:-1], completion=messages[-1:]))
    return _checked(
        Row(prompt=_messages(value["prompt"], "user"), completion=_messages(value["completion"], "assistant"))
    )


def _preference_row(value: dict[str, Any]) -> Row:
    return _checked(
        Row(
            prompt=_messages(value["prompt"], "user"),
            completion=_messages(value["chosen"], "assistant"),
            rejected=_messages(value["rejected"], "assistant"),
        )
    )


def _checked(row: Row) -> Row:
    learned: Sequence[Message] = row.completion + (row.rejected or ())
    if not row.prompt or not row.completion:
        raise msgspec.ValidationError("it needs a prompt and a completion")
    if any(message.role != "assistant" for message in learned):
        raise msgspec.ValidationError("what is learned must be the assistant's")
    return row


def _messages(value: Any, role: str) -> tuple[Message, ...]:
    if isinstance(value, str):
        value = [{"role": role, "content": value}]
    return msgspec.convert(value, tuple[Message, ...])
