"""What two texts may differ in and still be one text, declared once for every metric that compares texts."""

import unicodedata
from typing import Annotated, Literal

from msgspec import Meta

from shipworthy.records import Record


class Folding(Record):
    """Steps taken on both sides, in this order; none by default."""

    unicode: Annotated[
        Literal["none", "NFC", "NFKC"],
        Meta(description="Canonical (`é` however it is composed) or compatible (also width, ligatures) form."),
    ] = "none"
    width: Annotated[bool, Meta(description="Whether full-width and half-width forms are one.")] = False
    case: Annotated[bool, Meta(description="Whether case is ignored.")] = False
    punctuation: Annotated[bool, Meta(description="Whether punctuation of any script is ignored.")] = False
    whitespace: Annotated[bool, Meta(description="Whether runs of white space are one space.")] = False

    def __call__(self, text: str) -> str:
        """The folded text."""
        text = unicodedata.normalize(self.unicode, text) if self.unicode != "none" else text
        text = "".join(map(_narrow, text)) if self.width else text
        text = text.casefold() if self.case else text
        text = "".join(c for c in text if unicodedata.category(c)[0] != "P") if self.punctuation else text
        return " ".join(text.split()) if self.whitespace else text


def _narrow(sign: str) -> str:
    wide = unicodedata.decomposition(sign).startswith(("<wide>", "<narrow>")) or sign == "\u3000"
    return unicodedata.normalize("NFKC", sign) if wide else sign


Fold = Annotated[
    Folding,
    Meta(
        description="What is folded on both sides: `unicode` (`NFC`, `NFKC`), `width`, `case`, `punctuation`, "
        "`whitespace`."
    ),
]
