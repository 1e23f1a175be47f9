"""Programs that misbehave: each is stopped within its limit and reported, and the others go on."""

import asyncio
import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from shipworthy.errors import Refused
from shipworthy.evaluation.scoring import sandbox
from shipworthy.evaluation.scoring.sandbox import Ended, Limits, Program

pytestmark = pytest.mark.usefixtures("isolated")
FAST = Limits(wall_s=3.0, cpu_s=1.0)


def run(sources: Mapping[str, str], limits: Limits = FAST) -> dict[str, Ended]:
    async def all_of_them() -> dict[str, Ended]:
        programs = [Program(id=name, source=source) for name, source in sources.items()]
        return {ended.id: ended async for ended in sandbox.run(programs, limits=limits)}

    return asyncio.run(all_of_them())


def outcome(source: str, limits: Limits = FAST) -> tuple[str, str]:
    ended = run({"it": source}, limits)["it"]
    return ended.outcome, ended.why


HARMFUL = {
    "fork bomb": ("import os\nwhile True: os.fork()", "failed", "BlockingIOError"),
    "patient fork bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "time", "3 s"),
    "endless loop": ("while True: pass", "cpu", "1 s"),
    "sleep": ("import time; time.sleep(600)", "time", "3 s"),
    "10 GB": ("x = bytearray(10 << 30)", "memory", "512 MB"),
    "read /etc/passwd": ("open('/etc/passwd')", "failed", "FileNotFoundError"),
    "open a socket": ("import socket; socket.socket()", "failed", "PermissionError"),
    "ask the web": ("import urllib.request as u; u.urlopen('http://127.0.0.1:9')", "failed", "not permitted"),
    "write outside": ("open('/usr/x', 'w')", "failed", "Read-only"),
    "write to the root": ("open('/x', 'w')", "failed", "Read-only"),
    "a large file": ("f = open('a', 'wb')\nwhile True: f.write(b'x' * 10**6)", "failed", "File too large"),
    "many files": ("for i in range(99): open(f'{i}', 'wb').write(b'x' * 10**7)", "failed", "No space left"),
    "endless output": ("while True: print('x' * 1000)", "output", "256 kB"),
    "exit before the tests": ("import os; os._exit(0)", "failed", "before its tests did"),
    "kill everybody": ("import os; os.kill(-1, 9)", "failed", "ProcessLookupError"),
    "kill the guard": ("import os; os.kill(os.getppid(), 9)\nassert 0", "failed", ""),
    "crash": ("import ctypes; ctypes.string_at(0)", "failed", "SIGSEGV"),
    "a namespace of its own": ("import ctypes; assert not ctypes.CDLL(None).unshare(1 << 28)", "failed", "Assertion"),
    "become root": ("import os; os.setuid(0)", "failed", "Error"),
    "too many open files": ("files = [open('/dev/null') for _ in range(999)]", "failed", "Too many open files"),
}


@pytest.fixture(scope="module")
def harmed() -> dict[str, Ended]:
    before_and_after = {
        "before": "x = 1",
        **{name: source for name, (source, _, _) in HARMFUL.items()},
        "after": "x = 2",
    }
    return run(before_and_after)


@pytest.mark.parametrize("name", HARMFUL)
def test_harm_is_stopped_and_reported(harmed: dict[str, Ended], name: str) -> None:
    _, expected, why = HARMFUL[name]

    assert expected == harmed[name].outcome or {"cpu", "time"} == {expected, harmed[name].outcome}
    assert expected != harmed[name].outcome or why in harmed[name].why


def test_harm_is_stopped_within_its_limit_and_the_run_goes_on(harmed: dict[str, Ended]) -> None:
    assert max(ended.seconds for ended in harmed.values()) < FAST.wall_s + 1
    assert "passed" == harmed["before"].outcome == harmed["after"].outcome


def test_a_program_sees_no_environment_no_process_and_no_user() -> None:
    os.environ["SECRET_OF_THE_TEST"] = "x"
    source = """
import os
assert "SECRET_OF_THE_TEST" not in os.environ
assert not os.path.exists("/proc/1") and not os.path.exists("/home")
assert os.getuid() not in (0,)
assert [] == os.listdir(".")
open("mine", "w").write("x")
"""
    try:
        assert {"passed"} == {ended.outcome for ended in run({"one": source, "another": source}).values()}
    finally:
        del os.environ["SECRET_OF_THE_TEST"]


def test_a_listener_of_this_machine_is_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        assert "failed" == outcome(f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)")[0]


def test_what_a_program_leaves_behind_is_killed() -> None:
    source = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(543)\n    os._exit(0)"
    )
    outcome(source)
    time.sleep(0.2)

    assert not [pid for pid in _pids() if _owner(pid) > 100_000]


def test_input_and_output_are_the_programs_own() -> None:
    async def ended() -> Ended:
        program = Program(id="x", source="print(int(input()) + 1)", stdin="41\n")
        (one,) = [one async for one in sandbox.run([program])]
        return one

    assert ("passed", "42\n") == ((one := asyncio.run(ended())).outcome, one.output)


def test_threads_asyncio_and_child_processes_work() -> None:
    fine = {
        "threads": "import threading\nt = threading.Thread(target=print); t.start(); t.join()",
        "asyncio": "import asyncio; asyncio.run(asyncio.sleep(0))",
        "children": "import subprocess; subprocess.run(['/bin/true'], check=True)",
    }

    assert {"passed"} == {ended.outcome for ended in run(fine).values()}


def test_the_line_that_raised_is_named() -> None:
    assert ("failed", "ZeroDivisionError: division by zero (line 2)") == outcome("x = 0\n1 / x")


def test_nothing_is_left_on_disk() -> None:
    import tempfile

    run({"one": "open('x', 'w')"})

    assert not list(Path(tempfile.gettempdir()).glob("shipworthy-cage-*"))


def test_a_machine_that_cannot_isolate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    with pytest.raises(Refused, match="on Linux only"):
        run({"one": ""})


def test_the_canonical_solutions_of_humaneval_pass(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "humaneval" / "HumanEval.jsonl").read_text().splitlines()]
    sources = {
        row["task_id"]: f"{row['prompt']}{row['canonical_solution']}\n{row['test']}\ncheck({row['entry_point']})\n"
        for row in rows
    }
    ended = run(sources, Limits(wall_s=20))

    assert 164 == len(ended)
    assert {} == {name: one.why for name, one in ended.items() if one.outcome != "passed"}


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _owner(pid: int) -> int:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return 0
