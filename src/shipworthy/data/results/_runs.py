"""Our own run folders: last week's run beside this week's, or two models of one run.

What a folder says is data: metrics are built from kind and options where the kind is one of Shipworthy's own, and else
taken as the folder's verdict states them, where its numbers bear that out. No code that a folder names is loaded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shipworthy import metrics as catalogue
from shipworthy import records
from shipworthy.data.results._evidence import Results
from shipworthy.data.results._formats import Format
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query, known
from shipworthy.data.results._run_metrics import stated
from shipworthy.data.results._run_pairs import missing, paired
from shipworthy.errors import BadInput
from shipworthy.metrics.types import Metric
from shipworthy.protocol import Protocol
from shipworthy.records import Evidence, Example
from shipworthy.store import RunFolder
from shipworthy.store.run_folder import EVIDENCE, EXAMPLES, MANIFEST

WATCHED = frozenset(
    (
        *("cost", "energy", "first_token", "latency", "latency_p50", "latency_p95", "memory_peak", "tokens"),
        "tokens_per_second",
    )
)
"""Kinds that are watched and not judged, as cost and latency of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run as it lies on disk."""

    folder: RunFolder
    protocol: Protocol
    evidence: Mapping[str, Evidence]

    @property
    def where(self) -> str:
        return str(self.folder.path)

    def names(self, model: str) -> list[str]:
        """What a model of this run may be called; the folder's name stands for its candidate."""
        path = self.folder.path
        folders = [path.name, str(path), path.resolve().name, self.folder.manifest.run_id]
        return [model, *(f"{folder}/{model}" for folder in folders)] + (
            folders if model == self.folder.manifest.candidate else []
        )


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the two models, in its run."""

    run: Run
    model: str


def is_file(start: Start) -> bool:
    """`evidence.parquet` beside the manifest of its run, or that manifest."""
    if not (start.path.parent / MANIFEST).is_file():
        return False
    return start.path.name == EVIDENCE or start.has("run_id", "protocol_sha256", "candidate")


def is_folder(folder: Path) -> bool:
    """A run's folder."""
    return (folder / MANIFEST).is_file() and (folder / EVIDENCE).is_file()


def read(paths: Sequence[Path], query: Query) -> Results:
    """Raises: BadInput: an unfinished run, an unknown model, other examples, prompts or metrics under one name."""
    runs = [opened(path if path.is_dir() else path.parent) for path in paths]
    where = ", ".join(run.where for run in runs)
    candidate, baseline = (_arm(runs, name, where) for name in (query.candidate, query.baseline))
    if candidate == baseline:
        raise BadInput(f"{query.candidate!r} and {query.baseline!r} are one model of one run", where=where)
    if query.cluster is not None:
        raise BadInput("a run has the clusters of its protocol; leave --cluster out", where=where)
    shared = _shared(candidate, baseline, query, where)
    notes: list[records.Warning] = []
    built = {name: _metric(name, candidate, baseline, notes) for name in shared}
    wanted = {name: metric for name, metric in built.items() if metric is not None}
    if not wanted:
        raise BadInput("; ".join(note.message for note in notes) or "the runs share no metric", where=where)
    if query.metric is not None and query.metric not in wanted:
        raise BadInput("; ".join(note.message for note in notes), where=where)
    return _results(candidate, baseline, query, wanted, tuple(notes))


def opened(path: Path) -> Run:
    """Raises: BadInput: no finished run lies here."""
    folder = RunFolder.open(path)
    if folder.manifest.status != "complete":
        raise BadInput("this run is not finished; finish it with: shipworthy run --resume", where=str(path))
    try:
        protocol = msgspec.convert(folder.manifest.protocol, Protocol)
    except msgspec.ValidationError as error:
        raise BadInput(f"its protocol is not one of this version ({error})", where=f"{path}/{MANIFEST}") from None
    return Run(folder=folder, protocol=protocol, evidence={one.dataset: one for one in folder.evidence()})


def _arm(runs: Sequence[Run], name: str, where: str) -> Arm:
    arms = [Arm(run, model) for run in runs for model in run.folder.manifest.models if name in run.names(model)]
    if len(arms) > 1:
        choices = " or ".join(f"{arm.run.folder.path}/{arm.model}" for arm in arms)
        raise BadInput(f"{name!r} stands in several runs; say which: {choices}", where=where)
    if not arms:
        known(
            "model",
            name,
            [one for run in runs for model in run.folder.manifest.models for one in run.names(model)],
            where,
        )
    return arms[0]


def _shared(candidate: Arm, baseline: Arm, query: Query, where: str) -> list[str]:
    """Names of the metrics that both runs measured of the two models."""
    both = [
        name
        for name in candidate.run.protocol.metrics
        if _measured(candidate, name) and name in baseline.run.protocol.metrics and _measured(baseline, name)
    ]
    if not both:
        ours, theirs = (", ".join(arm.run.protocol.metrics) for arm in (candidate, baseline))
        raise BadInput(f"the two models share no metric ({ours}; {theirs})", where=where)
    if query.metric is None:
        return both
    return [known("metric", query.metric, both, where)]


def evidence_of(arm: Arm, metric: str) -> Evidence:
    """What an arm's run observed on the dataset of a metric."""
    return arm.run.evidence[arm.run.protocol.metrics[metric].dataset]


def _measured(arm: Arm, metric: str) -> bool:
    found = arm.run.evidence.get(arm.run.protocol.metrics[metric].dataset)
    return found is not None and (arm.model, metric) in found.counts


# --- metrics ---------------------------------------------------------------------------------------------------------


def _metric(name: str, candidate: Arm, baseline: Arm, notes: list[records.Warning]) -> Metric | None:
    """How a metric is judged; None, with a note, where the folders do not suffice to know.

    Raises: BadInput: the two runs mean different things by this name.
    """
    _same_metric(name, candidate, baseline)
    spec = candidate.run.protocol.metrics[name]
    kind = spec.metric or name
    built: Metric | None
    if kind in catalogue.BUILT_IN:
        built = catalogue.build(name, kind, spec.options)
    else:
        built = stated(name, [(arm.run.folder, evidence_of(arm, name)) for arm in (candidate, baseline)])
    widths = {evidence_of(arm, name).counts[arm.model, name].shape[1] for arm in (candidate, baseline)}
    if built is not None and widths == {len(built.failure)}:
        return built
    why = "its counts are laid out otherwise than now" if built else f"its kind {kind!r} is not one of Shipworthy's own"
    message = f"{name} is not compared: {why}; run both models under one protocol"
    notes.append(records.Warning(code="not_comparable", message=message))
    return None


def _same_metric(name: str, candidate: Arm, baseline: Arm) -> None:
    if candidate.run is baseline.run:
        return
    ours, theirs = (arm.run.protocol.metrics[name] for arm in (candidate, baseline))
    said = [
        ("kind", ours.metric or name, theirs.metric or name),
        ("options", ours.options, theirs.options),
        ("version", _version(candidate, name), _version(baseline, name)),
        ("prompt", _prompt(candidate, ours.dataset), _prompt(baseline, theirs.dataset)),
    ]
    for what, one, other in said:
        if one != other:
            message = f"{name!r} has {what} {one!r} here and {other!r} in {baseline.run.where}"
            raise BadInput(f"{message}; run both models under one protocol", where=candidate.run.where)


def _version(arm: Arm, metric: str) -> str:
    versions: Mapping[str, str] = arm.run.folder.manifest.settings.get("metric_versions", {})
    return versions.get(metric, "")


def _prompt(arm: Arm, dataset: str) -> object:
    spec = arm.run.protocol.datasets.get(dataset)
    if spec is None or spec.prompt is None:
        return None
    return msgspec.to_builtins(arm.run.protocol.prompts[spec.prompt])


# --- data ------------------------------------------------------------------------------------------------------------


def _same_data(candidate: Arm, baseline: Arm, dataset: str, other: str) -> None:
    """Raises: BadInput: one id stands for two examples, or nobody can tell."""
    if candidate.run is baseline.run:
        return
    ours, theirs = (
        arm.run.folder.manifest.datasets.get(name) for arm, name in ((candidate, dataset), (baseline, other))
    )
    if ours is not None and theirs is not None and ours.rows_sha256 and ours.rows_sha256 == theirs.rows_sha256:
        return
    for arm in (candidate, baseline):
        if not (arm.run.folder.path / EXAMPLES).is_file():
            message = f"the rows of {dataset!r} differ between the runs and {EXAMPLES} is missing here"
            raise BadInput(f"{message}; run both models on one version of the data", where=arm.run.where)
    mine = {example.id: example for example in candidate.run.folder.examples() if example.dataset == dataset}
    differ = [
        (mine[example.id], example)
        for example in baseline.run.folder.examples()
        if example.dataset == other and example.id in mine and _said(mine[example.id]) != _said(example)
    ]
    if differ:
        one = differ[0][0]
        message = f"{one.id[:60]!r} is another example in {baseline.run.where} ({len(differ)} such examples)"
        raise BadInput(
            f"{message}; run both models on one version of the data", where=f"{candidate.run.where}/{EXAMPLES}"
        )


def _said(example: Example) -> tuple[object, ...]:
    """What is asked and what is right."""
    return example.messages, example.reference, example.fields


# --- results ---------------------------------------------------------------------------------------------------------


def _results(
    candidate: Arm, baseline: Arm, query: Query, built: Mapping[str, Metric], notes: tuple[records.Warning, ...]
) -> Results:
    evidence: dict[str, Evidence] = {}
    told = list(notes)
    columns = [name for arm in (candidate, baseline) for one in arm.run.evidence.values() for name in one.slices]
    for name in query.slices:
        known("slice", name, columns, candidate.run.where)
    for name in built:
        dataset = candidate.run.protocol.metrics[name].dataset
        other = baseline.run.protocol.metrics[name].dataset
        if dataset in evidence:
            continue
        _same_data(candidate, baseline, dataset, other)
        here = [one for one in built if candidate.run.protocol.metrics[one].dataset == dataset]
        apart = [one for one in here if baseline.run.protocol.metrics[one].dataset != other]
        if apart:
            message = f"{apart[0]!r} was measured on another dataset than {name!r} there; give --metric"
            raise BadInput(message, where=baseline.run.where)
        sides = [(arm.run.evidence[one], arm.model) for arm, one in ((candidate, dataset), (baseline, other))]
        evidence[dataset] = paired(dataset, sides, here, query)
        told += missing(evidence[dataset], query)
    models = [name for arm in (candidate, baseline) for name in arm.run.folder.manifest.models]
    return Results(
        source="shipworthy runs",
        candidate=query.candidate,
        baseline=query.baseline,
        evidence=tuple(evidence.values()),
        metrics=built,
        datasets={name: candidate.run.protocol.metrics[name].dataset for name in built},
        primary=tuple(name for name in built if query.metric == name or not _watched(candidate, name)),
        warnings=(*told, *_conditions(candidate, baseline)),
        models=tuple(dict.fromkeys(models)),
    )


def _watched(arm: Arm, name: str) -> bool:
    return (arm.run.protocol.metrics[name].metric or name) in WATCHED


_LIKE = ("dtype", "quantised", "temperature", "max_new_tokens")
_SAMPLED = ("temperature", "max_tokens", "top_p")


def _conditions(candidate: Arm, baseline: Arm) -> list[records.Warning]:
    """`not_comparable` where the two models ran under other conditions that both runs tell."""
    ours, theirs = (_facts(arm) for arm in (candidate, baseline))
    differ = [f"{name} {ours[name]} and {theirs[name]}" for name in ours if ours[name] != theirs.get(name, ours[name])]
    if not differ:
        return []
    message = f"the two models ran under different conditions: {', '.join(differ)}"
    return [records.Warning(code="not_comparable", message=message, count=len(differ))]


def _facts(arm: Arm) -> dict[str, str]:
    identity = arm.run.folder.manifest.models[arm.model].identity
    spec = arm.run.protocol.models.get(arm.model)
    sampling = spec.sampling if spec is not None else {}
    return {name: identity[name] for name in _LIKE if name in identity} | {
        name: str(sampling[name]) for name in _SAMPLED if name in sampling
    }


FORMAT = Format(
    title="Shipworthy run",
    version="run folders of this version, `evidence.parquet` beside its `manifest.json`",
    recognised="a folder with `manifest.json` and `evidence.parquet`; the folder's name stands for its candidate",
    direction="the metric's own definition, by kind and options in the manifest; of kinds from outside, the verdict's",
    failures="`failed` in the evidence, with the counts that the metric gives a failure",
    ties="as the metric counts them",
    repeats="seeds of an example are one cluster, and so is what either run took for one",
    test="tests/data/test_runs.py::test_last_weeks_candidate_meets_this_weeks",
    read=read,
    is_file=is_file,
    is_folder=is_folder,
)
