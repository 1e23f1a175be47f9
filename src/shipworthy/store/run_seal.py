"""A finished run is sealed: the digest of every file goes into the ledger, the ledger's end into the run folder."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from shipworthy.errors import BadInput, IntegrityError, Refused
from shipworthy.records import Record
from shipworthy.store import digests
from shipworthy.store.ledger import Anchor, Entry, Ledger
from shipworthy.store.manifest import Manifest
from shipworthy.store.run_folder import EVIDENCE, VERDICT, RunFolder

SEALED = "run.sealed"
SEAL = "seal.json"
RENDERED = frozenset({"report.html", "report.md", "report.json", "junit.xml"})
"""What is rendered from the run at any time, and is therefore not sealed."""


class Problem(Record):
    """Something that is not what was recorded: where, and what is wrong with it."""

    where: str
    because: str


Check = Callable[[RunFolder, Ledger], list[Problem]]


class RunSeal(Record):
    """What the ledger says about a finished run; `files` maps a name in the folder to the SHA-256 of its bytes.

    `rules_sha256` is the digest of what the whole protocol promises whoever the candidate is.
    """

    run_id: str
    path: str
    protocol_name: str
    protocol_path: str
    protocol_sha256: str
    candidate: str
    verdict: str
    datasets: dict[str, str]
    files: dict[str, str]
    rules_sha256: str = ""


def seal_run(run: RunFolder, ledger: Ledger, *, actor: str, now: datetime) -> Entry:
    """Record a finished run. Call it last: after the verdict is written, before anything is released.

    Sealing again (after human evidence was added) adds another entry; the last one counts.

    Raises: BadInput: the run has no verdict or no evidence yet, or the disk is full.
    """
    verdict = run.verdict()
    if not (run.path / EVIDENCE).is_file():
        raise BadInput(f"this run has no {EVIDENCE}, so it cannot be sealed", where=str(run.path))
    manifest = run.manifest
    seal = RunSeal(
        run_id=manifest.run_id,
        path=str(run.path.absolute()),
        protocol_name=str(manifest.protocol.get("name", "")),
        protocol_path=protocol_file(manifest),
        protocol_sha256=manifest.protocol_sha256,
        candidate=manifest.candidate,
        verdict=verdict.verdict,
        datasets={name: dataset.sha256 for name, dataset in manifest.datasets.items()},
        files=_digests(run.path),
        rules_sha256=str(manifest.settings.get("rules_sha256", "")),
    )
    entry = ledger.append(SEALED, manifest.run_id, actor, msgspec.to_builtins(seal), now=now)
    run.write_text(SEAL, digests.canonical(Anchor(index=entry.index, hash=entry.hash)).decode())
    return entry


def protocol_file(manifest: Manifest) -> str:
    """The protocol's file, absolute where the run wrote down in which folder it lay."""
    folder = manifest.settings.get("protocol_folder")
    return str(Path(folder) / Path(manifest.protocol_path).name) if folder else manifest.protocol_path


def seal_of(run_id: str, ledger: Ledger) -> RunSeal:
    """The last seal of a run. Raises Refused: the run was never sealed in this ledger."""
    entries = ledger.entries(kind=SEALED, subject=run_id)
    if not entries:
        raise Refused(
            f"run {run_id} is not in the ledger {ledger.folder}: it is unfinished or was made elsewhere "
            "(finish it with `shipworthy run --resume`, or set SHIPWORTHY_HOME to where it was made)"
        )
    return msgspec.convert(entries[-1].payload, RunSeal)


def check_run(run: RunFolder, ledger: Ledger) -> list[Problem]:
    """Everything in which a run differs from what the ledger recorded when it was sealed; empty when nothing does."""
    broken = ledger.verify()
    if broken is not None:
        return [Problem(where=str(ledger.folder), because=f"entry {broken.index}: {broken.because}")]
    try:
        seal = seal_of(run.manifest.run_id, ledger)
    except Refused as refused:
        return [Problem(where=str(run.path), because=str(refused))]
    found = _digests(run.path)
    problems = [
        _changed(run.path / name, found.get(name)) for name in seal.files if found.get(name) != seal.files[name]
    ]
    return problems + _anchor_problems(run.path / SEAL, ledger)


def require_intact(run: RunFolder, ledger: Ledger, *, more: Check = lambda *_: []) -> RunSeal:
    """The seal of an untouched run; `more` may look for further problems.

    Raises: IntegrityError: something was changed; one sentence names the first thing.
    """
    problems = check_run(run, ledger) or more(run, ledger)
    if problems:
        rest = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise IntegrityError(f"{problems[0].where}: {problems[0].because}{rest}; this run is not trusted, run it again")
    return seal_of(run.manifest.run_id, ledger)


def _digests(folder: Path) -> dict[str, str]:
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return {name: digests.of_file(folder / name) for name in names if name not in RENDERED | {SEAL}}


def _changed(path: Path, found: str | None) -> Problem:
    return Problem(where=str(path), because="is missing" if found is None else "changed after the run was sealed")


def _anchor_problems(path: Path, ledger: Ledger) -> list[Problem]:
    if not path.is_file():
        return [Problem(where=str(path), because="is missing")]
    content = path.read_bytes()
    try:
        anchor = msgspec.json.decode(content, type=Anchor)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return [Problem(where=str(path), because="is not a seal any more")]
    if digests.canonical(anchor) != content or not ledger.holds(anchor):
        return [
            Problem(where=str(path), because="names an entry that the ledger does not hold: one of them was edited")
        ]
    return []


__all__ = ["SEALED", "VERDICT", "Problem", "RunSeal", "check_run", "require_intact", "seal_of", "seal_run"]
