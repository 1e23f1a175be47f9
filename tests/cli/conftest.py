"""A folder as `shipworthy init` writes it, and the command line as a user calls it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shipworthy.cli import main

Shipworthy = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of somebody who just ran `shipworthy init`."""
    folder = tmp_path / "first"
    assert 0 == main(["init", str(folder), "--quiet"])
    monkeypatch.chdir(folder)
    monkeypatch.delenv("SHIPWORTHY_HOME", raising=False)
    return folder


@pytest.fixture
def shipworthy() -> Shipworthy:
    """Run the program in a process of its own."""

    def call(*words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-m", "shipworthy", *words], cwd=cwd, capture_output=True, text=True)

    return call
