"""Inputs on which Shipworthy went wrong once: folders beside the checkout, copied before they are used."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shipworthy import cli

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Copies a case, makes it the working directory and gives every run an empty home."""

    def copied(name: str) -> Path:
        if not (CASES / name).is_dir():
            pytest.skip("the cases do not lie beside this checkout")
        folder = tmp_path / name
        shutil.copytree(CASES / name, folder)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)  # the originals may be write-protected
        monkeypatch.chdir(folder)
        monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
        return folder

    return copied


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process; gives its exit code, what it printed, and what it said on the side."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main(list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def verdict(told: Callable[..., tuple[int, str, str]]) -> Callable[..., dict[str, Any]]:
    """Runs a command with `--json` and gives its document, with the exit code under `exit`."""

    def run(*words: str) -> dict[str, Any]:
        code, out, err = told(*words, "--json")
        assert out.strip(), f"exit {code}, nothing on stdout: {err}"
        return {**json.loads(out), "exit": code}

    return run


@pytest.fixture
def odd_endpoint(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts the case folder's server of odd endpoints on a free port and writes that port into the protocols."""
    running: list[subprocess.Popen[bytes]] = []

    def start(folder: Path, *words: str) -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        running.append(subprocess.Popen([sys.executable, str(CASES / "_mock" / "mock.py"), str(port), *words]))
        for protocol in folder.rglob("*.yaml"):
            text = protocol.read_text()
            protocol.write_text(text.replace(":18701", f":{port}").replace(":18702", f":{port}"))
        _wait(port)
        return port

    yield start
    for process in running:
        process.kill()
        process.wait()


def _wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")
