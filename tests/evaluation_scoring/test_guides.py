"""The guides of judges and of the sandbox name every kind and option, and their Python runs."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shipworthy import metrics, protocol
from shipworthy.errors import UnknownName
from shipworthy.evaluation.scoring import BUILT_IN, build
from shipworthy.evaluation.scoring.catalogue import kind_of

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
TEXT = "\n".join((GUIDES / name).read_text(encoding="utf-8") for name in ("judges.md", "sandbox.md"))


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_kind_and_option_is_documented(name: str) -> None:
    kind = kind_of(name)
    assert kind is not None

    assert f"`{name}`" in TEXT
    assert [] == [one.name for one in msgspec.structs.fields(kind.options) if f"`{one.name}`" not in TEXT]


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", TEXT, re.S))
def test_every_metric_of_the_guides_can_be_built(block: str) -> None:
    whole = f"""
shipworthy: 1
name: guide
datasets: {{{", ".join(f"{one}: {{path: d.jsonl}}" for one in ("tickets", "articles", "problems", "questions"))}}}
models: {{new: {{role: candidate, path: a}}, production: {{role: production, path: b}}}}
{block}
"""
    if "gates:" not in block:
        name = re.search(r"metrics:\n  (\w+):", block)
        assert name is not None
        whole += f"gates: [{{metric: {name[1]}, at_least: 0}}]\n"
    loaded = protocol.load(whole, where="guide.md")

    for name, spec in loaded.metrics.items():
        kind = spec.metric or name
        assert name == (build(name, kind, spec.options) or metrics.build(name, kind, spec.options)).name


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", TEXT, re.S))
def test_the_python_of_the_guides_runs(block: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(block)
    names: dict[str, Any] = {}
    exec(compile(block, "guide", "exec"), names)
    if "KIND" in names:
        metric = build("m", f"{tmp_path}/own.py:KIND", {"word": "x"})

        assert metric is not None and metric.name == "m"


def test_an_unknown_kind_names_the_nearest_of_all_metrics() -> None:
    with pytest.raises(UnknownName, match="unknown metric 'judge_scor'; did you mean 'judge_score'"):
        build("m", "judge_scor", {})
