"""Folders of weights: is a model there, and which one exactly. Digests cover contents, never paths."""

from collections.abc import Sequence
from hashlib import file_digest, sha256
from pathlib import Path

from shipworthy.errors import BackendError

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "config.json")
_ADAPTER = ("adapter_model.safetensors", "adapter_config.json")
_TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "tokenizer_config.json")


def weights_digest(path: str | Path) -> str:
    """sha256 over the names and digests of a model folder's weights and configuration."""
    return _digest(Path(path), _WEIGHTS)


def adapter_digest(path: str | Path) -> str:
    """sha256 over the names and digests of an adapter folder."""
    return _digest(Path(path), _ADAPTER)


def tokenizer_digest(path: str | Path) -> str:
    """sha256 over the names and digests of the tokenizer's files in a model folder."""
    return _digest(Path(path), _TOKENIZER)


def model_folder(path: str | Path) -> Path:
    """The folder of a model. Raises: BackendError: it holds none."""
    return _folder(path, "config.json")


def adapter_folder(path: str | Path) -> Path:
    """The folder of a PEFT adapter. Raises: BackendError: it holds none."""
    return _folder(path, "adapter_config.json")


def _digest(folder: Path, patterns: Sequence[str]) -> str:
    total = sha256()
    for file in sorted({file for pattern in patterns for file in folder.glob(pattern)}):
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
