"""Server-sent events out of bytes as they arrive (WHATWG HTML, 9.2), as leniently as servers write them. Pure."""

import json
from collections.abc import Iterator

import msgspec

from shipworthy.models._reply import BOM

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_DONE = b"[DONE]"
_ALIVE = frozenset((b"", b"ping", b"keepalive", b"keep-alive", b"heartbeat"))
"""Events that only keep a connection open."""


def is_stream(body: bytes) -> bool:
    """Whether a body is a stream of events."""
    return body.removeprefix(BOM).lstrip().startswith(_FIELDS)


class Events:
    """Takes a body piece by piece; gives the data of its events.

    An event may spread its data over several lines, and may lack the empty line that ends it: it ends where its data
    are whole JSON. A body that begins as no event does is one `whole` text.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._plain: bool | None = None
        self._body: list[bytes] = []
        self.done = False

    @property
    def whole(self) -> bytes | None:
        """The body, where it is no stream of events."""
        return b"".join(self._body) if self._plain else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """More of the body."""
        if self._plain:
            self._body.append(data)
            return
        *lines, self._rest = (self._rest + data).split(b"\n") if b"\n" in data else [self._rest + data]
        for at, line in enumerate(lines):
            if self._plain is None and line.removeprefix(BOM).strip():
                self._plain = not is_stream(line)
            if self._plain:
                self._body.append(b"\n".join([*lines[at:], self._rest]))
                return
            yield from self._line(line.removeprefix(BOM).strip())

    def end(self) -> Iterator[bytes]:
        """What stands behind the last line break."""
        if self._plain is None:
            self._plain = not is_stream(self._rest)
            if self._plain:
                self._body.append(self._rest)
        if not self._plain:
            yield from self._line(self._rest.strip())
            yield from self._line(b"")

    def _line(self, line: bytes) -> Iterator[bytes]:
        if self.done:
            return
        if not line:
            if self._lines:
                yield self._taken()
            return
        field, _, value = line.partition(b":") if line.startswith(_FIELDS) else (b"data", b"", line)
        value = value.strip()
        if field != b"data" or (not self._lines and value.lower() in _ALIVE):
            return
        if value == _DONE:
            self.done = True
            return
        self._lines.append(value)
        if value.endswith(b"}") and _is_json(b"\n".join(self._lines)):
            yield self._taken()

    def _taken(self) -> bytes:
        taken, self._lines = b"\n".join(self._lines), []
        return taken


_STRICT = msgspec.json.Decoder(msgspec.Raw)


def _is_json(text: bytes) -> bool:
    try:
        _STRICT.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _is_loose_json(text)
    return True


def _is_loose_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
