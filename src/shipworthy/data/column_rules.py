"""Rules about single columns, as other validators write them: kept neutral, checked over a file by DuckDB.

`integrations.great_expectations` and `integrations.pandera` turn their suites into these and back; `check` judges a
file by them without either package; `profile` writes the rules that a good file keeps.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from shipworthy.data._drift_source import Side, opened_one, quoted
from shipworthy.errors import BadInput
from shipworthy.records import Record

RuleKind = Literal["exists", "not_null", "unique", "type", "in_set", "between", "length", "matches"]
ColumnType = Literal["text", "integer", "number", "boolean"]
Scalar = bool | int | float | str
_SQL_TYPES: dict[ColumnType, tuple[str, ...]] = {
    "text": ("VARCHAR",),
    "integer": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    "number": ("FLOAT", "DOUBLE", "DECIMAL"),
    "boolean": ("BOOLEAN",),
}
_MOST_VALUES = 50
_EXAMPLES = 3


class Rule(Record):
    """One rule about one column.

    Attributes:
        values: the allowed ones (in_set). low, high: limits, inclusive, None is open (between: values; length:
            characters). pattern: found anywhere in the text (matches), in Python's dialect. type: what it holds.
        mostly: the share of the cells that must keep it, between 0 and 1. Missing cells break `not_null` alone.

    Raises: ValueError: the rule lacks what its kind needs.
    """

    column: str
    kind: RuleKind
    values: tuple[Scalar, ...] = ()
    low: float | None = None
    high: float | None = None
    pattern: str | None = None
    type: ColumnType | None = None
    mostly: float = 1.0

    def __post_init__(self) -> None:
        needed = {
            "in_set": bool(self.values),
            "between": not self.low == self.high is None,
            "length": not self.low == self.high is None,
            "matches": self.pattern is not None,
            "type": self.type is not None,
        }
        if not needed.get(self.kind, True):
            raise ValueError(f"the rule {self.kind!r} of {self.column!r} lacks what it needs")
        if not 0 <= self.mostly <= 1:
            raise ValueError(f"{self.column!r}: `mostly` lies between 0 and 1, not {self.mostly}")
        if self.pattern is not None:
            _compiled(self.column, self.pattern)


class Kept(Record):
    """Whether a file keeps a rule: `broken` of `checked` cells do not; `examples` are (row number from 1, value)."""

    rule: Rule
    outcome: Literal["pass", "fail"]
    checked: int
    broken: int
    examples: tuple[tuple[int, str], ...]
    because: str


def check(path: Path, rules: Sequence[Rule]) -> tuple[Kept, ...]:
    """Every rule over every row of a table (CSV, JSON, Parquet), in the order of the rules.

    Raises: BadInput: the file is no table, or a rule cannot be asked of its column (a limit of a text).
    """
    with opened_one(path) as side:
        return tuple(_kept(side, rule) for rule in rules)


def profile(path: Path) -> tuple[Rule, ...]:
    """The rules that this file keeps: columns, types, missing cells, few values or their range, lengths.

    Raises: BadInput: the file is no table.
    """
    with opened_one(path) as side:
        return tuple(chain.from_iterable(_profiled(side, column) for column in side.types))


def _kept(side: Side, rule: Rule) -> Kept:
    if rule.column not in side.types:
        said = f"there is no column {rule.column!r}; known: {', '.join(side.types)}"
        return Kept(rule=rule, outcome="fail", checked=side.n, broken=side.n, examples=(), because=said)
    if rule.kind == "exists" or (rule.kind == "type" and rule.type == _type_of(side, rule.column)):
        return _judged(rule, side.n, 0, ())
    if rule.kind == "type" and not (rule.type == "boolean" and side.types[rule.column] == "VARCHAR"):
        said = f"{rule.column!r} is {side.types[rule.column].lower()}, not {rule.type}"
        return Kept(rule=rule, outcome="fail", checked=side.n, broken=side.n, examples=(), because=said)
    if rule.kind == "matches":
        return _matched(side, rule)
    missing = _missing(side, rule.column)
    there = "true" if rule.kind == "not_null" else f"NOT ({missing})"
    broken = missing if rule.kind == "not_null" else _broken(side, rule)
    checked, count = side.ask(f"count(*) FILTER ({there}), count(*) FILTER ({there} AND ({broken}))")[0]
    return _judged(rule, int(checked), int(count), _examples(side, rule.column, f"{there} AND ({broken})", int(count)))


def _judged(rule: Rule, checked: int, broken: int, examples: tuple[tuple[int, str], ...]) -> Kept:
    kept = broken <= (1 - rule.mostly) * checked * (1 + 1e-12)
    first = f", first in row {examples[0][0]:,}: {examples[0][1]!r}" if examples else ""
    said = f"{broken:,} of {checked:,} cells of {rule.column!r} break {words(rule)}{first}"
    return Kept(
        rule=rule,
        outcome="pass" if kept else "fail",
        checked=checked,
        broken=broken,
        examples=examples,
        because=said if broken else f"{rule.column!r} keeps {words(rule)}",
    )


def words(rule: Rule) -> str:
    """A rule in words: `between 0 and 5 (at least 95 % of the cells)`."""
    span = {
        (True, True): f"{rule.low:g} to {rule.high:g}" if rule.low is not None and rule.high is not None else "",
        (True, False): f"at least {rule.low}",
        (False, True): f"at most {rule.high}",
        (False, False): "",
    }[rule.low is not None, rule.high is not None]
    said = {
        "in_set": f"one of {', '.join(map(repr, rule.values[:8]))}{', ...' if len(rule.values) > 8 else ''}",
        "between": f"between: {span}",
        "length": f"length: {span} characters",
        "matches": f"matches {rule.pattern!r}",
        "type": f"type {rule.type}",
        "not_null": "never missing",
        "unique": "no value twice",
        "exists": "the column exists",
    }[rule.kind]
    return said if rule.mostly == 1 else f"{said} (at least {rule.mostly:.4g} of the cells)"


def _missing(side: Side, column: str) -> str:
    name = quoted(column)
    return f"{name} IS NULL" + (f" OR isnan({name})" if side.types[column] in ("DOUBLE", "FLOAT") else "")


def _broken(side: Side, rule: Rule) -> str:
    """The condition in SQL that a cell breaks the rule. Raises: BadInput: it cannot be asked of this column."""
    name, numeric = quoted(rule.column), _type_of(side, rule.column) in ("integer", "number")
    if rule.kind == "between" and not numeric:
        said = f"{rule.column!r} is {side.types[rule.column].lower()}, so it cannot lie between two numbers"
        raise BadInput(said, where=str(side.path))
    value = f"length(CAST({name} AS VARCHAR))" if rule.kind == "length" else name
    match rule.kind:
        case "type":  # a text file has no booleans, only their names
            return f"lower({name}) NOT IN ('true', 'false')"
        case "unique":
            return f"{name} IN (SELECT {name} FROM {side.table} GROUP BY 1 HAVING count(*) > 1)"
        case "in_set":
            return _outside(name, rule.values, numeric=numeric)
    low = f"{value} < {rule.low!r}" if rule.low is not None else "false"
    high = f"{value} > {rule.high!r}" if rule.high is not None else "false"
    return f"{low} OR {high}"


def _outside(name: str, values: Sequence[Scalar], *, numeric: bool) -> str:
    """The cell is none of the values; a number never equals a text."""
    if numeric:
        allowed = [repr(item) for item in values if isinstance(item, int | float) and not isinstance(item, bool)]
    else:
        texts = [str(item).lower() if isinstance(item, bool) else str(item) for item in values]
        allowed = ["'" + text.replace("'", "''") + "'" for text in texts]
        name = f"CAST({name} AS VARCHAR)"
    return f"{name} NOT IN ({', '.join(allowed)})" if allowed else "true"


def _matched(side: Side, rule: Rule) -> Kept:
    """In Python: RE2, DuckDB's dialect, lacks what others write (lookahead, back references)."""
    pattern = _compiled(rule.column, rule.pattern or "")
    checked, broken = 0, 0
    examples: list[tuple[int, str]] = []
    for number, value in enumerate(side.texts(quoted(rule.column)), start=1):
        if value is not None:
            checked += 1
            if not pattern.search(value):
                broken += 1
                examples += [(number, value[:80])] if len(examples) < _EXAMPLES else []
    return _judged(rule, checked, broken, tuple(examples))


def _compiled(column: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise BadInput(f"the pattern {pattern!r} of {column!r} is no regular expression ({error})") from None


def _examples(side: Side, column: str, condition: str, count: int) -> tuple[tuple[int, str], ...]:
    if not count:
        return ()
    query = f"SELECT row_number() OVER () AS row, {condition} AS broken, CAST({quoted(column)} AS VARCHAR) AS found"
    rows = side.query(f"SELECT row, found FROM ({query} FROM {side.table}) WHERE broken ORDER BY row LIMIT {_EXAMPLES}")
    return tuple((int(row), str(value)[:80]) for row, value in rows)


def _type_of(side: Side, column: str) -> ColumnType | None:
    return next((kind for kind, names in _SQL_TYPES.items() if side.types[column].startswith(names)), None)


# --- What a good file keeps ------------------------------------------------------------------------------------------


def _profiled(side: Side, column: str) -> Iterator[Rule]:
    yield Rule(column=column, kind="exists")
    kind = _type_of(side, column)
    if kind is None or side.types[column].endswith("]"):
        return
    yield Rule(column=column, kind="type", type=kind)
    missing, distinct = side.ask(f"count(*) FILTER ({_missing(side, column)}), count(DISTINCT {quoted(column)})")[0]
    if not missing:
        yield Rule(column=column, kind="not_null")
    if distinct == side.n:
        yield Rule(column=column, kind="unique")
    if kind in ("text", "boolean") and 0 < distinct <= min(_MOST_VALUES, side.n // 10):
        found = side.ask(f"DISTINCT {quoted(column)} AS found", "AND found IS NOT NULL ORDER BY 1")
        yield Rule(column=column, kind="in_set", values=tuple(row[0] for row in found))
    elif kind == "text":
        yield from _span(column, "length", side.ask(f"min(length({quoted(column)})), max(length({quoted(column)}))")[0])
    elif kind != "boolean":
        there = f"AND NOT ({_missing(side, column)})"
        yield from _span(column, "between", side.ask(f"min({quoted(column)}), max({quoted(column)})", there)[0])


def _span(column: str, kind: RuleKind, limits: tuple[Any, ...]) -> Iterator[Rule]:
    low, high = (None if limit is None else float(limit) for limit in limits)
    if low is not None and high is not None and float("-inf") < low <= high < float("inf"):
        yield Rule(column=column, kind=kind, low=low, high=high)
