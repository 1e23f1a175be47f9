"""Why two models share no example: another seed, another metric, or ids that are written otherwise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipworthy.data.results._long import Long


def apart(long: Long, metric: str, sides: Sequence[NDArray[np.int64]]) -> str:
    """Args: sides: rows of the two models' values of this metric.

    Returns: ` in 'acc': why`, as far as it is seen.
    """
    for one, other in (sides, sides[::-1]):
        if not len(one):
            return _of_one(long, metric, other)
    mine, theirs = ([str(example) for example in long.example_R[rows]] for rows in sides)
    if set(mine) & set(theirs):
        seeds = [int(long.seed_R[rows[0]]) for rows in sides]
        return f": their examples are the same, their seeds are not (such as {seeds[0]} and {seeds[1]})"
    hint = (
        "; the same numbers, written otherwise" if {_same(one) for one in mine} & {_same(one) for one in theirs} else ""
    )
    return f", such as {mine[0][:60]!r} and {theirs[0][:60]!r}{hint}"


def _of_one(long: Long, metric: str, rows: NDArray[np.int64]) -> str:
    if not len(rows):
        return f" in {metric!r}"
    model = long.models[long.model_R[rows[0]]]
    told = f" in {metric!r}, which only {model!r} has"
    like = [name for name in long.metrics if name != metric and name.lower() == metric.lower()]
    return f"{told}; {like[0]!r} is a metric of its own: write both alike" if like else f"{told}; choose with --metric"


def _same(example: str) -> str | float:
    """`001`, `1` and `1.0` are one number."""
    try:
        return float(example)
    except ValueError:
        return example.strip().lower()
