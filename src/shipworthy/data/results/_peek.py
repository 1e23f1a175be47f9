"""What the first bytes of a file tell about its shape: the keys near the top of JSON, or the header of a table."""

import re
from dataclasses import dataclass
from pathlib import Path

from shipworthy.data import _files

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|["{}\[\]:,]', re.DOTALL)
_DEPTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a file begins.

    Attributes:
        body: its first bytes, without a byte-order mark and leading blanks.
        keys: paths of JSON keys in the first value, as far as it is seen: "results.version", "[].preference".
    """

    path: Path
    body: bytes
    keys: frozenset[str]

    def has(self, *keys: str) -> bool:
        """Whether every one of these paths is there."""
        return self.keys.issuperset(keys)

    @property
    def header(self) -> frozenset[str]:
        """The columns of a table with commas or tabs, as far as a first line names them."""
        line = self.body.split(b"\n", 1)[0].decode(errors="replace").strip()
        return frozenset(cell.strip().strip('"') for cell in re.split(r"[,\t;]", line))


def start_of(path: Path) -> Start:
    """Raises: BadInput: the file is not there, is empty, or is compressed."""
    body = _files.head(path).removeprefix(b"\xef\xbb\xbf").lstrip()
    return Start(path=path, body=body, keys=keys(body) if body[:1] in (b"{", b"[") else frozenset())


def keys(body: bytes) -> frozenset[str]:
    """Paths of the keys in the first JSON value of `body`, down to four levels; the text may be cut off anywhere."""
    found: set[str] = set()
    above: list[str] = []
    last: str | None = None
    for token in _TOKEN.finditer(body):
        match token[0]:
            case b"{" | b"[" as bracket:
                above.append("[]" if bracket == b"[" else "")
                last = None
            case b"}" | b"]":
                above = above[:-1]
                if not above:
                    break
            case b":" if last is not None and above and above[-1] != "[]":
                above[-1] = last
                if len(above) <= _DEPTH:
                    found.add(".".join(above))
                last = None
            case b'"':
                break  # a text that is cut off: what follows is not structure
            case word if word[:1] == b'"':
                last = word[1:-1].decode(errors="replace")
            case _:
                last = None
    return frozenset(found)
