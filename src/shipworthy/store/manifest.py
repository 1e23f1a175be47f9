"""`manifest.json`: what a run promised and on what it ran, locked before the first response."""

from typing import Any, Literal

from shipworthy.records import ModelRole, Record

Status = Literal["running", "complete", "incomplete"]


class DatasetPrint(Record):
    """Fingerprint of one dataset: SHA-256 over its examples, how many, and where they were read from.

    `rows_sha256` is the version of the rows alone, whatever the protocol calls them: what `data seal` seals.
    """

    sha256: str
    n: int
    path: str = ""
    rows_sha256: str = ""


class ModelPrint(Record):
    """Fingerprint of one model: its role and what makes it different from others (the backend's `identity`).

    A release reads `weights`, `adapter`, `tokenizer`, `chat_template` and `recipe` out of `identity`, with or without
    the ending `_sha256`, where the backend knows them.
    """

    role: ModelRole
    identity: dict[str, str] = {}


class Manifest(Record):
    """A run's promise. `protocol` is the parsed protocol as JSON, `protocol_sha256` its digest, `created` UTC ISO 8601.

    `versions` are of packages, `environment` of machine and interpreter; `settings` is what else was decided (free).
    """

    run_id: str
    created: str
    protocol: dict[str, Any]
    protocol_sha256: str
    candidate: str
    protocol_path: str = ""
    datasets: dict[str, DatasetPrint] = {}
    models: dict[str, ModelPrint] = {}
    seeds: tuple[int, ...] = (0,)
    versions: dict[str, str] = {}
    environment: dict[str, str] = {}
    settings: dict[str, Any] = {}
    status: Status = "running"
