"""Folders of weights: is a model there, and which one exactly. Digests cover contents, never paths."""

import json
from collections.abc import Mapping, Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from shipworthy.errors import BackendError

CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
TEMPLATE = "chat_template.jinja"
ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
"""In the order in which peft looks for them."""
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
"""One of these makes a tokenizer."""

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", CONFIG)
_ADAPTER = ("adapter_model*.safetensors", "adapter_model*.bin", ADAPTER_CONFIG, "*.py")
_TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "tokenizer_config.json")
_ALL_THAT_ANSWERS = (
    *_WEIGHTS,
    *("*.bin.index.json", "*.safetensors.index.json", "generation_config.json", "*.py", "adapter_config.json"),
    *(*_TOKENIZER, "special_tokens_map.json", "added_tokens.json", "vocab.txt", "spiece.model", "*.tiktoken"),
    *("chat_template*", "additional_chat_templates/*", "processor_config.json"),
)
"""Whatever transformers reads before it answers. Not what trainers leave beside it: optimizer, scheduler, states."""


def weights_digest(path: str | Path) -> str:
    """sha256 over the names and digests of a model folder's weights and configuration."""
    return _digest(Path(path), _WEIGHTS)


def adapter_digest(path: str | Path) -> str:
    """sha256 over the names and digests of an adapter folder, whatever format its weights have."""
    return _digest(Path(path), _ADAPTER)


def tokenizer_digest(path: str | Path) -> str:
    """sha256 over the names and digests of the tokenizer's files in a model folder."""
    return _digest(Path(path), _TOKENIZER)


def files_digest(path: str | Path) -> str:
    """sha256 over the names and digests of every file in a folder that can change an answer."""
    return _digest(Path(path), _ALL_THAT_ANSWERS)


def model_folder(path: str | Path) -> Path:
    """The folder of a model. Raises: BackendError: it holds none, or an adapter beside it."""
    folder = _folder(path, CONFIG)
    if (folder / ADAPTER_CONFIG).is_file():
        raise BackendError(
            f"{folder}: holds both a model and an adapter, and it is not said which of them answers; give the base's "
            "folder as `path` and a folder with the adapter alone as `adapter`"
        )
    return folder


def adapter_folder(path: str | Path) -> Path:
    """The folder of a PEFT adapter. Raises: BackendError: it holds none."""
    return _folder(path, ADAPTER_CONFIG)


def adapter_weights(folder: Path) -> Path:
    """The file that peft reads an adapter's weights from. Raises: BackendError: there is none."""
    found = next((folder / name for name in ADAPTER_WEIGHTS if (folder / name).is_file()), None)
    if found is None:
        raise BackendError(f"{folder}: the adapter has no weights; it needs {' or '.join(ADAPTER_WEIGHTS)}")
    return found


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder brings a tokenizer of its own."""
    return any((folder / name).is_file() for name in VOCABULARIES)


def json_of(file: Path) -> Mapping[str, Any]:
    """The JSON object in a file. Raises: BackendError: there is none."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BackendError(f"{file}: cannot be read as JSON ({error}); restore the file") from error
    if not isinstance(found, dict):
        raise BackendError(f"{file}: holds no JSON object; restore the file")
    return found


def _digest(folder: Path, patterns: Sequence[str]) -> str:
    total = sha256()
    for file in sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}):
        with file.open("rb") as stream:
            total.update(f"{file.name} {file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def _folder(path: str | Path, needs: str) -> Path:
    folder = Path(path)
    if not (folder / needs).is_file():
        what = "is not a folder" if not folder.is_dir() else f"holds no {needs}"
        raise BackendError(
            f"{folder}: {what}, so no model can be loaded from it; give a folder as written by save_pretrained"
        )
    return folder
