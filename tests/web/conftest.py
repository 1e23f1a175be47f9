"""Pages and runs that the tests of this folder render."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault(f"shipworthy_tests_{path.stem}", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pages() -> ModuleType:
    """Pages built by hand."""
    return _module(HERE / "pages.py")


@pytest.fixture(scope="session")
def screenshots() -> ModuleType:
    """The tool that looks at a page with a browser."""
    return _module(HERE.parents[1] / "tools" / "screenshots.py")


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder left by the main job on recorded answers: the candidate gained on the task and lost its refusals."""
    return _module(HERE / "runs.py").blocked(tmp_path_factory.mktemp("run"))
