"""From what a user names (files, folders, globs, URLs, packed or not) to streams of bytes."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from shipworthy.errors import BadInput, MissingExtra

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
PACKED = (".gz", ".zst")
PARQUET = b"PAR1"
_GZIP, _ZSTD, _OTHERS = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
_HEAD = 65_536


def expand(given: Sequence[str]) -> list[str]:
    """The files that are meant, each once, in order. A folder means every data file below it.

    Raises: BadInput: nothing is there, a folder or a pattern holds no data file.
    """
    if not given:
        raise BadInput("name at least one file, folder or pattern")
    found = [path for one in given for path in _expanded(one)]
    return list(dict.fromkeys(found))


def _expanded(given: str) -> list[str]:
    from shipworthy.data import _files

    if "://" in given:
        return [given]
    path = Path(given)
    if path.is_dir():
        return _below(path)
    if not path.exists() and any(mark in given for mark in "*?["):
        import glob

        matches = sorted(item for item in glob.glob(given, recursive=True) if Path(item).is_file())  # noqa: PTH207
        if not matches:
            raise BadInput("no file matches this pattern; quote it so that it is not changed by the shell", where=given)
        return matches
    return [str(_files.check(path))]


def _below(folder: Path) -> list[str]:
    try:
        inside = sorted(path for path in folder.rglob("*") if path.is_file() and _is_data(path))
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror}); check its permissions", where=str(folder)) from None
    if not inside:
        raise BadInput(f"this folder holds no data file ({', '.join(SUFFIXES)}); name a file", where=str(folder))
    return [str(path) for path in inside]


def _is_data(path: Path) -> bool:
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return name.endswith(SUFFIXES) and not name.startswith(".")


def size(path: str) -> int:
    """Bytes on disk, 0 where that is not known (a URL)."""
    return 0 if "://" in path else Path(path).stat().st_size


@contextmanager
def opened(path: str) -> Iterator["IO[bytes]"]:
    """The unpacked bytes of a file; see `followed`."""
    with followed(path) as (stream, _):
        yield stream


@contextmanager
def followed(path: str) -> Iterator[tuple["IO[bytes]", Callable[[], int]]]:
    """The unpacked bytes of a file, and how far it has been read: bytes of the file itself, packed as it is.

    Damage that shows while reading is said in one sentence, too.

    Raises: BadInput: not readable, empty, packed in an unknown way, or broken off; MissingExtra: a package is needed.
    """
    try:
        with _raw(path) as raw:
            stream, start = _begun(raw)
            if start.startswith(_GZIP) or start == _ZSTD:
                from shipworthy.data.training._packed import unpacked

                with unpacked(path, stream, start) as inside:
                    yield inside, raw.tell
            else:
                _refuse_others(path, start)
                yield stream, raw.tell
    except OSError as error:
        said = error.strerror or str(error)
        raise BadInput(f"cannot be read ({said}); check the path and its permissions", where=path) from None


def _raw(path: str) -> "IO[bytes]":
    if "://" not in path:
        return Path(path).open("rb")
    try:
        import fsspec  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise MissingExtra(
            f"{path}: reading a URL needs fsspec; pip install fsspec and the file system's package"
        ) from None
    try:
        stream: IO[bytes] = fsspec.open(path, "rb").open()
    except (ImportError, ValueError) as error:
        raise BadInput(f"this URL cannot be opened ({error})", where=path) from None
    return stream


def _begun(raw: "IO[bytes]") -> tuple["IO[bytes]", bytes]:
    """The stream at its beginning, and its first bytes."""
    stream = io.BufferedReader(raw, _HEAD) if isinstance(raw, io.RawIOBase) else raw
    start = stream.read(4)
    stream.seek(0)
    return stream, start


def _refuse_others(path: str, start: bytes) -> None:
    for magic, name in _OTHERS.items():
        if start.startswith(magic[:4]):
            raise BadInput(f"the file is packed with {name}; unpack it first (gzip and Zstandard are read)", where=path)
