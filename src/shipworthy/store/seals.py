"""Sealed test sets: a digest, a budget of looks, and every look in the ledger.

A test set that is looked at again and again, and trained or tuned towards, measures less each time. A sealed one is
opened only for evaluation, at most `budget` times; past that it is refused (docs/decisions/0062 says why it is not
widened instead). The budget belongs to the data, not to its name: the same rows are not sealed twice under two names.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from shipworthy.errors import Refused
from shipworthy.records import Record
from shipworthy.store.ledger import Entry, Ledger

SEALED, LOOKED, REFUSED = "data.sealed", "data.looked", "data.look_refused"
Purpose = Literal["evaluation", "tuning"]


class Seal(Record):
    """One sealed test set: its name, the digest of its examples, and how often it may be looked at."""

    name: str
    sha256: str
    budget: int
    path: str = ""


class Look(Record):
    """One look at a sealed test set; `run_id` makes a resumed run the same look."""

    run_id: str
    who: str
    why: str
    protocol_sha256: str
    purpose: Purpose = "evaluation"


def seal(ledger: Ledger, one: Seal, *, actor: str, now: datetime) -> Entry:
    """Seal a test set.

    Raises:
        ValueError: the budget is below 1.
        Refused: these very rows are sealed already (their budget is not raised afterwards).
    """
    if one.budget < 1:
        raise ValueError(f"a budget of {one.budget} looks allows none; give 1 or more")

    def unsealed(about: Sequence[Entry]) -> None:
        if earlier := _seal_in(about):
            raise Refused(
                f"these rows are sealed already as {earlier.name!r} with a budget of {earlier.budget}; "
                "a budget is not raised afterwards, collect new rows instead"
            )

    return ledger.append(SEALED, one.sha256, actor, msgspec.to_builtins(one), now=now, check=unsealed)


def look(ledger: Ledger, sha256: str, one: Look, *, now: datetime) -> int:
    """Write a look into the ledger before the rows are read; returns how many looks are left.

    A run that is resumed looks once. Data that nobody sealed may be looked at freely, and nothing is written.

    Raises: Refused: the look is for tuning, or the budget is used up. The refusal is written to the ledger too.
    """
    found = sealed(ledger, sha256)
    if found is None:
        return 0
    try:
        ledger.append(LOOKED, sha256, one.who, msgspec.to_builtins(one), now=now, check=lambda a: _allow(found, a, one))
    except _SeenByThisRun:  # a resumed run: its look is in the ledger already
        pass
    except Refused as refused:
        payload = {**msgspec.to_builtins(one), "because": str(refused)}
        ledger.append(REFUSED, sha256, one.who, payload, now=now)
        raise
    return found.budget - len(looks(ledger, sha256))


def sealed(ledger: Ledger, sha256: str) -> Seal | None:
    """The seal on these rows, None where there is none."""
    return _seal_in(ledger.entries(subject=sha256))


def looks(ledger: Ledger, sha256: str) -> list[Look]:
    """Every look at these rows so far, the first one first."""
    return _looks_in(ledger.entries(subject=sha256))


class _SeenByThisRun(Refused):
    """Not an error: this run has looked before."""


def _allow(found: Seal, about: Sequence[Entry], one: Look) -> None:
    if one.purpose == "tuning":
        raise Refused(f"the sealed test set {found.name!r} may not be read by a tuning run; tune on other rows")
    earlier = _looks_in(about)
    if any(before.run_id == one.run_id for before in earlier):
        raise _SeenByThisRun(one.run_id)
    if len(earlier) >= found.budget:
        raise Refused(
            f"the sealed test set {found.name!r} was looked at {len(earlier)} times, its whole budget; draw a fresh "
            f"sample of rows that no run has seen from the pool behind {found.path or found.name}, seal it with "
            "`shipworthy data seal FILE --budget N`, and name it in the protocol"
        )


def _seal_in(entries: Sequence[Entry]) -> Seal | None:
    return next((msgspec.convert(entry.payload, Seal) for entry in entries if entry.kind == SEALED), None)


def _looks_in(entries: Sequence[Entry]) -> list[Look]:
    return [msgspec.convert(entry.payload, Look) for entry in entries if entry.kind == LOOKED]
