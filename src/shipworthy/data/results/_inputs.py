"""An id is a pair only where both models were asked the same: two test sets numbered 0.. share every row number."""

from collections.abc import Sequence

import numpy as np

from shipworthy.data._repeats import normal
from shipworthy.data.results._long import Long
from shipworthy.errors import BadInput


def same_input(long: Long, models: Sequence[str]) -> None:
    """Args: models: the two that are compared.

    Raises: BadInput: the input of an example differs between the two (case and blanks aside), with both lines.
    """
    if long.input_R is None or not set(models) <= set(long.models):
        return
    mine, theirs = (_rows(long, list(long.models).index(name)) for name in models)
    differ = [(theirs[unit], row) for unit, row in mine.items() if unit in theirs and _differ(long, row, theirs[unit])]
    if not differ:
        return
    other, one = min(differ)
    assert long.input_R is not None
    asked = [str(long.input_R[row])[:60] for row in (other, one)]
    raise BadInput(
        f"{str(long.example_R[one])[:60]!r} has another input than at {long.place(one)}: {asked[0]!r} here and "
        f"{asked[1]!r} there ({len(differ)} such examples); run both models on one dataset, or say --unpaired where "
        "they are two arms of different rows (--allow template where only the prompt's wording differs)",
        where=long.place(other),
    )


def _rows(long: Long, model: int) -> dict[tuple[str, int], int]:
    """(example, seed) -> its first row that tells its input."""
    assert long.input_R is not None
    rows = np.flatnonzero(long.model_R == model)[::-1]
    return {(str(long.example_R[row]), int(long.seed_R[row])): int(row) for row in rows if long.input_R[row]}


def _differ(long: Long, row: int, other: int) -> bool:
    assert long.input_R is not None
    one, two = long.input_R[row], long.input_R[other]
    return one != two and normal(one) != normal(two)
