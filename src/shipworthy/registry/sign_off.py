"""Sign-off: a named person takes the responsibility for a failing soft gate, with a reason and an end.

A signature (ed25519) is over the protocol's, the evidence's and the verdict's digests, so it stands for exactly one
result and falls with any change to it. It stands in the run folder (`sign_offs/*.json`) and in the ledger, and can be
revoked. A hard block cannot be signed away.
"""

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from shipworthy.errors import BadInput, Refused
from shipworthy.records import Record
from shipworthy.store import digests
from shipworthy.store.files import make_folder, one_sentence
from shipworthy.store.home import expanded
from shipworthy.store.ledger import Ledger
from shipworthy.store.run_folder import EVIDENCE, VERDICT, RunFolder
from shipworthy.store.run_seal import Problem, require_intact

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

GIVEN, REVOKED = "sign_off.given", "sign_off.revoked"
FOLDER = "sign_offs"


class SignOff(Record):
    """One signature over one result. Digests are SHA-256; times UTC ISO 8601; key and signature hexadecimal."""

    id: str
    run_id: str
    name: str
    reason: str
    created: str
    expires: str
    protocol_sha256: str
    evidence_sha256: str
    verdict_sha256: str
    public_key: str
    signature: str = ""


class Standing(Record):
    """A sign-off of a run and whether it holds now; `because` says why not."""

    sign_off: SignOff
    valid: bool
    because: str = ""


def key_path(environ: Mapping[str, str]) -> Path:
    """`SHIPWORTHY_KEY` where it is set, else `shipworthy/key.pem` in the user's configuration folder."""
    if said := environ.get("SHIPWORTHY_KEY"):
        return expanded(said, named="SHIPWORTHY_KEY")
    config = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return expanded(config, named="SHIPWORTHY_KEY") / "shipworthy" / "key.pem"


def load_key(path: Path) -> "Ed25519PrivateKey":
    """The private key in `path`; made on the first use, readable by its owner alone.

    Raises: BadInput: others may read it, or it is no ed25519 key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not path.exists():
        return _make_key(path)
    with one_sentence(path):
        if path.stat().st_mode & 0o077:
            raise BadInput(f"others may read this signing key; run: chmod 600 {path}", where=str(path))
        content = path.read_bytes()
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise BadInput("this is not an ed25519 key in PEM without a password; restore it", where=str(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput("this key is not ed25519; move it away and a new one is made", where=str(path))
    return key


def sign(run: RunFolder, ledger: Ledger, one: "Wish", *, key: "Ed25519PrivateKey", now: datetime) -> SignOff:
    """Sign a run whose verdict asks for it; writes the file and the ledger.

    Raises:
        IntegrityError: the run was changed after it was sealed.
        Refused: the verdict is not sign_off, or the end lies in the past.
        BadInput: name or reason is empty.
    """
    require_intact(run, ledger)
    verdict = run.verdict()
    if verdict.verdict != "sign_off":
        raise Refused(_no_signature(verdict.verdict))
    if not one.name.strip() or not one.reason.strip():
        raise BadInput("a sign-off needs a name and a reason; give --name and --reason")
    if one.expires <= now:
        raise Refused(f"the sign-off would have expired already on {_iso(one.expires)}; give a later --expires")
    draft = SignOff(
        id=secrets.token_hex(6),
        run_id=run.manifest.run_id,
        name=one.name.strip(),
        reason=one.reason.strip(),
        created=_iso(now),
        expires=_iso(one.expires),
        protocol_sha256=run.manifest.protocol_sha256,
        evidence_sha256=digests.of_file(run.path / EVIDENCE),
        verdict_sha256=digests.of_file(run.path / VERDICT),
        public_key=key.public_key().public_bytes_raw().hex(),
    )
    signed = msgspec.structs.replace(draft, signature=key.sign(_signed_bytes(draft)).hex())
    content = digests.canonical(signed)
    run.write_text(f"{FOLDER}/{signed.id}.json", content.decode())
    payload = {"id": signed.id, "file_sha256": digests.of_bytes(content), "public_key": signed.public_key}
    said = {"name": signed.name, "reason": signed.reason, "expires": signed.expires}
    ledger.append(GIVEN, signed.run_id, signed.name, {**payload, **said}, now=now)
    return signed


class Wish(Record):
    """What a signer says: who, why, until when (with its timezone)."""

    name: str
    reason: str
    expires: datetime


def revoke(run: RunFolder, ledger: Ledger, *, actor: str, reason: str, now: datetime) -> list[str]:
    """Take back every valid sign-off of a run; returns their ids. Raises Refused: there is none."""
    ids = [standing.sign_off.id for standing in standings(run, ledger, now=now) if standing.valid]
    if not ids:
        raise Refused(f"run {run.manifest.run_id} has no valid sign-off, so there is nothing to revoke")
    for id in ids:
        ledger.append(REVOKED, run.manifest.run_id, actor, {"id": id, "reason": reason}, now=now)
    return ids


def valid_sign_off(run: RunFolder, ledger: Ledger, *, now: datetime) -> SignOff | None:
    """A sign-off that holds now, None where there is none."""
    return next((s.sign_off for s in standings(run, ledger, now=now) if s.valid), None)


def standings(run: RunFolder, ledger: Ledger, *, now: datetime) -> list[Standing]:
    """Every sign-off of a run that the ledger knows and whose file is untouched, and whether it holds now."""
    revoked = {entry.payload["id"] for entry in ledger.entries(kind=REVOKED, subject=run.manifest.run_id)}
    return [_standing(run, one, revoked, now) for one in _intact(run, ledger)]


def sign_off_problems(run: RunFolder, ledger: Ledger) -> list[Problem]:
    """Sign-offs that were edited, removed, or put there by hand; empty when there are none."""
    known = _given(run, ledger)
    there = sorted((run.path / FOLDER).glob("*")) if (run.path / FOLDER).is_dir() else []
    problems = [
        Problem(where=str(run.path / FOLDER / f"{id}.json"), because="is missing")
        for id in known
        if run.path / FOLDER / f"{id}.json" not in there
    ]
    for path in there:
        if path.stem not in known or path.suffix != ".json":
            problems.append(Problem(where=str(path), because="is not in the ledger: nobody gave this sign-off here"))
        elif digests.of_file(path) != known[path.stem]:
            problems.append(Problem(where=str(path), because="changed after it was signed"))
    return problems


def _intact(run: RunFolder, ledger: Ledger) -> list[SignOff]:
    found = []
    for id, sha256 in _given(run, ledger).items():
        path = run.path / FOLDER / f"{id}.json"
        if path.is_file() and digests.of_file(path) == sha256:
            found.append(msgspec.json.decode(path.read_bytes(), type=SignOff))
    return found


def _given(run: RunFolder, ledger: Ledger) -> dict[str, str]:
    entries = ledger.entries(kind=GIVEN, subject=run.manifest.run_id)
    return {entry.payload["id"]: entry.payload["file_sha256"] for entry in entries}


def _standing(run: RunFolder, one: SignOff, revoked: set[str], now: datetime) -> Standing:
    because = ""
    if one.id in revoked:
        because = "it was revoked"
    elif now >= datetime.fromisoformat(one.expires):
        because = f"it expired on {one.expires}"
    elif not _signature_holds(one):
        because = "its signature does not fit what it says"
    elif not _is_about(run, one):
        because = "it was given for another protocol, evidence or verdict"
    return Standing(sign_off=one, valid=not because, because=because)


def _is_about(run: RunFolder, one: SignOff) -> bool:
    is_now = (
        run.manifest.run_id,
        run.manifest.protocol_sha256,
        digests.of_file(run.path / EVIDENCE),
        digests.of_file(run.path / VERDICT),
    )
    return is_now == (one.run_id, one.protocol_sha256, one.evidence_sha256, one.verdict_sha256)


def _signature_holds(one: SignOff) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(one.public_key))
        public.verify(bytes.fromhex(one.signature), _signed_bytes(one))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed_bytes(one: SignOff) -> bytes:
    return b"shipworthy sign-off v1\n" + digests.canonical(msgspec.structs.replace(one, signature=""))


def _make_key(path: Path) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    make_folder(path.parent)
    with one_sentence(path):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            stream.flush()
            os.fsync(handle)
    return key


def _no_signature(verdict: str) -> str:
    told = {
        "promote": "the verdict is promote, which needs no signature",
        "block": "a hard gate blocks this run, and no signature overrides a hard gate; make a better candidate",
    }
    return told.get(verdict, f"the verdict is {verdict}, and only a verdict sign_off can be signed")


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
