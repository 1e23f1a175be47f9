"""A process that answers a line with a line: it is ready, or it is gone and one sentence says so."""

import asyncio
import signal
import sys

import pytest

from shipworthy.errors import BackendError
from shipworthy.evaluation.scoring._workers import Child


async def ready(*words: str, within_s: float = 30.0) -> Child:
    return await Child.ready(
        sys.executable, "-c", *words, longest=1 << 10, failing="it did not start", within_s=within_s
    )


def test_a_process_that_says_a_line_is_ready_and_answers() -> None:
    async def asked() -> bytes:
        child = await ready("print('ready', flush=True); print(input()[::-1], flush=True)")
        await child.tell(b"abc\n")
        try:
            return await child.line(30.0)
        finally:
            await child.stop()

    assert b"cba\n" == asyncio.run(asked())


def test_a_process_that_ends_at_once_is_one_sentence() -> None:
    with pytest.raises(BackendError, match="it did not start"):
        asyncio.run(ready("raise SystemExit"))


def test_a_process_that_never_says_a_line_is_one_sentence_and_is_killed(monkeypatch) -> None:
    started, start = [], asyncio.create_subprocess_exec

    async def noted(*words, **how):
        started.append(await start(*words, **how))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    with pytest.raises(BackendError, match="it did not start"):
        asyncio.run(ready("import time; time.sleep(600)", within_s=0.1))

    assert [-signal.SIGKILL] == [process.returncode for process in started]
