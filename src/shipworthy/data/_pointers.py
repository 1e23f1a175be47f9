"""Pointer files of DVC and git-LFS: what they stand for, and the command that fetches it. Nothing is ever written."""

import re
from pathlib import Path
from typing import Any, Literal

from shipworthy.data import _files
from shipworthy.errors import BadInput
from shipworthy.records import Record

_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\nsize (\d+)\n?")
_LARGEST_POINTER = 4096


class Pointer(Record):
    """What a pointer says about the data: `algorithm` and `digest` as that tool counts them, `size` in bytes."""

    tool: Literal["git-lfs", "dvc"]
    path: str
    algorithm: str
    digest: str
    size: int | None
    fetch: str


def pointer_at(path: Path) -> Pointer | None:
    """The pointer that tracks `path`: the file itself (git-LFS, or a .dvc file), or a .dvc file beside it."""
    if path.suffix == ".dvc":
        return _dvc(path) if path.is_file() else None
    if path.is_file() and path.stat().st_size <= _LARGEST_POINTER and (found := _lfs(path)):
        return found
    beside = path.with_name(path.name + ".dvc")
    return _dvc(beside) if beside.is_file() else None


def refuse_pointer(path: Path) -> None:
    """Raises: BadInput: the data are not here but a pointer to them is, or there is no such file at all."""
    found = pointer_at(path)
    if found is not None and (found.tool == "git-lfs" or not path.is_file() or path.suffix == ".dvc"):
        size = "" if found.size is None else f" of {found.size:,} bytes"
        raise BadInput(
            f"this is a pointer of {found.tool} to data{size}; fetch them with `{found.fetch}`", where=str(path)
        )
    _files.check(path)


def _lfs(path: Path) -> Pointer | None:
    found = _LFS.fullmatch(path.read_bytes())
    if found is None:
        return None
    digest, size = found.group(1).decode(), int(found.group(2))
    fetch = f"git lfs pull --include {path.name}"
    return Pointer(tool="git-lfs", path=str(path), algorithm="sha256", digest=digest, size=size, fetch=fetch)


def _dvc(path: Path) -> Pointer | None:
    import yaml  # 15 ms that a file without a pointer need not pay

    try:
        outs: Any = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("outs", [])
        out = next(one for one in outs if one.get("path") == path.stem)
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, StopIteration, TypeError):
        raise BadInput(
            "this .dvc file names no output of its own name; repair it with `dvc commit`", where=str(path)
        ) from None
    algorithm = out.get("hash", "md5")
    digest = str(out.get(algorithm, out.get("md5", "")))
    return Pointer(
        tool="dvc",
        path=str(path),
        algorithm=algorithm,
        digest=digest,
        size=out.get("size"),
        fetch=f"dvc pull {path.name}",
    )
