"""A process that runs untrusted Python programs, each in a fork of its own, and says how they ended.

Stand-alone: started as `python -I -S _warden.py SETTINGS`, with an empty environment. It prints one line when it is
ready (or why it cannot be), then answers each line of standard input, a job, with one line, a result.

A job's processes: the warden forks a *porter*, which leaves for a new process namespace and forks its *init*; the init
makes a fresh /tmp and forks the *program*, which becomes nobody. When the init ends, the kernel ends all that is left.
Without namespaces (isolation "none") the warden adopts and kills what the program leaves behind.
"""

# No pathlib here: `os` is all that a fork needs.
# ruff: noqa: PTH100, PTH102, PTH116, PTH120, PTH123, PTH208

import collections  # noqa: F401 - imported once here, free in every fork
import functools  # noqa: F401
import heapq  # noqa: F401
import io
import itertools  # noqa: F401
import json
import math  # noqa: F401
import os
import random  # noqa: F401
import re  # noqa: F401
import resource
import select
import signal
import string  # noqa: F401
import sys
import time
import types
from typing import Any, NoReturn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import _cage  # type: ignore[import-not-found,unused-ignore]

sys.path.pop(0)
MEMORY_EXIT, BROKEN_EXIT = 77, 78
_REPORT_BYTES = 4000
Json = dict[str, Any]


def main() -> None:
    """Get ready, then serve jobs until standard input ends."""
    settings: Json = json.loads(sys.argv[1])
    try:
        _cage.die_with_parent()
        _cage.adopt_orphans()
        if settings["isolation"] == "namespaces":
            _cage.enclose(settings["root"], settings["readable"])
        _try_out(settings)
    except OSError as error:
        _say({"ready": False, "why": str(error)})
        return
    _say({"ready": True})
    for line in sys.stdin:
        _say(_guarded(settings, json.loads(line)))


def _try_out(settings: Json) -> None:
    """Raise OSError where a process namespace or its mounts are forbidden, or Python lies where only root may read."""
    result = _guarded(settings, {"id": "probe", "source": "import socket, sqlite3", "stdin": ""})
    if result["outcome"] != "passed":
        raise OSError(f"the first program: {result['why']}")


def _say(value: Json) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


# --- The warden's side ------------------------------------------------------------------------------------------------


def _guarded(settings: Json, job: Json) -> Json:
    """Run one job and say how it ended."""
    pipes = {name: os.pipe() for name in ("output", "report", "status")}
    nonce = os.urandom(16).hex()
    started = time.monotonic()
    porter = os.fork()
    if porter == 0:
        _porter(settings, job, {name: ends[1] for name, ends in pipes.items()}, nonce)
    for _, write in pipes.values():
        os.close(write)
    reading = {name: ends[0] for name, ends in pipes.items()}
    stopped, said = _watch(settings, reading, porter, started + settings["wall_s"])
    for read in reading.values():
        os.close(read)
    _reap()
    outcome, why = _judged(stopped, said, nonce, settings)
    output = said["output"][-2000:].decode(errors="replace")
    seconds = time.monotonic() - started
    return {"id": job["id"], "outcome": outcome, "why": why, "output": output, "seconds": round(seconds, 4)}


def _watch(settings: Json, reading: dict[str, int], porter: int, deadline: float) -> tuple[str, dict[str, bytearray]]:
    """Collect what comes out until the status or the deadline: (why it was stopped or "", bytes by pipe)."""
    said = {name: bytearray() for name in reading}
    names = {read: name for name, read in reading.items()}
    stopped = ""
    while names and not stopped and b"\n" not in said["status"]:
        left = deadline - time.monotonic()
        ready = select.select(list(names), [], [], max(left, 0))[0]
        if not ready or left <= 0:
            stopped = "time"
        elif len(said["output"]) > settings["output_kb"] * 1024:
            stopped = "output"
        else:
            _read(ready, names, said)
    if settings["isolation"] == "none":
        _end_tree()
    else:
        _end_namespace(porter, said["status"])
    for read in names:
        os.set_blocking(read, False)
    if not stopped:
        _read(list(names), names, said)  # what was written before the end lies in the pipes
    return stopped, said


def _read(ready: list[int], names: dict[int, str], said: dict[str, bytearray]) -> None:
    for read in ready:
        try:
            piece = os.read(read, 65536)
        except BlockingIOError:
            continue
        said[names[read]] += piece
        if not piece:
            del names[read]


def _end_namespace(porter: int, status: bytearray) -> None:
    """Kill the init, known by the first word of the status: with it goes its namespace. Without one, the porter."""
    first = status.split(b" ")[0]
    _signal(int(first) if first.isdigit() else porter, signal.SIGKILL)


def _end_tree() -> None:
    """Kill all descendants; each is stopped first, so that nothing can fork while the others are being killed."""
    stopped: set[int] = set()
    while new := _descendants() - stopped:
        for pid in new:
            _signal(pid, signal.SIGSTOP)
        stopped |= new
    for pid in stopped:
        _signal(pid, signal.SIGKILL)


def _reap() -> None:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _judged(stopped: str, said: dict[str, bytearray], nonce: str, settings: Json) -> tuple[str, str]:
    """(outcome, why) from how the program was stopped, what it reported and how it ended."""
    if stopped == "time":
        return "time", f"stopped after {settings['wall_s']:g} s"
    if stopped == "output":
        return "output", f"stopped after {settings['output_kb']} kB of output"
    status = said["status"].decode(errors="replace").split()
    ended = int(status[1]) if len(status) == 2 else 256 * BROKEN_EXIT
    report = _report_in(bytes(said["report"]), nonce)
    if os.WIFSIGNALED(ended):
        return _by_signal(os.WTERMSIG(ended), settings)
    if os.WEXITSTATUS(ended) == MEMORY_EXIT:
        return "memory", f"asked for more than {settings['memory_mb']} MB"
    if report is None:
        said_last = said["output"].decode(errors="replace").strip().splitlines()[-1:] or [""]
        return (
            "failed",
            f"ended with exit code {os.WEXITSTATUS(ended)} before its tests did {said_last[0][:300]}".strip(),
        )
    return ("failed", report["error"]) if report["error"] else ("passed", "")


def _by_signal(number: int, settings: Json) -> tuple[str, str]:
    if number == signal.SIGXCPU:
        return "cpu", f"used more than {settings['cpu_s']:g} s of CPU"
    if number == signal.SIGXFSZ:
        return "failed", f"wrote a file of more than {settings['file_mb']} MB"
    return "failed", f"killed by {signal.Signals(number).name}"


def _report_in(content: bytes, nonce: str) -> Json | None:
    """The last report that knows the job's nonce; a program that ends early has given none."""
    for line in reversed(content.splitlines()):
        try:
            report = json.loads(line)
        except ValueError:
            continue
        if isinstance(report, dict) and report.get("nonce") == nonce:
            return report
    return None


# --- The porter and the init ------------------------------------------------------------------------------------------


def _porter(settings: Json, job: Json, pipes: dict[str, int], nonce: str) -> NoReturn:
    """Forked by the warden: forks the init, tells its process id, waits for it."""
    code = 0
    try:
        os.setsid()
        _cage.die_with_parent()
        enclosed = settings["isolation"] == "namespaces"
        if enclosed:
            _cage.unshare(_cage.NEW_NS | _cage.NEW_PID)
        init = os.fork()
        if init == 0:
            _init(settings, job, pipes, nonce)
        os.write(pipes["status"], f"{init if enclosed else os.getpid()} ".encode())
        for write in pipes.values():
            os.close(write)
        os.waitpid(init, 0)
    except BaseException as error:  # noqa: BLE001 - a fork must never return into the warden's loop
        code = _complain(error, pipes)
    os._exit(code)


def _init(settings: Json, job: Json, pipes: dict[str, int], nonce: str) -> NoReturn:
    """First process of the namespace: forks the program, reaps everything, and reports how the program ended."""
    code = 0
    try:
        _cage.die_with_parent()
        uid = _cage.throwaway_uid()
        if settings["isolation"] == "namespaces":
            _cage.fresh_tmp(settings["tmp_mb"], uid)
        else:
            os.chdir(_own_folder(settings["root"], uid))
        program = os.fork()
        if program == 0:
            _program(settings, job, pipes, nonce, uid)
        os.close(pipes["output"])
        os.close(pipes["report"])
        while True:
            pid, ended = os.wait()
            if pid == program:
                break
        os.write(pipes["status"], f"{ended}\n".encode())
    except BaseException as error:  # noqa: BLE001
        code = _complain(error, pipes)
    os._exit(code)


def _complain(error: BaseException, pipes: dict[str, int]) -> int:
    """What kept a job from starting goes into its output, for the warden's last line about it."""
    try:
        os.write(pipes["output"], f"\nnot started: {error}".encode())
    except OSError:
        return BROKEN_EXIT
    return BROKEN_EXIT


def _own_folder(root: str, uid: int) -> str:
    folder = f"{root}/{os.getpid()}"
    os.mkdir(folder, 0o700)
    if os.geteuid() == 0:
        os.chown(folder, uid, uid)
    return folder


def _tasks_of(uid: int) -> int:
    count = 0
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == uid:
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue
    return count


def _descendants() -> set[int]:
    """Process ids below this one, however deep; orphans among them have been adopted."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it ended meanwhile
    found: set[int] = set()
    generation = {os.getpid()}
    while generation:
        generation = {pid for pid, parent in parents.items() if parent in generation} - found
        found |= generation
    return found


# --- The program ------------------------------------------------------------------------------------------------------


def _program(settings: Json, job: Json, pipes: dict[str, int], nonce: str, uid: int) -> NoReturn:
    """Become nobody, run the source, report. Nothing of the warden's is left open but the report's pipe."""
    code = 0
    try:
        _prepare(settings, pipes, uid)
        code = _run(job, nonce)
    except MemoryError:
        code = MEMORY_EXIT
    except BaseException as error:  # noqa: BLE001
        code = _tell(nonce, f"{type(error).__name__}: {error}")
    os._exit(code)


def _prepare(settings: Json, pipes: dict[str, int], uid: int) -> None:
    report = os.dup(pipes["report"])
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(pipes["output"], 1)
    os.dup2(pipes["output"], 2)
    if report != 3:
        os.dup2(report, 3)
    os.closerange(4, 256)
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    _limit(settings)
    _cage.drop_privileges(uid)
    if not _cage.deny_syscalls() and settings["isolation"] == "none":
        raise OSError("sockets cannot be denied on this processor")


def _limit(settings: Json) -> None:
    memory, cpu = settings["memory_mb"] << 20, max(1, int(settings["cpu_s"] + 0.999))
    shared = settings["isolation"] == "none" and os.geteuid() != 0  # the kernel counts all processes of one's own user
    processes = settings["processes"] + (_tasks_of(os.getuid()) if shared else 0)
    limits = {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_FSIZE: (settings["file_mb"] << 20, settings["file_mb"] << 20),
        resource.RLIMIT_NOFILE: (settings["open_files"], settings["open_files"]),
        resource.RLIMIT_NPROC: (processes, processes),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, pair in limits.items():
        resource.setrlimit(kind, pair)


def _run(job: Json, nonce: str) -> int:
    sys.stdin = io.StringIO(job["stdin"])
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    sys.path.extend(job.get("python_path", ()))
    sys.argv = ["program.py"]
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        exec(compile(job["source"], "program.py", "exec", dont_inherit=True), module.__dict__)
    except MemoryError:
        module.__dict__.clear()
        return MEMORY_EXIT
    except BaseException as error:  # noqa: BLE001 - whatever a program raises is its result
        _flush()
        return _tell(nonce, _said(error))
    _flush()
    return _tell(nonce, "")


def _flush() -> None:
    """Show what was printed; a program may have closed or replaced its output, which is its own affair."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:  # noqa: BLE001
        return


def _said(error: BaseException) -> str:
    """The error in one line, with the line of the program that raised it."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "program.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    text = " ".join(str(error).split())[:400]
    return f"{type(error).__name__}{': ' + text if text else ''} (line {line})"


def _tell(nonce: str, error: str) -> int:
    report = json.dumps({"nonce": nonce, "error": error})[:_REPORT_BYTES]
    os.write(3, ("\n" + report + "\n").encode())
    return 0


if __name__ == "__main__":
    main()
