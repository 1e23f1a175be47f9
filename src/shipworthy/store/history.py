"""What became of a protocol: which versions of it were run, and which of them were written after results were seen."""

from collections.abc import Mapping
from typing import Any

import msgspec

from shipworthy.records import Record
from shipworthy.store import digests
from shipworthy.store.ledger import Ledger
from shipworthy.store.run_seal import SEALED, RunSeal


class ProtocolVersion(Record):
    """One version of a protocol that was run to the end.

    `after_results_of` names the first finished run of an earlier version: whoever wrote this version could know those
    results. None: it was fixed before any result.
    """

    sha256: str
    first_run: str
    first_time: str
    runs: int
    after_results_of: str | None


def protocol_history(ledger: Ledger, name: str) -> list[ProtocolVersion]:
    """Every version of the protocol called `name` that was run to the end, the first one first."""
    versions: dict[str, ProtocolVersion] = {}
    for time, seal in _seals(ledger):
        if seal.protocol_name != name:
            continue
        known = versions.get(seal.protocol_sha256)
        versions[seal.protocol_sha256] = ProtocolVersion(
            sha256=seal.protocol_sha256,
            first_run=known.first_run if known else seal.run_id,
            first_time=known.first_time if known else time,
            runs=(known.runs if known else 0) + 1,
            after_results_of=known.after_results_of if known else _earlier(versions, seal.protocol_sha256),
        )
    return list(versions.values())


UNJUDGED = ("description", "follow_ups", "budget", "on", "checkpoints")
"""Sections of a protocol that no verdict depends on."""


def rules_digest(protocol: Mapping[str, Any]) -> str:
    """SHA-256 of what a protocol (as JSON) promises whoever the candidate is: a new candidate is no edited protocol."""
    models = {name: spec for name, spec in protocol.get("models", {}).items() if spec.get("role") != "candidate"}
    kept = {key: value for key, value in protocol.items() if key not in UNJUDGED}
    return digests.of_value({**kept, "models": models})


def edited_after_results(
    ledger: Ledger, *, name: str, path: str, sha256: str, rules_sha256: str | None = None
) -> str | None:
    """The run whose results could be seen before this protocol got its present wording; None where there is none.

    A protocol counts as the same when its name or its file is: renaming one of them hides nothing. Where `rules_sha256`
    is known on both sides it is compared instead of `sha256`: another candidate is then no other wording.
    """
    same = [s for _, s in _seals(ledger) if s.protocol_name == name or (path and s.protocol_path == path)]
    if not same or same[0].protocol_sha256 == sha256:
        return None
    if rules_sha256 and same[0].rules_sha256 == rules_sha256:
        return None
    return same[0].run_id


def _earlier(versions: dict[str, ProtocolVersion], sha256: str) -> str | None:
    return next((version.first_run for version in versions.values() if version.sha256 != sha256), None)


def _seals(ledger: Ledger) -> list[tuple[str, RunSeal]]:
    return [(entry.time, msgspec.convert(entry.payload, RunSeal)) for entry in ledger.entries(kind=SEALED)]
