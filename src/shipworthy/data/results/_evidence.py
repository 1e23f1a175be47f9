"""Long rows -> Evidence: pair by example and seed, count what is missing, find repeats, choose how to judge."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from shipworthy import records
from shipworthy.data._repeats import Clusters, codes, cross, join, normal
from shipworthy.data.results._apart import apart
from shipworthy.data.results._direction import NAMELESS, refuse_in_vain
from shipworthy.data.results._judging import metric_of, opposite_means
from shipworthy.data.results._long import Long, Texts, coded, texts
from shipworthy.data.results._preferences import as_win_rates
from shipworthy.data.results._query import Query, known
from shipworthy.data.results._scales import same_scale
from shipworthy.errors import BadInput
from shipworthy.metrics.types import Metric
from shipworthy.records import ABSENT, ANSWERED, FAILED, Crossed, Evidence, Labels

_HARDLY = 0.1
"""Below this share of common ids two tables are hardly meant as pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a results file says about two models.

    Attributes:
        source: what was recognised: "tidy table", "wide table", "lm-evaluation-harness samples", "inspect_ai log".
        evidence: one Evidence for each set of units that some metrics share; holds candidate and baseline only.
        metrics: name -> how it is judged (their `observe` refuses: the scores are in the file).
        datasets: metric -> the `dataset` of its Evidence.
        primary: the metrics to be judged; the others (cost, latency_s) are watched.
        warnings: `missing_examples`, `duplicate_examples`, `preference_scale`, `not_per_sample`, with counts.
        models: every model in the file.
        inputs: example -> what was asked, where the file tells it.
    """

    source: str
    candidate: str
    baseline: str
    evidence: tuple[Evidence, ...]
    metrics: Mapping[str, Metric]
    datasets: Mapping[str, str]
    primary: tuple[str, ...]
    warnings: tuple[records.Warning, ...]
    models: tuple[str, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)


def build(long: Long, query: Query) -> Results:
    """Evidence of the two models.

    Raises: BadInput: an unknown model, metric or slice; a value given twice; no shared example; gold that differs.
    """
    pair = tuple(_model(long, name) for name in (query.candidate, query.baseline))
    if query.metric is not None and query.metric not in long.metrics:
        known("metric", query.metric, long.metrics, long.where)
    for name in query.slices:
        known("slice", name, long.slices, long.where)
    long = _apart(long) if query.unpaired else long
    long = as_win_rates(long, query)
    units = [_units(long, metric, pair, unpaired=query.unpaired) for metric in _wanted(long, query)]
    units = [unit for unit in units if len(unit.example_N)]
    if not any(unit.metric not in long.extras for unit in units):
        raise BadInput("no value of either model was found", where=long.where)
    if not query.unpaired:
        _same_gold(long, pair)
    for unit in units:
        _same_scale(long, unit, query)
    groups = _grouped(units)
    refuse_in_vain(
        (name for name in long.metrics if name not in long.extras), long.better or {}, query.better, long.where
    )
    metrics = {unit.metric: metric_of(long, unit.metric, _values(unit), query) for unit in units}
    primary = tuple(name for name in metrics if name not in long.extras)
    evidence = tuple(_evidence(name, group, query, metrics) for name, group in groups.items())
    return Results(
        source=long.source,
        candidate=query.candidate,
        baseline=query.baseline,
        evidence=evidence,
        metrics=metrics,
        datasets={unit.metric: name for name, group in groups.items() for unit in group},
        primary=primary,
        warnings=(
            *long.warnings,
            *_undirected(primary, query),
            *_percentiles(units, metrics, query),
            *_missing(long, units, query),
            *_repeated(groups),
        ),
        models=tuple(long.models),
        inputs=_inputs(long),
    )


def _same_scale(long: Long, unit: "_Units", query: Query) -> None:
    sides = [value_N[np.isfinite(value_N)] for value_N in unit.value_MN]
    plain = query.scale == "plain"
    same_scale(unit.metric, sides, (query.candidate, query.baseline), long.where, plain=plain)


def _inputs(long: Long) -> dict[str, str]:
    asked = zip(long.example_R, long.input_R, strict=True) if long.input_R is not None else ()
    return {str(example): text for example, text in asked if text}


def _model(long: Long, name: str) -> int:
    return list(long.models).index(known("model", name, long.models, long.where))


def _wanted(long: Long, query: Query) -> list[str]:
    if query.metric is None:
        return list(long.metrics)
    return [query.metric, *(name for name in long.extras if name != query.metric and name in long.metrics)]


# --- one metric's units ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Units:
    """One metric, paired: row m of `row_MN` says where model m's value stands in the long rows (-1: nowhere)."""

    metric: str
    example_N: Texts
    seed_N: NDArray[np.int64]
    cluster_N: NDArray[np.int64]
    crossed_N: NDArray[np.int64] | None
    repeats: int
    slices: Mapping[str, Labels]
    value_MN: NDArray[np.float64]
    status_MN: NDArray[np.uint8]
    row_MN: NDArray[np.int64]


def _units(long: Long, metric: str, pair: Sequence[int], *, unpaired: bool) -> _Units:
    rows = np.flatnonzero((long.metric_R == list(long.metrics).index(metric)) & np.isin(long.model_R, pair))
    example_R = codes(long.example_R[rows])
    seeds, seed_R = np.unique(long.seed_R[rows], return_inverse=True)
    key_R = example_R * max(len(seeds), 1) + seed_R
    unit_R = codes_in_order(key_R)
    side_R = np.where(long.model_R[rows] == pair[0], 0, 1)
    _refuse_twice(long, rows, unit_R * 2 + side_R)
    row_MN = np.full((2, int(unit_R.max(initial=-1)) + 1), -1, dtype=np.int64)
    row_MN[side_R, unit_R] = rows
    value_MN = np.where(row_MN >= 0, long.value_R[row_MN], np.nan)
    failed_MN = np.where(row_MN >= 0, long.failed_R[row_MN], False)
    status_MN = np.where(np.isfinite(value_MN), ANSWERED, np.where(failed_MN, FAILED, ABSENT)).astype(np.uint8)
    some_N = np.where(row_MN[0] >= 0, row_MN[0], row_MN[1])
    if not unpaired:
        _refuse_apart(long, metric, status_MN, row_MN)
    clusters = _clusters(long, some_N)
    return _Units(
        metric=metric,
        example_N=long.example_R[some_N],
        seed_N=long.seed_R[some_N],
        cluster_N=clusters.code_N,
        crossed_N=clusters.crossed_N,
        repeats=clusters.repeats,
        slices={name: _labels(long, name, label_R, row_MN) for name, label_R in long.slices.items()},
        value_MN=value_MN,
        status_MN=status_MN,
        row_MN=row_MN,
    )


def codes_in_order(key_R: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes 0.. in the order of first appearance."""
    _, first, code_R = np.unique(key_R, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[code_R.reshape(-1)]


def _refuse_twice(long: Long, rows: NDArray[np.int64], key_R: NDArray[np.int64]) -> None:
    _, first = np.unique(key_R, return_index=True)
    again = np.delete(np.arange(len(key_R)), first)
    if not len(again):
        return
    row = int(rows[again[0]])
    earlier = int(rows[np.flatnonzero(key_R == key_R[again[0]])[0]])
    count = f"{len(again)} values stand twice" if len(again) > 1 else "1 value stands twice"
    what = (
        f"example {str(long.example_R[row])[:60]!r}, model {long.models[long.model_R[row]]!r}, seed {long.seed_R[row]}"
    )
    message = f"{count}: {what} was already given at {long.place(earlier)}; keep one, or tell trials apart by `seed`"
    raise BadInput(message, where=long.place(row))


def _refuse_apart(long: Long, metric: str, status_MN: NDArray[np.uint8], row_MN: NDArray[np.int64]) -> None:
    here_MN = status_MN != ABSENT
    if not status_MN.shape[1] or metric in long.extras or here_MN.all(axis=0).any():
        return
    sides = [row_N[here_N] for row_N, here_N in zip(row_MN, here_MN, strict=True)]
    message = (
        f"compare is paired, and the two models share no example ({len(sides[0])} and {len(sides[1])} examples)"
        f"{apart(long, metric, sides)}; check the ids, "
        "name the column with --id, or say --unpaired where they are two arms of different rows"
    )
    raise BadInput(message, where=long.where)


def _clusters(long: Long, some_N: NDArray[np.int64]) -> Clusters:
    """Codes of what rises and falls together, and how many examples repeat another's input under their own id."""
    example_N = codes(long.example_R[some_N])
    ways = [column for column in (long.cluster_R, long.crossed_R) if column is not None]
    declared = [join(example_N, codes(_own(list(way[some_N]), example_N))).code_N for way in ways]
    if long.input_R is None:
        return replace(_crossed(example_N, declared or [example_N]), repeats=0)
    asked_N = codes(_own([None if text is None else _fingerprint(text) for text in long.input_R[some_N]], example_N))
    repeats = len(np.unique(example_N)) - len(np.unique(asked_N))
    return replace(_crossed(asked_N, declared or [example_N]), repeats=repeats)


def _crossed(asked_N: NDArray[np.int64], ways: Sequence[NDArray[np.int64]]) -> Clusters:
    return join(asked_N, ways[0]) if len(ways) == 1 else cross(asked_N, ways[0], ways[1])


def _own(keys: Sequence[object], example_N: NDArray[np.int64]) -> list[object]:
    """A row without a key is a group of its own example."""
    return [(int(own),) if key is None or key == "" else key for key, own in zip(keys, example_N, strict=True)]


def _fingerprint(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(normal(text).encode(), digest_size=8).digest(), "big")


def _labels(long: Long, name: str, label_R: Texts, row_MN: NDArray[np.int64]) -> Labels:
    """One label a unit. Raises: BadInput: the two models' rows say different ones."""
    names, given = coded(label_R)
    code_MN = np.where(row_MN >= 0, given[row_MN], -1)
    differ = np.flatnonzero((code_MN[0] >= 0) & (code_MN[1] >= 0) & (code_MN[0] != code_MN[1]))
    if len(differ):
        one, other = (row_MN[side, differ[0]] for side in (0, 1))
        message = f"{name!r} is {label_R[other]!r} here and {label_R[one]!r} at {long.place(int(one))} for one example"
        raise BadInput(f"{message} ({len(differ)} such examples)", where=long.place(int(other)))
    code_N = np.where(code_MN[0] >= 0, code_MN[0], code_MN[1])
    used, used_N = np.unique(code_N[code_N >= 0], return_inverse=True)
    code_N[code_N >= 0] = used_N.reshape(-1)
    return Labels(names=tuple(names[code] for code in used), code_N=code_N)


def _same_gold(long: Long, pair: Sequence[int]) -> None:
    """Raises: BadInput: the right answers of the two models' rows differ for an example."""
    if long.gold_R is None:
        return
    told_R = ~(
        long.failed_R & np.array([gold is None for gold in long.gold_R], dtype=np.bool_)
    )  # a failure may lack it
    mine, theirs = (
        {str(long.example_R[row]): int(row) for row in np.flatnonzero((long.model_R == side) & told_R)[::-1]}
        for side in pair
    )
    differ = [
        (theirs[example], row)
        for example, row in mine.items()
        if example in theirs and long.gold_R[row] != long.gold_R[theirs[example]]
    ]
    if differ:
        other, one = min(differ)
        golds = f"{str(long.gold_R[other])[:60]!r} here and {str(long.gold_R[one])[:60]!r} at {long.place(one)}"
        message = f"the right answer of {str(long.example_R[one])[:60]!r} is {golds} ({len(differ)} such examples)"
        raise BadInput(f"{message}; compare models on the same gold answers", where=long.place(other))


# --- evidence --------------------------------------------------------------------------------------------------------


def _values(unit: _Units) -> NDArray[np.float64]:
    return unit.value_MN[np.isfinite(unit.value_MN)]


def _grouped(units: Sequence[_Units]) -> dict[str, list[_Units]]:
    """Metrics that stand on the same units with the same statuses share one Evidence."""
    groups: dict[str, list[_Units]] = {}
    for unit in units:
        for group in groups.values():
            if _alike(group[0], unit):
                group.append(unit)
                break
        else:
            groups["results" if not groups else f"results/{unit.metric}"] = [unit]
    return groups


def _alike(one: _Units, other: _Units) -> bool:
    return (
        np.array_equal(one.example_N, other.example_N)
        and np.array_equal(one.seed_N, other.seed_N)
        and np.array_equal(one.status_MN, other.status_MN)
    )


def _evidence(name: str, group: Sequence[_Units], query: Query, metrics: Mapping[str, Metric]) -> Evidence:
    first = group[0]
    models = (query.candidate, query.baseline)
    crossed = None
    if first.crossed_N is not None:
        crossed = Crossed(ways=(str(query.cluster), str(query.crossed)), code_N=first.crossed_N)
    return Evidence(
        dataset=name,
        example_N=first.example_N,
        seed_N=first.seed_N,
        cluster_N=first.cluster_N,
        slices=first.slices,
        status={model: first.status_MN[side] for side, model in enumerate(models)},
        counts={
            (model, unit.metric): _counts(unit, side, metrics[unit.metric].failure)
            for unit in group
            for side, model in enumerate(models)
        },
        crossed=crossed,
    )


def _counts(unit: _Units, side: int, failure: tuple[float, ...]) -> NDArray[np.float64]:
    """(N, 2) of (value, 1); the metric's failure where the model errored, zero where it has no row."""
    status_N = unit.status_MN[side]
    here_N2 = np.column_stack([unit.value_MN[side], np.ones(len(status_N))])
    lost_N2 = np.where((status_N == FAILED)[:, None], np.array(failure), 0.0)
    return np.where((status_N == ANSWERED)[:, None], here_N2, lost_N2)


# --- what a reader should know ---------------------------------------------------------------------------------------


def _undirected(primary: Sequence[str], query: Query) -> list[records.Warning]:
    told = [name for name in primary if name in NAMELESS and not {name, ""} & set(query.better)]
    message = (
        "nothing in the table says what its values measure: higher was taken as better; name them with --metric, "
        "or say --better lower"
    )
    return [records.Warning(code="assumed_direction", message=message)] if told else []


def _percentiles(units: Sequence[_Units], metrics: Mapping[str, Metric], query: Query) -> list[records.Warning]:
    timed = [unit for unit in units if metrics[unit.metric].quantile is not None]
    return [note for unit in timed for note in opposite_means(metrics[unit.metric], unit.value_MN, query)]


def _missing(long: Long, units: Sequence[_Units], query: Query) -> list[records.Warning]:
    if query.unpaired:
        return []
    notes = _hardly_paired(units, long)
    for unit in units:
        for side, model in enumerate((query.candidate, query.baseline)):
            absent = np.flatnonzero(unit.status_MN[side] == ABSENT)
            if len(absent) and unit.metric not in long.extras:
                row = int(unit.row_MN[side, absent[0]])
                first = f"first at {long.place(row)}" if row >= 0 else f"first {str(unit.example_N[absent[0]])[:60]!r}"
                message = f"{model} has no {unit.metric} for {len(absent)} of {_counted(unit)}, {first}"
                notes.append(records.Warning(code="missing_examples", message=message, count=len(absent)))
    return notes


def _hardly_paired(units: Sequence[_Units], long: Long) -> list[records.Warning]:
    """Two arms of different rows whose ids meet by chance are no pairs."""
    for unit in units:
        here_MN = unit.status_MN != ABSENT
        shared, each = int(here_MN.all(axis=0).sum()), here_MN.sum(axis=1)
        if unit.metric not in long.extras and shared < _HARDLY * each.min():
            message = (
                f"compare is paired, and only {shared} of {each[0]} and {each[1]} rows share an id; say --unpaired "
                "where they are two arms of different rows"
            )
            return [records.Warning(code="missing_examples", message=message, count=int(each.sum()) - 2 * shared)]
    return []


def _apart(long: Long) -> Long:
    """Ids of an arm's own: equal numbers in two arms are no pair."""
    names = texts(
        [f"{long.models[model]}/{example}" for model, example in zip(long.model_R, long.example_R, strict=True)]
    )
    return replace(long, example_R=names)


def _counted(unit: _Units) -> str:
    """`100 examples`, or `450 samples x epochs (150 samples)`: one sample may be asked several times."""
    several = len(set(unit.seed_N.tolist())) > 1
    samples = len(set(unit.example_N.tolist())) if several else len(unit.example_N)
    return f"{len(unit.example_N)} samples x epochs ({samples} samples)" if several else f"{samples} examples"


def _repeated(groups: Mapping[str, Sequence[_Units]]) -> list[records.Warning]:
    repeats = max((group[0].repeats for group in groups.values()), default=0)
    if not repeats:
        return []
    message = f"{repeats} examples repeat the input of another under a different id; each such group is one cluster"
    return [records.Warning(code="duplicate_examples", message=message, count=repeats)]
