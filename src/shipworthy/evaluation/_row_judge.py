"""A judge asked about training rows: what it is shown of a row, and what it said, kept in a folder."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shipworthy.data.training.types import Row, Turn
from shipworthy.errors import BadInput
from shipworthy.evaluation.budget import Purse
from shipworthy.evaluation.scoring.catalogue import Loaded
from shipworthy.evaluation.scoring.drive import identity_digest, score
from shipworthy.evaluation.scoring.log import ScoreLog
from shipworthy.evaluation.scoring.rubric import JUDGE_SCORE, RubricOptions
from shipworthy.evaluation.scoring.types import Context, Item, Score, Scorer
from shipworthy.protocol.types import Budget
from shipworthy.records import Example, Message, Response
from shipworthy.store import digests

Progress = Callable[[str, int, int], None]
"""(stage, rows judged, rows to judge)."""
_ROWS = "rows"
_ROLES: Mapping[str, Literal["system", "user", "assistant", "tool"]] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


@dataclass(frozen=True, slots=True)
class RowScore:
    """On the judge's scale; None: what it said could not be read."""

    score: float | None
    said: str
    cost_usd: float


class RowJudge:
    """Asks the judge about rows, and remembers in the folder what it said."""

    def __init__(self, options: RubricOptions, context: Context, out: Path, progress: Progress) -> None:
        self._options = options
        self._context = context
        self._out = out
        self._progress = progress
        self.identity: dict[str, str] = {}

    def verdicts(self, rows: Mapping[str, Row], stage: str) -> dict[str, RowScore]:
        """The verdict on every row. Raises: BadInput: the judge failed on some; BackendError: it cannot be reached."""
        if not rows:
            return {}
        scorer = _Counting(JUDGE_SCORE.load(self._options, self._context), stage, len(rows), self._progress)
        loaded = Loaded(
            name="judge_score",
            dataset=_ROWS,
            metric=JUDGE_SCORE.metric(self._options),
            scorer=scorer,
            against=None,
            pool=None,
            rated=None,
        )
        self.identity = dict(scorer.identity)
        identity = identity_digest(loaded)
        ids = {digests.of_value([identity, key]): key for key in rows}
        with ScoreLog(self._out) as log:
            known = {line.example_id for line in log.lines() if line.counts is not None}
            scorer.done = len(known & ids.keys())
            examples = [_example(id, rows[key]) for id, key in ids.items()]
            answers = [
                Response(example_id=id, dataset=_ROWS, model=_ROWS, text=rows[key].completion)
                for id, key in ids.items()
            ]
            found = asyncio.run(score([loaded], examples, answers, seeds=(0,), log=log, purse=Purse(Budget())))
            for one in found.unscored:
                said = f"the judge failed on {one.missing} of {len(rows)} rows ({one.reason})"
                raise BadInput(f"{said}; --resume asks about them again")
            return {
                ids[line.example_id]: RowScore(line.detail["score"], line.detail["said"], line.cost_usd or 0.0)
                for line in log.lines()
                if line.counts is not None and line.example_id in ids
            }


class _Counting:
    """A scorer whose scores are counted as they come in."""

    def __init__(self, scorer: Scorer, stage: str, total: int, progress: Progress) -> None:
        self._scorer, self._stage, self._total, self._progress = scorer, stage, total, progress
        self.done = 0

    @property
    def identity(self) -> Mapping[str, str]:
        return self._scorer.identity

    @property
    def requests(self) -> int:
        return self._scorer.requests

    async def check(self, examples: Sequence[Example]) -> None:
        await self._scorer.check(examples)

    async def score(self, items: Sequence[Item]) -> AsyncIterator[Score]:
        self._progress(self._stage, self.done, self._total)
        async for one in self._scorer.score(items):
            self.done += 1
            self._progress(self._stage, self.done, self._total)
            yield one

    async def close(self) -> None:
        await self._scorer.close()


def key_of(row: Row) -> str:
    """Digest of what a judge is shown of a row."""
    return digests.of_value([_asked(row), row.completion])


def _example(id: str, row: Row) -> Example:
    return Example(id=id, dataset=_ROWS, messages=_asked(row), where=row.where)


def _asked(row: Row) -> tuple[Message, ...]:
    """The turns before the completion; contexts stand before the question that is answered from them."""
    context = "\n\n".join(row.contexts or ())
    if len(row.turns) > 2 and not context:
        return tuple(_message(turn) for turn in row.turns[:-1])
    return (Message(role="user", content=f"{context}\n\n{row.prompt}" if context else row.prompt),)


def _message(turn: Turn) -> Message:
    role = _ROLES.get(turn.role)
    return Message(role=role or "user", content=turn.content if role else f"{turn.role}: {turn.content}")
