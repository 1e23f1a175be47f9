"""Is the data shaped like the record? One sentence for the first thing that is not, with the nearest valid name."""

import difflib
from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec
from msgspec import inspect

from shipworthy.errors import ProtocolError
from shipworthy.protocol._yaml import Path, Tree
from shipworthy.records import Record

_WORDS: dict[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.VarTupleType: "a list",
    inspect.DictType: "a mapping of names",
    inspect.StructType: "a mapping",
    inspect.NoneType: "null",
}


def convert(tree: Tree, record: type[Record]) -> Any:
    """The record that the data describes. Raises: ProtocolError: the first mistake, at its line and column."""
    _check(tree, (), tree.data, inspect.type_info(record))
    try:
        return msgspec.convert(tree.data, record)
    except msgspec.ValidationError as error:  # a rule that a record itself keeps
        raise ProtocolError(str(error), where=tree.at(())) from None


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'? known: x, y, z` for a message about an unknown name."""
    names = [str(item) for item in known]
    lowered = {item.lower(): item for item in names}
    near = difflib.get_close_matches(name[:80].lower(), lowered, n=1, cutoff=0.5)
    hint = f"did you mean {lowered[near[0]]!r}? " if near else ""
    return f"; {hint}known: {', '.join(names)}" if names else "; none is declared"


def _check(tree: Tree, path: Path, value: Any, kind: inspect.Type) -> None:
    kind = _bare(kind, value)
    match kind:
        case inspect.AnyType():
            return
        case inspect.StructType() if isinstance(value, dict):
            _check_record(tree, path, value, kind)
        case inspect.DictType() if isinstance(value, dict):
            for key, item in value.items():
                _check(tree, (*path, key), item, kind.value_type)
        case inspect.VarTupleType() if isinstance(value, list):
            _check_length(tree, path, value, kind)
            for index, item in enumerate(value):
                _check(tree, (*path, index), item, kind.item_type)
        case inspect.LiteralType():
            _check_choice(tree, path, value, kind)
        case _ if _fits(value, kind):
            _check_limits(tree, path, value, kind)
        case _:
            _refuse_type(tree, path, value, kind)


def _check_record(tree: Tree, path: Path, data: dict[str, Any], kind: inspect.StructType) -> None:
    fields = {field.encode_name: field for field in kind.fields}
    for key in data:
        if key not in fields:
            place = f" in {_spell(path)}" if path else ""
            message = f"unknown key {key[:80]!r}{place}{nearest(key, fields)}"
            raise ProtocolError(message, where=tree.at_key((*path, key)))
    for name, field in fields.items():
        if name in data:
            _check(tree, (*path, name), data[name], field.type)
        elif field.required:
            raise ProtocolError(f"{_spell(path) or 'the protocol'} needs the key {name!r}", where=tree.at_key(path))


def _check_choice(tree: Tree, path: Path, value: Any, kind: inspect.LiteralType) -> None:
    if any(value == choice and type(value) is type(choice) for choice in kind.values):
        return
    message = f"{_spell(path)} cannot be {_say(value)}{nearest(str(value), map(str, kind.values))}"
    raise ProtocolError(message, where=tree.at(path))


def _check_limits(tree: Tree, path: Path, value: Any, kind: inspect.Type) -> None:
    if not isinstance(kind, inspect.IntType | inspect.FloatType):
        return
    rules = (
        (kind.ge is None or value >= kind.ge, f"at least {kind.ge}"),
        (kind.gt is None or value > kind.gt, f"more than {kind.gt}"),
        (kind.le is None or value <= kind.le, f"at most {kind.le}"),
        (kind.lt is None or value < kind.lt, f"less than {kind.lt}"),
    )
    for kept, words in rules:
        if not kept:
            raise ProtocolError(f"{_spell(path)} must be {words}, not {value}", where=tree.at(path))


def _check_length(tree: Tree, path: Path, value: list[Any], kind: inspect.VarTupleType) -> None:
    least, most = kind.min_length or 0, kind.max_length
    if len(value) < least or (most is not None and len(value) > most):
        words = f"{least} to {most} entries" if most is not None else f"at least {least} entries"
        raise ProtocolError(f"{_spell(path)} must have {words}, not {len(value)}", where=tree.at(path))


def _fits(value: Any, kind: inspect.Type) -> bool:
    match kind:
        case inspect.StrType():
            return isinstance(value, str)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(kind, inspect.NoneType) and value is None


def _bare(kind: inspect.Type, value: Any) -> inspect.Type:
    """The type without its description; of several types null if the value is null, else the first that fits."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type, value)
    if not isinstance(kind, inspect.UnionType):
        return kind
    others = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
    if value is None and len(others) < len(kind.types):
        return inspect.NoneType()
    return next((member for member in others if _fits(value, member)), _listed(others, value))


def _listed(others: list[inspect.Type], value: Any) -> inspect.Type:
    """Of several types the list, if the value is one; else the first."""
    bare = [_bare(member, value) for member in others]
    lists = [member for member in bare if isinstance(member, inspect.VarTupleType)]
    return lists[0] if lists and isinstance(value, list) else bare[0]


def _refuse_type(tree: Tree, path: Path, value: Any, kind: inspect.Type) -> NoReturn:
    name = _spell(path) or "the protocol"
    hint = ""
    if isinstance(kind, inspect.StrType) and not isinstance(value, list | dict | None):
        hint = "; put it in quotes"
    elif isinstance(kind, inspect.VarTupleType) and isinstance(value, str):
        hint = f"; write [{value}]" if len(value) < 60 else "; write [..]"
    raise ProtocolError(f"{name} must be {_WORDS[type(kind)]}, not {_say(value)}{hint}", where=tree.at(path))


def _say(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value[:40]!r}"
        case list():
            return "a list"
    return "a mapping"


def _spell(path: Path) -> str:
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return words.removeprefix(".")
