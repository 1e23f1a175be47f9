"""Rows -> parts, as a pure function of what the rows say.

A *group* is what may not be torn apart; its key is the hash of its name, so that the order of rows says nothing.
`stable` compares the key with the shares; `exact` walks through the strata with the groups of each in the order of
their keys and gives every group to the part that is most behind (Tijdeman 1980, the chairman assignment problem: with
single rows no part is ever a whole row away from its share, in no prefix of the walk).
"""

import hashlib
import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shipworthy.data.split._rule import ASIDE, Rule

_WHOLE = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a split needs to know of a row: a name of its content, its stratum, its time in seconds (None: has none)."""

    content: str
    stratum: tuple[str, ...] = ()
    time_s: float | None = None


def assign(
    units: Sequence[Unit], group_N: Sequence[str], rule: Rule, *, kept: Mapping[str, str] | None = None
) -> list[str]:
    """The part of every row.

    Args:
        group_N: name of each row's group; equal names never part.
        kept: content -> part of an earlier split: these rows stay, their groups with them, and a group that stands
            on both sides already gets no new row: such rows are set aside.
    """
    members = _members(group_N)
    key = {name: _hash(name, rule.seed) for name in members}
    if rule.time is not None:
        return _in_time(units, members, rule)
    fixed = _fixed(units, members, kept or {})
    dealt = _stable(key, rule.parts()) if rule.balance == "stable" else _exact(units, members, key, rule.parts(), fixed)
    part_N = [""] * len(units)
    for name, rows in members.items():
        for row in rows:
            earlier = (kept or {}).get(units[row].content)
            part_N[row] = earlier or fixed.get(name) or dealt[name]
    return part_N


def few_shot(units: Sequence[Unit], label_N: Sequence[str], rows: Sequence[int], size: int, seed: int) -> list[int]:
    """The first `size` rows of every label by hash: a larger subset holds every smaller one."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: _hash(f"few-shot/{units[row].content}", seed)):
        by_label[label_N[row]].append(row)
    return sorted(row for found in by_label.values() for row in found[:size])


def _hash(text: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{text}".encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _members(group_N: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(group_N):
        found[name].append(row)
    return found


def _fixed(units: Sequence[Unit], members: Mapping[str, list[int]], kept: Mapping[str, str]) -> dict[str, str]:
    """The part of every group that an earlier split has dealt already."""
    fixed = {}
    for name, rows in members.items():
        parts = {kept[units[row].content] for row in rows if units[row].content in kept}
        if parts:
            fixed[name] = parts.pop() if len(parts) == 1 else ASIDE
    return fixed


def _stable(key: Mapping[str, int], shares: Mapping[str, float]) -> dict[str, str]:
    names, ends, total = list(shares), [], 0.0
    for share in shares.values():
        total += share
        ends.append(total * _WHOLE)
    return {
        group: next((name for name, end in zip(names, ends, strict=True) if hashed < end), names[-1])
        for group, hashed in key.items()
    }


def _exact(
    units: Sequence[Unit],
    members: Mapping[str, list[int]],
    key: Mapping[str, int],
    shares: Mapping[str, float],
    fixed: Mapping[str, str],
) -> dict[str, str]:
    """Groups in the order (stratum, key); what is fixed counts before the others of its stratum are dealt."""
    stratum = {name: Counter(units[row].stratum for row in rows).most_common(1)[0][0] for name, rows in members.items()}
    order = sorted(members, key=lambda name: (stratum[name], name not in fixed, key[name], name))
    dealt: dict[str, str] = {}
    have = dict.fromkeys(shares, 0)
    walked, slack = 0, 1 / (2 * len(shares) - 2) if len(shares) > 1 else 0.0
    for name in order:
        if fixed.get(name) == ASIDE:
            continue
        weight = len(members[name])
        walked += weight
        dealt[name] = fixed[name] if fixed.get(name) in shares else _most_urgent(shares, have, walked, slack)
        have[dealt[name]] += weight
    return dealt


def _most_urgent(shares: Mapping[str, float], have: Mapping[str, int], walked: int, slack: float) -> str:
    """Of the parts that are behind, the one whose next row is due first. Source: Tijdeman 1980, section 2."""
    behind = {name: share * walked - have[name] for name, share in shares.items()}
    due = [name for name, by in behind.items() if by >= slack - 1e-9] or list(shares)
    return min(due, key=lambda name: ((1 - slack - behind[name]) / shares[name], name))


# --- In time order ---------------------------------------------------------------------------------------------------


def _in_time(units: Sequence[Unit], members: Mapping[str, list[int]], rule: Rule) -> list[str]:
    """The latest rows are the test part, those before them validation; a group stays on its latest side.

    Rows in the gap before a cut, earlier rows of a group that reaches into a later part, and rows without a time are
    set aside.
    """
    known = sorted(unit.time_s for unit in units if unit.time_s is not None)
    cuts = _cuts(known, rule)
    part_N = [ASIDE if unit.time_s is None else _at(unit.time_s, cuts, rule.gap_s) for unit in units]
    latest = {name: index for index, name in enumerate(("train", "validation", "test"))}
    for rows in members.values():
        last = max((part_N[row] for row in rows if part_N[row] != ASIDE), key=latest.__getitem__, default=ASIDE)
        for row in rows:
            if part_N[row] != last:
                part_N[row] = ASIDE
    return part_N


def _cuts(known: Sequence[float], rule: Rule) -> list[tuple[str, float]]:
    """(part, its first time), the latest part first. Args: known: sorted times."""
    end, cuts = len(known), []
    for name, share in (("test", rule.test), ("validation", rule.validation)):
        if name == "test" and rule.since is not None:
            first = time_of(rule.since)
        elif share > 0 and end:
            first = known[max(0, end - max(1, round(share * len(known))))]
        else:
            continue
        cuts.append((name, first))
        end = bisect_left(known, first)  # rows of one time stay together
    return cuts


def _at(time_s: float, cuts: Sequence[tuple[str, float]], gap_s: float) -> str:
    for name, first in cuts:
        if time_s >= first:
            return name
        if time_s >= first - gap_s:
            return ASIDE
    return "train"


def time_of(text: str) -> float:
    """Seconds of a time: a number as it is, ISO 8601 as UTC seconds. Raises: ValueError: it is neither."""
    try:
        number = float(text)
    except ValueError:
        found = datetime.fromisoformat(text)
    else:
        if not math.isfinite(number):
            raise ValueError("no time")
        return number
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
