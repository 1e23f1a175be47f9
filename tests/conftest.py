"""What every test may use."""

import signal
from pathlib import Path

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
