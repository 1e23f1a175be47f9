"""A metric that nothing was measured of passes no gate."""

import json
from pathlib import Path

import pytest

from shipworthy.errors import MissingEvidence
from shipworthy.evaluation import run

PROTOCOL = """
shipworthy: 1
name: usage
datasets: {d: {path: d.jsonl}}
models: {new: {role: candidate, path: new.jsonl}}
metrics: {used: {dataset: d, metric: KIND}}
gates: [{metric: used, at_most: 1000}]
"""


def _run(folder: Path, kind: str, **measured: object) -> str:
    (folder / "d.jsonl").write_text("".join(json.dumps({"id": str(i), "input": f"q{i}"}) + "\n" for i in range(120)))
    rows = [{"example_id": str(i), "text": "a", **measured} for i in range(120)]
    (folder / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "p.yaml").write_text(PROTOCOL.replace("KIND", kind))
    return run(folder / "p.yaml", out=folder / "out").verdict


@pytest.mark.parametrize("kind", ["energy", "memory_peak", "cost", "tokens", "latency"])
def test_a_limit_on_what_nobody_measured_is_no_pass(tmp_path: Path, kind: str) -> None:
    with pytest.raises(MissingEvidence, match="'used': no example is left on which"):
        _run(tmp_path, kind)


@pytest.mark.parametrize(
    ("kind", "measured"),
    [
        ("energy", {"energy_j": 2.5}),
        ("memory_peak", {"memory_peak_bytes": 2**28}),
        ("tokens", {"output_tokens": 7}),
        ("latency", {"latency_s": 0.5}),
    ],
)
def test_a_limit_on_what_was_measured_is_judged(tmp_path: Path, kind: str, measured: dict[str, object]) -> None:
    assert "promote" == _run(tmp_path, kind, **measured)
