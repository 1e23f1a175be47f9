"""Great Expectations: read a suite into column rules, and write column rules as a suite.

Reading and writing are of its JSON (version 1), so neither needs the package. `as_suite` makes a live object and does.
"""

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shipworthy import records
from shipworthy.data import _files
from shipworthy.data.column_rules import ColumnType, Rule
from shipworthy.errors import BadInput, MissingExtra

_TYPES: Mapping[str, ColumnType] = {
    **dict.fromkeys(("str", "string", "object", "VARCHAR", "TEXT", "STRING", "StringType"), "text"),
    **dict.fromkeys(("int", "int64", "int32", "Int64", "INTEGER", "BIGINT", "IntegerType", "LongType"), "integer"),
    **dict.fromkeys(("float", "float64", "float32", "Float64", "DOUBLE", "FLOAT", "DoubleType"), "number"),
    **dict.fromkeys(("bool", "boolean", "BOOLEAN", "BooleanType"), "boolean"),
}
_OUR_TYPES: Mapping[ColumnType, str] = {"text": "str", "integer": "int64", "number": "float64", "boolean": "bool"}
_PLAIN = {"column", "mostly", "value_set", "regex", "min_value", "max_value", "value", "type_", "strict_min"}
_PLAIN |= {"strict_max", "batch_id", "result_format", "row_condition", "condition_parser"}


class Imported(NamedTuple):
    """The rules of a suite, and a warning for every expectation that is no rule about one column."""

    rules: tuple[Rule, ...]
    warnings: tuple[records.Warning, ...]


def read(path: Path) -> Imported:
    """The rules of a suite's JSON file. Raises: BadInput: not JSON, or not a suite."""
    try:
        return from_dict(json.loads(_files.text(path)), where=str(path))
    except json.JSONDecodeError as error:
        raise BadInput(f"not valid JSON ({error.msg.lower()})", where=f"{path}:{error.lineno}") from None


def from_dict(suite: Any, *, where: str | None = None) -> Imported:
    """The rules of `ExpectationSuite.to_json_dict()`.

    Raises: BadInput: it holds no list of expectations.
    """
    found = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(found, list):
        raise BadInput("a suite needs a list under 'expectations'", where=where)
    rules: list[Rule] = []
    warnings: list[records.Warning] = []
    for number, item in enumerate(found, start=1):
        name = _name(item, number, where)
        try:
            rules.append(_rule(name, item.get("kwargs") or {}))
        except (KeyError, TypeError, ValueError) as error:
            why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            warnings.append(
                records.Warning(code="not_imported", message=f"expectation {number}, {name}, is left out: {why}")
            )
    return Imported(tuple(rules), tuple(warnings))


def to_dict(rules: Sequence[Rule], *, name: str) -> dict[str, Any]:
    """The rules as a suite's JSON, as Great Expectations 1 reads it."""
    expectations = [{"type": type, "kwargs": kwargs, "meta": {}} for type, kwargs in map(_expectation, rules)]
    return {"name": name, "expectations": expectations, "meta": {"made_by": "shipworthy"}}


def write(path: Path, rules: Sequence[Rule], *, name: str) -> None:
    """Writes `to_dict` to a file."""
    path.write_text(json.dumps(to_dict(rules, name=name), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def as_suite(rules: Sequence[Rule], *, name: str) -> Any:
    """A live `ExpectationSuite`. Raises: MissingExtra: Great Expectations is not installed."""
    try:
        package = importlib.import_module("great_expectations")
    except ImportError as error:
        raise MissingExtra("Great Expectations is not installed; pip install great_expectations") from error
    return package.ExpectationSuite(**to_dict(rules, name=name))


# --- From them -------------------------------------------------------------------------------------------------------


def _name(item: Any, number: int, where: str | None) -> str:
    name = item.get("type") or item.get("expectation_type") if isinstance(item, dict) else None  # the second: before 1
    if not isinstance(name, str):
        raise BadInput(f"expectation {number} has no 'type'", where=where)
    if not isinstance(item.get("kwargs") or {}, dict):
        raise BadInput(f"expectation {number}, {name}, needs an object under 'kwargs'", where=where)
    return name


def _rule(name: str, kwargs: Mapping[str, Any]) -> Rule:
    if name not in _READERS:
        raise ValueError("it is no rule about one column that Shipworthy knows")
    extra = {key for key, value in kwargs.items() if key not in _PLAIN and value is not None}
    if extra or kwargs.get("row_condition") is not None:
        raise ValueError(
            f"it has options that Shipworthy does not know ({', '.join(sorted(extra)) or 'row_condition'})"
        )
    if not isinstance(kwargs["column"], str):
        raise ValueError("its column is no text")
    mostly = kwargs.get("mostly")
    return _READERS[name](kwargs, {"column": kwargs["column"], "mostly": 1.0 if mostly is None else float(mostly)})


def _typed(kwargs: Mapping[str, Any], base: dict[str, Any]) -> Rule:
    if kwargs["type_"] not in _TYPES:
        raise ValueError(f"its type {kwargs['type_']!r} is not known")
    return Rule(kind="type", type=_TYPES[kwargs["type_"]], **base)


def _between(kwargs: Mapping[str, Any], base: dict[str, Any]) -> Rule:
    return Rule(kind="between", **_limits(kwargs), **base)


def _lengths(kwargs: Mapping[str, Any], base: dict[str, Any]) -> Rule:
    return Rule(kind="length", **_limits(kwargs), **base)


def _limits(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    if kwargs.get("strict_min") or kwargs.get("strict_max"):
        raise ValueError("its limits exclude themselves, which a rule cannot say")
    given = {"low": kwargs.get("min_value"), "high": kwargs.get("max_value")}
    return {side: None if limit is None else float(limit) for side, limit in given.items()}


def _set(kwargs: Mapping[str, Any], base: dict[str, Any]) -> Rule:
    return Rule(kind="in_set", values=tuple(kwargs["value_set"]), **base)


_READERS: Mapping[str, Callable[[Mapping[str, Any], dict[str, Any]], Rule]] = {
    "expect_column_to_exist": lambda _, base: Rule(column=base["column"], kind="exists"),
    "expect_column_values_to_not_be_null": lambda _, base: Rule(kind="not_null", **base),
    "expect_column_values_to_be_unique": lambda _, base: Rule(kind="unique", **base),
    "expect_column_values_to_be_of_type": _typed,
    "expect_column_values_to_be_in_set": _set,
    "expect_column_values_to_be_between": _between,
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_value_lengths_to_equal": lambda kwargs, base: Rule(
        kind="length", low=float(kwargs["value"]), high=float(kwargs["value"]), **base
    ),
    "expect_column_values_to_match_regex": lambda kwargs, base: Rule(kind="matches", pattern=kwargs["regex"], **base),
}

# --- To them ---------------------------------------------------------------------------------------------------------


def _expectation(rule: Rule) -> tuple[str, dict[str, Any]]:
    base: dict[str, Any] = {"column": rule.column} | ({"mostly": rule.mostly} if rule.mostly < 1 else {})
    limits = {"min_value": rule.low, "max_value": rule.high}
    match rule.kind:
        case "exists":
            return "expect_column_to_exist", {"column": rule.column}
        case "not_null":
            return "expect_column_values_to_not_be_null", base
        case "unique":
            return "expect_column_values_to_be_unique", base
        case "type":
            return "expect_column_values_to_be_of_type", {**base, "type_": _OUR_TYPES[rule.type or "text"]}
        case "in_set":
            return "expect_column_values_to_be_in_set", {**base, "value_set": list(rule.values)}
        case "between":
            return "expect_column_values_to_be_between", {**base, **limits}
        case "length":
            whole = {key: None if limit is None else int(limit) for key, limit in limits.items()}
            return "expect_column_value_lengths_to_be_between", {**base, **whole}
    return "expect_column_values_to_match_regex", {**base, "regex": rule.pattern}
