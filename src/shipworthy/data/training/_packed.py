"""Packed files while they are read; a module of its own, so that files that are not packed need not load it."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from shipworthy.errors import BadInput
from shipworthy.store.zstd import zstd

_GZIP = b"\x1f\x8b"


@contextmanager
def unpacked(path: str, stream: IO[bytes], start: bytes) -> Iterator[IO[bytes]]:
    """The bytes within a gzip or Zstandard stream that begins with `start`.

    Raises: BadInput: it breaks off, or is damaged; while it is read, too.
    """
    try:
        yield gzip.open(stream) if start.startswith(_GZIP) else zstd.open(stream)  # type: ignore[misc]  # noqa: SIM115 - the raw stream is closed by its owner
    except EOFError:
        raise BadInput("the packed file breaks off; copy or download it again", where=path) from None
    except (gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
        raise BadInput(f"the packed file is damaged ({error}); copy or download it again", where=path) from None
