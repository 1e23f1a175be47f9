"""Checkpoints made from the embedded model, whole or broken in one way each. torch loads inside the functions."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shipworthy.demo import story

WEIGHTS, ADAPTER_WEIGHTS = "model.safetensors", "adapter_model.safetensors"
Tensors = dict[str, Any]


def model(folder: Path, change: Callable[[Tensors], Tensors] | None = None, **config: Any) -> Path:
    """A copy of the embedded model, its tensors changed, its config's keys set (None: taken out)."""
    return _copy(story.MODEL, folder, WEIGHTS, change, "config.json", config)


def adapter(folder: Path, change: Callable[[Tensors], Tensors] | None = None, **config: Any) -> Path:
    """A copy of the embedded adapter, changed in the same way."""
    return _copy(story.PRODUCTION_ADAPTER, folder, ADAPTER_WEIGHTS, change, "adapter_config.json", config)


def edit(file: Path, **keys: Any) -> None:
    """Sets keys of a JSON file; None takes one out."""
    said = {**json.loads(file.read_text()), **keys}
    file.write_text(json.dumps({key: value for key, value in said.items() if value is not None}, indent=1))


def renamed(old: str, new: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name.replace(old, new, 1): tensor for name, tensor in tensors.items()}


def without(part: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if part not in name}


def filled(part: str, value: float) -> Callable[[Tensors], Tensors]:
    def fill(tensors: Tensors) -> Tensors:
        return {name: tensor * 0 + value if part in name else tensor for name, tensor in tensors.items()}

    return fill


def plus(name: str, *shape: int) -> Callable[[Tensors], Tensors]:
    def add(tensors: Tensors) -> Tensors:
        import torch

        return {**tensors, name: torch.zeros(*shape)}

    return add


def protocol(folder: Path, candidate: Mapping[str, Any], rows: int = 4, **more: Any) -> Path:
    """A protocol over a handful of rows with the candidate against a constant."""
    data = [{"id": str(at), "input": f"Add {at} and 2.", "reference": str(at + 2)} for at in range(rows)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    said = {
        "shipworthy": 1,
        "name": "ck",
        "datasets": {"d": {"path": "d.jsonl"}},
        "models": {
            "new": {"role": "candidate", "backend": "huggingface", "options": {"max_new_tokens": 8}, **candidate},
            "old": {"role": "trivial", "backend": "trivial", "strategy": "constant", "options": {"answer": "zz"}},
        },
        "metrics": {"acc": {"dataset": "d", "metric": "token_f1"}},
        "gates": [{"metric": "acc", "baseline": "old", "margin": 0.02}],
        **more,
    }
    (folder / "shipworthy.yaml").write_text(json.dumps(said))
    return folder / "shipworthy.yaml"


def _copy(
    source: Path,
    folder: Path,
    weights: str,
    change: Callable[[Tensors], Tensors] | None,
    config_name: str,
    config: Mapping[str, Any],
) -> Path:
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, folder)
    (folder / "digest.json").unlink()
    if change is not None:
        save_file(change(load_file(folder / weights)), folder / weights, {"format": "pt"})
    if config:
        edit(folder / config_name, **config)
    return folder
