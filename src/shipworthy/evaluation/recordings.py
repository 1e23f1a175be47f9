"""How far recorded answers cover what is asked: gaps and ids that match nothing are told before and after a run."""

from collections.abc import Mapping, Sequence

from shipworthy import records
from shipworthy.errors import BadInput
from shipworthy.models import Backend, bare
from shipworthy.models.recorded import RecordedBackend, Recording
from shipworthy.records import Prompt

_SHOWN = 3


def recordings(
    backends: Mapping[str, Backend], prompts: Sequence[Prompt], seeds: Sequence[int]
) -> dict[str, Recording]:
    """What each recorded model holds beside what is asked; other models are asked, nothing is known of them yet."""
    loaded = {name: bare(backend) for name, backend in backends.items()}
    found = {
        name: backend.coverage(prompts, seeds)
        for name, backend in loaded.items()
        if isinstance(backend, RecordedBackend)
    }
    asked: dict[str, set[str]] = {}
    for prompt in prompts:
        asked.setdefault(prompt.dataset, set()).add(prompt.example_id)
    for name, one in found.items():
        for dataset, ids in asked.items():
            _refuse_shifted(name, one, dataset, ids)
    return found


def _refuse_shifted(name: str, one: Recording, dataset: str, ids: set[str]) -> None:
    """Raises: BadInput: ids that count from 1 were answered from 0 (or the reverse): every answer is another row's."""
    n = len(ids)
    for first, other in ((1, 0), (0, 1)):
        counted = ids == {str(first + i) for i in range(n)}
        ends = str(other if other < first else other + n - 1), str(first if first < other else first + n - 1)
        if n > 1 and counted and ends[0] in one.foreign and ends[1] in one.lacking:
            raise BadInput(
                f"the answers of {name} seem shifted by one: {dataset} counts its rows from {first} to "
                f"{first + n - 1}, and the recording holds {ends[0]!r} and not {ends[1]!r}; number it from {first} "
                f"(rows without an id count from 1), or complete {ends[1]!r} if it is right",
                where=one.path,
            )


def uncovered(found: Mapping[str, Recording], policy: str) -> list[records.Warning]:
    """A warning `foreign_ids` for each model whose recording lacks answers, or holds lines or seeds nobody asks for.

    Lines that name another dataset are no fault: one recording may serve several test sets.
    """
    return [
        records.Warning(code="foreign_ids", message=_said(name, one, policy), count=max(len(one.foreign), 1))
        for name, one in found.items()
        if one.lacking or one.foreign or one.unused_seeds
    ]


def _said(name: str, one: Recording, policy: str) -> str:
    parts = []
    if one.lacking:
        means = {
            "fail": "the policy for missing examples is `fail`, so gates over them stay inconclusive",
            "wrong": "policy `wrong`: its own gaps are errors of the candidate, those of a baseline ties",
            "common": "policy `common`: they are left out",
        }[policy]
        have = "has" if len(one.lacking) == 1 else "have"
        parts.append(f"{len(one.lacking):,} of {one.asked:,} {have} no line ({_named(one.lacking)}); {means}")
    if one.foreign:
        match = "id matches" if len(one.foreign) == 1 else "ids match"
        parts.append(f"{len(one.foreign):,} recorded {match} no example ({_named(one.foreign)})")
    if one.unused_seeds:
        parts.append(
            f"seeds {', '.join(map(str, one.unused_seeds[:_SHOWN]))} are recorded and not asked for (`seeds:`)"
        )
    return f"{one.path}, answers of {name}: {'; '.join(parts)}"


def _named(ids: Sequence[str]) -> str:
    shown = ", ".join(repr(one[:40]) for one in dict.fromkeys(ids[:_SHOWN]))
    return shown + (", …" if len(ids) > _SHOWN else "")
