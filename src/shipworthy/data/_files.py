"""From a path to bytes or text, or one sentence saying why not."""

from pathlib import Path

from shipworthy.errors import BadInput

PARQUET = b"PAR1"
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}


def check(path: Path) -> Path:
    """The path itself. Raises: BadInput: it is not there, or not a file."""
    if path.is_dir():
        raise BadInput("this is a directory; give one file in it", where=str(path))
    if not path.exists():
        raise BadInput(f"no such file{_like(path)}", where=str(path))
    if not path.is_file():
        raise BadInput("this is not an ordinary file", where=str(path))
    return path


def head(path: Path, size: int = 65_536) -> bytes:
    """The first bytes of a file that is there. Raises: BadInput: it cannot be read, is empty, or is compressed."""
    try:
        with check(path).open("rb") as file:
            start = file.read(size)
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror}); check its permissions", where=str(path)) from None
    if not start.removeprefix(b"\xef\xbb\xbf").strip():
        raise BadInput("the file is empty", where=str(path))
    for magic, name in _PACKED.items():
        if start.startswith(magic):
            raise BadInput(f"the file is compressed with {name}; unpack it first", where=str(path))
    return start


def text(path: Path) -> str:
    """The whole file as text, without a byte-order mark; line ends are left as they are.

    Raises: BadInput: not there, empty, compressed, or not UTF-8 (with line and byte).
    """
    start = head(path)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput("the file is UTF-16; save it as UTF-8", where=f"{path}:1")
    return decoded(path.read_bytes(), path)


def decoded(raw: bytes, path: Path) -> str:
    """The bytes of a text file as text. Raises: BadInput: not UTF-8 or with a NUL in it, with the line."""
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = error.object[error.start]
        line = error.object[: error.start].count(b"\n") + 1
        message = f"byte 0x{bad:02X} is not UTF-8 (Latin-1 would read {chr(bad)!r}); save the file as UTF-8"
        raise BadInput(message, where=f"{path}:{line}") from None
    if "\0" in content:
        line = content[: content.index("\0")].count("\n") + 1
        raise BadInput("a NUL byte stands here, so this is not a text file", where=f"{path}:{line}")
    return content


def _like(path: Path) -> str:
    try:
        beside = [item.name for item in path.parent.iterdir()]
    except OSError:
        return f", and no folder {path.parent} either"
    import difflib

    near = difflib.get_close_matches(path.name, beside, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; {path.parent} holds {len(beside)} other files"
