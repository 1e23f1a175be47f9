"""Evaluation of a training run while it trains: each checkpoint is judged as the candidate of a protocol.

What a trainer tells is a `Notice`, what it hears a `Heard`: scalars for its own log, a verdict, and whether to stop.
Every answer is kept in a history file beside the runs, and in the ledger.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from shipworthy.errors import BadInput, ShipworthyError
from shipworthy.evaluation.checkpoint_files import (
    MARKERS,
    SETTLE_S,
    checkpoints,
    complete,
    fingerprint,
    kind_of,
    step_of,
)
from shipworthy.evaluation.main_job import Surroundings, run
from shipworthy.evaluation.prepare import Occasion, read_protocol
from shipworthy.evaluation.stop_rule import Look, p_worst, stops
from shipworthy.models.inside import LOCAL
from shipworthy.protocol import Protocol
from shipworthy.protocol.types import CheckpointRule, ModelSpec
from shipworthy.records import Decision, Record, Verdict
from shipworthy.store import RunFolder
from shipworthy.store.run_folder import MANIFEST

HISTORY = "checkpoints.jsonl"
STOP = "shipworthy.stop"
"""A file of this name in the watched folder says that the stop rule was met."""
JUDGED = "checkpoint.judged"
ACTOR = "shipworthy watch"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a trainer tells; further keys are ignored, trainers send what they like."""

    checkpoint_dir: str
    event: str = "checkpoint"
    step: int | None = None
    output_dir: str | None = None


class Heard(Record):
    """What a trainer hears. `metrics` are scalars: a metric's value, and `<metric>/gain` over its baseline. `p`: of "no
    hard gate is missed", see `stop_rule`; None in a history of before."""

    metrics: dict[str, float]
    stop: bool
    verdict: Decision
    because: str
    step: int | None = None
    run: str = ""
    p: float | None = None


class Failed(Record):
    """A checkpoint that could not be judged, in the words of the answer over HTTP; the next one may be."""

    checkpoint: str
    error: str
    status: Literal["failed"] = "failed"
    stop: bool = False
    metrics: dict[str, float] = {}


class Kept(Record):
    """One line of the history."""

    time: str
    checkpoint: str
    fingerprint: str
    protocol_sha256: str
    heard: Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Judges checkpoints by the protocol in `protocol`.

    Attributes:
        out: where the run folders and the history go when a notice names no `output_dir`.
        rule: when to say stop; None: the protocol's own `checkpoints`.
        settle_s: see `complete`.
    """

    protocol: Path
    out: Path
    within: Surroundings
    rule: CheckpointRule | None = None
    settle_s: float = SETTLE_S

    def judge(self, notice: Notice) -> Heard:
        """Ask, score and judge one checkpoint; the same checkpoint under the same protocol is judged once.

        Raises: BadInput: it is no checkpoint, or not written to the end. ShipworthyError: as the main job.
        """
        folder, out = Path(notice.checkpoint_dir), self._out(notice)
        kind_of(folder)
        if not complete(folder, now_s=self.within.now().timestamp(), settle_s=self.settle_s):
            raise BadInput(
                f"the checkpoint is not written to the end; wait, or create a file {MARKERS[1]!r} in it when it is",
                where=str(folder),
            )
        earlier = history(out)
        known = self._known(earlier, folder)
        return known.heard if known is not None else self._judged(notice, folder, out, earlier)

    def new(self, watched: Path) -> list[Path]:
        """Complete checkpoints below `watched` that were not judged under this protocol yet, by step."""
        earlier, now_s = history(self.out), self.within.now().timestamp()
        found = (path for path in checkpoints(watched) if complete(path, now_s=now_s, settle_s=self.settle_s))
        return [path for path in found if self._known(earlier, path) is None]

    def unfinished(self, watched: Path) -> list[Path]:
        """Checkpoints below `watched` that are not written to the end."""
        now_s = self.within.now().timestamp()
        return [path for path in checkpoints(watched) if not complete(path, now_s=now_s, settle_s=self.settle_s)]

    def _out(self, notice: Notice) -> Path:
        return Path(notice.output_dir) / "shipworthy" if notice.output_dir else self.out

    def _known(self, earlier: Sequence[Kept], folder: Path) -> Kept | None:
        mark, sha256 = fingerprint(folder), _digest(self.protocol)
        same = (
            kept
            for kept in reversed(earlier)
            if (kept.checkpoint, kept.fingerprint, kept.protocol_sha256) == (str(folder.resolve()), mark, sha256)
        )
        return next(same, None)

    def _judged(self, notice: Notice, folder: Path, out: Path, earlier: Sequence[Kept]) -> Heard:
        step = notice.step if notice.step is not None else step_of(folder)
        mark, sha256 = fingerprint(folder), _digest(self.protocol)
        where, resume = _run_folder(out, folder, step)
        occasion = Occasion(when="checkpoint", change=partial(with_weights, folder=folder), purpose="tune")
        verdict = run(self.protocol, out=where, resume=resume, within=self.within, occasion=occasion)
        promised = read_protocol(self.protocol)
        looks = [*(Look(kept.heard.verdict, kept.heard.p) for kept in earlier), Look(verdict.verdict, p_worst(verdict))]
        heard = Heard(
            metrics=scalars(verdict),
            stop=stops(self.rule or promised.checkpoints, looks, alpha=promised.decisions.alpha),
            verdict=verdict.verdict,
            because="; ".join(verdict.reasons) or "every gate passes",
            step=step,
            run=str(where),
            p=looks[-1].p,
        )
        now = self.within.now()
        _keep(out, Kept(time=now.isoformat(timespec="seconds"), checkpoint=str(folder.resolve()), fingerprint=mark,
                        protocol_sha256=sha256, heard=heard))  # fmt: skip
        self._tell(where, heard, now)
        return heard

    def _tell(self, where: Path, heard: Heard, now: datetime) -> None:
        if self.within.ledger is not None:
            with RunFolder.open(where) as folder:
                run_id = folder.manifest.run_id
            payload = {"step": heard.step, "verdict": heard.verdict, "stop": heard.stop, "metrics": heard.metrics}
            self.within.ledger.append(JUDGED, run_id, ACTOR, payload, now=now)


def with_weights(promised: Protocol, folder: Path) -> Protocol:
    """The protocol with the checkpoint as its candidate: a whole model, or an adapter over the candidate's own base.

    Raises: BadInput: the checkpoint is an adapter, and neither the protocol nor the adapter names a base that is there.
    """
    name, spec = next((name, spec) for name, spec in promised.models.items() if spec.role == "candidate")
    local = spec.backend == LOCAL
    changed = msgspec.structs.replace(
        spec if local else ModelSpec(role="candidate", sampling=spec.sampling),
        backend=LOCAL,
        path=str(folder.resolve()),
        adapter=None,
    )
    if kind_of(folder) == "adapter":
        base = spec.path if local and spec.path is not None else _named_base(folder)
        changed = msgspec.structs.replace(changed, path=base, adapter=str(folder.resolve()))
    return msgspec.structs.replace(promised, models={**promised.models, name: changed})


def scalars(verdict: Verdict) -> dict[str, float]:
    """What a trainer can log: each metric's value as a whole, and its gain over the baseline where there is one."""
    found: dict[str, float] = {}
    for finding in verdict.metrics:
        if finding.slice is None and finding.candidate.value is not None:
            found[finding.metric] = finding.candidate.value
            if finding.gain is not None and finding.gain.value is not None:
                found[f"{finding.metric}/gain"] = finding.gain.value
    return found


def history(out: Path) -> list[Kept]:
    """Every checkpoint judged into `out`, in order. Raises: BadInput: a line is broken (a torn last line is not)."""
    path = out / HISTORY
    if not path.is_file():
        return []
    lines = path.read_bytes().split(b"\n")
    return list(_kept(path, lines[:-1]))  # what stands behind the last line's end was torn off by a crash


def watch(
    examiner: Examiner,
    watched: Path,
    *,
    tell: Callable[[Path, Heard | Failed], None],
    wait: Callable[[], bool],
) -> Heard | Failed | None:
    """Judge every new checkpoint below `watched`, and again after each `wait`, until it is False or a stop is said.

    One that cannot be judged is told and left until it is written again; it says nothing about the ones after it.

    Returns: what was heard last; None: there was nothing new.
    """
    last: Heard | Failed | None = None
    left: dict[Path, str] = {}
    while True:
        for path in examiner.new(watched):
            mark = _mark(path)
            if left.get(path) == mark:
                continue
            last = _tried(examiner, path)
            tell(path, last)
            if isinstance(last, Failed):
                left[path] = mark
            elif last.stop:
                (watched / STOP).write_bytes(msgspec.json.encode(last) + b"\n")
                return last
        if not wait():
            return last


def _tried(examiner: Examiner, path: Path) -> Heard | Failed:
    try:
        return examiner.judge(Notice(checkpoint_dir=str(path)))
    except (ShipworthyError, OSError) as error:  # a trainer may also have taken it away meanwhile
        return Failed(checkpoint=str(path), error=str(error))


def _mark(folder: Path) -> str:
    """Sizes and times of every file: any of them may be what is mended. Empty: the folder is gone."""
    try:
        stats = [(path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    except OSError:
        return ""
    return " ".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)


def with_rule(
    examiner: Examiner, *, stop_when: str | None, patience: int | None, warmup: int | None = None
) -> Examiner:
    """The examiner with the stop rule of a command line over that of the protocol. Raises: BadInput: no such rule."""
    rule = msgspec.to_builtins(read_protocol(examiner.protocol).checkpoints)
    given = {"stop_when": stop_when, "patience": patience, "warmup": warmup}
    changed = rule | {key: value for key, value in given.items() if value is not None}
    try:
        return replace(examiner, rule=msgspec.convert(changed, CheckpointRule))
    except msgspec.ValidationError as error:
        raise BadInput(f"the stop rule is not valid ({error}); stop_when: block, not_promoted or never") from error


def _run_folder(out: Path, folder: Path, step: int | None) -> tuple[Path, bool]:
    """Where the run of a checkpoint goes, and whether one that was broken off goes on there."""
    name = f"step-{step}" if step is not None else folder.name
    for number in range(1, 10_000):
        where = out / (name if number == 1 else f"{name}-{number}")
        if not (where / MANIFEST).is_file():
            return where, False
        with RunFolder.open(where) as earlier:
            candidate = earlier.manifest.protocol["models"][earlier.manifest.candidate]
            mine = str(folder.resolve()) in (candidate.get("path"), candidate.get("adapter"))
            if mine and earlier.manifest.status != "complete":
                return where, True
    raise BadInput(f"too many runs of {name}; clear the folder", where=str(out))


def _named_base(folder: Path) -> str:
    said = msgspec.json.decode((folder / "adapter_config.json").read_bytes()).get("base_model_name_or_path")
    if not said or not Path(said).is_dir():
        raise BadInput(
            f"the adapter's base {said!r} is no folder here; give the candidate of the protocol `backend: {LOCAL}` "
            "and the base's folder as its `path`",
            where=str(folder),
        )
    return str(Path(said).resolve())


def _digest(path: Path) -> str:
    from shipworthy import protocol

    return protocol.digest(read_protocol(path))


def _keep(out: Path, kept: Kept) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / HISTORY).open("ab") as stream:
        stream.write(msgspec.json.encode(kept) + b"\n")


def _kept(path: Path, lines: Sequence[bytes]) -> Iterator[Kept]:
    for number, line in enumerate(lines, start=1):
        try:
            yield msgspec.json.decode(line, type=Kept)
        except (msgspec.MsgspecError, ValueError) as error:
            raise BadInput(
                f"a line of the history is broken ({error}); take it out", where=f"{path}:{number}"
            ) from error
