"""Whether the files of a model are there to the last byte: pointers instead of files, half files, lost shards."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

from shipworthy.errors import BackendError
from shipworthy.models._hf_files import adapter_weights, json_of

_POINTER = b"version https://git-lfs"
_INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_WHOLE = ("model.safetensors", "pytorch_model.bin")
_POINTED = ("*.safetensors", "*.bin", "*.json", "*.model", "*.jinja")


def refuse_broken_model(folder: Path) -> None:
    """Looks at every file of weights without reading it through.

    Raises: BackendError: a file is a pointer, cut short or missing; or there are no weights at all.
    """
    _refuse_pointers(folder)
    for file in _weights(folder):
        _refuse_cut(file)


def refuse_broken_adapter(folder: Path) -> None:
    """The same for the folder of an adapter. Raises: as `refuse_broken_model`."""
    _refuse_pointers(folder)
    _refuse_cut(adapter_weights(folder))


def whole(file: Path) -> bool:
    """Whether a file of weights ends where it says: a safetensors file by its header, any other where it is not empty.

    Raises: OSError, ValueError, KeyError, TypeError, struct.error: its header cannot be read.
    """
    size = file.stat().st_size
    if file.suffix != ".safetensors":
        return size > 0
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > size:
            return False
        header = json.loads(stream.read(length))
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    return bool(size == 8 + length + max(ends, default=0))


def _weights(folder: Path) -> Iterator[Path]:
    """The files that transformers reads, in its own order of preference."""
    for one, index in zip(_WHOLE, _INDICES, strict=True):
        if (folder / one).is_file():
            yield folder / one
            return
        if (folder / index).is_file():
            yield from _shards(folder / index)
            return
    raise BackendError(f"{folder}: holds no weights; it needs {' or '.join((*_WHOLE, *_INDICES))}")


def _shards(index: Path) -> Iterator[Path]:
    named = json_of(index).get("weight_map")
    if not isinstance(named, dict) or not named:
        raise BackendError(f"{index}: names no weights (`weight_map`); restore the file")
    for name in sorted({str(value) for value in named.values()}):
        if not (index.parent / name).is_file():
            raise BackendError(f"{index.parent / name}: this shard of the weights is missing; {index.name} names it")
        yield index.parent / name


def _refuse_pointers(folder: Path) -> None:
    for file in sorted({file for pattern in _POINTED for file in folder.glob(pattern)}):
        with file.open("rb") as stream:
            if stream.read(len(_POINTER)) == _POINTER:
                raise BackendError(f"{file}: is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`")


def _refuse_cut(file: Path) -> None:
    try:
        ends = whole(file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise BackendError(f"{file}: is no file of weights, its header cannot be read; copy it again") from error
    if not ends:
        raise BackendError(f"{file}: is cut short or too long, its header states another length; copy it again")
