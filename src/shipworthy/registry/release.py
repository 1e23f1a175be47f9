"""A release: the immutable manifest of a version that may ship, and how it is read and written."""

from pathlib import Path

import msgspec

from shipworthy.errors import BadInput, IntegrityError
from shipworthy.records import Record
from shipworthy.store import DatasetPrint, RunFolder, digests
from shipworthy.store.ledger import Anchor

FOLDER = "releases"


class Release(Record):
    """What was released: model, data, recipe, versions, and on which protocol, evidence and verdict it was decided.

    `name` is the protocol's: releases of one name follow one another and share one place in production. Digests are
    SHA-256; one that the backend does not know is None. `files` are the run folder's, `ledger` its end at that time.
    """

    id: str
    name: str
    number: int
    created: str
    created_by: str
    run_id: str
    run_path: str
    candidate: str
    weights: str | None
    adapter: str | None
    tokenizer: str | None
    chat_template: str | None
    recipe: str | None
    identity: dict[str, str]
    datasets: dict[str, DatasetPrint]
    seeds: tuple[int, ...]
    versions: dict[str, str]
    environment: dict[str, str]
    protocol_sha256: str
    evidence_sha256: str
    verdict_sha256: str
    decision: str
    sign_off: str | None
    previous: str | None
    files: dict[str, str]
    ledger: Anchor


_PARTS = {
    "weights": ("weights_sha256", "weights"),
    "adapter": ("adapter_sha256", "adapter"),
    "tokenizer": ("tokenizer_sha256", "tokenizer"),
    "chat_template": ("chat_template_sha256", "template_sha256", "chat_template"),
    "recipe": ("recipe_sha256", "recipe"),
}


def parts_of(run: RunFolder) -> dict[str, str | None]:
    """Digests of the candidate's weights, adapter, tokenizer, chat template and recipe, as far as they are known."""
    candidate = run.manifest.models.get(run.manifest.candidate)
    identity = candidate.identity if candidate else {}
    return {part: next((identity[key] for key in keys if identity.get(key)), None) for part, keys in _PARTS.items()}


def release_path(home: Path, id: str) -> Path:
    """Where the manifest of a release lies."""
    return home / FOLDER / f"{id}.json"


def encode(release: Release) -> bytes:
    """The bytes of a manifest: JSON, indented for people."""
    return msgspec.json.format(digests.canonical(release), indent=2) + b"\n"


def decode(content: bytes, *, where: Path) -> Release:
    """The release in a manifest's bytes. Raises IntegrityError: it is none."""
    try:
        return msgspec.json.decode(content, type=Release)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{where}: is not a release any more ({error}); restore it from a copy") from error


def read(home: Path, id: str) -> Release:
    """The release `id`, unverified. Raises BadInput: there is none."""
    path = release_path(home, id)
    if not path.is_file():
        raise BadInput(f"there is no release {id!r} here; see: shipworthy release list", where=str(path.parent))
    return decode(path.read_bytes(), where=path)
