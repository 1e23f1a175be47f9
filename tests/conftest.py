"""What every test may use."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# A shell that runs the tests in the background has interrupts ignored, and every child inherits that: Ctrl-C tests too.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets beside the checkout; tests that need it skip where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the public data sets do not lie beside this checkout")
    return folder


@pytest.fixture(scope="session")
def mock_openai() -> ModuleType:
    """The module of the mock endpoint."""
    from tests import mock_openai

    return mock_openai


@pytest.fixture
def start(mock_openai: ModuleType) -> Iterator[Callable[..., Any]]:
    """Starts endpoints, each in a process of its own, that behave as told; all of them stop with the test."""
    running: list[Any] = []

    def begin(**behaviour: Any) -> Any:
        running.append(mock_openai.start(**behaviour))
        return running[-1]

    yield begin
    for one in running:
        one.stop()
