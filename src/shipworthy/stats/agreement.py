"""Agreement of raters beyond chance: Cohen's kappa for two, Fleiss' kappa for many, shares by majority."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def confusion(one_N: Sequence[Hashable], other_N: Sequence[Hashable]) -> Floats:
    """(C, C) counts of two raters' labels over the same items; row: the first rater. Classes in sorted order.

    Raises: ValueError: different numbers of items, or none.
    """
    if len(one_N) != len(other_N) or not len(one_N):
        raise ValueError(f"two raters need labels of the same items, got {len(one_N)} and {len(other_N)}")
    classes = {label: i for i, label in enumerate(sorted({*one_N, *other_N}, key=repr))}
    table = np.zeros((len(classes), len(classes)))
    np.add.at(table, ([classes[label] for label in one_N], [classes[label] for label in other_N]), 1.0)
    return table


def cohen_kappa(table_CC: Floats, *, power: int = 0) -> float:
    """Agreement of two raters beyond chance; 1 is full agreement, 0 what chance gives.

    Args:
        table_CC: counts, as `confusion` gives them.
        power: weight of a disagreement by its distance: 0 all the same, 1 linear, 2 quadratic (ordered classes).

    Returns: NaN is never returned: two raters who both use one class only agree fully, so 1.
    Raises: ValueError: the table is not square or empty.
    Source: Cohen 1960, 1968.
    """
    n = table_CC.sum()
    if table_CC.ndim != 2 or table_CC.shape[0] != table_CC.shape[1] or n <= 0:
        raise ValueError(f"need a square table with counts, got shape {table_CC.shape} and {n} items")
    distance = np.abs(np.subtract.outer(np.arange(len(table_CC)), np.arange(len(table_CC)))).astype(float)
    weight = np.where(distance > 0, distance**power, 0.0)
    expected = np.outer(table_CC.sum(1), table_CC.sum(0)) / n
    chance = float((weight * expected).sum())
    return 1.0 if chance == 0 else 1.0 - float((weight * table_CC).sum()) / chance


def fleiss_kappa(votes_NC: Floats) -> float:
    """Agreement of several raters beyond chance.

    Args: votes_NC: how many raters gave item n class c; every item needs the same number of votes, two or more.
    Raises: ValueError: it does not.
    Source: Fleiss 1971.
    """
    votes = votes_NC.sum(1)
    if votes_NC.ndim != 2 or not len(votes) or votes.min() != votes.max() or votes[0] < 2:
        raise ValueError("every item needs the same number of votes, two or more")
    raters = votes[0]
    observed = float(((votes_NC**2).sum(1) - raters).mean() / (raters * (raters - 1)))
    share_C = votes_NC.sum(0) / votes_NC.sum()
    chance = float((share_C**2).sum())
    return 1.0 if chance == 1 else (observed - chance) / (1 - chance)


def majority(votes: Sequence[Hashable]) -> Hashable | None:
    """The label with more votes than any other; None where two share the lead."""
    counts = sorted(((sum(vote == label for vote in votes), repr(label), label) for label in set(votes)), reverse=True)
    if len(counts) > 1 and counts[0][0] == counts[1][0]:
        return None
    return counts[0][2] if counts else None
