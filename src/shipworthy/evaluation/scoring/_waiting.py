"""A Metric whose counts come from a scorer: until they do, observing says so."""

from collections.abc import Callable

from shipworthy.errors import MissingEvidence
from shipworthy.metrics.types import Kind as IntervalKind
from shipworthy.metrics.types import Metric
from shipworthy.records import Direction, Example, Response

Check = Callable[[Example], object]


def waiting(
    name: str,
    *,
    source: str,
    check: Check = lambda _example: None,
    unit: str = "share",
    better: Direction = "higher",
    kind: IntervalKind = "mean",
    failure: tuple[float, ...] = (0.0, 1.0),
    version: str = "1",
    unread: tuple[float, ...] | None = None,
) -> Metric:
    """The Metric of a scorer, counting (score, 1). `check` raises BadInput for an example that cannot be scored."""

    def observe(example: Example, response: Response) -> tuple[float, ...]:
        check(example)
        raise MissingEvidence(
            f"the answer of {response.model!r} to {example.id!r} has no score yet; finish the run with "
            "shipworthy run --resume"
        )

    return Metric(
        name=name,
        unit=unit,
        better=better,
        kind=kind,
        observe=observe,
        failure=failure,
        source=source,
        version=version,
        unread=unread,
    )
