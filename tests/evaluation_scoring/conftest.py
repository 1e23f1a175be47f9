"""Examples, items, and a machine that may isolate programs."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from shipworthy.evaluation.scoring import Item, Score, Scorer, sandbox
from shipworthy.records import Example, Message


def example(id: str = "e", reference: Any = None, **fields: Any) -> Example:
    turn = Message(role="user", content=str(fields.get("input", "question")))
    return Example(id=id, dataset="d", messages=(turn,), reference=reference, fields=fields, where=f"d.jsonl:{id}")


def item(text: str, of: Example | None = None, *, opponent: str | None = None, key: str = "k") -> Item:
    return Item(key=key, example=of or example(), text=text, opponent=opponent)


def scored(scorer: Scorer, items: Sequence[Item]) -> dict[str, Score]:
    """The scores by key."""

    async def all_of_them() -> dict[str, Score]:
        found = {one.key: one async for one in scorer.score(items)}
        await scorer.close()
        return found

    return asyncio.run(all_of_them())


@pytest.fixture(scope="session")
def isolated() -> None:
    """Skips where the machine cannot isolate programs."""
    why = asyncio.run(sandbox.why_not())
    if why is not None:
        pytest.skip(why)
