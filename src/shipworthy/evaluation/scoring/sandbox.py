"""Runs untrusted Python programs: own processes, no network, limits on everything, and no view of the machine.

Each program runs in a fork of a warden (`_warden.py`), one warden a core, with an empty environment. Where Linux
namespaces are allowed the program sees a root of its own (the system's libraries and Python, read-only, and an empty
/tmp), no other process and no network, as a user that owns nothing. Where they are not, running is refused, unless
`isolation: none` forces it: then limits and the ban on sockets hold, but the program reads what anybody may read.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shipworthy.errors import Refused
from shipworthy.evaluation.scoring._workers import Child, spread
from shipworthy.records import Record

Isolation = Literal["namespaces", "none"]
Outcome = Literal["passed", "failed", "time", "cpu", "memory", "output", "warden"]
_WARDEN = Path(__file__).with_name("_warden.py")
_GRACE_S = 10.0
_SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


class Limits(Record):
    """What one program may use; what goes beyond is stopped and said."""

    wall_s: Annotated[float, Meta(gt=0, le=3600, description="Seconds to the end, of the clock on the wall.")] = 10.0
    cpu_s: Annotated[float, Meta(gt=0, description="Seconds of CPU a process.")] = 10.0
    memory_mb: Annotated[int, Meta(ge=64, description="Address space of each process.")] = 512
    file_mb: Annotated[int, Meta(ge=0, description="Size of one written file.")] = 16
    tmp_mb: Annotated[int, Meta(ge=1, description="Size of everything written together.")] = 32
    processes: Annotated[int, Meta(ge=1, description="Processes and threads at one time.")] = 16
    open_files: Annotated[int, Meta(ge=8, description="Files open at one time.")] = 64
    output_kb: Annotated[int, Meta(ge=1, description="What is printed.")] = 256


class Program(Record):
    """A Python source to run. It has passed when its last line was reached."""

    id: str
    source: str
    stdin: str = ""


class Ended(Record):
    """How a program ended: `why` says it in words, empty when it passed; `output` is the tail of what it printed."""

    id: str
    outcome: Outcome
    why: str
    output: str
    seconds: float


async def run(
    programs: Sequence[Program],
    *,
    limits: Limits | None = None,
    isolation: Isolation = "namespaces",
    readable: Sequence[str] = (),
    workers: int | None = None,
) -> AsyncIterator[Ended]:
    """Run every program; results come as they end. A program that harms its warden is stopped, and the rest goes on.

    Args:
        readable: folders that a program may read and import from, besides the standard library.
        workers: how many run side by side; by default one a core.

    Raises: Refused: this machine cannot isolate programs and `isolation` does not say "none".
    """
    settings = _settings(limits or Limits(), isolation, readable)
    count = workers or os.cpu_count() or 1
    async with aclosing(spread(programs, partial(_Warden.start, settings), workers=count)) as results:
        async for _, ended in results:
            yield ended


async def why_not() -> str | None:
    """Why programs cannot be isolated on this machine; None where they can."""
    try:
        async for _ in run([Program(id="probe", source="")], workers=1):
            pass
    except Refused as refusal:
        return str(refusal)
    return None


def _settings(limits: Limits, isolation: Isolation, readable: Sequence[str]) -> dict[str, Any]:
    if not sys.platform.startswith("linux"):
        raise Refused("programs can be run under limits on Linux only; use a Linux machine or container")
    visible = [path for path in (*_SYSTEM, sys.base_prefix, *readable) if Path(path).exists()]
    roots = [one for one in dict.fromkeys(visible) if not any(_within(one, other) for other in visible)]
    chosen = {"isolation": isolation, "readable": [*roots, *_DEVICES], "python_path": list(readable)}
    return {**msgspec.to_builtins(limits), **chosen}


def _within(path: str, other: str) -> bool:
    return path != other and not Path(path).is_symlink() and Path(path).is_relative_to(other)


class _Warden:
    """One warden process. Made by `start`; ask it one program at a time."""

    def __init__(self, child: Child, root: str, settings: dict[str, Any]) -> None:
        self._child = child
        self._root = root
        self._settings = settings
        self.dead = False

    @classmethod
    async def start(cls, settings: dict[str, Any]) -> "_Warden":
        """Start a warden and hear that it is ready. Raises: Refused: it cannot be."""
        root = tempfile.mkdtemp(prefix="shipworthy-cage-")
        Path(root).chmod(0o711)
        try:
            said = json.dumps({**settings, "root": root})
            command = (sys.executable, "-I", "-S", "-B", str(_WARDEN), said)
            child = await Child.start(*command, longest=1 << 24, cwd="/")
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            raise
        warden = cls(child, root, settings)
        try:
            ready = await warden._line(_GRACE_S + settings["wall_s"])
            if not ready.get("ready"):
                raise Refused(_refusal(str(ready.get("why", "the warden did not start"))))
        except BaseException:
            await warden.stop()
            raise
        return warden

    async def ask(self, job: Program) -> Ended:
        """How the program ended. A warden that does not answer in time is killed with all that it started."""
        told = {"id": job.id, "source": job.source, "stdin": job.stdin, "python_path": self._settings["python_path"]}
        await self._child.tell(json.dumps(told).encode() + b"\n")
        answer = await self._line(self._settings["wall_s"] + _GRACE_S)
        if not answer:
            await self.stop()
            why = "it ended the process that guards it, or kept it from answering"
            return Ended(id=job.id, outcome="warden", why=why, output="", seconds=self._settings["wall_s"])
        return msgspec.convert(answer, Ended)

    async def stop(self) -> None:
        """End the warden; its programs end with it."""
        self.dead = True
        try:
            await self._child.stop()
        finally:
            shutil.rmtree(self._root, ignore_errors=True)

    async def _line(self, timeout_s: float) -> dict[str, Any]:
        """The next line; empty when none comes."""
        try:
            line = await self._child.line(timeout_s)
        except (TimeoutError, ValueError):
            return {}
        return dict(json.loads(line)) if line.endswith(b"\n") else {}


def _refusal(why: str) -> str:
    return (
        f"programs cannot be isolated on this machine ({why}), so they are not run; allow user namespaces, run in a "
        "container with CAP_SYS_ADMIN, or force it in a machine that you can lose with `isolation: none`"
    )
