"""Members of a ZIP file, also those compressed with Zstandard (method 93), which Python's zipfile cannot read
before 3.14. Format: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header) and 4.4.5 (methods)."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

from shipworthy.errors import BadInput

STORED, DEFLATED, ZSTANDARD = 0, 8, 93
LARGEST = 4 << 30
_LOCAL = struct.Struct("<4s5H3I2H")


def names(path: Path) -> list[str]:
    """Members in their order. Raises: BadInput: no ZIP file, or cut off."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise BadInput(f"this is not a whole .eval file ({str(error).lower()})", where=str(path)) from None


def member(path: Path, name: str) -> bytes:
    """One member, unpacked. Raises: BadInput: damaged; MissingExtra: Zstandard is needed and not installed."""
    with zipfile.ZipFile(path) as file:
        info = file.getinfo(name)
    with path.open("rb") as raw:
        raw.seek(info.header_offset)
        header = raw.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            raise BadInput(f"member {name!r} is damaged", where=str(path))
        *_, name_size, extra_size = _LOCAL.unpack(header)
        raw.seek(name_size + extra_size, 1)
        packed = raw.read(info.compress_size)
    if info.file_size > LARGEST:
        raise BadInput(f"member {name!r} unpacks to {info.file_size} bytes, which is too much", where=str(path))
    data = _unpack(packed, info.compress_type, info.file_size, where=f"{path}!{name}")
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise BadInput(f"member {name!r} is damaged (checksum)", where=str(path))
    return data


def _unpack(packed: bytes, method: int, size: int, *, where: str) -> bytes:
    try:
        if method == STORED:
            return packed
        if method == DEFLATED:
            return zlib.decompressobj(-15).decompress(packed, size + 1)
        if method == ZSTANDARD:
            return _zstandard(packed, size)
    except (zlib.error, ValueError) as error:
        raise BadInput(f"this member is damaged ({error})", where=where) from None
    raise BadInput(f"this member is compressed by method {method}; 0, 8 and 93 can be read", where=where)


def _zstandard(packed: bytes, size: int) -> bytes:
    from shipworthy.store.zstd import zstd

    try:
        with zstd.ZstdFile(io.BytesIO(packed)) as stream:
            return stream.read(size + 1)
    except (zstd.ZstdError, EOFError) as error:
        raise ValueError(str(error)) from None
