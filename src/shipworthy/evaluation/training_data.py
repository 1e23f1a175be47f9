"""The training files that a protocol declares: looked at before a model is asked, judged with everything else."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from shipworthy import data
from shipworthy.data.training.limits import LimitFinding, evaluate_limits
from shipworthy.data.training.types import DataReport, Options
from shipworthy.protocol import Protocol
from shipworthy.protocol.limits import LEAKAGE
from shipworthy.protocol.types import TrainingData
from shipworthy.records import Decision, Example, Finding, Interval, Outcome, Record, Verdict
from shipworthy.store import Manifest

if TYPE_CHECKING:
    from shipworthy.data.training.overlap import Texts

SETTING = "data"
"""Under which name the manifest's settings hold a `DataPrint`."""
REPORT = "data_report.json"
"""What was found, with places: a file of the run folder."""
DATASET = "training data"
"""What the findings stand on."""
_PART = 1 << 20
_NAMED = 3


class DataPrint(Record):
    """What a run promises of its training data: the SHA-256 of every file that was read, and how each limit is kept.

    `files` are trained on, `against` must not leak into them; paths as the protocol's folder sees them.
    """

    files: dict[str, str]
    against: dict[str, str]
    rows: int
    limits: tuple[LimitFinding, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """The training data after it was looked at."""

    print: DataPrint
    report: DataReport


def look(promised: Protocol, *, folder: Path) -> Looked | None:
    """Read the declared training files and judge them by their limits; None where none are declared.

    Raises: BadInput: a file cannot be read, or an option names something unusable; UnknownName: no such kind of rows.
    """
    spec = promised.data
    if spec is None:
        return None
    from shipworthy.data.training import check
    from shipworthy.data.training.overlap import overlaps

    paths = [_beside(name, folder) for name in spec.files]
    report = check(paths, _options(spec, folder))
    against = _against(promised, spec) if any(name in spec.limits for name in LEAKAGE) else ()
    if against:
        tests = [_texts(promised, name, folder) for name in against]
        report = msgspec.structs.replace(report, leakage=overlaps(paths, tests, kind=spec.kind))
    test_files = [_beside(_file_of(promised, name), folder) for name in against]
    taken = DataPrint(
        files=_digests((source.path for source in report.sources), folder),
        against=_digests(test_files, folder),
        rows=report.rows,
        limits=evaluate_limits(report, spec.limits),
    )
    return Looked(taken, report)


def findings(locked: Manifest) -> tuple[Finding, ...]:
    """One finding a limit, as the run wrote it down: pure, so that judging again says the same."""
    taken = _taken(locked)
    return tuple(_finding(one, taken.rows) for one in taken.limits) if taken is not None else ()


def changed(locked: Manifest, now: Manifest) -> str | None:
    """What is not as it was when the run began, as the start of a sentence; None: it goes on.

    Bytes and outcomes decide, never how a manifest spells them: a list read from a file is a tuple in memory, and a
    number within the same outcome (a query that once more ran out of time) is no other training set.
    """
    before, after = _taken(locked), _taken(now)
    if before is None or after is None:
        return None if before is after else "the training data changed"
    moved = [
        _moved(path, then.get(path), since.get(path))
        for then, since in ((before.files, after.files), (before.against, after.against))
        for path in sorted(then.keys() | since.keys())
        if then.get(path) != since.get(path)
    ]
    if moved:
        return f"the training data changed ({', '.join(moved[:_NAMED])}{', …' if len(moved) > _NAMED else ''})"
    outcomes = {one.name: one.outcome for one in before.limits}
    other = [one for one in after.limits if outcomes.get(one.name) != one.outcome]
    if other:
        return f"a limit on the training data is judged otherwise ({other[0].because})"
    return None


def _moved(path: str, before: str | None, after: str | None) -> str:
    return f"{path} is {'new' if before is None else 'gone' if after is None else 'another'}"


def _taken(manifest: Manifest) -> DataPrint | None:
    written = manifest.settings.get(SETTING)
    return None if written is None else msgspec.convert(written, DataPrint)


def joined(verdict: Verdict, found: Sequence[Finding]) -> Verdict:
    """The verdict with these findings as hard gates: a broken limit blocks, an unmeasured one decides nothing."""
    if not found:
        return verdict
    failed = [_line("FAIL", one) for one in found if one.outcome == "fail"]
    unsure = [_line("UNSURE", one) for one in found if one.outcome == "inconclusive"]
    kept = [one.gate for one in found if one.outcome == "pass"]
    passed = [f"passed: {', '.join(kept)}"] if kept else []
    return msgspec.structs.replace(
        verdict,
        verdict=_decision(verdict.verdict, {one.outcome for one in found}),
        reasons=(*failed, *unsure, *verdict.reasons, *passed),
        metrics=(*verdict.metrics, *found),
    )


def _decision(without: Decision, outcomes: set[Outcome]) -> Decision:
    if without == "block" or "fail" in outcomes:
        return "block"
    return "inconclusive" if "inconclusive" in outcomes else without


def _line(label: str, finding: Finding) -> str:
    return f"{label} {finding.gate}: {finding.because}"


def _finding(one: LimitFinding, rows: int) -> Finding:
    """All rows were read, so the value has no error: its interval is the value itself."""
    return Finding(
        gate=f"data: {one.name}",
        metric=one.name,
        dataset=DATASET,
        slice=None,
        level="hard",
        rule="at_most",
        baseline_model=None,
        n=rows,
        clusters=rows,
        candidate=Interval(value=one.observed, low=one.observed, high=one.observed),
        baseline=None,
        gain=None,
        method="none",
        p_worse=None,
        p_better=None,
        effect=None,
        outcome=one.outcome,
        margin=one.limit,
        n_needed=None,
        because=one.because,
        unit=one.unit,
        better="lower",
    )


# --- Reading ---------------------------------------------------------------------------------------------------------


def _options(spec: TrainingData, folder: Path) -> Options:
    def at(name: str | None) -> str | None:
        return None if name is None else _beside(name, folder)

    return Options(
        kind=spec.kind,
        goal=spec.goal,
        target=spec.target,
        schema=at(spec.schema),
        database=at(spec.database),
        tokenizer=at(spec.tokenizer),
        inference_template=at(spec.inference_template),
        max_length=spec.max_length,
        production=at(spec.production),
    )


def _against(promised: Protocol, spec: TrainingData) -> tuple[str, ...]:
    return spec.against or tuple(promised.datasets)


def _file_of(promised: Protocol, name: str) -> str:
    return promised.datasets[name].path if name in promised.datasets else name


def _texts(promised: Protocol, name: str, folder: Path) -> "Texts":
    """What the rows of a dataset ask, by the columns that the protocol names; of a file, by its format."""
    from shipworthy.data.training.overlap import Texts, file_texts

    if name not in promised.datasets:
        return file_texts(Path(_beside(name, folder)))
    examples = data.read(name, promised.datasets[name], folder=folder)
    return Texts(name, [_asked(example) for example in examples], [example.where for example in examples])


def _asked(example: Example) -> str:
    """As training rows are read: every turn but the system prompt."""
    return "\n".join(turn.content for turn in example.messages if turn.role != "system")


def _beside(name: str, folder: Path) -> str:
    return name if "://" in name else str(folder / name)


def _digests(paths: Iterable[str], folder: Path) -> dict[str, str]:
    return {_seen_from(folder, path): _sha256(path) for path in paths}


def _seen_from(folder: Path, path: str) -> str:
    local = "://" not in path and Path(path).is_relative_to(folder)
    return str(Path(path).relative_to(folder)) if local else path


def _sha256(path: str) -> str:
    """Of what the file says once it is unpacked."""
    from shipworthy.data.training._sources import opened

    with opened(path) as stream:
        digest = hashlib.sha256()
        while part := stream.read(_PART):
            digest.update(part)
    return digest.hexdigest()
