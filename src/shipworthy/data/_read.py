"""Rows -> examples, by the roles that the protocol gives to columns."""

import difflib
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.data import _rows
from shipworthy.data._rows import Bad, Row
from shipworthy.errors import BadInput
from shipworthy.protocol.types import DatasetSpec
from shipworthy.records import Example, Message


def read(name: str, spec: DatasetSpec, *, folder: Path) -> list[Example]:
    """The examples of one dataset, in the file's order.

    `id` becomes text (7 and 7.0 -> "7"); without a column `id` rows are numbered from 1. A conversation in
    `messages` that ends with the assistant's turn gives that turn as the reference where there is no other.

    Args:
        name: the dataset's name in the protocol.
        folder: what `spec.path` is relative to.

    Raises: BadInput: file:line of the first bad row and how many more there are; a column that is not there, with the
        nearest name; the same id twice; a file without rows.
    """
    path = folder / spec.path
    good, bad = _sorted(_rows.rows(path))
    if good and _rows.is_parquet(path):
        good = [Row(row.line, _rows.filled_all(row.fields)) for row in good]
    if not good and not bad:
        raise BadInput("the file has no rows", where=str(path))
    columns = _columns(good)
    _rows.refuse(path, bad if not good else [])
    reader = _Reader(name, _present(path, spec, columns), path)
    examples: list[Example] = []
    for number, row in enumerate(good, start=1):
        try:
            examples.append(reader.example(number, row))
        except ValueError as error:
            bad.append(Bad(row.line, str(error)))
    _rows.refuse(path, sorted(bad, key=lambda row: row.line))
    _unique(examples)
    return examples


def digest(examples: Iterable[Example]) -> str:
    """sha256 of what the examples say, whatever their order and their place in the file."""
    rows = sorted(_fingerprint(example) for example in examples)
    return hashlib.sha256(b"".join(rows)).hexdigest()


def _fingerprint(example: Example) -> bytes:
    bare = msgspec.structs.replace(example, where="")
    said = msgspec.to_builtins(bare)
    if bare.crossed is None:
        del said["crossed"]  # rows without it keep the digest they had before it existed
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).digest()


def _sorted(rows: Iterable[Row | Bad]) -> tuple[list[Row], list[Bad]]:
    good: list[Row] = []
    bad: list[Bad] = []
    for row in rows:
        if isinstance(row, Row):
            good.append(row)
        else:
            bad.append(row)
    return good, bad


def _columns(rows: Sequence[Row]) -> dict[str, None]:
    return {name: None for row in rows for name in row.fields}


def _present(path: Path, spec: DatasetSpec, columns: Mapping[str, None]) -> DatasetSpec:
    """The spec without default columns that the file lacks. Raises: BadInput: a column that was named is not there."""
    needed = [*spec.ways, spec.messages, *spec.slices]
    if spec.messages is None and spec.prompt is None:
        needed.append(spec.input)
    optional = {"id": spec.id, "reference": spec.reference}
    needed += [column for role, column in optional.items() if column != role]
    for column in needed:
        if column is not None and column not in columns:
            raise BadInput(f"no column {column!r}{_near(column, columns)}", where=str(path))
    if spec.reference is not None and spec.reference not in columns:
        return msgspec.structs.replace(spec, reference=None)
    return spec


def _near(name: str, columns: Iterable[str]) -> str:
    known = list(columns)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    more = ", ..." if len(known) > 20 else ""
    return f"{hint}; the columns are {', '.join(known[:20])}{more}"


class _Reader:
    """Turns one row into one example; raises ValueError with a sentence that needs only its place."""

    def __init__(self, name: str, spec: DatasetSpec, path: Path) -> None:
        self._name = name
        self._spec = spec
        self._path = path

    def example(self, number: int, row: Row) -> Example:
        spec, fields = self._spec, row.fields
        _finite(fields)
        messages, last = self._conversation(fields)
        ways = *(_label(fields, column) for column in spec.ways), None, None
        reference = _cell(fields, spec.reference) if spec.reference is not None else last
        return Example(
            id=_id(fields, spec.id, number),
            dataset=self._name,
            messages=messages,
            reference=reference,
            slices={column: label for column in spec.slices if (label := _label(fields, column)) is not None},
            cluster=ways[0],
            crossed=ways[1],
            where=f"{self._path}:{row.line}",
            fields=self._fields(fields),
        )

    def _fields(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The row, with the text to ask also under `input`, so that prompts may always say {input}."""
        if self._spec.messages is None and self._spec.input in fields:
            return {"input": fields[self._spec.input], **fields}
        return fields

    def _conversation(self, fields: dict[str, Any]) -> tuple[tuple[Message, ...], str | None]:
        if self._spec.messages is not None:
            return _messages(_cell(fields, self._spec.messages), self._spec.messages)
        if self._spec.input not in fields and self._spec.prompt is not None:
            return (), None
        text = _cell(fields, self._spec.input)
        if not isinstance(text, str):
            raise ValueError(f"{self._spec.input!r} must be text, not {_rows.say(text)}")
        if not text.strip():
            raise ValueError(f"{self._spec.input!r} is empty; a model needs something to answer")
        return (Message(role="user", content=text),), None


def _cell(fields: dict[str, Any], column: str) -> Any:
    if column not in fields:
        raise ValueError(f"this row has no {column!r}{_near(column, fields)}")
    return fields[column]


def _id(fields: dict[str, Any], column: str, number: int) -> str:
    if column not in fields and column == "id":
        return str(number)
    found = _cell(fields, column)
    match found:
        case str() if found.strip():
            return found
        case float() if found.is_integer():
            return str(int(found))
        case int() | float() if not isinstance(found, bool):
            return str(found)
    raise ValueError(f"{column!r} must be text or a number, not {_rows.say(found)}")


def _label(fields: dict[str, Any], column: str) -> str | None:
    match fields.get(column):
        case None | "":
            return None
        case bool() as found:
            return str(found).lower()
        case float() as found if found.is_integer():
            return str(int(found))
        case str() | int() | float() as found:
            return str(found)
        case found:
            raise ValueError(f"{column!r} must be a label, not {_rows.say(found)}")


def _messages(found: Any, column: str) -> tuple[tuple[Message, ...], str | None]:
    """The conversation to answer, and the assistant's last turn where the row has one."""
    if isinstance(found, str):
        found = _rows.value(found)
    if isinstance(found, list):  # a key that is null is absent, as in an SDK's dump of a turn
        found = [{k: v for k, v in turn.items() if v is not None} if isinstance(turn, dict) else turn for turn in found]
    try:
        turns = msgspec.convert(found, tuple[Message, ...])
    except msgspec.ValidationError as error:
        raise ValueError(f"{column!r} must be a list of role and content ({str(error)[:160].lower()})") from None
    last = turns[-1].content if turns and turns[-1].role == "assistant" else None
    asked = turns if last is None else turns[:-1]
    if not any(turn.role == "user" and turn.content.strip() for turn in asked):
        raise ValueError(f"{column!r} has no user's turn with text in it")
    return asked, last


def _finite(fields: dict[str, Any]) -> None:
    for column, found in fields.items():
        if isinstance(found, float) and not math.isfinite(found):
            raise ValueError(f"{column!r} is {found}, which is not a value; leave it out or write null")


def _unique(examples: Sequence[Example]) -> None:
    first: dict[str, Example] = {}
    repeated = [example for example in examples if first.setdefault(example.id, example) is not example]
    if repeated:
        other = first[repeated[0].id].where.rpartition(":")[2]
        more = f" ({len(repeated)} rows repeat an id)" if len(repeated) > 1 else ""
        message = f"the id {repeated[0].id[:80]!r} already stands on line {other}; ids must differ{more}"
        raise BadInput(message, where=repeated[0].where)
