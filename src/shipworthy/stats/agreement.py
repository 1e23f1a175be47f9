"""Agreement of raters beyond chance: Cohen's kappa for two, Fleiss' and Krippendorff's for many, shares by majority."""

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]
"""What labels mean: names, an order, numbers, numbers with a true zero."""


def confusion(one_N: Sequence[Hashable], other_N: Sequence[Hashable]) -> Floats:
    """(C, C) counts of two raters' labels over the same items; row: the first rater. Classes in `classes_of` order.

    Raises: ValueError: different numbers of items, or none.
    """
    if len(one_N) != len(other_N) or not len(one_N):
        raise ValueError(f"two raters need labels of the same items, got {len(one_N)} and {len(other_N)}")
    classes = {label: i for i, label in enumerate(classes_of([*one_N, *other_N]))}
    table = np.zeros((len(classes), len(classes)))
    np.add.at(table, ([classes[label] for label in one_N], [classes[label] for label in other_N]), 1.0)
    return table


def classes_of(labels_N: Sequence[Hashable]) -> list[Hashable]:
    """Each label once: numbers by value (2 before 10), anything else in the order of its text."""
    return sorted(set(labels_N), key=lambda one: (not _number(one), one if _number(one) else 0.0, repr(one)))


def _number(label: Hashable) -> bool:
    return isinstance(label, int | float)


def cohen_kappa(table_CC: Floats, *, power: int = 0, values_C: Sequence[float] | None = None) -> float:
    """Agreement of two raters beyond chance; 1 is full agreement, 0 what chance gives.

    Args:
        table_CC: counts, as `confusion` gives them.
        power: weight of a disagreement by its distance: 0 all the same, 1 linear, 2 quadratic (ordered classes).
        values_C: what the classes are worth, so that a class that nobody used leaves its gap; None: 0, 1, 2, ...

    Returns: NaN is never returned: two raters who both use one class only agree fully, so 1.
    Raises: ValueError: the table is not square or empty.
    Source: Cohen 1960, 1968.
    """
    n = table_CC.sum()
    if table_CC.ndim != 2 or table_CC.shape[0] != table_CC.shape[1] or n <= 0:
        raise ValueError(f"need a square table with counts, got shape {table_CC.shape} and {n} items")
    at_C = np.arange(len(table_CC)) if values_C is None else np.asarray(values_C, dtype=float)
    distance = np.abs(np.subtract.outer(at_C, at_C)).astype(float)
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


def krippendorff_alpha(ratings_RN: Sequence[Sequence[Hashable | None]], *, level: Level = "nominal") -> float:
    """Agreement of any number of raters beyond chance, whoever rated what.

    Args: ratings_RN: a row a rater, a column an item; None where a rater did not rate. Items with one rating say
        nothing and are left out. `level`: numbers are needed for all but nominal (ordinal: at least an order).

    Returns: 1 is full agreement, 0 what chance gives; 1 where only one label was ever used.
    Raises: ValueError: no item has two ratings, rows of different length, or a label that its level cannot hold.
    Source: Krippendorff 2011, Computing Krippendorff's alpha-reliability; 2018, Content Analysis, chapter 12.
    """
    return alpha_of(coincidences(ratings_RN).sum(0), level, _values(ratings_RN, level))


def coincidences(ratings_RN: Sequence[Sequence[Hashable | None]]) -> Floats:
    """(N, C, C) what each item adds to the matrix of coincidences: its pairs of ratings, over its ratings less one."""
    if not ratings_RN or len({len(row) for row in ratings_RN}) != 1:
        raise ValueError("every rater needs a rating, or None, for each item")
    classes = {
        one: i for i, one in enumerate(classes_of([one for row in ratings_RN for one in row if one is not None]))
    }
    votes_NC = np.zeros((len(ratings_RN[0]), len(classes)))
    for row in ratings_RN:
        rated = [item for item, label in enumerate(row) if label is not None]
        np.add.at(votes_NC, (rated, [classes[row[item]] for item in rated]), 1.0)
    votes_N = votes_NC.sum(1)
    pairs_NCC = votes_NC[:, :, None] * votes_NC[:, None, :]
    pairs_NCC[:, np.arange(len(classes)), np.arange(len(classes))] -= votes_NC
    return np.asarray(pairs_NCC / np.maximum(votes_N - 1, 1)[:, None, None])


def alpha_of(together_CC: Floats, level: Level, values_C: Floats) -> float:
    """Alpha of a matrix of coincidences over classes of these values."""
    times_C = together_CC.sum(1)
    n = float(times_C.sum())
    if n <= 1:
        raise ValueError("no item has two ratings")
    distance_CC = _distance(level, values_C, times_C)
    expected = float((np.outer(times_C, times_C) * distance_CC).sum()) / (n - 1)
    return 1.0 if expected == 0 else 1.0 - float((together_CC * distance_CC).sum()) / expected


def _distance(level: Level, values_C: Floats, times_C: Floats) -> Floats:
    """(C, C) squared differences of two classes."""
    if level == "nominal":
        return np.asarray(1.0 - np.eye(len(values_C)))
    if level == "ordinal":  # ranks in the middle of their ties: what lies between two classes, and half of either
        middle_C = np.cumsum(times_C) - times_C / 2
        return np.asarray(np.subtract.outer(middle_C, middle_C) ** 2)
    gap_CC = np.subtract.outer(values_C, values_C)
    if level == "interval":
        return np.asarray(gap_CC**2)
    sum_CC = np.add.outer(values_C, values_C)
    return np.asarray(np.divide(gap_CC, sum_CC, out=np.zeros_like(gap_CC), where=sum_CC != 0) ** 2)


def _values(ratings_RN: Sequence[Sequence[Hashable | None]], level: Level) -> Floats:
    classes = classes_of([one for row in ratings_RN for one in row if one is not None])
    if level == "nominal":
        return np.zeros(len(classes))
    if not all(map(_number, classes)):
        raise ValueError(f"{level} labels must be numbers, not {next(one for one in classes if not _number(one))!r}")
    values_C = np.array(classes, dtype=float)
    if level == "ratio" and values_C.min() < 0:
        raise ValueError(f"ratio labels are never below zero, not {values_C.min():g}")
    return values_C


def majority(votes: Sequence[Hashable]) -> Hashable | None:
    """The label with more votes than any other; None where two share the lead."""
    counts = sorted(((sum(vote == label for vote in votes), repr(label), label) for label in set(votes)), reverse=True)
    if len(counts) > 1 and counts[0][0] == counts[1][0]:
        return None
    return counts[0][2] if counts else None
