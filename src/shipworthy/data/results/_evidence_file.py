"""An `evidence.parquet` of ours that lies alone, without the manifest that says what its metrics are.

What is a value and a one for each answer (shares, scores) is read as a column of values; what is counts of a corpus is
not guessed. A metric's direction is the one of our catalogue where the name is a kind of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from shipworthy import metrics, records
from shipworthy.data import _files
from shipworthy.data.results._formats import Format
from shipworthy.data.results._logs import Score, called, long_rows
from shipworthy.data.results._long import Long
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query, known
from shipworthy.errors import BadInput
from shipworthy.records import ABSENT, ANSWERED, Direction, Evidence
from shipworthy.store import duck
from shipworthy.store import evidence as parquet

_KEY = b"shipworthy"


def is_file(start: Start) -> bool:
    """A Parquet file that carries our layout."""
    if not start.body.startswith(_files.PARQUET):
        return False
    import duckdb

    connection = duck.connect()
    try:
        call = "SELECT count(*) FROM parquet_kv_metadata(?) WHERE key = ?"
        found = connection.execute(call, [str(start.path), _KEY]).fetchone()
    except duckdb.Error:
        return False
    finally:
        connection.close()
    return found is not None and found[0] > 0


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: an unknown model or metric, or counts whose meaning stands in a manifest that is not here."""
    where = ", ".join(map(str, paths))
    if query.cluster is not None:
        raise BadInput("evidence has the clusters of its protocol; leave --cluster out", where=where)
    scores: list[Score] = []
    models: list[str] = []
    corpus: dict[str, None] = {}
    for path in paths:
        for one in parquet.read(path):
            if one.crossed is not None:
                raise BadInput(
                    f"clusters are crossed ({', '.join(one.crossed.ways)}); give the run's folder", where=str(path)
                )
            models += [called(query, _names(path, model)) for model in one.status]
            corpus |= dict.fromkeys(metric for (_, metric), counts in one.counts.items() if not _is_column(counts))
            scores += _scores(path, one, query, corpus)
    for name in (query.candidate, query.baseline):
        known("model", name, models, where)
    if query.metric in corpus or not scores:
        names = ", ".join(corpus) or "its metrics"
        raise BadInput(
            f"what the counts of {names} mean stands in the run's manifest; give the run's folder", where=where
        )
    if query.metric is not None:
        known("metric", query.metric, [score.metric for score in scores], where)
    better = {name: side for name in dict.fromkeys(score.metric for score in scores) if (side := _better(name))}
    long = long_rows(scores, source="shipworthy evidence", where=where, better=better)
    return _told(long, corpus)


def _names(path: Path, model: str) -> list[str]:
    return [model, f"{path.stem}/{model}", f"{path.parent.name}/{model}", f"{path}/{model}"]


def _is_column(counts: "np.ndarray") -> bool:
    """Whether each answer of any model counts as (value, 1)."""
    if counts.shape[1] != 2:
        return False
    return bool(np.isin(counts[:, 1], (0.0, 1.0)).all() and (counts[counts[:, 1] == 0] == 0).all())


def _scores(path: Path, one: Evidence, query: Query, corpus: dict[str, None]) -> Iterator[Score]:
    for (model, metric), counts in one.counts.items():
        name = called(query, _names(path, model))
        if name not in (query.candidate, query.baseline) or metric in corpus or query.metric not in (None, metric):
            continue
        for row in np.flatnonzero(one.status[model] != ABSENT):
            answered = one.status[model][row] == ANSWERED
            if answered and counts[row, 1] != 1:
                continue  # this answer carries no measurement
            yield Score(
                example=f"{one.dataset}/{one.example_N[row]}",
                model=name,
                metric=metric,
                value=float(counts[row, 0]) if answered else None,
                where=f"{path}!{one.dataset} row {row + 1}",
                seed=int(one.seed_N[row]),
                labels={
                    column: labels.names[labels.code_N[row]]
                    for column, labels in one.slices.items()
                    if column in query.slices and labels.code_N[row] >= 0
                },
                cluster=f"{one.dataset}/{one.cluster_N[row]}",
            )


def _better(metric: str) -> Direction | None:
    return metrics.describe(metric).better if metric in metrics.BUILT_IN else None


def _told(long: Long, corpus: dict[str, None]) -> Long:
    notes = [
        records.Warning(
            code="not_per_sample", message=f"{name} has no value an example; give the run's folder to judge it"
        )
        for name in corpus
    ]
    return replace(long, warnings=(*long.warnings, *notes))


FORMAT = Format(
    title="Shipworthy evidence alone",
    version="`evidence.parquet` without its manifest",
    recognised="a Parquet file with our layout in its metadata",
    direction="our catalogue, where the metric's name is a kind of it",
    failures="`failed` in the evidence",
    ties="as the metric counts them",
    repeats="seeds of an example are one cluster",
    test="tests/data/test_runs.py::test_evidence_alone_is_read_where_it_is_values",
    read=read,
    is_file=is_file,
)
