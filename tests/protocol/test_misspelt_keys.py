"""A typo in a metric's own key is not proposed as the right name."""

import pytest

from shipworthy.errors import ProtocolError
from shipworthy.protocol import load

TEXT = """
shipworthy: 1
name: t
datasets:
  d: {path: d.jsonl}
models:
  new: {role: candidate, path: new.jsonl}
  old: {role: production, path: old.jsonl}
metrics:
  KEY: {dataset: d, metric: exact_match}
gates:
  - {metric: NAMED, margin: 0.02}
"""


@pytest.mark.parametrize(("key", "named"), [("refusl", "refusal"), ("exactmatch", "exact_match"), ("Task", "task")])
def test_both_spellings_are_told_and_neither_is_called_right(key: str, named: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        load(TEXT.replace("KEY", key).replace("NAMED", named), where="p.yaml")

    said = str(raised.value)
    assert f"{named!r} is named here, and line 10 declares {key!r}" in said
    assert "did you mean" not in said and said.startswith("p.yaml:12:")


def test_a_far_name_still_lists_what_is_known() -> None:
    with pytest.raises(ProtocolError, match="unknown metric 'bleu'; known: task"):
        load(TEXT.replace("KEY", "task").replace("NAMED", "bleu"), where="p.yaml")
