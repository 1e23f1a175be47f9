"""Encoding damage: each test looks at a whole batch, and only a batch that fails it is looked at row by row."""

import re

from shipworthy.data.training.batch import Batch, Column
from shipworthy.data.training.checks import Desk

_CONTROLS = bytes(code for code in range(32) if code not in (9, 10, 13)) + b"\x7f"
_CONTROL = "[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"
_C1 = "[\x80-\x9f]"
_MOJIBAKE = (
    "Ã[\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
    "|Â[\xa0-\xbf]|â€|â\x80[\x80-\xbf]|ð\u0178|ð\x9f|Ð[\xb0-\xbf]|Ñ[\x80-\x8f]"
)
"""UTF-8 that was read as Windows-1252 or Latin-1: the lead byte became a letter, what follows a symbol."""
_INVISIBLE = "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ue000-\uf8ff\ufff9-\ufffb]"
_BOM = "\ufeff"
_REPLACEMENT = "\ufffd"
_ENTITY = (
    r"&(?:amp|lt|gt|quot|nbsp|apos|eacute|mdash|ndash|hellip|#\d{2,5}|#x[0-9a-fA-F]{2,4});"
    r"|</?(?:p|br|div|span|li|ul|b|i|td|tr)\s?/?>"
)
_ESCAPED = r"\\u[0-9a-fA-F]{4}|[a-zA-Z.,!?]\\n[A-Z\\]"


class Encoding:
    def __init__(self, desk: Desk) -> None:
        self._found = desk.found

    def look(self, batch: Batch) -> None:
        for part, column in batch.parts:
            self._bytes(batch, part, column)
            if not column.ascii:
                self._characters(batch, part, column)

    def close(self) -> None:
        pass

    def _bytes(self, batch: Batch, part: str, column: Column) -> None:
        raw = column.raw
        if len(raw) - len(raw.translate(None, _CONTROLS)) >= len(column):  # one NUL stands between two texts
            self._hits("control_character", _CONTROL, batch, part, column)
            for index, text in enumerate(column.values):
                if "\0" in text:
                    self._found.add("control_character", batch, index, part, repr(text[:120]))
        if self._found.wanted("html_entities") and (b"&" in raw or b"</" in raw or b"<br" in raw):
            self._hits("html_entities", _ENTITY, batch, part, column)
        if self._found.wanted("escaped_text") and b"\\" in raw:
            for index, match in column.hits(_ESCAPED):
                if not column.values[index].lstrip().startswith(("{", "[", "<")):
                    self._found.add("escaped_text", batch, index, part, column.excerpt(match, index))

    def _characters(self, batch: Batch, part: str, column: Column) -> None:
        self._hits("mojibake", _MOJIBAKE, batch, part, column)
        self._hits("invisible_character", _INVISIBLE, batch, part, column)
        self._c1(batch, part, column)
        if "\ufeff" in column.joined:
            self._hits("byte_order_mark", _BOM, batch, part, column)
        if "\ufffd" in column.joined:
            self._hits("replacement_character", _REPLACEMENT, batch, part, column)

    def _c1(self, batch: Batch, part: str, column: Column) -> None:
        """C1 controls, unless they are part of mojibake."""
        for index, match in column.hits(_C1):
            if not re.search(_MOJIBAKE, column.values[index]):
                self._found.add("control_character", batch, index, part, repr(column.excerpt(match, index)))

    def _hits(self, code: str, pattern: str, batch: Batch, part: str, column: Column) -> None:
        for index, match in column.hits(pattern):
            shown = column.excerpt(match, index)
            self._found.add(code, batch, index, part, repr(shown) if code == "control_character" else shown)
