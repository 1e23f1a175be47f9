"""What every test may use."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")  # no test may fail because the machine is busy

# A shell that runs the tests in the background has interrupts ignored, and every child inherits that: Ctrl-C tests too.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

STARTING = frozenset(("start", "mock_openai", "shipworthy", "isolated", "odd_endpoint"))
"""Fixtures behind which a server or a program starts: tests that ask for one are marked `processes`."""

PROCESSES = frozenset(
    (
        *(
            "cli/test_first_minutes.py",
            "cli/test_terminal.py",
            "cli/test_completion.py",
            "cli/test_system.py",
            "data_checks/test_filter.py",
            "data_checks/test_resume.py",
            "cases/test_speed.py",
        ),
        *("docs/test_documents.py", "docs/test_pictures.py", "evaluation/test_main_job.py"),
        *("evaluation_scoring/test_code.py", "evaluation_scoring/test_in_a_run.py", "evaluation_scoring/test_sql.py"),
        *(
            "evaluation_scoring/test_sandbox.py",
            "evaluation_suites/test_commands.py",
            "evaluation_suites/test_checkpoints.py",
            "models/test_openai.py",
        ),
        *("evaluation_scoring/test_classifiers.py", "evaluation_scoring/test_grammar.py"),
        *("evaluation_scoring/test_workers.py", "evaluation_suites/test_probes.py", "models/test_echo.py"),
        *("store/test_ledger.py", "store/test_run_folder.py"),
    )
)
"""Files whose tests start programs of their own."""

THOROUGH = frozenset(
    (
        *("data_checks/test_broken.py", "data_checks/test_planted.py", "demo/test_story.py", "metrics/test_parity.py"),
        *("metrics/test_public_data.py", "registry/test_tampering.py"),
        *(f"laws/{path.name}" for path in (ROOT / "tests" / "laws").glob("test_*.py")),
    )
)
"""Files that are long by repetition: simulations, public data sets, planted defects, a hundred mutations."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what `make check` leaves out."""
    for item in items:
        place = item.path.relative_to(ROOT / "tests").as_posix()
        if place in PROCESSES or STARTING.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("processes")
        if place in THOROUGH:
            item.add_marker("thorough")


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
