"""An endpoint to ask, in a process of its own."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MOCK = Path(__file__).resolve().parents[1] / "mock_openai.py"


@pytest.fixture(scope="session")
def mock_openai() -> ModuleType:
    """The module of the mock endpoint."""
    spec = importlib.util.spec_from_file_location("mock_openai", MOCK)
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault("mock_openai", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start(mock_openai: ModuleType) -> Iterator[Callable[..., Any]]:
    """Starts endpoints that behave as told; all of them stop with the test."""
    running: list[Any] = []

    def begin(**behaviour: Any) -> Any:
        running.append(mock_openai.start(**behaviour))
        return running[-1]

    yield begin
    for one in running:
        one.stop()
