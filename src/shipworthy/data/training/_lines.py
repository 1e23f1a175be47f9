"""A stream of bytes -> chunks of whole lines with the number of their first line; memory is bounded by `LONGEST`."""

from collections.abc import Iterator
from typing import IO, NamedTuple

CHUNK = 1 << 18
LONGEST = 32 << 20
"""Bytes of the longest line that is read; a longer one is a bad row and is never held in memory."""
_BOM = b"\xef\xbb\xbf"


class Chunk(NamedTuple):
    """Whole lines, and how many. `too_long`: one line of which only the beginning was kept."""

    first: int
    data: bytes
    lines: int
    too_long: bool = False
    bom: bool = False


def chunks(stream: IO[bytes], *, size: int = CHUNK) -> Iterator[Chunk]:
    """Chunks of about `size` bytes that end where a line ends."""
    line, rest, bom = 1, b"", False
    while block := stream.read(size):
        if line == 1 and not rest and block.startswith(_BOM):
            block, bom = block[len(_BOM) :], True
        cut = block.rfind(b"\n") + 1
        if not cut:
            rest += block
            if len(rest) > LONGEST:
                yield Chunk(line, rest[:200], 1, too_long=True, bom=bom)
                rest, line = _after_line(stream, size), line + 1
            continue
        data, rest = rest + block[:cut], block[cut:]
        lines = data.count(b"\n")
        yield Chunk(line, data, lines, bom=bom)
        line, bom = line + lines, False
    if rest:
        yield Chunk(line, rest, 1, bom=bom)


def _after_line(stream: IO[bytes], size: int) -> bytes:
    """Skip to the end of the line; returns what was read behind it."""
    while block := stream.read(size):
        _, found, behind = block.partition(b"\n")
        if found:
            return behind
    return b""
