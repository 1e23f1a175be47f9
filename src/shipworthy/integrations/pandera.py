"""pandera: read a schema into column rules, and write column rules as a schema.

Reading and writing are of its JSON or YAML (`schema.to_json()`, `to_yaml()`), so neither needs the package.
`as_schema` makes a live `DataFrameSchema` and does.
"""

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shipworthy import records
from shipworthy.data import _files
from shipworthy.data.column_rules import ColumnType, Rule, RuleKind
from shipworthy.errors import BadInput, MissingExtra

_TYPES: Mapping[str, ColumnType] = {
    **dict.fromkeys(("str", "string", "string[python]", "string[pyarrow]", "object"), "text"),
    **dict.fromkeys(("int", "int8", "int16", "int32", "int64", "Int64", "uint8", "uint16", "uint32"), "integer"),
    **dict.fromkeys(("float", "float32", "float64", "Float64"), "number"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
}
_OUR_TYPES: Mapping[ColumnType, str] = {"text": "str", "integer": "int64", "number": "float64", "boolean": "bool"}
_COLUMN = {"dtype", "nullable", "unique", "required", "coerce", "title", "description", "metadata", "default", "checks"}
_COLUMN |= {"regex", "report_duplicates", "drop_invalid_rows"}


class Imported(NamedTuple):
    """The rules of a schema, and a warning for every check that is no rule about one column."""

    rules: tuple[Rule, ...]
    warnings: tuple[records.Warning, ...]


def read(path: Path) -> Imported:
    """The rules of a schema's JSON or YAML file. Raises: BadInput: neither, or not a schema."""
    import yaml

    try:
        return from_dict(yaml.safe_load(_files.text(path)), where=str(path))  # JSON is YAML
    except yaml.YAMLError as error:
        line = error.problem_mark.line + 1 if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark else 1
        raise BadInput("this is neither JSON nor YAML", where=f"{path}:{line}") from None


def from_dict(schema: Any, *, where: str | None = None) -> Imported:
    """The rules of `json.loads(schema.to_json())`. Raises: BadInput: it holds no columns."""
    columns = schema.get("columns") if isinstance(schema, dict) else None
    if not isinstance(columns, dict) or not all(map(_is_column, columns.values())):
        raise BadInput("a schema needs an object of columns under 'columns'", where=where)
    rules: list[Rule] = []
    warnings: list[records.Warning] = []
    for name, column in columns.items():
        rules += _plain(str(name), column)
        for check, given in column.items():
            if check in _COLUMN:
                continue
            try:
                rules.append(_rule(str(name), check, given, column))
            except (KeyError, TypeError, ValueError) as error:
                said = f"the check {check!r} of {name!r} is left out: {error}"
                warnings.append(records.Warning(code="not_imported", message=said))
        if column.get("dtype") is not None and column["dtype"] not in _TYPES:
            said = f"the type {column['dtype']!r} of {name!r} is left out: it is not known"
            warnings.append(records.Warning(code="not_imported", message=said))
    return Imported(tuple(rules), tuple(warnings))


def to_dict(rules: Sequence[Rule]) -> dict[str, Any]:
    """The rules as pandera's JSON, for `DataFrameSchema.from_json(json.dumps(...))`.

    Raises: BadInput: a rule allows a share of exceptions, or two rules of one kind hold for a column.
    """
    columns: dict[str, dict[str, Any]] = {}
    for rule in rules:
        column = columns.setdefault(rule.column, {"nullable": True, "required": False})
        if rule.mostly < 1:
            raise BadInput(f"pandera knows no `mostly`: the rule {rule.kind!r} of {rule.column!r} allows exceptions")
        key, value = _check(rule)
        if column.get(key, value) != value and key not in ("nullable", "required"):
            raise BadInput(f"{rule.column!r} has two rules {rule.kind!r}; pandera's JSON holds one of a kind")
        column[key] = value
    return {"schema_type": "dataframe", "api": "pandas", "columns": columns, "strict": False}


def write(path: Path, rules: Sequence[Rule]) -> None:
    """Writes `to_dict` to a file."""
    path.write_text(json.dumps(to_dict(rules), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def as_schema(rules: Sequence[Rule]) -> Any:
    """A live `DataFrameSchema`. Raises: MissingExtra: pandera with pandas and its reader is not installed."""
    try:
        package = importlib.import_module("pandera.pandas")
        importlib.import_module("pandera.io")
    except ImportError as error:
        raise MissingExtra("pandera is not installed; pip install 'pandera[pandas,io]'") from error
    return package.DataFrameSchema.from_json(json.dumps(to_dict(rules)))


# --- From it ---------------------------------------------------------------------------------------------------------


def _is_column(column: Any) -> bool:
    return isinstance(column, dict) and isinstance(column.get("dtype"), str | None)


def _plain(name: str, column: Mapping[str, Any]) -> Iterator[Rule]:
    if column.get("required", True):
        yield Rule(column=name, kind="exists")
    if column.get("dtype") in _TYPES:
        yield Rule(column=name, kind="type", type=_TYPES[column["dtype"]])
    if not column.get("nullable", False):
        yield Rule(column=name, kind="not_null")
    if column.get("unique", False):
        yield Rule(column=name, kind="unique")


def _rule(name: str, check: str, given: Any, column: Mapping[str, Any]) -> Rule:
    if isinstance(given, dict) and given.get("raise_warning"):
        raise ValueError("it only warns")
    match check:
        case "isin":
            return Rule(column=name, kind="in_set", values=tuple(_only(given, "allowed_values")))
        case "greater_than_or_equal_to" | "greater_than":
            return Rule(column=name, kind="between", low=float(_only(given, "min_value")) + _step(check, column))
        case "less_than_or_equal_to" | "less_than":
            return Rule(column=name, kind="between", high=float(_only(given, "max_value")) - _step(check, column))
        case "in_range" if (
            isinstance(given, dict) and given.get("include_min", True) and given.get("include_max", True)
        ):
            return Rule(column=name, kind="between", low=float(given["min_value"]), high=float(given["max_value"]))
        case "str_length":
            return Rule(column=name, kind="length", **_length(given))
        case "str_matches":
            return Rule(column=name, kind="matches", pattern=rf"\A(?:{_only(given, 'pattern')})")
        case "str_contains":
            return Rule(column=name, kind="matches", pattern=str(_only(given, "pattern")))
    raise ValueError("a rule cannot say it")


def _step(check: str, column: Mapping[str, Any]) -> int:
    """What a limit that excludes itself is away from one that does not: 1 for whole numbers."""
    if check.endswith("or_equal_to"):
        return 0
    if _TYPES.get(column.get("dtype") or "") != "integer":
        raise ValueError("its limit excludes itself, which a rule says of whole numbers only")
    return 1


def _only(given: Any, key: str) -> Any:
    """The value of a check, which stands alone or, where the check has options, under its own name."""
    return given[key] if isinstance(given, dict) else given


def _length(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        return {"low": float(given), "high": float(given)}
    if given.get("exact_value") is not None:
        return {"low": float(given["exact_value"]), "high": float(given["exact_value"])}
    limits = {"low": given.get("min_value"), "high": given.get("max_value")}
    return {side: None if limit is None else float(limit) for side, limit in limits.items()}


# --- To it -----------------------------------------------------------------------------------------------------------


def _check(rule: Rule) -> tuple[str, Any]:
    simple: dict[RuleKind, tuple[str, Any]] = {
        "exists": ("required", True),
        "not_null": ("nullable", False),
        "unique": ("unique", True),
        "type": ("dtype", _OUR_TYPES[rule.type or "text"]),
        "in_set": ("isin", list(rule.values)),
        "matches": ("str_contains", rule.pattern),
    }
    if rule.kind in simple:
        return simple[rule.kind]
    if rule.kind == "length":
        low, high = (None if limit is None else int(limit) for limit in (rule.low, rule.high))
        return "str_length", {"min_value": low, "max_value": high, "exact_value": None}
    if rule.low is not None and rule.high is not None:
        limits = {"min_value": rule.low, "max_value": rule.high, "include_min": True, "include_max": True}
        return "in_range", limits
    if rule.low is not None:
        return "greater_than_or_equal_to", rule.low
    return "less_than_or_equal_to", rule.high
