"""Everything that can be known, and refused, before a model is asked: protocol, data, metrics, prompts, models."""

import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import msgspec

from shipworthy import metrics, models, protocol
from shipworthy.errors import BadInput, ProtocolError, Refused
from shipworthy.evaluation import scoring
from shipworthy.evaluation.load import SETTING as LOAD
from shipworthy.evaluation.load import loads
from shipworthy.evaluation.observe import refuse_unscorable
from shipworthy.evaluation.prompts import render
from shipworthy.evaluation.recordings import recordings
from shipworthy.evaluation.released import Answering, InProduction, answering, identity_of, nothing_released
from shipworthy.evaluation.scoring import Loaded, step
from shipworthy.evaluation.suites import arrange, equip
from shipworthy.evaluation.suites.arrange import data_print
from shipworthy.evaluation.training_data import SETTING, Looked, changed, look
from shipworthy.gates.limits import error_beyond, impossible, outside
from shipworthy.metrics.types import Metric
from shipworthy.models import Backend
from shipworthy.models.recorded import Recording
from shipworthy.protocol import Protocol
from shipworthy.protocol.types import Cadence
from shipworthy.records import Example, Prompt
from shipworthy.store import DatasetPrint, Manifest, ModelPrint
from shipworthy.store.history import rules_digest

OCCASION = "occasion"
"""Under which name the manifest's settings hold what a run was begun for; not there: for everything."""
NAMED_PACKAGES = ("shipworthy", "aiohttp", "duckdb", "msgspec", "numpy", "peft", "scipy", "torch", "transformers")

Purpose = Literal["decide", "tune"]


def _as_it_is(promised: Protocol) -> Protocol:
    return promised


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Why a protocol is run: `when` leaves out what another cadence is for, `change` puts in what this run is about
    (the weights of a checkpoint). What is locked is what is left. `purpose` tune: results will be tuned towards, so
    sealed test sets stay closed and nothing is released from it."""

    when: Cadence | None = None
    change: Callable[[Protocol], Protocol] = _as_it_is
    purpose: Purpose = "decide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A protocol that holds together with its data and models; nothing was asked or written yet.

    `sources` are datasets that nobody is asked about, but that suites were made from: a run looks at them as well.
    `answering` is how every model is declared once `backend: release` is looked up. `rules_sha256` is the digest of
    what the whole protocol promises whoever the candidate is. `scorers` find the counts of metrics that need I/O.
    `training` is what was found in the training files that the protocol declares. `when` is the occasion. `recordings`
    is how far recorded answers cover what is asked.
    """

    protocol: Protocol
    path: Path
    examples: tuple[Example, ...]
    prompts: Sequence[Prompt]
    metrics: Mapping[str, Metric]
    backends: Mapping[str, Backend]
    sources: Mapping[str, DatasetPrint] = field(default_factory=dict)
    answering: Mapping[str, Answering] = field(default_factory=dict)
    purpose: Purpose = "decide"
    rules_sha256: str = ""
    scorers: tuple[Loaded, ...] = ()
    training: Looked | None = None
    when: Cadence | None = None
    recordings: Mapping[str, Recording] = field(default_factory=dict)


def read_protocol(path: Path) -> Protocol:
    """The protocol in a file. Raises: BadInput: the file cannot be read. ProtocolError: it is not valid."""
    return _read(path).protocol


def _read(path: Path) -> protocol.Source:
    try:
        content = path.read_bytes()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BadInput(
            f"the protocol cannot be read: {why}; write one with `shipworthy init`", where=str(path)
        ) from error
    return protocol.parse(protocol.decode(content, where=str(path)), where=str(path))


EVERYTHING = Occasion()


def prepare(
    path: Path,
    environ: Mapping[str, str],
    occasion: Occasion = EVERYTHING,
    in_production: InProduction = nothing_released,
) -> Prepared:
    """Read and check everything a run needs.

    Raises: ShipworthyError: the first thing that would make the run fail, in one sentence.
    """
    return check(path, environ, occasion, in_production, without=())


HEAVY = ("huggingface", "vllm")
"""Backends whose loading takes weights into memory."""


def check(
    path: Path,
    environ: Mapping[str, str],
    occasion: Occasion = EVERYTHING,
    in_production: InProduction = nothing_released,
    *,
    without: Collection[str] = HEAVY,
) -> Prepared:
    """The same, without loading the models whose backend is named in `without`: nothing heavy happens.

    Raises: ShipworthyError: the first thing that would make the run fail, in one sentence.
    """
    source = _read(path)
    _refuse_impossible(source)
    declared = occasion.change(source.protocol)
    arranged = arrange(declared, folder=path.parent, when=occasion.when)
    promised, examples = arranged.protocol, arranged.examples
    measures = build_metrics(promised)
    prompts = render(promised, examples)
    refuse_unscorable(examples, promised, measures)
    training = look(_due(declared, occasion), folder=path.parent)
    scorers = step.load_all(promised, examples, folder=path.parent, environ=environ, heavy=not without)
    asked = {name: answering(name, promised, path.parent, in_production) for name in promised.models}
    backends = {
        name: models.load(name, one.spec, folder=one.folder, examples=examples, environ=environ)
        for name, one in asked.items()
        if one.spec.role != "published" and one.spec.backend not in without
    }
    for name, backend in backends.items():
        identity_of(asked[name], backend.identity)
    _refuse_unpriced(promised, asked, backends)
    return Prepared(
        protocol=promised,
        path=path,
        examples=examples,
        prompts=prompts,
        metrics=step.weighing(measures, scorers),
        scorers=scorers,
        backends=equip(backends, asked, arranged.probes),
        sources=arranged.sources,
        answering=asked,
        purpose=occasion.purpose,
        rules_sha256=rules_digest(msgspec.to_builtins(declared)),
        training=training,
        when=occasion.when,
        recordings=recordings(backends, prompts, promised.seeds),
    )


def _due(declared: Protocol, occasion: Occasion) -> Protocol:
    """Training files are not read again at every checkpoint: the training that they went into waits."""
    return msgspec.structs.replace(declared, data=None) if occasion.when == "checkpoint" else declared


def _refuse_impossible(source: protocol.Source) -> None:
    """Raises: ProtocolError: a limit, or a published number, that its metric cannot have, with its place."""
    metrics_ = build_metrics(source.protocol)
    for index, gate in enumerate(source.protocol.gates):
        if found := impossible(gate, metrics_[gate.metric]):
            key, why = found
            raise ProtocolError(why, where=source.line_of("gates", index, key))
    for name, spec in source.protocol.models.items():
        for metric, told in spec.published.items():
            if (beyond := outside(told.value, metrics_[metric])) is not None:
                where = source.line_of("models", name, "published", metric, "value")
                raise ProtocolError(f"{told.value:g} cannot be the published number: {beyond}", where=where)
            if (beyond := error_beyond(told.standard_error, metrics_[metric])) is not None:
                where = source.line_of("models", name, "published", metric, "standard_error")
                raise ProtocolError(f"{told.standard_error:g} cannot be its standard error: {beyond}", where=where)


def build_metrics(promised: Protocol) -> dict[str, Metric]:
    """The metrics of a protocol by name. Raises: UnknownName, BadInput: no such kind, or its options are wrong."""
    return {name: _metric(name, spec.metric or name, spec.options) for name, spec in promised.metrics.items()}


def _metric(name: str, kind: str, options: Mapping[str, Any]) -> Metric:
    return scoring.build(name, kind, options) or metrics.build(name, kind, options)


def manifest(prepared: Prepared, *, run_id: str, now: datetime) -> Manifest:
    """What the run promises: locked before the first response."""
    promised = prepared.protocol
    by_dataset = {name: [row for row in prepared.examples if row.dataset == name] for name in promised.datasets}
    return Manifest(
        run_id=run_id,
        created=now.isoformat(timespec="seconds"),
        protocol=msgspec.to_builtins(promised),
        protocol_sha256=protocol.digest(promised),
        protocol_path=str(prepared.path),
        datasets={name: data_print(rows, promised.datasets[name].path) for name, rows in by_dataset.items()}
        | dict(prepared.sources),
        models={
            name: ModelPrint(role=spec.role, identity=_identity(prepared, name))
            for name, spec in promised.models.items()
        },
        candidate=next(name for name, spec in promised.models.items() if spec.role == "candidate"),
        seeds=promised.seeds,
        versions=_versions(),
        environment={"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()},
        settings={
            "metric_versions": {name: metric.version for name, metric in prepared.metrics.items()},
            "protocol_folder": str(prepared.path.parent.absolute()),
            "purpose": prepared.purpose,
            "rules_sha256": prepared.rules_sha256,
            "scorers": step.identities(prepared.scorers),
            LOAD: loads(promised, {name: b.identity for name, b in prepared.backends.items()}, prepared.metrics),
        }
        | ({SETTING: msgspec.to_builtins(prepared.training.print)} if prepared.training else {})
        | ({OCCASION: prepared.when} if prepared.when else {}),
    )


def as_begun(locked: Manifest, asked: Occasion) -> Occasion:
    """The occasion on which a run goes on: the one that it was begun for, which nobody needs to name again.

    Raises: Refused: another one is named.
    """
    begun = locked.settings.get(OCCASION)
    if asked.when not in (None, begun):
        was_for = f"--on {begun}" if begun else "without --on"
        raise Refused(
            f"the run {locked.run_id} was begun {was_for} and cannot go on for {asked.when}; leave --on away to go on, "
            "or start a new run without --resume"
        )
    return replace(asked, when=begun)


def _before_own_seeds(print_of: ModelPrint) -> ModelPrint:
    """How an endpoint was locked while one seed was sent for every example: the same model, so its run goes on."""
    if "endpoint" not in print_of.identity:
        return print_of
    kept = {key: value for key, value in print_of.identity.items() if key != "noise"}
    return msgspec.structs.replace(print_of, identity=kept)


def refuse_changes(locked: Manifest, now: Manifest) -> None:
    """A run goes on with what it was locked on, or not at all.

    Raises: Refused: the protocol, a dataset or a model is not what it was when the run began.
    """
    start_anew = "so this run cannot go on; start a new one without --resume"
    if locked.protocol_sha256 != now.protocol_sha256:
        raise Refused(
            f"{now.protocol_path}: the protocol changed since the run {locked.run_id} was locked, {start_anew}"
        )
    for name, print_ in now.datasets.items():
        if locked.datasets.get(name) != print_:
            raise Refused(
                f"{print_.path}: dataset {name!r} changed since the run {locked.run_id} was locked, {start_anew}"
            )
    trained = changed(locked, now)
    if trained is not None:
        raise Refused(f"{now.protocol_path}: {trained} since the run {locked.run_id} was locked, {start_anew}")
    for model, print_of in now.models.items():
        if locked.models.get(model) not in (print_of, _before_own_seeds(print_of)):
            raise Refused(f"model {model!r} is not what it was when the run {locked.run_id} was locked, {start_anew}")


def _identity(prepared: Prepared, model: str) -> dict[str, str]:
    backend = prepared.backends.get(model)
    return identity_of(prepared.answering[model], backend.identity) if backend else {}


def _refuse_unpriced(promised: Protocol, asked: Mapping[str, Answering], backends: Mapping[str, Backend]) -> None:
    if promised.budget.max_cost_usd is None:
        return
    for name, one in asked.items():
        priced = one.spec.usd_per_million_input is not None or one.spec.usd_per_million_output is not None
        if name in backends and "endpoint" in backends[name].identity and not priced:
            raise BadInput(
                f"budget.max_cost_usd needs to know what model {name!r} costs; "
                "set its usd_per_million_input and usd_per_million_output (0 where it is free)"
            )


def _versions() -> dict[str, str]:
    found = {}
    for package in NAMED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # an extra that is not installed has no version to record
            continue
    return found
