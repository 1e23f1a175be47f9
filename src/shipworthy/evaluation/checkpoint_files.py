"""Which folders are checkpoints, and which of them are written to the end."""

import json
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from shipworthy.errors import BadInput
from shipworthy.models._hf_whole import whole

ADAPTER, WEIGHTS = "adapter_config.json", "config.json"
MARKERS = ("trainer_state.json", "complete", ".complete")
"""What a trainer writes last: the trainers of transformers and TRL, or a loop of one's own (`touch complete`)."""
SETTLE_S = 10.0
"""Without a marker a folder is complete when nothing in it changed for so long."""

Kind = Literal["weights", "adapter"]


def kind_of(folder: Path) -> Kind:
    """Whether a checkpoint holds a whole model or an adapter.

    Raises: BadInput: it holds neither, or no tokenizer to ask the model with.
    """
    if (folder / ADAPTER).is_file():
        return "adapter"
    if not (folder / WEIGHTS).is_file():
        what = "holds no config.json and no adapter_config.json" if folder.is_dir() else "is not a folder"
        raise BadInput(f"this {what}, so it is no checkpoint of a model", where=str(folder))
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise BadInput(
            "the checkpoint holds no tokenizer; save it beside the weights (give the trainer `processing_class=`)",
            where=str(folder),
        )
    return "weights"


def complete(folder: Path, *, now_s: float, settle_s: float = SETTLE_S) -> bool:
    """Whether a checkpoint can be read: all of its weights are there to the last byte, and its writer is done."""
    try:
        if not all(whole(folder / name) for name in _weights(folder)):
            return False
        files = [path for path in folder.iterdir() if path.is_file()]
        if any((folder / marker).is_file() for marker in MARKERS):
            return True
        return now_s - max(path.stat().st_mtime for path in files) >= settle_s
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        struct.error,
    ):  # half-written, or taken away meanwhile
        return False


def checkpoints(folder: Path) -> list[Path]:
    """The folders below (and the folder itself) that look like checkpoints, by step, then by name."""
    below = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    found = [path for path in (folder, *below) if any((path / name).is_file() for name in (ADAPTER, WEIGHTS))]
    return sorted(found, key=lambda path: (step_of(path) or 0, path.name))


def step_of(folder: Path) -> int | None:
    """The number at the end of a folder's name: `checkpoint-120` is step 120."""
    found = re.search(r"(\d+)$", folder.name)
    return int(found[1]) if found else None


def fingerprint(folder: Path) -> str:
    """Sizes and times of the weights: changes when the checkpoint is written again."""
    stats = [(name, (folder / name).stat()) for name in _weights(folder)]
    return " ".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)


def _weights(folder: Path) -> Sequence[str]:
    """Names of the files that hold weights. Raises: FileNotFoundError: there are none yet; ValueError: a bad index."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    found = sorted(_named(folder))
    if not found:
        raise FileNotFoundError(folder)
    return found


def _named(folder: Path) -> Iterator[str]:
    for pattern in ("*.safetensors", "pytorch_model*.bin", "adapter_model*.bin"):
        yield from (path.name for path in folder.glob(pattern))
