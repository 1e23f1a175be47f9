"""Writing that is whole or not there at all, and operating-system errors said in one sentence."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shipworthy.errors import BadInput
from shipworthy.store.posix import fcntl

_SAID = {
    errno.ENOSPC: "the disk is full; free some space and repeat the command",
    errno.EDQUOT: "your disk quota is used up; free some space and repeat the command",
    errno.EFBIG: "the file may not grow any further; raise the file size limit or choose another disk",
    errno.EROFS: "this disk is read-only; choose a folder that can be written",
    errno.EACCES: "you may not read or write here; change the permissions or choose another folder",
    errno.EPERM: "you may not read or write here; change the permissions or choose another folder",
    errno.ENOENT: "there is no such file or folder; check the path",
    errno.ENOTDIR: "a part of this path is a file, not a folder; check the path",
    errno.EISDIR: "this is a folder where a file is needed; check the path",
    errno.EEXIST: "something else exists already at this path; choose another one",
    errno.ENAMETOOLONG: "this name is too long; choose a shorter one",
}


@contextmanager
def one_sentence(path: Path) -> Iterator[None]:
    """Turn an OSError about `path` into BadInput: what, where, what to do."""
    try:
        yield
    except OSError as error:
        raise BadInput(said(error), where=str(path)) from error


def said(error: OSError) -> str:
    """An error of the operating system: what is wrong, and what to do."""
    return _SAID.get(error.errno or 0) or f"{(error.strerror or str(error)).lower()}; check the disk and the path"


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader, a crash or a full disk leaves the old content or the new, never a part.

    Raises: BadInput: the disk is full, read-only or may not be written; the temporary file is removed.
    """
    replace_atomic(path, lambda temporary: _write_all(temporary, content))


def replace_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, sync it, and rename it over `path`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with one_sentence(path):
        try:
            write(temporary)
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and its parents; BadInput when that is not possible."""
    with one_sentence(path):
        path.mkdir(parents=True, exist_ok=True)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the folder for oneself against other threads and processes; the kernel lets go when a holder dies."""
    with one_sentence(folder):
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            os.close(handle)
            raise
    try:
        yield
    finally:
        os.close(handle)


def _write_all(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
