"""Evidence of two runs -> one Evidence over the examples and seeds of either."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shipworthy import records
from shipworthy.data._repeats import codes, join
from shipworthy.data.results._query import Query
from shipworthy.errors import BadInput
from shipworthy.records import ABSENT, Crossed, Evidence, Labels

Side = tuple[Evidence, str]
"""A run's evidence and the model that is taken from it."""


def paired(dataset: str, sides: Sequence[Side], metrics: Sequence[str], query: Query) -> Evidence:
    """Candidate and baseline side by side; ABSENT where a run lacks the unit.

    Raises: BadInput: no example is shared, an unknown slice, or an example with another label.
    """
    keys = [list(zip(one.example_N, one.seed_N.tolist(), strict=True)) for one, _ in sides]
    units = list(dict.fromkeys(key for listed in keys for key in listed))
    place = {key: at for at, key in enumerate(units)}
    rows = [np.array([place[key] for key in listed], dtype=np.int64) for listed in keys]
    if not set(keys[0]) & set(keys[1]):
        counts = " and ".join(str(len({example for example, _ in listed})) for listed in keys)
        raise BadInput(f"the two runs share no example of {dataset!r} ({counts} examples); run both on one dataset")
    names = (query.candidate, query.baseline)
    examples = [example for example, _ in units]
    first = _clusters([one.cluster_N for one, _ in sides], rows, examples)
    return Evidence(
        dataset=dataset,
        example_N=_texts([example for example, _ in units]),
        seed_N=np.array([seed for _, seed in units], dtype=np.int64),
        cluster_N=first,
        crossed=_crossed(sides, rows, examples),
        slices={
            name: _slice(name, sides, rows, units)
            for name in query.slices
            if any(name in one.slices for one, _ in sides)
        },
        status={
            name: _spread(one.status[model], row_M, len(units), ABSENT).astype(np.uint8)
            for name, (one, model), row_M in zip(names, sides, rows, strict=True)
        },
        counts={
            (name, metric): _spread(one.counts[model, metric], row_M, len(units), 0.0)
            for name, (one, model), row_M in zip(names, sides, rows, strict=True)
            for metric in metrics
        },
    )


def missing(evidence: Evidence, query: Query) -> list[records.Warning]:
    """`missing_examples` of either model."""
    notes = []
    for model in (query.candidate, query.baseline):
        absent = np.flatnonzero(evidence.status[model] == ABSENT)
        if len(absent):
            n, first = len(evidence.example_N), str(evidence.example_N[absent[0]])[:60]
            message = f"{model} has no answer to {len(absent)} of {n} on {evidence.dataset}, first {first!r}"
            notes.append(records.Warning(code="missing_examples", message=message, count=len(absent)))
    return notes


def _texts(values: Sequence[str]) -> NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _spread(values_M: NDArray[np.generic], row_M: NDArray[np.int64], n: int, fill: float) -> NDArray[np.float64]:
    spread = np.full((n, *values_M.shape[1:]), fill, dtype=np.float64)
    spread[row_M] = values_M
    return spread


def _crossed(sides: Sequence[Side], rows: Sequence[NDArray[np.int64]], examples: Sequence[str]) -> Crossed | None:
    """The second way of both runs. Raises: BadInput: the runs name other ways."""
    said = [one.crossed for one, _ in sides]
    both = [crossed for crossed in said if crossed is not None]
    if not both:
        return None
    if len(both) < len(said) or len({crossed.ways for crossed in both}) > 1:
        told = " and ".join("one way" if one is None else " x ".join(one.ways) for one in said)
        raise BadInput(f"the two runs have other clusters ({told}); run both under one protocol")
    return replace(both[0], code_N=_clusters([crossed.code_N for crossed in both], rows, examples))


def _clusters(
    columns: Sequence[NDArray[np.int64]], rows: Sequence[NDArray[np.int64]], examples: Sequence[str]
) -> NDArray[np.int64]:
    """Units fall into one cluster where either run put them into one, or where they are seeds of one example."""
    joined = codes(examples)
    for cluster_M, row_M in zip(columns, rows, strict=True):
        own: list[object] = [("unit", at) for at in range(len(examples))]
        for row, cluster in zip(row_M, cluster_M, strict=True):
            own[row] = ("cluster", int(cluster))
        joined = join(codes(own), joined).code_N
    return joined


def _slice(
    name: str, sides: Sequence[Side], rows: Sequence[NDArray[np.int64]], units: Sequence[tuple[str, int]]
) -> Labels:
    label_N: list[str | None] = [None] * len(units)
    for (one, _), row_M in zip(sides, rows, strict=True):
        if name not in one.slices:
            continue
        labels = one.slices[name]
        for row, code in zip(row_M, labels.code_N, strict=True):
            said = labels.names[code] if code >= 0 else None
            if label_N[row] is not None and said is not None and label_N[row] != said:
                raise BadInput(
                    f"{name!r} of {units[row][0]!r} is {label_N[row]!r} in one run and {said!r} in the other"
                )
            label_N[row] = said if said is not None else label_N[row]
    names = tuple(dict.fromkeys(label for label in label_N if label is not None))
    code = {label: at for at, label in enumerate(names)}
    return Labels(names=names, code_N=np.array([-1 if one is None else code[one] for one in label_N], dtype=np.int64))
