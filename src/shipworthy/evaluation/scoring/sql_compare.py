"""Are two query results the same? Pure: rows in, a reason out.

Rows are a multiset unless the gold query orders them; numbers are equal within a tolerance, whatever their type; texts
are equal to the letter.
"""

import math
import re
from collections.abc import Sequence
from itertools import permutations
from typing import Any

Row = Sequence[Any]
_NOISE = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/", re.DOTALL)
_ORDER_BY = re.compile(r"\border\s+by\b", re.IGNORECASE)
_MOST_COLUMNS_TO_PERMUTE = 6
_MOST_ROWS_TO_MATCH = 500


def is_ordered(sql: str) -> bool:
    """Whether the outermost query has an ORDER BY; those in parentheses, texts and comments do not count."""
    bare = _NOISE.sub(" x ", sql)
    while (inner := re.sub(r"\([^()]*\)", " ", bare)) != bare:
        bare = inner
    return _ORDER_BY.search(bare) is not None


def difference(
    gold: Sequence[Row], got: Sequence[Row], *, ordered: bool, any_column_order: bool = False, tolerance: float = 1e-6
) -> str:
    """Why the results differ; empty when they are the same.

    Args:
        ordered: rows must come in the same order.
        any_column_order: columns may come in another order.
        tolerance: of numbers, relative and (for numbers near 0) absolute.
    """
    if len(gold) != len(got):
        return f"{len(got)} rows instead of {len(gold)}"
    if not gold:
        return ""
    if len(gold[0]) != len(got[0]):
        return f"{len(got[0])} columns instead of {len(gold[0])}"
    same = _same_in_order if ordered else _same_multiset
    orders = permutations(range(len(gold[0]))) if any_column_order else [tuple(range(len(gold[0])))]
    if any_column_order and len(gold[0]) > _MOST_COLUMNS_TO_PERMUTE:
        orders = [tuple(range(len(gold[0])))]
    if any(same(gold, [[row[at] for at in order] for row in got], tolerance) for order in orders):
        return ""
    return "the same number of rows with other values" + (" or in another order" if ordered else "")


def _same_in_order(gold: Sequence[Row], got: Sequence[Row], tolerance: float) -> bool:
    return all(_close_rows(one, other, tolerance) for one, other in zip(gold, got, strict=True))


def _same_multiset(gold: Sequence[Row], got: Sequence[Row], tolerance: float) -> bool:
    """Rows are grouped by all that is not a number; within a group the numbers are matched one to one."""
    ours, theirs = _grouped(gold), _grouped(got)
    if {key: len(rows) for key, rows in ours.items()} != {key: len(rows) for key, rows in theirs.items()}:
        return False
    return all(_matched(rows, theirs[key], tolerance) for key, rows in ours.items())


def _grouped(rows: Sequence[Row]) -> dict[str, list[tuple[float, ...]]]:
    groups: dict[str, list[tuple[float, ...]]] = {}
    for row in rows:
        key = repr([None if _is_number(value) else (type(value).__name__, value) for value in row])
        groups.setdefault(key, []).append(tuple(float(value) for value in row if _is_number(value)))
    return groups


def _matched(ours: list[tuple[float, ...]], theirs: list[tuple[float, ...]], tolerance: float) -> bool:
    """Sorted first; where rounding changes the order of near rows, by augmenting paths."""
    if all(_close(one, other, tolerance) for one, other in zip(sorted(ours), sorted(theirs), strict=True)):
        return True
    if len(ours) > _MOST_ROWS_TO_MATCH:
        return False
    taken: dict[int, int] = {}
    near = [[j for j, other in enumerate(theirs) if _close(one, other, tolerance)] for one in ours]
    return all(_place(i, near, taken, set()) for i in range(len(ours)))


def _place(i: int, near: list[list[int]], taken: dict[int, int], tried: set[int]) -> bool:
    for j in near[i]:
        if j not in tried:
            tried.add(j)
            if j not in taken or _place(taken[j], near, taken, tried):
                taken[j] = i
                return True
    return False


def _close_rows(one: Row, other: Row, tolerance: float) -> bool:
    return all(_same_value(a, b, tolerance) for a, b in zip(one, other, strict=True))


def _same_value(one: Any, other: Any, tolerance: float) -> bool:
    if _is_number(one) and _is_number(other):
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    return type(one) is type(other) and bool(one == other)


def _close(one: tuple[float, ...], other: tuple[float, ...], tolerance: float) -> bool:
    return all(math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) for a, b in zip(one, other, strict=True))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
