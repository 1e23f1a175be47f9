"""Digests of files and of values: SHA-256 in lower-case hex, values through one canonical JSON."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.store.files import one_sentence

_CHUNK = 1 << 20


def canonical(value: Any) -> bytes:
    """The one JSON form that is hashed: UTF-8, keys sorted, no spaces, shortest floats."""
    return msgspec.json.encode(value, order="sorted")


def of_value(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    return of_bytes(canonical(value))


def of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces. Raises BadInput when it cannot be read."""
    digest = hashlib.sha256()
    with one_sentence(path), path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def of_bytes(content: bytes) -> str:
    """SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()
