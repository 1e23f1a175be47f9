"""Small real objects for the tests of suites: protocols in a folder, a scripted model, a local model of the project."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shipworthy import protocol
from shipworthy.demo import story
from shipworthy.evaluation.suites import Handle, Made
from shipworthy.evaluation.suites.arrange import made_of
from shipworthy.protocol import Protocol
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Message, Prompt, Response

HEAD = """
shipworthy: 1
name: suites
datasets:
  d: {path: d.jsonl, slices: [kind], cluster: document}
models:
  new: {role: candidate, backend: huggingface, path: m}
  old: {role: production, backend: huggingface, path: m}
"""
ROWS = [
    {"id": f"r{at}", "input": f"Please sort request number {at} for me", "reference": f"answer {at}",
     "kind": "even" if at % 2 == 0 else "odd", "document": f"doc{at // 2}"}
    for at in range(12)
]  # fmt: skip


def written(folder: Path, suites: str, *, rows: Sequence[Mapping[str, Any]] = ROWS, head: str = HEAD) -> Protocol:
    """A protocol with these suites, its data written into `folder`; every suite has one metric and one gate."""
    (folder / "d.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    names = [line.split(":")[0].strip() for line in suites.splitlines() if line.startswith("  ") and line[2] != " "]
    metrics = "".join(f"  {name}_ok: {{dataset: {name}, metric: assertions}}\n" for name in names)
    gates = "".join(f"  - {{metric: {name}_ok, at_least: 0.5}}\n" for name in names)
    text = f"{head}suites:\n{suites}\nmetrics:\n{metrics}gates:\n{gates}"
    (folder / "p.yaml").write_text(text, encoding="utf-8")
    return protocol.load(text, where="p.yaml")


def made(folder: Path, suite: str, name: str = "s", **more: Any) -> Made:
    """The rows of one suite, written as in a protocol: `{suite: safety, options: ...}`."""
    return made_of(written(folder, f"  {name}: {suite}", **more), name, folder=folder)


class Scripted:
    """A model that answers by a function of the conversation; `identity` is what it says about itself."""

    def __init__(self, answer: Callable[[Sequence[Message]], str | None], **identity: str) -> None:
        self._answer = answer
        self.identity: Mapping[str, str] = identity
        self.asked: list[tuple[Message, ...]] = []

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        for prompt in prompts:
            self.asked.append(prompt.messages)
            text = self._answer(prompt.messages)
            error = None if text is not None else "RuntimeError: broke"
            yield Response(
                example_id=prompt.example_id, dataset=prompt.dataset, model="new", text=text, error=error,
                latency_s=0.01, output_tokens=len((text or "").split()),
            )  # fmt: skip

    async def close(self) -> None:
        """Nothing is open."""


def handle(backend: Any, *, local: bool = False) -> Handle:
    """A model for a probe: scripted, or the project's own tiny one."""
    spec = ModelSpec(role="candidate", backend="huggingface" if local else "openai", path=str(story.MODEL))
    return Handle("new", spec, backend, Path())


def probed(made: Made, model: Handle, *, like: str = "") -> dict[str, Response]:
    """What the suite's probe says about a model, by example, for the examples whose id begins with `like`."""
    prompts = [
        Prompt(example_id=one.id, dataset=one.dataset, messages=one.messages)
        for one in made.examples
        if one.id.startswith(like)
    ]

    async def every() -> dict[str, Response]:
        assert made.probe is not None
        return {one.example_id: one async for one in made.probe.answer(model, prompts, seed=0)}

    return asyncio.run(every())


def ok(response: Response) -> bool:
    """Whether a probe's outcome is a pass."""
    return bool(json.loads(response.text or "{}").get("ok"))
