"""Rows inside one JSON object: a list under a key, or a table by columns as pandas and `datasets` write it.

What is read: `{"data": [{...}, ...]}` beside keys that hold no rows · `{"input": [...], "output": [...]}` (lists of one
length) · pandas `to_json` with `orient` columns (its default), index and split. Anything else is told what it is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shipworthy.errors import BadInput

Fields = dict[str, Any]
_LEAST = 2
"""Columns of one cell each may as well be one row whose fields are lists."""
_REMEDY = "write a list, or one object a line (pandas: to_json(orient='records', lines=True))"


def rows_in(found: Any, *, where: str) -> list[Fields]:
    """The rows that the object holds. Raises: BadInput: it holds none that could be told apart without guessing."""
    rows = table_in(found)
    if rows is None:
        raise BadInput(f"one JSON object is not a list of rows{_hint(found)}; {_REMEDY}", where=where)
    return rows


def table_in(found: Any) -> list[Fields] | None:
    """The rows of an object in one of the shapes above; None: it has none of them, or more than one would fit."""
    if not isinstance(found, dict):
        return None
    shapes: tuple[Callable[[Mapping[str, Any]], list[Fields] | None], ...] = (_split, _wrapped, _lists, _nested)
    return next((rows for shape in shapes if (rows := shape(found)) is not None), None)


def _split(found: Mapping[str, Any]) -> list[Fields] | None:
    """`{"columns": [...], "index": [...], "data": [[...], ...]}`."""
    names, cells = found.get("columns"), found.get("data")
    if not isinstance(names, list) or not isinstance(cells, list) or not cells or not set(found) <= _SPLIT:
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in cells):
        return None
    return [dict(zip(map(str, names), row, strict=True)) for row in cells]


_SPLIT = frozenset(("columns", "index", "data", "dtypes"))


def _wrapped(found: Mapping[str, Any]) -> list[Fields] | None:
    """One key holds a list of objects, and the others hold words and numbers about it (or a schema)."""
    lists = [name for name, value in found.items() if isinstance(value, list) and value]
    if len(lists) != 1 or not all(isinstance(row, dict) for row in found[lists[0]]):
        return None
    return list(found[lists[0]])


def _lists(found: Mapping[str, Any]) -> list[Fields] | None:
    """A list a column, all of one length; one column at least holds plain cells, so that it is no row of lists."""
    columns = list(found.values())
    if not columns or not all(isinstance(column, list) for column in columns):
        return None
    lengths = {len(column) for column in columns}
    if len(lengths) != 1 or lengths.pop() < _LEAST or not any(map(_plain, columns)):
        return None
    return [dict(zip(found, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(column: Sequence[Any]) -> bool:
    return not any(isinstance(cell, list | dict) for cell in column)


def _nested(found: Mapping[str, Any]) -> list[Fields] | None:
    """An object an object: by column where the inner keys are numbers of rows, by row where the outer ones are."""
    inner = list(found.values())
    if not inner or not all(isinstance(one, dict) and one for one in inner):
        return None
    if any(one.keys() != inner[0].keys() for one in inner):
        return None
    outside, inside = _numbers(found), _numbers(inner[0])
    if outside == inside:
        return None
    if outside:
        return [dict(row) for row in inner]
    return [{name: column[number] for name, column in found.items()} for number in inner[0]]


def _numbers(keys: Mapping[str, Any]) -> bool:
    return all(key.lstrip("-").isdecimal() for key in keys)


def _hint(found: Any) -> str:
    if not isinstance(found, dict):
        return ""
    lists = [name for name, item in found.items() if isinstance(item, list) and item and isinstance(item[0], dict)]
    if lists:
        return f"; its rows seem to be under {' or '.join(map(repr, lists[:3]))}"
    if found and all(isinstance(item, dict | list) for item in found.values()):
        return f"; it seems to hold columns ({', '.join(map(str, list(found)[:5]))}) whose rows do not match"
    return ""
