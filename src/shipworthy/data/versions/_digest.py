"""The digest of a dataset: a two-level Merkle tree over its rows, free of their order.

A row's digest is the SHA-256 of its canonical JSON; rows fall into 256 leaves by its first byte; a leaf
hashes its sorted row digests, the root the number of rows and the leaves.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.data import rows as _table
from shipworthy.records import Record

Digests = NDArray[np.uint64]
"""(N, 4) the row digests as four big-endian numbers each."""
_LEAVES = 256


class Version(Record):
    """One version of a dataset: the digest of its rows, whatever their order, and their number."""

    sha256: str
    rows: int


def version(path: Path) -> Version:
    """The version of the data in a file; 32 bytes a row are held. Raises: BadInput: it cannot be read."""
    return digest_of_rows(row.fields for row in _table.rows(path))


def digest_of_rows(rows: Iterable[Mapping[str, Any]]) -> Version:
    """The version of rows in memory."""
    return root(digests(rows))


def row_digest(fields: Mapping[str, Any]) -> bytes:
    """SHA-256 of the row's canonical JSON: keys sorted, no spaces, shortest floats.

    A column `input` that repeats another column is left out: examples that were read for a protocol carry the text to
    ask a second time under that name (see `shipworthy.data.read`), and they are the same rows.
    """
    if "input" in fields and any(name != "input" and value == fields["input"] for name, value in fields.items()):
        fields = {name: value for name, value in fields.items() if name != "input"}
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).digest()


def digests(rows: Iterable[Mapping[str, Any]]) -> Digests:
    """(N, 4) digests of rows, in their order."""
    raw = bytearray()
    for fields in rows:
        raw += row_digest(fields)
    return np.frombuffer(bytes(raw), dtype=">u8").reshape(-1, 4).astype(np.uint64)


def root(digest_N4: Digests) -> Version:
    """The root over all rows; equal for equal multisets of rows."""
    order = np.lexsort(digest_N4.T[::-1])
    sorted_N4 = digest_N4[order]
    total = hashlib.sha256(len(sorted_N4).to_bytes(8, "big"))
    for leaf in _leaves(sorted_N4):
        total.update(hashlib.sha256(leaf.astype(">u8").tobytes()).digest())
    return Version(sha256=total.hexdigest(), rows=len(sorted_N4))


def _leaves(sorted_N4: Digests) -> Iterator[Digests]:
    first_byte_N = (sorted_N4[:, 0] >> np.uint64(56)).astype(np.int64)
    cuts = np.searchsorted(first_byte_N, np.arange(_LEAVES + 1))
    for low, high in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        yield sorted_N4[low:high]
