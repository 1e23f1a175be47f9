"""Rows of a held-out part that another part nearly holds, after the split: what grouping could not keep together."""

import re
from collections.abc import Mapping, Sequence

from shipworthy.data.leakage import near_rows

TRAIN = "train"
_NUMBER = re.compile("[0-9]+")


def twins(text_N: Sequence[str], part_N: Sequence[str], shares: Mapping[str, float]) -> dict[str, int]:
    """Held-out part -> its rows of which at most 20 % of the words, or numbers alone, differ from a row of `train`.

    Of folds, which are alike, only the first is held against the others.
    """
    folds = TRAIN not in shares
    held = [next(iter(shares))] if folds else [name for name in shares if name != TRAIN]
    found = {}
    for name in held:
        others = set(shares) - {name} if folds else {TRAIN}
        rest = [text for text, part in zip(text_N, part_N, strict=True) if part in others]
        mine = [text for text, part in zip(text_N, part_N, strict=True) if part == name]
        if rest and mine:
            frames = set(map(_frame, rest))
            found[name] = len(near_rows(rest, mine) | {row for row, text in enumerate(mine) if _frame(text) in frames})
    return {name: n for name, n in found.items() if n}


def _frame(text: str) -> str:
    return _NUMBER.sub("0", text)
