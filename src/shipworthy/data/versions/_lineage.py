"""Where a dataset came from, as a small JSON file beside it."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

import shipworthy
from shipworthy.data._pointers import Pointer, pointer_at
from shipworthy.data.versions._digest import Version, version
from shipworthy.records import Record
from shipworthy.store.files import write_atomic


class Source(Record):
    """A file that rows were taken from; `tracked` is what DVC or git-LFS calls the same data."""

    path: str
    version: Version
    tracked: Pointer | None = None


class Lineage(Record):
    """One dataset, what it was made from, and how: filters in their order, the split's seed and rule."""

    version: Version
    sources: tuple[Source, ...]
    made: str
    made_by: str = f"shipworthy {shipworthy.__version__}"
    filters: tuple[str, ...] = ()
    split: dict[str, Any] = {}
    synthetic: str | None = None


def source_of(path: Path) -> Source:
    """The source record of a file. Raises: BadInput: it cannot be read, or is a pointer whose data are elsewhere."""
    return Source(path=str(path), version=version(path), tracked=pointer_at(path))


def lineage_path(data: Path) -> Path:
    """Where the lineage of a data file stands."""
    return data.with_name(data.name + ".lineage.json")


def write_lineage(
    data: Path,
    sources: tuple[Source, ...],
    *,
    now: datetime,
    filters: tuple[str, ...] = (),
    split: dict[str, Any] | None = None,
) -> Lineage:
    """Write `DATA.lineage.json` for a data file that is there. Raises: BadInput: data unreadable, disk full."""
    made = now.isoformat(timespec="seconds")
    lineage = Lineage(version=version(data), sources=sources, made=made, filters=filters, split=split or {})
    write_atomic(lineage_path(data), msgspec.json.format(msgspec.json.encode(lineage), indent=2) + b"\n")
    return lineage
