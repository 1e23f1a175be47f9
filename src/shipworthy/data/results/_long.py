"""Long rows: one value of one metric of one model on one example under one seed. What every reader gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipworthy import records
from shipworthy.records import Direction

Texts = NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Long:
    """R rows in columns.

    Attributes:
        source: what was read, in words, for messages: "tidy table", "lm-evaluation-harness samples", ...
        where: the file or files.
        example_R: ids. model_R, metric_R: codes into `models` and `metrics`. seed_R: seeds.
        value_R: the values; NaN where there is none.
        failed_R: the model errored on this example (no value, counts against it).
        crossed_R: (R,) the second of two ways of clusters, or None.
        slices: column -> (R,) labels or None. cluster_R, input_R, gold_R: (R,) text or None, where the source has them.
        place: row -> `file:line`.
        better: metric -> direction, where the source says so.
        extras: metrics that are watched and not judged (cost, latency).
        warnings: what the reader left out.
    """

    source: str
    where: str
    example_R: Texts
    models: Sequence[str]
    model_R: NDArray[np.int64]
    metrics: Sequence[str]
    metric_R: NDArray[np.int64]
    seed_R: NDArray[np.int64]
    value_R: NDArray[np.float64]
    failed_R: NDArray[np.bool_]
    slices: Mapping[str, Texts]
    place: Callable[[int], str]
    cluster_R: Texts | None = None
    input_R: Texts | None = None
    gold_R: Texts | None = None
    better: Mapping[str, Direction] | None = None
    extras: tuple[str, ...] = ()
    warnings: tuple[records.Warning, ...] = ()
    crossed_R: Texts | None = None


def texts(values: Sequence[str | None]) -> Texts:
    """An object column of text (numpy would cut text to a fixed width)."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def coded(text_R: Texts) -> tuple[list[str], NDArray[np.int64]]:
    """Labels in the order of first appearance, and (R,) codes into them; -1 where there is no text."""
    names: dict[str, int] = {}
    code_R = [-1 if text is None or text == "" else names.setdefault(text, len(names)) for text in text_R]
    return list(names), np.array(code_R, dtype=np.int64)


def concatenate(parts: Sequence[Long]) -> Long:
    """The rows of all parts under one set of models and metrics; a column that a part lacks is None there."""
    if len(parts) == 1:
        return parts[0]
    models = list(dict.fromkeys(name for part in parts for name in part.models))
    metrics = list(dict.fromkeys(name for part in parts for name in part.metrics))
    starts = np.cumsum([0, *(len(part.value_R) for part in parts)])

    def place(row: int) -> str:
        owner = int(np.searchsorted(starts, row, side="right")) - 1
        return parts[owner].place(row - int(starts[owner]))

    return Long(
        source=parts[0].source,
        where=", ".join(dict.fromkeys(part.where for part in parts)),
        example_R=_joined([part.example_R for part in parts], parts),
        models=models,
        model_R=np.concatenate([_recoded(part.models, part.model_R, models) for part in parts]),
        metrics=metrics,
        metric_R=np.concatenate([_recoded(part.metrics, part.metric_R, metrics) for part in parts]),
        seed_R=np.concatenate([part.seed_R for part in parts]),
        value_R=np.concatenate([part.value_R for part in parts]),
        failed_R=np.concatenate([part.failed_R for part in parts]),
        slices={
            name: _joined([part.slices.get(name) for part in parts], parts)
            for name in dict.fromkeys(name for part in parts for name in part.slices)
        },
        place=place,
        cluster_R=_if_any([part.cluster_R for part in parts], parts),
        crossed_R=_if_any([part.crossed_R for part in parts], parts),
        input_R=_if_any([part.input_R for part in parts], parts),
        gold_R=_if_any([part.gold_R for part in parts], parts),
        better={name: side for part in parts for name, side in (part.better or {}).items()},
        extras=tuple(dict.fromkeys(name for part in parts for name in part.extras)),
        warnings=tuple(warning for part in parts for warning in part.warnings),
    )


def _recoded(names: Sequence[str], code_R: NDArray[np.int64], known: Sequence[str]) -> NDArray[np.int64]:
    return np.array([known.index(name) for name in names], dtype=np.int64)[code_R]


def _if_any(columns: Sequence[Texts | None], parts: Sequence[Long]) -> Texts | None:
    return None if all(column is None for column in columns) else _joined(columns, parts)


def _joined(columns: Sequence[Texts | None], parts: Sequence[Long]) -> Texts:
    sizes = [len(part.value_R) for part in parts]
    return np.concatenate(
        [
            np.full(size, None, dtype=object) if column is None else column
            for column, size in zip(columns, sizes, strict=True)
        ]
    )
