"""Sealed test sets: a run that reaches a verdict is one look at each of them; what earlier looks cost is told."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from shipworthy import records
from shipworthy.records import Finding, Record, Verdict
from shipworthy.stats.ladder import widened_alpha
from shipworthy.store import DatasetPrint, Manifest
from shipworthy.store.history import edited_after_results
from shipworthy.store.ledger import Ledger
from shipworthy.store.run_seal import protocol_file
from shipworthy.store.seals import Look, look, looks, sealed


class Sight(Record):
    """One look of this run: which dataset, the name of its seal, the how-manieth look of how many it is."""

    dataset: str
    seal: str
    used: int
    budget: int


def refuse_used_up(ledger: Ledger, locked: Manifest, *, actor: str, now: datetime) -> None:
    """Before a model is asked: may this run look at its data at the end? Writes nothing but a refusal.

    Raises: Refused: a sealed test set of this run has no look left, or the run is for tuning.
    """
    for dataset in locked.datasets.values():
        subject = _subject(ledger, dataset)
        found, earlier = sealed(ledger, subject), looks(ledger, subject)
        seen = any(one.run_id == locked.run_id for one in earlier)
        if found is not None and (_tunes(locked) or (not seen and len(earlier) >= found.budget)):
            look(ledger, subject, _look(locked, actor), now=now)


def look_at_all(ledger: Ledger, locked: Manifest, *, actor: str, now: datetime) -> list[Sight]:
    """Before the answers are scored: one look at each sealed test set; a resumed run looks once.

    Raises: Refused: another run took the last look meanwhile.
    """
    sights = []
    for name, dataset in locked.datasets.items():
        subject = _subject(ledger, dataset)
        left = look(ledger, subject, _look(locked, actor), now=now)
        found = sealed(ledger, subject)
        if found is not None:
            sights.append(Sight(dataset=name, seal=found.name, used=found.budget - left, budget=found.budget))
    return sights


def _subject(ledger: Ledger, dataset: DatasetPrint) -> str:
    """Under which digest a dataset may be sealed: that of its rows, whatever a protocol calls them, or its own."""
    rows = dataset.rows_sha256
    return rows if rows and sealed(ledger, rows) is not None else dataset.sha256


def circumstances(ledger: Ledger, locked: Manifest) -> list[records.Warning]:
    """What the history of this run says against its verdict: it was for tuning, or its protocol was edited."""
    told = []
    if _tunes(locked):
        told.append(
            records.Warning(code="tuning_run", message="this run was made for tuning; nothing is released from it")
        )
    earlier = edited_after_results(
        ledger,
        name=str(locked.protocol.get("name", "")),
        path=protocol_file(locked),
        sha256=locked.protocol_sha256,
        rules_sha256=str(locked.settings.get("rules_sha256", "")),
    )
    if earlier is not None:
        message = f"the protocol was edited after the results of run {earlier} were there to be seen"
        told.append(records.Warning(code="protocol_edited", message=message))
    return told


def looks_told(sights: Sequence[Sight], alpha: float, judged_at: Callable[[float], Verdict]) -> list[records.Warning]:
    """How much of each budget is used, and from the second look on what the limits become when all looks count.

    Args: alpha: the gates' error rate. judged_at: the verdict on the same evidence at another one.
    Source: Dwork et al. 2015 (see `stats.ladder`); docs/decisions/0110.
    """
    return [
        records.Warning(code="sealed_looks", message=_said(sight, alpha, judged_at), count=sight.used)
        for sight in sights
    ]


def _said(sight: Sight, alpha: float, judged_at: Callable[[float], Verdict]) -> str:
    head = f"look {sight.used} of {sight.budget} at the sealed test set {sight.seal!r}"
    if sight.used == 1:
        return f"{head}: nothing was chosen by it before"
    wide = widened_alpha(alpha, sight.used)
    limits = "; ".join(_limits(sight.dataset, judged_at(wide)))
    spent = "; the budget is spent: draw a fresh sample of the sealed pool and seal it" if _spent(sight) else ""
    read = f"alpha {alpha:g} becomes {wide:.3g} and its gates read: {limits or 'nothing'}"
    return f"{head}: when all looks count, {read}{spent}"


def _spent(sight: Sight) -> bool:
    return sight.used >= sight.budget


def _limits(dataset: str, verdict: Verdict) -> Iterator[str]:
    words = {"pass": "still passes", "inconclusive": "inconclusive", "fail": "fails"}
    for finding in verdict.metrics:
        if finding.dataset == dataset and finding.slice is None and finding.level != "monitored":
            yield f"{finding.gate} {words[finding.outcome]} {_interval(finding)}".rstrip()


def _interval(finding: Finding) -> str:
    shown = finding.gain or finding.candidate
    return "" if shown.low is None or shown.high is None else f"[{shown.low:+.3f}, {shown.high:+.3f}]"


def _tunes(locked: Manifest) -> bool:
    return locked.settings.get("purpose") == "tune"


def _look(locked: Manifest, actor: str) -> Look:
    return Look(
        run_id=locked.run_id,
        who=actor,
        why=f"run of {locked.protocol.get('name', '')}",
        protocol_sha256=locked.protocol_sha256,
        purpose="tuning" if _tunes(locked) else "evaluation",
    )
