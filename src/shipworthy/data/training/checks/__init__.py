"""The groups of checks, one small class each: `look` at every batch, `close` when all rows were seen.

Adding a defect: one line in `_catalogue.py`, a few lines in the class of its group. A new group: one line in `TABLE`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from shipworthy.data.training._findings import Findings
from shipworthy.data.training.batch import Batch
from shipworthy.data.training.types import Options, Skipped

if TYPE_CHECKING:
    from shipworthy.data.training.memory import Look, Memory


class Desk(msgspec.Struct, kw_only=True, eq=False):
    """What the checks share: what was asked, where findings go, the numbers of the set, what dear looks found."""

    options: Options
    found: Findings
    rows: int = 0
    kinds: dict[str, int] = {}
    measures: dict[str, float] = {}
    labels: dict[str, int] = {}
    skipped: list[Skipped] = []
    memory: "Memory | None" = None

    def look(self, name: str, batch: Batch, look: "Look") -> Mapping[int, int]:
        """What a dear look at the batch counts; its findings are added. Remembered where there is a memory."""
        return look(batch) if self.memory is None else self.memory.look(name, batch, self.found, look)


class Check(Protocol):
    """One group of checks."""

    def look(self, batch: Batch) -> None:
        """Add what is wrong with these rows."""

    def close(self) -> None:
        """Add what only the whole set shows."""


TABLE: Mapping[str, str] = {
    "chat": "shipworthy.data.training.checks.chat:Chat",
    "text": "shipworthy.data.training.checks.text:Text",
    "encoding": "shipworthy.data.training.checks.encoding:Encoding",
    "length": "shipworthy.data.training.checks.length:Length",
    "language": "shipworthy.data.training.checks.language:Language",
    "privacy": "shipworthy.data.training.checks.privacy:Privacy",
    "content": "shipworthy.data.training.checks.content:Content",
    "repeats": "shipworthy.data.training.checks.content:Repeats",
    "frames": "shipworthy.data.training.checks.frames:Frames",
    "labels": "shipworthy.data.training.checks.labels:Labels",
    "targets": "shipworthy.data.training.checks.targets:Targets",
    "pairs": "shipworthy.data.training.checks.pairs:Pairs",
    "template": "shipworthy.data.training.checks.template:Template",
    "set": "shipworthy.data.training.checks.production:Size",
}
