"""The offline laws of decision quality, through the judge: short versions by default, full sizes with `-m laws`."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHORT = 16


def _benchmark() -> ModuleType:
    """`benchmarks/decisions.py`, which holds the worlds and the laws."""
    spec = importlib.util.spec_from_file_location("benchmarks_decisions", ROOT / "benchmarks" / "decisions.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


decisions = _benchmark()
NAMES = [law.__name__ for law in decisions.LAWS]


@pytest.mark.parametrize("name", NAMES)
def test_the_law_is_not_refuted_by_a_short_simulation(name: str) -> None:
    law = next(law for law in decisions.LAWS if law.__name__ == name)

    broken = [decisions.markdown(row) for row in law(SHORT) if not row.holds(slack=3)]

    assert [] == broken


@pytest.mark.laws
@pytest.mark.parametrize("name", NAMES)
def test_the_law_holds_at_full_size(name: str) -> None:
    law = next(law for law in decisions.LAWS if law.__name__ == name)

    broken = [decisions.markdown(row) for row in law(decisions.FULL) if not row.holds()]

    assert [] == broken
