"""Regression: what a candidate once lost comes back as a case, for good."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.evaluation.suites.types import Made, Part
from shipworthy.records import Example, Record

MARK = "shipworthy"
"""Key of a saved row that holds where it came from."""


class Mark(Record):
    """Where a saved failure came from."""

    run_id: str
    example: Example


class RegressionOptions(Record):
    """Where saved failures lie."""

    files: Annotated[
        tuple[str, ...], Meta(description="Patterns of files that `save_failures` wrote, relative to the protocol.")
    ] = ("runs/*/failures.jsonl",)


def saved(row: dict[str, Any], example: Example, *, run_id: str) -> dict[str, Any]:
    """A row as `save_failures` writes it: its own columns, and the example that it became."""
    return {**row, MARK: msgspec.to_builtins(Mark(run_id=run_id, example=example))}


def regression(part: Part) -> Made:
    """Every saved failure once, oldest file first. With `of`, those of that dataset, asked with its prompt.

    The suite has no rows, and is left out, until a first failure was saved.

    Raises: BadInput: a file holds a line that `save_failures` did not write.
    """
    source = part.protocol.datasets[part.spec.of] if part.spec.of is not None else None
    found: dict[bytes, Example] = {}
    for mark in _marks(part):
        if part.spec.of in (None, mark.example.dataset):
            asked = msgspec.json.encode((mark.example.messages, mark.example.reference), order="sorted")
            found.setdefault(asked, mark.example)
    names: dict[str, int] = {}
    return Made(
        examples=[_case(part.name, example, names) for example in found.values()],
        role="regression",
        slices=source.slices if source else (),
        prompt=source.prompt if source else None,
    )


def _case(name: str, example: Example, names: dict[str, int]) -> Example:
    """The example under an id of its own: different rows may have had the same one."""
    seen = names[example.id] = names.get(example.id, 0) + 1
    return msgspec.structs.replace(example, dataset=name, id=example.id if seen == 1 else f"{example.id}#{seen}")


def _marks(part: Part) -> Iterator[Mark]:
    for pattern in part.options(RegressionOptions).files:
        for path in sorted(part.folder.glob(pattern)):
            yield from _marks_of(path)


def _marks_of(path: Path) -> Iterator[Mark]:
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield msgspec.convert(msgspec.json.decode(line)[MARK], Mark)
        except (msgspec.MsgspecError, KeyError, TypeError) as error:
            raise BadInput(
                f"this is no row that `save_failures` wrote ({type(error).__name__}); give your own rows as a dataset",
                where=f"{path}:{number}",
            ) from error
