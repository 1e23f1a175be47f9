"""What changed between two versions: rows added, removed and changed, each by its id and place."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from shipworthy.data import rows as _table
from shipworthy.data._repeats import normal
from shipworthy.data._rows import Row
from shipworthy.data.versions._digest import Digests, Version, digests, root
from shipworthy.errors import BadInput
from shipworthy.records import Record


class RowPlace(Record):
    """One row: its id (None where the rows have none) and file:line."""

    id: str | None
    where: str


class Changed(Record):
    """One row that says something else now, and the columns that differ."""

    id: str | None
    before: str
    after: str
    columns: tuple[str, ...]


class Diff(Record):
    """Two versions and every row that is not in both. `kept` rows are the same, wherever they stand."""

    before: Version
    after: Version
    kept: int
    added: tuple[RowPlace, ...]
    removed: tuple[RowPlace, ...]
    changed: tuple[Changed, ...]

    @property
    def same(self) -> bool:
        """Do both hold the same rows?"""
        return self.before.sha256 == self.after.sha256


def diff(before: Path, after: Path, *, id: str | None = None) -> Diff:
    """Compare two files row by row, whatever the order and the format of each.

    A removed and an added row are one changed row when they share the id or, where rows have none, what they ask.
    Both files are read twice where they differ; 40 bytes a row are held, and the rows that differ.

    Args: id: column that identifies a row; default `id` where every differing row has it.
    Raises: BadInput: a file cannot be read, or lacks the column `id`.
    """
    prints = [digests(row.fields for row in _table.rows(path)) for path in (before, after)]
    gone, new = _only(prints[0], prints[1]), _only(prints[1], prints[0])
    removed, added = _rows_at(before, gone, id), _rows_at(after, new, id)
    column = id or ("id" if all("id" in row.fields for row in [*removed, *added]) else None)
    pairs, removed, added = _paired(removed, added, column)
    return Diff(
        before=root(prints[0]),
        after=root(prints[1]),
        kept=len(prints[0]) - len(gone),
        added=tuple(_place(row, column, after) for row in added),
        removed=tuple(_place(row, column, before) for row in removed),
        changed=tuple(_changed(old, now, column, before, after) for old, now in pairs),
    )


def _only(one_N4: Digests, other_N4: Digests) -> set[int]:
    """Rows of `one` that the other lacks; of a row that stands there less often, the last ones."""
    both_M4 = np.concatenate([other_N4, one_N4])
    order = np.lexsort(both_M4.T[::-1])  # stable: of equal rows those of `other` come first, then in their order
    sorted_M4, ours_M = both_M4[order], order >= len(other_N4)
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = (sorted_M4[1:] != sorted_M4[:-1]).any(axis=1)
    group_M = np.cumsum(starts) - 1
    theirs_G = np.bincount(group_M, weights=~ours_M).astype(np.int64)
    first_G = np.flatnonzero(starts)
    rank_M = np.arange(len(order)) - first_G[group_M] - theirs_G[group_M]  # among ours, from 0
    return set((order[ours_M & (rank_M >= theirs_G[group_M])] - len(other_N4)).tolist())


def _rows_at(path: Path, numbers: set[int], id: str | None) -> list[Row]:
    if not numbers:
        return []
    found = [row for number, row in enumerate(_table.rows(path)) if number in numbers]
    lacking = next((row for row in found if id is not None and id not in row.fields), None)
    if lacking is not None:
        raise BadInput(f"this row has no {id!r}; name a column that every row has", where=f"{path}:{lacking.line}")
    return found


def _paired(
    removed: list[Row], added: list[Row], column: str | None
) -> tuple[list[tuple[Row, Row]], list[Row], list[Row]]:
    waiting: dict[str, list[Row]] = defaultdict(list)
    for row in reversed(removed):
        waiting[_key(row, column)].append(row)
    pairs, new = [], []
    for row in added:
        same = waiting.get(_key(row, column))
        if same:
            pairs.append((same.pop(), row))
        else:
            new.append(row)
    old = {id(row) for row, _ in pairs}
    return pairs, [row for row in removed if id(row) not in old], new


def _key(row: Row, column: str | None) -> str:
    if column is not None:
        return _table.said(row.fields[column])
    return normal(_table.asked(row.fields, None, where=str(row.line)))


def _place(row: Row, column: str | None, path: Path) -> RowPlace:
    return RowPlace(id=_id(row, column), where=f"{path}:{row.line}")


def _changed(old: Row, now: Row, column: str | None, before: Path, after: Path) -> Changed:
    names = dict.fromkeys([*old.fields, *now.fields])
    absent = object()
    columns = tuple(name for name in names if old.fields.get(name, absent) != now.fields.get(name, absent))
    return Changed(id=_id(now, column), before=f"{before}:{old.line}", after=f"{after}:{now.line}", columns=columns)


def _id(row: Row, column: str | None) -> str | None:
    return _table.said(row.fields[column]) if column is not None else None
