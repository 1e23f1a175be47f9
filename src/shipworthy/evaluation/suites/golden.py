"""Golden: a fixed, versioned list of cases that pass or fail, comparable across versions of the model."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from shipworthy import data
from shipworthy.errors import MissingEvidence
from shipworthy.evaluation.suites.types import Made, Part
from shipworthy.records import ANSWERED, Evidence, Record


class GoldenOptions(Record):
    """What the set is fixed to."""

    sha256: Annotated[str | None, Meta(description="Digest of the rows; without it the message says what it is.")] = (
        None
    )


def golden(part: Part) -> Made:
    """The rows of a dataset as they are, held to a version and a digest: a changed row needs a new version.

    Raises: BadInput: no version, or the rows are not those that the version stands for.
    """
    source, rows = part.source()
    digest = data.digest(rows)
    wanted = part.options(GoldenOptions).sha256
    version = part.spec.version or source.version
    if version is None:
        raise part.wrong("a golden set has a version, so that runs can be compared; write `version: ...`")
    if wanted is None:
        raise part.wrong(f"a golden set is fixed; write `options: {{sha256: {digest}}}` to fix it as it is now")
    if wanted != digest:
        raise part.wrong(
            f"the rows of {part.spec.of!r} are no longer those of version {version!r} (sha256 {wanted[:12]}…, now "
            f"{digest[:12]}…); take the change back, or give a new version and write `sha256: {digest}`"
        )
    return Made(
        examples=[msgspec.structs.replace(row, dataset=part.name) for row in rows],
        role="golden",
        slices=source.slices,
        prompt=source.prompt,
    )


class Flip(Record):
    """One case whose result is not the same in two runs."""

    example_id: str
    passed: tuple[bool | None, ...]
    """By run; None: the run does not have the case."""


def flips(tables: Sequence[Mapping[str, bool]]) -> list[Flip]:
    """Cases that passed in one run and not in another, or are not in all of them; in the order of their ids."""
    every = sorted({case for table in tables for case in table})
    rows = [Flip(example_id=case, passed=tuple(table.get(case) for table in tables)) for case in every]
    return [row for row in rows if len(set(row.passed)) > 1]


def passes(evidence: Sequence[Evidence], dataset: str, metric: str, model: str) -> dict[str, bool]:
    """Case -> whether the model passed it under every seed, by a pass/fail metric.

    Raises: MissingEvidence: the run has no such dataset, metric or model.
    """
    for one in evidence:
        if one.dataset == dataset and (model, metric) in one.counts:
            right_N = (one.counts[model, metric][:, 0] > 0) & (one.status[model] == ANSWERED)
            found: dict[str, bool] = {}
            for example, right in zip(one.example_N, right_N, strict=True):
                found[str(example)] = found.get(str(example), True) and bool(right)
            return found
    raise MissingEvidence(f"the run has no {metric!r} of {model!r} on {dataset!r}")
