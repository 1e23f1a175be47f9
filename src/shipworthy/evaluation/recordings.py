"""How far recorded answers cover what is asked: gaps and ids that match nothing are told before and after a run."""

from collections.abc import Mapping, Sequence

from shipworthy import records
from shipworthy.models import Backend, bare
from shipworthy.models.recorded import RecordedBackend, Recording
from shipworthy.records import Prompt

_SHOWN = 3


def recordings(
    backends: Mapping[str, Backend], prompts: Sequence[Prompt], seeds: Sequence[int]
) -> dict[str, Recording]:
    """What each recorded model holds beside what is asked; other models are asked, nothing is known of them yet."""
    loaded = {name: bare(backend) for name, backend in backends.items()}
    return {
        name: backend.coverage(prompts, seeds)
        for name, backend in loaded.items()
        if isinstance(backend, RecordedBackend)
    }


def uncovered(found: Mapping[str, Recording], policy: str) -> list[records.Warning]:
    """A warning `foreign_ids` for each model whose recording lacks answers, or holds seeds that nobody asks for.

    Lines for other examples are no fault where nothing lacks: one recording may serve several test sets.
    """
    return [
        records.Warning(code="foreign_ids", message=_said(name, one, policy), count=max(len(one.foreign), 1))
        for name, one in found.items()
        if one.lacking or one.unused_seeds
    ]


def _said(name: str, one: Recording, policy: str) -> str:
    parts = []
    if one.lacking:
        means = {
            "fail": "the policy for missing examples is `fail`, so gates over them stay inconclusive",
            "wrong": "policy `wrong`: its own gaps are errors of the candidate, those of a baseline ties",
            "common": "policy `common`: they are left out",
        }[policy]
        parts.append(f"{len(one.lacking):,} of {one.asked:,} have no line ({_named(one.lacking)}); {means}")
        if one.foreign:
            parts.append(f"{len(one.foreign):,} recorded ids match no example ({_named(one.foreign)})")
    if one.unused_seeds:
        parts.append(
            f"seeds {', '.join(map(str, one.unused_seeds[:_SHOWN]))} are recorded and not asked for (`seeds:`)"
        )
    return f"{one.path}, answers of {name}: {'; '.join(parts)}"


def _named(ids: Sequence[str]) -> str:
    shown = ", ".join(repr(one[:40]) for one in dict.fromkeys(ids[:_SHOWN]))
    return shown + (", …" if len(ids) > _SHOWN else "")
