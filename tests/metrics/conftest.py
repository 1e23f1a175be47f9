"""Small real objects for the metrics' tests."""

from collections.abc import Callable
from typing import Any

import pytest

from shipworthy import metrics
from shipworthy.records import Example, Message, Response

Observe = Callable[..., tuple[float, ...]]


@pytest.fixture(scope="session")
def observe() -> Observe:
    """observe(kind, reference, text, options={}, fields={}, **response) -> counts of one answer."""

    def observed(
        kind: str, reference: Any, text: str, options: dict[str, Any] | None = None, fields: Any = None, **more: Any
    ) -> tuple[float, ...]:
        example = Example(
            id="e1",
            dataset="d",
            messages=(Message(role="user", content="?"),),
            reference=reference,
            fields=fields or {},
            where="rows.jsonl:7",
        )
        response = Response(example_id="e1", dataset="d", model="m", text=text, **more)
        return metrics.build(kind, kind, options or {}).observe(example, response)

    return observed
