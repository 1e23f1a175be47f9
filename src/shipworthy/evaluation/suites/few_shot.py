"""Few-shot buckets: the same questions after 0, 1 or 5 solved ones."""

import hashlib
from collections.abc import Sequence
from random import Random
from typing import Annotated

import msgspec
from msgspec import Meta

from shipworthy.evaluation.suites.robustness import Sample, sample
from shipworthy.evaluation.suites.types import Made, Part
from shipworthy.records import Example, Message, Record


class FewShotOptions(Record):
    """How many solved questions come first, and where they are taken from."""

    shots: Annotated[tuple[Annotated[int, Meta(ge=0, le=64)], ...], Meta(description="The buckets.")] = (0, 1, 5)
    pool: Annotated[
        str | None, Meta(description="Dataset that the solved questions come from; null: the other rows of `of`.")
    ] = None
    sample: Sample = None


def few_shot(part: Part) -> Made:
    """Each row once a bucket, after as many solved questions as the bucket says; slices by `shots`.

    The solved questions are drawn by the row's id, never from its own cluster, and asked with the same prompt.

    Raises: BadInput: the pool has too few rows with a reference, or a shot is not text.
    """
    options = part.options(FewShotOptions)
    source, rows = part.source()
    pool = part.read(options.pool) if options.pool else rows
    examples = [
        _asked(part, row, shots, pool) for row in sample(rows, options.sample) for shots in dict.fromkeys(options.shots)
    ]
    return Made(
        examples=examples, slices=(*source.slices, "shots"), reads=(options.pool,) if options.pool else (), role="test"
    )


def _asked(part: Part, row: Example, shots: int, pool: Sequence[Example]) -> Example:
    asked = part.asked(row).messages
    system = [turn for turn in asked if turn.role == "system"]
    solved = [turn for shot in _drawn(part, row, shots, pool) for turn in _solved(part, shot)]
    return msgspec.structs.replace(
        row,
        id=f"{row.id}~{shots}",
        dataset=part.name,
        messages=(*system, *solved, *(turn for turn in asked if turn.role != "system")),
        slices={**row.slices, "shots": str(shots)},
        cluster=row.cluster if row.cluster is not None else row.id,
        fields={**row.fields, "shots": shots},
    )


def _drawn(part: Part, row: Example, shots: int, pool: Sequence[Example]) -> list[Example]:
    able = [one for one in pool if one.reference is not None and not _related(one, row)]
    if len(able) < shots:
        raise part.wrong(f"row {row.id!r} needs {shots} solved questions, and the pool has {len(able)}")
    digest = hashlib.sha256(f"few_shot/{row.id}".encode()).digest()
    return Random(int.from_bytes(digest[:8], "big")).sample(able, shots)


def _related(one: Example, row: Example) -> bool:
    same_cluster = one.cluster is not None and one.cluster == row.cluster
    return same_cluster or (one.dataset, one.id) == (row.dataset, row.id) or one.messages == row.messages


def _solved(part: Part, shot: Example) -> list[Message]:
    if not isinstance(shot.reference, str):
        raise part.wrong(f"row {shot.id!r} has a reference that is not text, so it cannot be shown as an answer")
    turns = [turn for turn in part.asked(shot).messages if turn.role != "system"]
    return [*turns, Message(role="assistant", content=shot.reference)]
