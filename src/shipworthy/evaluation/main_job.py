"""The main job's shell: read, ask, observe, judge, write; what decides is pure and lives below."""

import asyncio
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from shipworthy import records
from shipworthy.errors import BadInput, ShipworthyError
from shipworthy.evaluation.comparable import facts
from shipworthy.evaluation.load import SETTING as LOAD
from shipworthy.evaluation.load import steps, timed
from shipworthy.evaluation.observe import observe
from shipworthy.evaluation.prepare import (
    EVERYTHING,
    Occasion,
    Prepared,
    as_begun,
    build_metrics,
    manifest,
    prepare,
    refuse_changes,
)
from shipworthy.evaluation.progress import Report
from shipworthy.evaluation.recordings import uncovered
from shipworthy.evaluation.released import InProduction, nothing_released
from shipworthy.evaluation.reuse import Cache
from shipworthy.evaluation.runner import Plan, ask
from shipworthy.evaluation.scoring import Scores, Unscored
from shipworthy.evaluation.scoring.step import reach, score_run
from shipworthy.evaluation.sealed import Sight, circumstances, look_at_all, looks_told, refuse_used_up
from shipworthy.evaluation.side_notes import SideNotes
from shipworthy.evaluation.training_data import REPORT, findings, joined
from shipworthy.gates import Question
from shipworthy.gates import judge as judge_evidence
from shipworthy.metrics.types import Metric
from shipworthy.protocol import Protocol
from shipworthy.records import Coverage, Verdict
from shipworthy.store import Manifest, RunFolder
from shipworthy.store.ledger import Ledger
from shipworthy.store.run_folder import EXAMPLES, MANIFEST
from shipworthy.store.run_seal import seal_run

RESUME = "continue with: shipworthy run --resume"
ACTOR = "shipworthy run"
INCOMPLETE = "run.incomplete"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Lack:
    """Why a run is incomplete: how many answers or scores it lacks, of what, for which reason."""

    missing: int
    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run takes from outside: keys, clock, what is in production, where decisions and answers are kept."""

    environ: Mapping[str, str] = field(default_factory=dict)
    ledger: Ledger | None = None
    cache: Cache | None = None
    in_production: InProduction = nothing_released
    report: Report = lambda _: None
    now: Callable[[], datetime] = _utc_now


def run(
    path: Path,
    *,
    out: Path,
    resume: bool = False,
    within: Surroundings | None = None,
    occasion: Occasion = EVERYTHING,
) -> Verdict:
    """Ask every model of the protocol in `path`, judge the candidate, and leave a run folder in `out`.

    On an occasion only what is for it runs, and a run goes on only on the occasion that it was begun for; with
    `resume` it need not be named.

    With `resume` the run in `out` goes on: what was answered is not asked again, errors are. A run that a budget, a
    dead endpoint or Ctrl-C stopped is `incomplete`; its verdict is inconclusive and says how to go on, unless a limit
    on the training data is broken, which blocks whatever the answers will be.

    Raises:
        ShipworthyError: the protocol, its data or a model is not usable; nothing is written then.
        Refused: `resume`, and protocol, data or models are not what the run was locked on.
        KeyboardInterrupt: Ctrl-C; what was answered is saved and the manifest says `incomplete`.
    """
    within = within or Surroundings()
    if resume:
        occasion = as_begun(RunFolder.open(out).manifest, occasion)
    prepared = prepare(path, within.environ, occasion, within.in_production)
    promise = manifest(prepared, run_id=_new_id(within.now()), now=within.now())
    fresh = not (out.exists() and any(out.iterdir()))
    with _opened(out, promise, resume=resume) as folder, _nothing_lost(folder, removable=not resume, wholly=fresh):
        if within.ledger is not None:
            refuse_used_up(within.ledger, folder.manifest, actor=ACTOR, now=within.now())
        if prepared.training is not None and not (folder.path / REPORT).is_file():
            folder.write_text(REPORT, msgspec.json.encode(prepared.training.report).decode() + "\n")
        lacks = _ask(prepared, folder, within)
        told = uncovered(prepared.recordings, prepared.protocol.decisions.missing)
        scores = None if lacks else _scored(prepared, folder, told)
        if scores is None or scores.unscored:
            lacks += [_unscored(one) for one in scores.unscored] if scores else []
            verdict = _incomplete(prepared, folder, lacks)
        else:
            verdict = _judged(prepared, folder, within, scores.metrics(prepared.metrics), told)
        folder.write_verdict(verdict)
        folder.set_status("incomplete" if lacks else "complete")
        _record(folder, verdict, within)
    return verdict


def judge(folder: RunFolder, *, warnings: tuple[records.Warning, ...] = (), alpha: float | None = None) -> Verdict:
    """The verdict on the evidence of a finished run, by the protocol that was locked into it.

    `alpha`: what the verdict would be at another error rate (None: the protocol's).

    Raises: BadInput: the run has no evidence yet, or its files are broken.
    """
    promised = msgspec.convert(folder.manifest.protocol, Protocol)
    seed = int(folder.manifest.protocol_sha256[:16], 16)
    if alpha is not None:
        decisions = msgspec.structs.replace(promised.decisions, alpha=alpha)
        promised = msgspec.structs.replace(promised, decisions=decisions)
    question = question_of(promised, folder.manifest, warnings)
    verdict = judge_evidence(question, folder.evidence(), rng=np.random.default_rng(seed))
    return joined(verdict, findings(folder.manifest))


def question_of(promised: Protocol, locked: Manifest, warnings: tuple[records.Warning, ...] = ()) -> Question:
    """What the gates are asked about a run."""
    metrics = build_metrics(promised)
    return Question(
        candidate=locked.candidate,
        roles={name: spec.role for name, spec in promised.models.items()},
        gates=promised.gates,
        metrics=metrics,
        datasets={name: spec.dataset for name, spec in promised.metrics.items()},
        decisions=promised.decisions,
        dataset_roles={name: spec.role for name, spec in promised.datasets.items()},
        slices=tuple(sorted({column for spec in promised.datasets.values() for column in spec.slices})),
        published={name: spec.published for name, spec in promised.models.items() if spec.published},
        facts=facts(promised, locked, metrics),
        loads=locked.settings.get(LOAD, {}),
        warnings=warnings,
        planning=promised.planning,
        texts_read=True,
    )


def _new_id(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def _opened(out: Path, promise: Manifest, *, resume: bool) -> RunFolder:
    if not resume:
        return RunFolder.create(out, promise)
    folder = RunFolder.open(out)
    refuse_changes(folder.manifest, promise)
    folder.lock()
    folder.set_status("running")
    return folder


@contextmanager
def _nothing_lost(folder: RunFolder, *, removable: bool, wholly: bool) -> Iterator[None]:
    """When a run stops: what was answered stays and can be resumed; a run without any answer leaves no trace."""
    try:
        yield
    except ShipworthyError as error:
        if any(response.text is not None for response in folder.responses()):
            _note_incomplete(folder)
            raise type(error)(f"{error}; what was answered is kept, {RESUME}") from error
        folder.close()
        if removable:
            _remove(folder.path, wholly=wholly)
        raise
    except KeyboardInterrupt as interrupt:
        _note_incomplete(folder)
        raise KeyboardInterrupt(f"interrupted; what was answered is saved, {RESUME}") from interrupt


def _note_incomplete(folder: RunFolder) -> None:
    """A disk that takes no more takes no status either: it stays `running`, as after kill -9, and can be resumed."""
    with suppress(BadInput):
        folder.set_status("incomplete")


def _ask(prepared: Prepared, folder: RunFolder, within: Surroundings) -> list[_Lack]:
    planned = len(prepared.prompts) * len(prepared.protocol.seeds)
    if any(answered < planned for answered in _answered(prepared, folder).values()):
        reach(prepared.scorers)
    folder.write_examples(prepared.examples)
    plan = Plan(
        prompts=prepared.prompts,
        backends=prepared.backends,
        seeds=prepared.protocol.seeds,
        budget=prepared.protocol.budget,
        warm_up={name: spec.warm_up for name, spec in prepared.protocol.models.items() if spec.warm_up},
        in_step=steps(prepared.protocol, _identities(prepared), prepared.metrics),
    )
    cache = None if timed(prepared.protocol, prepared.metrics) else within.cache  # seconds of another run are no answer
    gaps = asyncio.run(ask(plan, folder, report=within.report, cache=cache))
    return [_Lack(gap.missing, f"{gap.missing} of {planned} answers of {gap.model}", gap.reason) for gap in gaps]


def _identities(prepared: Prepared) -> dict[str, Mapping[str, str]]:
    return {name: backend.identity for name, backend in prepared.backends.items()}


def _scored(prepared: Prepared, folder: RunFolder, told: list[records.Warning]) -> Scores:
    """The scores of metrics that need I/O; nothing happens without such metrics."""
    remote = frozenset(name for name, backend in prepared.backends.items() if "endpoint" in backend.identity)
    asked = list(zip(prepared.examples, prepared.prompts, strict=True)) if prepared.scorers else []
    return score_run(prepared.protocol, prepared.scorers, asked, folder, remote=remote, warn=told.append)


def _unscored(one: Unscored) -> _Lack:
    return _Lack(one.missing, f"{one.missing} scores of {one.metric}", one.reason)


def _judged(
    prepared: Prepared,
    folder: RunFolder,
    within: Surroundings,
    metrics: Mapping[str, Metric],
    told: Sequence[records.Warning],
) -> Verdict:
    sights: list[Sight] = []
    warnings = list(told)
    if within.ledger is not None:
        sights = look_at_all(within.ledger, folder.manifest, actor=ACTOR, now=within.now())
        warnings += circumstances(within.ledger, folder.manifest)
    notes = SideNotes(_asked_names(prepared), prepared.prompts)
    responses = notes.through(folder.responses())
    folder.write_evidence(observe(prepared.protocol, prepared.examples, responses, metrics, warn=warnings.append))
    warnings += notes.warnings()
    alpha = prepared.protocol.decisions.alpha
    warnings += looks_told(sights, alpha, lambda wider: judge(folder, alpha=wider))
    return judge(folder, warnings=tuple(warnings))


def _asked_names(prepared: Prepared) -> dict[str, str]:
    """Model behind an endpoint -> the name that it is asked under there."""
    remote = [name for name, backend in prepared.backends.items() if "endpoint" in backend.identity]
    return {name: prepared.answering[name].spec.model or "" for name in remote}


def _incomplete(prepared: Prepared, folder: RunFolder, lacks: list[_Lack]) -> Verdict:
    """No gate over answers passes on a run with gaps: it would be judged on what happened to be answered. The training
    data was read whole, so its limits are judged."""
    reasons = [f"the run is incomplete, {lack.what} are missing: {lack.reason}" for lack in lacks]
    answered = _answered(prepared, folder)
    ours = answered.pop(folder.manifest.candidate)
    least = min(answered.values(), default=0)
    missing = sum(lack.missing for lack in lacks)
    unsettled = Verdict(
        verdict="inconclusive",
        reasons=(*reasons, RESUME),
        metrics=(),
        coverage=Coverage(
            candidate=ours, baseline=least, common=min(ours, least), policy=prepared.protocol.decisions.missing
        ),
        warnings=(
            records.Warning(code="missing_examples", message=f"{missing} answers or scores are missing", count=missing),
        ),
    )
    return joined(unsettled, findings(folder.manifest))


def _answered(prepared: Prepared, folder: RunFolder) -> dict[str, int]:
    """How many prompts, under all seeds, each model has answered."""
    keys: dict[str, set[tuple[str, str, int]]] = {model: set() for model in prepared.backends}
    for response in folder.responses():
        if response.text is not None and response.model in keys:
            keys[response.model].add((response.dataset, response.example_id, response.seed))
    return {model: len(found) for model, found in keys.items()}


def _record(folder: RunFolder, verdict: Verdict, within: Surroundings) -> None:
    """A finished run is sealed; an incomplete one is only noted."""
    if within.ledger is None:
        return
    if folder.manifest.status == "complete":
        seal_run(folder, within.ledger, actor=ACTOR, now=within.now())
        return
    payload = {"candidate": folder.manifest.candidate, "reasons": list(verdict.reasons)}
    within.ledger.append(INCOMPLETE, folder.manifest.run_id, ACTOR, payload, now=within.now())


def _remove(out: Path, *, wholly: bool) -> None:
    """Take back what a run that never began has written: nothing stays half-written."""
    if wholly:
        if out.exists():  # somebody may have removed it while the run was on
            shutil.rmtree(out)
        return
    for name in (MANIFEST, EXAMPLES, REPORT, ".lock"):
        (out / name).unlink(missing_ok=True)
