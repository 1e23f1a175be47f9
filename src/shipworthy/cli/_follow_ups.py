"""What happens after a verdict: the protocol's `follow_ups`, each a function (run folder, verdict) -> one line."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shipworthy import plugins
from shipworthy.protocol import Protocol
from shipworthy.records import Verdict
from shipworthy.store import RunFolder

BUILT_IN: Mapping[str, str] = {
    "register": "shipworthy.cli._follow_ups:register",
    "save_failures": "shipworthy.cli._follow_ups:save_failures",
}


def refuse_unknown(promised: Protocol) -> None:
    """Raises: UnknownName, BadInput: a follow-up cannot be found; better said before the first answer."""
    for names in msgspec.to_builtins(promised.follow_ups).values():
        for name in names:
            plugins.find("follow_up", name, BUILT_IN)


def follow_up(folder: RunFolder, verdict: Verdict) -> list[str]:
    """Do what the protocol asks for after this verdict; returns a line a follow-up. Unfinished runs have none."""
    if folder.manifest.status != "complete":
        return []
    wanted = msgspec.convert(folder.manifest.protocol, Protocol).follow_ups
    names: tuple[str, ...] = getattr(wanted, verdict.verdict)
    return [plugins.find("follow_up", name, BUILT_IN)(folder, verdict) for name in names]


def register(folder: RunFolder, verdict: Verdict) -> str:  # noqa: ARG001 - every follow-up gets both
    """Make the run a release; it goes to production by `shipworthy release promote`."""
    from shipworthy.cli.gate import user
    from shipworthy.evaluation import judge
    from shipworthy.registry import Registry
    from shipworthy.store.home import home

    if folder.manifest.settings.get("purpose") == "tune":
        return "Not registered: this run was made for tuning"
    registry = Registry(home(os.environ, Path.cwd()), judge=judge)
    release = registry.create(folder, actor=user(), now=datetime.now(UTC))
    return f"Registered as {release.id}"


def save_failures(folder: RunFolder, verdict: Verdict) -> str:
    """Write the rows on which the candidate lost to failures.jsonl, ready to become a regression dataset or suite."""
    from shipworthy.evaluation.main_job import question_of
    from shipworthy.evaluation.suites.regression import saved
    from shipworthy.web.worst import worst

    metrics = question_of(msgspec.convert(folder.manifest.protocol, Protocol), folder.manifest).metrics
    lost = worst(verdict.metrics, folder.evidence(), metrics, candidate=folder.manifest.candidate, most=10_000)
    keys = {(loss.dataset, loss.example_id) for loss in lost}
    rows = [example for example in folder.examples() if (example.dataset, example.id) in keys]
    run_id = folder.manifest.run_id
    columns = ((row, row.fields or {"id": row.id, "reference": row.reference}) for row in rows)
    lines = (msgspec.json.encode(saved(fields, row, run_id=run_id)) for row, fields in columns)
    folder.write_text("failures.jsonl", b"".join(line + b"\n" for line in lines).decode())
    return f"Saved {len(rows)} rows on which the candidate lost: {folder.path / 'failures.jsonl'}"
