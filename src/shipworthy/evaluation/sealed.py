"""Sealed test sets: a run that reaches a verdict is one look at each of them."""

from datetime import datetime

from shipworthy.store import Manifest
from shipworthy.store.ledger import Ledger
from shipworthy.store.seals import Look, look, looks, sealed


def refuse_used_up(ledger: Ledger, locked: Manifest, *, actor: str, now: datetime) -> None:
    """Before a model is asked: may this run look at its data at the end? Writes nothing but a refusal.

    Raises: Refused: a sealed test set of this run has no look left.
    """
    for dataset in locked.datasets.values():
        found, earlier = sealed(ledger, dataset.sha256), looks(ledger, dataset.sha256)
        seen = any(one.run_id == locked.run_id for one in earlier)
        if found is not None and not seen and len(earlier) >= found.budget:
            look(ledger, dataset.sha256, _look(locked, actor), now=now)


def look_at_all(ledger: Ledger, locked: Manifest, *, actor: str, now: datetime) -> None:
    """Before the answers are scored: one look at each sealed test set; a resumed run looks once.

    Raises: Refused: another run took the last look meanwhile.
    """
    for dataset in locked.datasets.values():
        look(ledger, dataset.sha256, _look(locked, actor), now=now)


def _look(locked: Manifest, actor: str) -> Look:
    name = str(locked.protocol.get("name", ""))
    return Look(run_id=locked.run_id, who=actor, why=f"run of {name}", protocol_sha256=locked.protocol_sha256)
