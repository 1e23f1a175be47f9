"""Make releases from runs, put them into production, take them back, and prove that nothing was changed since."""

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shipworthy.errors import BadInput, IntegrityError, Refused, ShipworthyError
from shipworthy.records import Record
from shipworthy.registry.judging import Judge, judged_again
from shipworthy.registry.release import FOLDER, Release, decode, encode, parts_of, read, release_path
from shipworthy.registry.sign_off import sign_off_problems, standings, valid_sign_off
from shipworthy.store import RunFolder, digests
from shipworthy.store.files import folder_lock, make_folder, write_atomic
from shipworthy.store.ledger import Ledger
from shipworthy.store.run_folder import EVIDENCE, VERDICT
from shipworthy.store.run_seal import Problem, check_run, require_intact

CREATED, PROMOTED, ROLLED_BACK = "release.created", "release.promoted", "release.rolled_back"


class Listed(Record):
    """One line of `release list`."""

    id: str
    name: str
    candidate: str
    created: str
    decision: str
    run_id: str
    in_production: bool


class Registry:
    """The releases under `home` (see `store.home`), with the ledger beside them. `judge` proves verdicts."""

    def __init__(self, home: Path, *, judge: Judge) -> None:
        self.home = home
        self.ledger = Ledger(home)
        self._judge = judge

    def create(self, run: RunFolder, *, actor: str, now: datetime) -> Release:
        """A release from a finished run whose verdict is promote, or sign_off with a valid signature.

        The same run gives the same release again.

        Raises:
            IntegrityError: run, ledger or sign-off was changed, or the verdict does not follow from the evidence.
            Refused: the verdict does not allow a release.
        """
        seal = require_intact(run, self.ledger)
        _raise_first(self.verify_run(run))
        signed = self._licence(run, now)
        make_folder(self.home / FOLDER)
        with folder_lock(self.home / FOLDER):
            for entry in self.ledger.entries(kind=CREATED):
                if entry.payload["run_id"] == seal.run_id and entry.payload["files"] == seal.files:
                    return read(self.home, entry.subject)
            release = self._draft(run, signed, actor, now, seal.files)
            content = encode(release)
            write_atomic(release_path(self.home, release.id), content)
            payload = {"sha256": digests.of_bytes(content), "run_id": release.run_id, "files": release.files}
            self.ledger.append(CREATED, release.id, actor, {**payload, "name": release.name}, now=now)
        return release

    def releases(self) -> list[Listed]:
        """Every release, the first one first."""
        found = [read(self.home, entry.subject) for entry in self.ledger.entries(kind=CREATED)]
        return [
            Listed(
                id=one.id,
                name=one.name,
                candidate=one.candidate,
                created=one.created,
                decision=one.decision,
                run_id=one.run_id,
                in_production=self.production(one.name) == one.id,
            )
            for one in found
        ]

    def show(self, id: str) -> Release:
        """The manifest of a release. Raises BadInput: there is none."""
        return read(self.home, id)

    def production(self, name: str) -> str | None:
        """The release of this name that is in production, None where there is none."""
        stack = self._production(name)
        return stack[-1] if stack else None

    def promote(self, id: str, *, actor: str, now: datetime) -> Release:
        """Put a release into production.

        Raises:
            IntegrityError: a byte of it was changed.
            Refused: it is in production already, or its sign-off no longer holds.
        """
        release = self.show(id)
        _raise_first(self.verify(id))
        if release.decision != "promote":
            self._licence(RunFolder.open(Path(release.run_path)), now)
        current = self.production(release.name)
        if current == id:
            raise Refused(f"release {id} is in production already")
        payload = {"release": id, "previous": current}
        self.ledger.append(PROMOTED, release.name, actor, payload, now=now)
        return release

    def rollback(self, name: str, *, reason: str, actor: str, now: datetime) -> Release:
        """Put the release before the present one back into production.

        Its run folder need not be there any more: a rollback has to work in the middle of an incident. Its manifest and
        the ledger must be untouched.

        Raises: BadInput: no reason is given. Refused: nothing was in production before. IntegrityError: changed bytes.
        """
        if not reason.strip():
            raise BadInput("a rollback needs a reason for the ledger; give --reason")
        _raise_first(self._ledger_problems())
        stack = self._production(name)
        if len(stack) < 2:
            raise Refused(f"no release of {name!r} was in production before {stack[-1] if stack else 'any'}")
        current, target = stack[-1], stack[-2]
        _raise_first(self.manifest_problems(target))
        payload = {"from": current, "release": target, "reason": reason.strip()}
        self.ledger.append(ROLLED_BACK, name, actor, payload, now=now)
        return self.show(target)

    def verify(self, id: str | None = None) -> list[Problem]:
        """Every problem with one release, or with all of them: ledger, manifests, run folders, signatures, verdicts.

        Every digest is computed anew, and every verdict is judged anew from its evidence.
        """
        problems = self._ledger_problems()
        if problems:
            return problems  # what the ledger says about the rest is worth nothing
        known = [entry.subject for entry in self.ledger.entries(kind=CREATED)]
        if id is not None and id not in known:
            return [Problem(where=str(release_path(self.home, id)), because="is not in the ledger")]
        strays = [] if id else self._strays(set(known))
        return [*strays, *(problem for one in ([id] if id else known) for problem in self._release_problems(one))]

    def verify_run(self, run: RunFolder) -> list[Problem]:
        """Every problem with a finished run, released or not."""
        try:
            problems = [*check_run(run, self.ledger), *sign_off_problems(run, self.ledger)]
            return problems or self._verdict_problems(run)
        except ShipworthyError as error:  # a file so broken that it cannot be read is a finding, not a crash
            return [Problem(where=str(run.path), because=str(error))]

    # --- What may be wrong ------------------------------------------------------------------------------------------

    def _ledger_problems(self) -> list[Problem]:
        broken = self.ledger.verify()
        if broken is None:
            return []
        return [Problem(where=str(self.home), because=f"ledger entry {broken.index}: {broken.because}")]

    def _strays(self, known: set[str]) -> list[Problem]:
        there = sorted((self.home / FOLDER).glob("*.json")) if (self.home / FOLDER).is_dir() else []
        because = "is not in the ledger: nobody made this release here"
        return [Problem(where=str(path), because=because) for path in there if path.stem not in known]

    def _release_problems(self, id: str) -> list[Problem]:
        problems = self.manifest_problems(id)
        if problems:
            return problems
        release = self.show(id)
        if not (Path(release.run_path) / "manifest.json").is_file():
            return [Problem(where=release.run_path, because="the run folder is missing; put it back where it was")]
        try:
            run = RunFolder.open(Path(release.run_path))
        except ShipworthyError as error:
            return [Problem(where=release.run_path, because=str(error))]
        return self.verify_run(run) or _file_problems(run, release) or self._signature_problems(run, release)

    def manifest_problems(self, id: str) -> list[Problem]:
        """What is wrong with the manifest of a release, and with the ledger it was made on."""
        path = release_path(self.home, id)
        if not path.is_file():
            return [Problem(where=str(path), because="is missing")]
        content = path.read_bytes()
        recorded = self.ledger.entries(kind=CREATED, subject=id)
        if not recorded or digests.of_bytes(content) != recorded[-1].payload["sha256"]:
            return [Problem(where=str(path), because="changed after the release was made")]
        if not self.ledger.holds(decode(content, where=path).ledger):
            return [
                Problem(where=str(self.home), because=f"the ledger no longer holds what it held when {id} was made")
            ]
        return []

    def _verdict_problems(self, run: RunFolder) -> list[Problem]:
        if msgspec.json.encode(judged_again(run, self._judge)) == msgspec.json.encode(run.verdict()):
            return []
        because = "is not what its evidence and protocol give when they are judged again"
        return [Problem(where=str(run.path / VERDICT), because=because)]

    def _signature_problems(self, run: RunFolder, release: Release) -> list[Problem]:
        if release.sign_off is None:
            return []
        signed_at = datetime.fromisoformat(release.created)
        found = [s for s in standings(run, self.ledger, now=signed_at) if s.sign_off.id == release.sign_off]
        if found and (found[0].valid or found[0].because == "it was revoked"):
            return []  # revoking forbids new promotions; it is no tampering
        because = found[0].because if found else "is missing"
        return [Problem(where=str(run.path / "sign_offs" / f"{release.sign_off}.json"), because=because)]

    # --- Making -----------------------------------------------------------------------------------------------------

    def _licence(self, run: RunFolder, now: datetime) -> str | None:
        if run.manifest.settings.get("purpose") == "tune":
            raise Refused(
                f"run {run.manifest.run_id} was made for tuning, so it is not released; decide with: shipworthy run"
            )
        decision = run.verdict().verdict
        if decision == "promote":
            return None
        if decision == "sign_off":
            signed = valid_sign_off(run, self.ledger, now=now)
            if signed is not None:
                return signed.id
            lapsed = "; ".join(f"that of {s.sign_off.name}: {s.because}" for s in standings(run, self.ledger, now=now))
            told = f" ({lapsed})" if lapsed else ""
            raise Refused(
                f"run {run.manifest.run_id} needs a valid sign-off{told}; "
                f"see: shipworthy gate {run.path} --sign-off --name … --reason … --expires …"
            )
        reason = run.verdict().reasons[0] if run.verdict().reasons else "see its verdict"
        raise Refused(f"the verdict of run {run.manifest.run_id} is {decision}, so it is not released: {reason}")

    def _draft(self, run: RunFolder, signed: str | None, actor: str, now: datetime, files: dict[str, str]) -> Release:
        manifest = run.manifest
        name = slug(str(manifest.protocol.get("name") or "release"))
        number = 1 + sum(entry.payload["name"] == name for entry in self.ledger.entries(kind=CREATED))
        candidate = manifest.models.get(manifest.candidate)
        parts = parts_of(run)
        return Release(
            id=f"{name}-{number}",
            name=name,
            number=number,
            created=now.astimezone(UTC).isoformat(timespec="seconds"),
            created_by=actor,
            run_id=manifest.run_id,
            run_path=str(run.path.absolute()),
            candidate=manifest.candidate,
            weights=parts["weights"],
            adapter=parts["adapter"],
            tokenizer=parts["tokenizer"],
            chat_template=parts["chat_template"],
            recipe=parts["recipe"],
            identity=candidate.identity if candidate else {},
            datasets=manifest.datasets,
            seeds=manifest.seeds,
            versions=manifest.versions,
            environment=manifest.environment,
            protocol_sha256=manifest.protocol_sha256,
            evidence_sha256=files[EVIDENCE],
            verdict_sha256=files[VERDICT],
            decision=run.verdict().verdict,
            sign_off=signed,
            previous=self.production(name),
            files=files,
            ledger=self.ledger.anchor(),
        )

    def _production(self, name: str) -> list[str]:
        """Releases of this name in production, the present one last; a rollback takes the last one away."""
        stack: list[str] = []
        for entry in self.ledger.entries(subject=name):
            if entry.kind == PROMOTED:
                stack.append(entry.payload["release"])
            elif entry.kind == ROLLED_BACK:
                stack.pop()
        return stack


def _file_problems(run: RunFolder, release: Release) -> list[Problem]:
    return [
        Problem(where=str(run.path / name), because="is not the file that was released")
        for name, sha256 in release.files.items()
        if not (run.path / name).is_file() or digests.of_file(run.path / name) != sha256
    ]


def _raise_first(problems: list[Problem]) -> None:
    if problems:
        more = f" (and {len(problems) - 1} more; see: shipworthy release verify)" if len(problems) > 1 else ""
        raise IntegrityError(f"{problems[0].where}: {problems[0].because}{more}")


def slug(name: str) -> str:
    """The name under which the releases of a protocol are kept."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "release"
