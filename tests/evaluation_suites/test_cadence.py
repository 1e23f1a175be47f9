from pathlib import Path

import pytest

from shipworthy import protocol
from shipworthy.errors import BadInput
from shipworthy.evaluation.suites import occasion
from shipworthy.protocol import Protocol

TEXT = """
shipworthy: 1
name: cadence
datasets:
  always: {path: a.jsonl}
  night: {path: b.jsonl, on: [nightly, weekly]}
  safe: {path: c.jsonl, role: safety}
models:
  new: {role: candidate, path: n.jsonl}
  old: {role: production, path: o.jsonl}
  floor: {role: trivial, backend: trivial, strategy: majority}
suites:
  typos: {suite: robustness, of: night, on: [nightly]}
  unsafe: {suite: safety}
metrics:
  a: {dataset: always, metric: exact_match}
  b: {dataset: night, metric: exact_match}
  c: {dataset: safe, metric: refusal}
  t: {dataset: typos, metric: exact_match}
  u: {dataset: unsafe, metric: refusal}
gates:
  - {metric: a, baseline: old, margin: 0.1}
  - {metric: b, baseline: old, margin: 0.1}
  - {metric: c, baseline: old, margin: 0.1}
  - {metric: t, baseline: old, margin: 0.1}
  - {metric: u, baseline: old, margin: 0.1}
"""


def loaded(text: str = TEXT) -> Protocol:
    return protocol.load(text, where="p.yaml")


def names(found: Protocol) -> set[str]:
    return {*found.datasets, *found.suites}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("commit", {"always", "safe", "unsafe"}),
        ("nightly", {"always", "night", "safe", "typos", "unsafe"}),
        ("weekly", {"always", "night", "safe", "unsafe"}),
        ("checkpoint", {"safe", "unsafe"}),
    ],
)
def test_an_occasion_runs_what_names_it_and_what_names_none(when: str, expected: set[str]) -> None:
    found = occasion(loaded(), when)  # type: ignore[arg-type]

    assert expected == names(found) == {spec.dataset for spec in found.metrics.values()}
    assert {gate.metric for gate in found.gates} == set(found.metrics)
    assert (when,) == found.on


def test_on_a_checkpoint_what_names_checkpoints_wins_over_golden_and_safety() -> None:
    found = occasion(loaded(TEXT.replace("on: [nightly, weekly]", "on: [checkpoint]")), "checkpoint")

    assert {"always", "night", "safe", "unsafe"} == names(found)


def test_a_trivial_model_is_not_asked_where_no_test_set_runs() -> None:
    assert "floor" in occasion(loaded(), "commit").models
    assert "floor" not in occasion(loaded(), "checkpoint").models


def test_an_occasion_without_a_gate_is_refused_with_what_to_write() -> None:
    text = TEXT.replace("{path: a.jsonl}", "{path: a.jsonl, on: [weekly]}")
    text = text.replace("role: safety}", "role: safety, on: [weekly]}").replace(
        "suite: safety}", "suite: safety, on: [weekly]}"
    )

    with pytest.raises(BadInput, match=r"on: \[commit\]"):
        occasion(loaded(text), "commit")


def test_the_ready_checkpoint_protocol_has_an_occasion() -> None:
    path = Path(__file__).parents[2] / "protocols" / "checkpoint.yaml"

    assert {"golden"} == names(occasion(loaded(path.read_text(encoding="utf-8")), "checkpoint"))
