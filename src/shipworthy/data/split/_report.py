"""What a split has become: its parts, the balance reached in every stratum, and what each part can detect."""

from collections import Counter
from collections.abc import Mapping, Sequence

from shipworthy.data.split._plan import Unit
from shipworthy.data.split._rule import ASIDE, Rule
from shipworthy.data.versions import Source, Version
from shipworthy.records import Record
from shipworthy.stats.power import detectable_binary

DISAGREEMENT = (0.1, 0.2)
"""Shares of rows on which two models differ, for which it is said what a part can detect."""


class Part(Record):
    """One part. `detects`: at a disagreement of 10 % and 20 % the smallest loss (a share) that a paired binary gate on
    these rows rules out with 80 % power, were the candidate equal; None: not with so few rows."""

    name: str
    rows: int
    groups: int
    share: float
    wanted: float
    file: str
    version: Version
    detects: dict[str, float | None] = {}


class Stratum(Record):
    """One combination of the stratum columns: rows in each part, and the largest distance from its share, in rows."""

    values: dict[str, str]
    rows: int
    parts: dict[str, int]
    off_by: float


class Balance(Record):
    """How well the shares were met: the largest distance in rows, over all rows and in any stratum.

    `because` says why it is what it is.
    """

    off_by: float
    worst_stratum: float
    strata: tuple[Stratum, ...]
    because: str


class SplitReport(Record):
    """A split as it was written: also the content of its `split.json`.

    `twins`: rows of a held-out part (of folds: the first) with a near twin in another part.
    """

    source: Source
    rule: Rule
    made: str
    made_by: str
    parts: tuple[Part, ...]
    balance: Balance
    aside: int
    groups: int
    largest_group: int
    synthetic: int
    kept: int = 0
    notes: tuple[str, ...] = ()
    twins: dict[str, int] = {}


def detects(rows: int) -> dict[str, float | None]:
    """What a paired comparison on so many rows can find, by disagreement."""
    found = {f"{share:g}": detectable_binary(rows, share) if rows >= 2 else 1.0 for share in DISAGREEMENT}
    return {share: margin if margin < 1 else None for share, margin in found.items()}


def balance(units: Sequence[Unit], part_N: Sequence[str], rule: Rule, *, largest_group: int) -> Balance:
    """Distances from the wanted shares. Rows that were set aside count nowhere."""
    shares = rule.parts()
    counted: dict[tuple[str, ...], Counter[str]] = {}
    for unit, part in zip(units, part_N, strict=True):
        if part != ASIDE:
            counted.setdefault(unit.stratum, Counter())[part] += 1
    names = (*rule.stratify, *(("length",) if rule.length_buckets else ()))
    strata = tuple(
        Stratum(
            values=dict(zip(names, values, strict=True)),
            rows=counts.total(),
            parts={name: counts[name] for name in shares},
            off_by=_off(counts, shares),
        )
        for values, counts in sorted(counted.items())
    )
    total: Counter[str] = sum(counted.values(), Counter())
    return Balance(
        off_by=_off(total, shares),
        worst_stratum=max((one.off_by for one in strata), default=0.0),
        strata=strata if names else (),
        because=_because(rule, largest_group),
    )


def _off(counts: Counter[str], shares: Mapping[str, float]) -> float:
    return max(abs(counts[name] - share * counts.total()) for name, share in shares.items())


def _because(rule: Rule, largest_group: int) -> str:
    if rule.time is not None:
        return "the latest rows are tested, whatever their stratum"
    if rule.balance == "stable":
        return "every group is dealt by its own hash, so that adding rows moves none; shares are met up to chance"
    if largest_group > 1:
        return f"groups stay whole, and the largest has {largest_group} rows"
    return "dealt row by row, never a whole row behind"
