"""Columns that tell asks of one example apart: a trial is no example of its own, whatever column it stands in."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipworthy.data.results import _table
from shipworthy.data.results._table import Table
from shipworthy.errors import BadInput

REPEATS = frozenset(
    (
        *("seed", "trial", "trials", "run", "run_id", "epoch", "repeat", "repetition", "replicate", "attempt", "try"),
        *("seed_id", "trial_id", "rep", "iteration", "sample_idx", "rollout", "generation"),
    )
)


def split(columns: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of an id that name an example, and those that name an ask of it; a lone one names examples."""
    asks = tuple(column for column in columns if column.lower() in REPEATS)
    names = tuple(column for column in columns if column not in asks)
    return (names, asks) if names else (tuple(columns), ())


def seeds(table: Table, id_columns: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(R,) seeds of these rows: the column `seed`, or the parts of the id that tell asks apart.

    A number is the same seed in every file; words are numbered by their own text, so that files agree.

    Raises: BadInput: a seed is no whole number.
    """
    _, asks = split(id_columns)
    if not asks or tuple(asks) == ("seed",):
        return _whole(table, "seed", rows) if "seed" in table.columns else np.zeros(len(rows), dtype=np.int64)
    columns = tuple(dict.fromkeys((*asks, *(("seed",) if "seed" in table.columns else ()))))
    if len(columns) == 1 and (found := _whole_or_none(table, columns[0], rows)) is not None:
        return found
    cells = [table.texts(column)[rows] for column in columns]
    return np.array([_number("\x1f".join(map(str, parts))) for parts in zip(*cells, strict=True)], dtype=np.int64)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


def _whole_or_none(table: Table, column: str, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    found_R, odd = _read(table, column, rows)
    return None if len(odd) else found_R


def _whole(table: Table, column: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    found_R, odd = _read(table, column, rows)
    if len(odd):
        raise BadInput(f"a seed must be a whole number ({len(odd)} are not)", where=table.place(int(odd[0])))
    return found_R


def _read(table: Table, column: str, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    every_R, state_all_R = table.numbers(column)
    number_R, state_R = every_R[rows], state_all_R[rows]
    odd_R = (state_R != _table.GOOD) | (number_R != np.floor(number_R)) | (abs(number_R) > 2**53)
    return np.where(odd_R, 0.0, number_R).astype(np.int64), rows[odd_R]
