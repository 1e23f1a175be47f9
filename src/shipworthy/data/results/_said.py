"""What to do about a cell that is no number, and about columns that are named otherwise than they are read."""

import re
from collections.abc import Sequence

_WORDS = frozenset(
    (
        *("pass", "fail", "passed", "failed", "yes", "no", "y", "n", "ok", "correct", "incorrect", "right", "wrong"),
        *("win", "loss", "lose", "t", "f", "success", "failure"),
    )
)
_GAPS = frozenset(("na", "n/a", "n.a.", "nan", "null", "none", "nil", "-", "--", "?", "missing", "#n/a", "nil"))
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_PERCENT = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s*%")
_READ = ("example_id", "model", "metric", "value", "seed", "error")


def about_cell(cell: str) -> str:
    """`; what to write instead`, or nothing where that is not clear."""
    bare = cell.strip().lower()
    if bare in _WORDS:
        return "; write 1 and 0"
    if bare in _GAPS:
        return "; leave the cell empty where there is no value"
    if _PERCENT.fullmatch(bare):
        return "; write the number without the sign, in the same unit throughout"
    if _THOUSANDS.fullmatch(bare):
        return "; write it without the thousands separator"
    if _COMMA.fullmatch(bare):
        return "; write a point for the decimal comma"
    return ""


def about_columns(columns: Sequence[str]) -> str:
    """`; what the columns look like`: other spellings of those that are read, or a table of preferences."""
    lowered = {column.strip().lower(): column for column in columns}
    if "winner" in lowered:
        return (
            f"; {lowered['winner']!r} tells who won: give each example a row, a column for each model, and 1 to the "
            "winner, 0 to the other, 0.5 to both of a tie"
        )
    spelled = [f"{lowered[name]!r} to {name!r}" for name in _READ if name in lowered and name not in columns]
    return f"; rename {', '.join(spelled)}, as it is read" if spelled else ""
