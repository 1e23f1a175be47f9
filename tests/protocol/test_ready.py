"""Every ready protocol loads, and every metric in it exists."""

from pathlib import Path

import pytest

from shipworthy import metrics, protocol

READY = sorted((Path(__file__).resolve().parents[2] / "protocols").glob("*.yaml"))


def test_there_are_ready_protocols() -> None:
    assert 4 <= len(READY)


@pytest.mark.parametrize("path", READY, ids=lambda path: str(path.stem))
def test_a_ready_protocol_loads_without_a_warning_and_measures_what_exists(path: Path) -> None:
    source = protocol.parse(protocol.decode(path.read_bytes(), where=path.name), where=path.name)
    built = {
        name: metrics.build(name, spec.metric or name, spec.options) for name, spec in source.protocol.metrics.items()
    }

    assert path.stem == source.protocol.name
    assert () == source.warnings and set(source.protocol.metrics) == set(built)
