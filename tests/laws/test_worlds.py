"""Worlds in which promises broke once: short versions by default, full sizes with `-m laws`."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SHORT, FULL = 40, 4000
WORLDS = ("compared", "corpus", "crossed", "means", "planning", "rates")


def _worlds(name: str) -> ModuleType:
    """`benchmarks/worlds_NAME.py`; it finds its neighbours by the folder it lies in."""
    path = BENCHMARKS / f"worlds_{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


LAWS = {f"{name}-{law.__name__}": law for name in WORLDS for law in _worlds(name).LAWS}


@pytest.mark.parametrize("name", LAWS)
def test_the_world_does_not_refute_the_promise_in_a_short_simulation(name: str) -> None:
    broken = [f"{row.law}: {row.measured:.4f}" for row in LAWS[name](SHORT) if not row.holds(slack=3)]

    assert [] == broken


@pytest.mark.laws
@pytest.mark.parametrize("name", LAWS)
def test_the_promise_holds_in_this_world_at_full_size(name: str) -> None:
    broken = [f"{row.law}: {row.measured:.4f}" for row in LAWS[name](FULL) if not row.holds()]

    assert [] == broken
