"""What is asked of a results file, and how an unknown name in the question is answered."""

import difflib
from collections.abc import Iterable
from typing import Literal

from shipworthy.errors import BadInput
from shipworthy.records import Direction, Record


class Query(Record):
    """Which two models, by which columns.

    Attributes:
        candidate, baseline: model names, as they stand in the file.
        id_columns: what identifies an example; empty: `example_id`, or the log's own ids.
        metric: which metric (tidy: a label of the column `metric`, or the column that holds the value; wide: what the
            values are); None: all of them.
        cluster: column of what rises and falls together. crossed: a second one, crossed with the first.
        slices: columns whose labels are reported.
        better: metric -> which direction is better, "" for every metric; else by its log or its name (`_direction`).
        allow: what may differ between the two runs although it changes the prompts ("template").
        unpaired: the two models answered different rows (arms); ids are then the arm's own.
        scale: what preferences are written as (`_preferences`); None: as their name and values say.
    """

    candidate: str
    baseline: str
    id_columns: tuple[str, ...] = ()
    metric: str | None = None
    cluster: str | None = None
    slices: tuple[str, ...] = ()
    better: dict[str, Direction] = {}
    allow: tuple[Literal["template"], ...] = ()
    unpaired: bool = False
    scale: Literal["plain", "alpaca", "signed"] | None = None
    crossed: str | None = None

    def __post_init__(self) -> None:
        if self.candidate == self.baseline:
            raise BadInput(f"candidate and baseline are both {self.candidate!r}; name two different models")


class Unknown(BadInput):
    """A name that is none of those that are there. `names`: the ones that are, in their order."""

    def __init__(self, message: str, *, where: str, names: tuple[str, ...]) -> None:
        super().__init__(message, where=where)
        self.names = names


def known(what: str, name: str, names: Iterable[str], where: str, todo: str = "") -> str:
    """`name`, which is one of `names`. Raises: BadInput: it is not; the known ones are listed, then `todo`."""
    given = tuple(dict.fromkeys(names))
    listed = sorted(given)
    if name in listed:
        return name
    lowered = {item.lower(): item for item in listed}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    hint = f"did you mean {lowered[near[0]]!r}? " if near else ""
    more = f" and {len(listed) - 60} more" if len(listed) > 60 else ""
    there = f"known: {', '.join(listed[:60])}{more}" if listed else "there is none"
    raise Unknown(f"no {what} {name!r}; {hint}{there}{todo}", where=where, names=given)
