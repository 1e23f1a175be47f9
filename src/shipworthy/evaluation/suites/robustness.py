"""Robustness: the same question with typos, other casing, another frame, filler or an injection; the paired drop."""

import hashlib
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from shipworthy.data.perturb import KINDS, SYNTHETIC, perturb
from shipworthy.errors import UnknownName
from shipworthy.evaluation.suites.types import Made, Part
from shipworthy.metrics.drop import ORIGINAL
from shipworthy.records import Example, Message, Record

Sample = Annotated[
    Annotated[int, Meta(ge=1)] | None, Meta(description="Take so many rows, always the same ones; null: all.")
]


class RobustnessOptions(Record):
    """Which changes are made."""

    kinds: Annotated[tuple[str, ...], Meta(description="Kinds of change, in the order of the rows.")] = KINDS
    strength: Annotated[
        float, Meta(gt=0, le=1, description="Share of words changed; thousands of words of filler.")
    ] = 0.1
    sample: Sample = None


def robustness(part: Part) -> Made:
    """Each row as it is and once per kind of change; all copies of a row are one cluster. Slices by `variant`.

    Raises: BadInput: a kind is unknown, or a row has no user's turn to change.
    """
    options = part.options(RobustnessOptions)
    source, rows = part.source()
    examples = [made for row in sample(rows, options.sample) for made in _variants(part, row, options)]
    return Made(examples=examples, role="stress", slices=(*source.slices, "variant"), prompt=source.prompt)


def sample(rows: Sequence[Example], most: int | None) -> list[Example]:
    """At most so many rows, chosen by a digest of their ids, in their own order."""
    if most is None or len(rows) <= most:
        return list(rows)
    ranked = sorted(rows, key=lambda row: hashlib.sha256(row.id.encode()).digest())
    chosen = {row.id for row in ranked[:most]}
    return [row for row in rows if row.id in chosen]


def _variants(part: Part, row: Example, options: RobustnessOptions) -> list[Example]:
    said = next((at for at in reversed(range(len(row.messages))) if row.messages[at].role == "user"), None)
    if said is None:
        raise part.wrong(f"row {row.id!r} has no user's turn to change; `of` needs a dataset with an input")
    made = [_copy(part, row, row.messages, ORIGINAL)]
    for kind in options.kinds:
        text = row.messages[said].content
        try:
            changed = perturb(text, kind, key=row.id, strength=options.strength)
        except UnknownName as error:
            raise part.wrong(str(error)) from error
        if changed != text:
            turn = Message(role="user", content=changed)
            made.append(_copy(part, row, (*row.messages[:said], turn, *row.messages[said + 1 :]), kind))
    return made


def _copy(part: Part, row: Example, messages: tuple[Message, ...], variant: str) -> Example:
    marked = {} if variant == ORIGINAL else {"synthetic": SYNTHETIC, "source_id": row.id}
    return msgspec.structs.replace(
        row,
        id=row.id if variant == ORIGINAL else f"{row.id}~{variant}",
        dataset=part.name,
        messages=messages,
        slices={**row.slices, "variant": variant},
        cluster=row.cluster if row.cluster is not None else row.id,
        fields={**row.fields, **marked, "variant": variant},
    )
