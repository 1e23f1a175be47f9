"""A judge that thinks aloud is read by what it says in the end."""

import asyncio
import json
from pathlib import Path

from shipworthy.evaluation.scoring.asking import Judge, JudgeModel
from shipworthy.evaluation.scoring.types import Context
from shipworthy.records import Response


def said(folder: Path, text: str) -> Response:
    (folder / "r.jsonl").write_text(json.dumps({"example_id": "1", "text": text}))
    context = Context(name="rubric", folder=folder)

    async def one() -> Response:
        judge = Judge.load(
            JudgeModel(backend="recorded", path="r.jsonl"), context, version="1", template="Score {answer}"
        )
        ((_, found),) = [found async for found in judge.ask({"1": {"answer": "8"}})]
        return found

    return asyncio.run(one())


def test_the_thoughts_of_a_judge_are_not_its_verdict(tmp_path: Path) -> None:
    found = said(tmp_path, '<think>Perhaps {"score": 1}?</think>\n{"score": 5}')

    assert '{"score": 5}' == found.text


def test_a_judge_that_never_stops_thinking_has_given_no_verdict(tmp_path: Path) -> None:
    assert said(tmp_path, '<think>Perhaps {"score": 1}?').text is None
