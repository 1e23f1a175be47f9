"""Who is in results that nobody has asked about yet: their models, and the columns that could be slices."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from shipworthy.data.results import _table
from shipworthy.data.results._query import Query, Unknown
from shipworthy.data.results._read import read, recognise
from shipworthy.data.results._tables import ASKED, GOLD

_NOBODY = ("\x00candidate", "\x00baseline")
_LABELS, _ROWS = 12, 10
_NO_SLICE = frozenset(("example_id", "id", "model", "metric", "error", "seed", "value", *ASKED, *GOLD))


def models_in(paths: Sequence[Path], query: Query) -> tuple[str, ...]:
    """The models of these results, in their order.

    Raises: BadInput: the results cannot be read, whoever is asked about.
    """
    try:
        read(paths, msgspec.structs.replace(query, candidate=_NOBODY[0], baseline=_NOBODY[1]))
    except Unknown as unknown:
        named = unknown.names
    else:
        raise AssertionError("no results hold these names")
    if len(paths) == 1 and recognise(paths[0]) in ("table", "columns"):
        return _scores(paths[0], named) or named
    return named


def _scores(path: Path, named: Sequence[str]) -> tuple[str, ...]:
    """Columns of a wide table that hold numbers alone; nothing where the names are models of a tidy one."""
    table = _table.read(path)
    if "model" in table.columns:
        return ()
    found = []
    for name in named:
        if name in table.columns and name.lower() not in _NO_SLICE:
            state_R = table.numbers(name)[1]
            if np.isin(state_R, (_table.GOOD, _table.MISSING)).all() and (state_R == _table.GOOD).any():
                found.append(name)
    return tuple(found)


def slices_in(paths: Sequence[Path], query: Query) -> tuple[str, ...]:
    """Columns of a table that could be slices: 2 to 12 labels, at least ten rows each, words."""
    if len(paths) != 1 or recognise(paths[0]) not in ("table", "columns"):
        return ()
    table = _table.read(paths[0])
    taken = {*query.id_columns, query.cluster, query.crossed, query.metric, query.candidate, query.baseline}
    found = []
    for name in table.columns:
        if name.lower() in _NO_SLICE or name in taken:
            continue
        labels, count = np.unique([text or "" for text in table.texts(name)], return_counts=True)
        words = (table.numbers(name)[1] == _table.NOT_A_NUMBER).any()
        if words and 2 <= len(labels) <= _LABELS and count.min() >= _ROWS and "" not in labels:
            found.append(name)
    return tuple(found)
