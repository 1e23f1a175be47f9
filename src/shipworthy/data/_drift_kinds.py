"""What each column of two files is: numbers, labels, text, an embedding, or nothing that can be compared."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from shipworthy import records
from shipworthy.data._drift_source import Side, quoted
from shipworthy.errors import BadInput

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

_NUMBERS: tuple[str, ...] = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "UTINYINT",
)
_NUMBERS += ("USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
_TIMES = ("DATE", "TIME", "INTERVAL")
_PILOT = 2_000
_WORDS = 4  # a text has so many words on average


@dataclass(frozen=True, slots=True)
class Column:
    """One column to test: its name, its kind, and how its value is read in SQL."""

    name: str
    kind: str
    expression: str


def columns(
    sides: tuple[Side, Side], only: Sequence[str], kinds: Mapping[str, str]
) -> tuple[list[Column], list[records.Warning]]:
    """The columns to test in the reference's order, and a warning for each that is not compared.

    Raises: BadInput: a column in `only` or `kinds` stands in neither file.
    """
    names = list(dict.fromkeys([*sides[0].types, *sides[1].types]))
    for name in (*only, *kinds):
        _known(name, names, sides[1])
    found: list[Column] = []
    warnings: list[records.Warning] = []
    for name in only or names:
        kind, why = _given(sides, name, kinds[name]) if name in kinds else _kind(sides, name)
        if kind == "skip" and why:
            warnings.append(records.Warning(code="not_compared", message=f"{name!r} is not compared: {why}"))
        elif kind != "skip":
            found.append(Column(name, kind, _shared(sides, name, kind)))
    return found, warnings


def _known(name: str, names: Sequence[str], side: Side) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise BadInput(f"no column {name!r}; {hint}known: {', '.join(names)}", where=str(side.path))


def _given(sides: tuple[Side, Side], name: str, kind: str) -> tuple[str, str]:
    for side in sides:
        type = side.types.get(name)
        if type is None and kind != "skip":
            return "gone", ""
        if kind == "embedding" and type is not None and not (type.startswith(_NUMBERS) and type.count("[") == 1):
            raise BadInput(f"{name!r} is no embedding, its type is {type[:40]}", where=str(side.path))
        if kind == "numeric" and type is not None and not type.startswith((*_NUMBERS, "BOOLEAN")):
            _refuse_words(side, name)
    return kind, ""


def _refuse_words(side: Side, name: str) -> None:
    said = f"CAST({quoted(name)} AS VARCHAR)"
    words = side.ask(said, f"AND {said} IS NOT NULL AND TRY_CAST({said} AS DOUBLE) IS NULL LIMIT 1")
    if words:
        raise BadInput(f"{name!r} holds {words[0][0][:40]!r}, which is no number", where=str(side.path))


def _kind(sides: tuple[Side, Side], name: str) -> tuple[str, str]:
    if any(name not in side.types for side in sides):
        return "gone", ""
    kinds = [_kind_of(side, name) for side in sides]
    if kinds[0][0] == kinds[1][0] or "skip" in (kinds[0][0], kinds[1][0]):
        return kinds[0] if kinds[0][0] == "skip" else kinds[1]
    plain = {kind for kind, _ in kinds}
    if "embedding" in plain:
        return "skip", "it is a list of numbers in one file only"
    return ("categorical", "") if plain <= {"numeric", "categorical"} else ("text", "")


def _kind_of(side: Side, name: str) -> tuple[str, str]:
    type = side.types[name]
    if type.startswith(_NUMBERS) and not type.endswith("]"):
        return ("skip", "it numbers the rows") if _is_counter(side, name) else ("numeric", "")
    if type == "BOOLEAN":
        return "categorical", ""
    if type == "VARCHAR":
        return _words(side, name)
    if type.startswith(_NUMBERS) and type.count("[") == 1:
        return "embedding", ""
    if type.startswith("STRUCT(") and _spoken(quoted(name), type) is not None:
        return "text", ""
    if type.startswith(_TIMES):
        return "skip", "time passes by itself"
    return "skip", f"its type is {type[:40]}"


def _is_counter(side: Side, name: str) -> bool:
    """Whole numbers, each the one before plus one."""
    values = side.head(quoted(name), _PILOT)
    steps = {after - before for before, after in pairwise(values)}
    return len(values) >= 100 and steps == {1}


def _words(side: Side, name: str) -> tuple[str, str]:
    values = side.head(quoted(name), _PILOT)
    if not values:
        return "categorical", ""
    distinct = len(set(values)) / len(values)
    if distinct > 0.5 and sum(len(value.split()) for value in values) / len(values) >= _WORDS:
        return "text", ""
    if distinct > 0.9 and len(values) >= 100:
        return "skip", "nearly every row has a label of its own"
    return "categorical", ""


def _shared(sides: tuple[Side, Side], name: str, kind: str) -> str:
    """A column in SQL that reads both sides: where they hold it in two forms, as it is written."""
    forms = {_expression(side, name, kind) for side in sides if name in side.types}
    return forms.pop() if len(forms) == 1 else f"CAST({quoted(name)} AS {'DOUBLE' if kind == 'numeric' else 'VARCHAR'})"


def _expression(side: Side, name: str, kind: str) -> str:
    """A column in SQL; a conversation is the text of its turns."""
    type = side.types.get(name, "")
    spoken = _spoken(quoted(name), type) if kind == "text" and type.startswith("STRUCT(") else None
    if spoken is not None:
        return spoken
    if kind == "text" and type != "VARCHAR":
        return f"CAST({quoted(name)} AS VARCHAR)"
    if kind == "numeric" and not type.startswith(_NUMBERS):
        return f"CAST({quoted(name)} AS DOUBLE)"
    return quoted(name)


_SAID = ("content", "value")
"""Where a turn keeps its words: as OpenAI and TRL write it, and as ShareGPT does."""


def _spoken(expression: str, type: str) -> str | None:
    """The words of a conversation, of one turn, or of `{messages: conversation, ...}` in SQL; None: it is none."""
    import duckdb

    shape = duckdb.sqltype(type)
    messages = _fields(shape).get("messages")
    if messages is not None:
        expression, shape = f"{expression}.messages", messages
    listed = shape.id == "list"
    turn = _fields(dict(shape.children)["child"] if listed else shape)
    word = next((word for word in _SAID if str(turn.get(word)) == "VARCHAR"), None)
    if word is None:
        return None
    return f"array_to_string([turn.{word} FOR turn IN {expression}], chr(10))" if listed else f"{expression}.{word}"


def _fields(shape: "DuckDBPyType") -> "dict[str, DuckDBPyType]":
    return dict(shape.children) if shape.id == "struct" else {}
