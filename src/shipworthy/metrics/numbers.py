"""Is the number of an answer the number of the reference? How numbers are written is declared, never guessed."""

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated, Any, Literal

from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.metrics._answer import gold_of, place, text_of, texts_of
from shipworthy.metrics.match import Field
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record, Response

_GROUPED = re.compile(r"(?<=\d)[ \u00a0\u202f\u2009](?=\d{3}(?!\d))")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_RAISED = re.compile(r"(?<=10)[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_RUN = re.compile(
    r"(?<![\w.,])(?P<body>[.,]?\d(?:[\d.,'\x1f:/\-]*\d)?)(?:[eE](?P<exponent>[-+]?\d+))?"
    r"(?:\s?[×x*·]\s?10\s?(?:\^|\*\*)\s?\{?(?P<power>[-+]?\d+)\}?)?"
)
_MINUS = re.compile(r"(?:(?:^|[^\w)\]-])-\s?[$€£¥₹]?\s?|[$€£¥₹]-)$")
_NAME = re.compile(r"[^\W\d_]-$|\w\.$")
_ORDINAL, _SHORT = re.compile(r"(?:st|nd|rd|th)\b"), re.compile(r"(?:[kKMB]|bn|mn)\b")
_POWER = re.compile(r"\^$|\d\s?\*\*\s?$")
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALE = re.compile(rf"\s?({'|'.join(_SCALES)})\b", re.IGNORECASE)
_SIGNS = {"comma": ",", "point": ".", "space": "\x1f", "apostrophe": "'", "none": ""}


class NumberOptions(Record):
    """How numbers are written, which number of the answer counts, and how near it must be."""

    thousands: Annotated[
        Literal["comma", "point", "space", "apostrophe", "none"],
        Meta(description="What groups digits by three: 1,000, 1.000, 1 000 or 1'000."),
    ] = "comma"
    decimal: Annotated[Literal["point", "comma"], Meta(description="What stands before the decimals.")] = "point"
    counts: Annotated[
        Literal["last", "only"],
        Meta(description="Which number is the answer: the last, or the only one (several different ones are none)."),
    ] = "last"
    marker: Annotated[
        str | None, Meta(description="Where it stands, what follows its last place is the answer; null: none.")
    ] = "####"
    percent: Annotated[
        Literal["number", "share"], Meta(description="Whether 5% is 5 or 0.05, in answers and references.")
    ] = "number"
    absolute: Annotated[float, Meta(ge=0, description="How far the number may lie from the reference.")] = 0.0
    relative: Annotated[float, Meta(ge=0, lt=1, description="The same as a share of the reference.")] = 0.0
    field: Field = None

    def __post_init__(self) -> None:
        if self.thousands == self.decimal:
            raise ValueError("`thousands` and `decimal` must be different signs")
        if self.marker == "":
            raise ValueError("`marker` must be a text, or null for none")

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(1 if the answer's number is a reference's, 1); an answer whose number cannot be read is wrong."""
        golds = self._golds(example)
        found = self.read(text_of(response))
        return (float(found is not None and any(self._near(found, gold) for gold in golds)), 1.0)

    def read(self, text: str) -> Fraction | None:
        """The number of a text by these rules; None: there is none, it is ambiguous, or it is written otherwise."""
        if self.marker is not None and self.marker in text:
            text = text.rpartition(self.marker)[2]
        found = self._numbers(_plain(text))
        if self.counts == "only" and len(set(found)) > 1:
            return None
        return found[-1] if found else None

    def _near(self, found: Fraction, gold: Fraction) -> bool:
        room = max(Fraction(str(self.absolute)), abs(gold) * Fraction(str(self.relative)))
        return abs(found - gold) <= room

    def _golds(self, example: Example) -> list[Fraction]:
        gold = gold_of(example, self.field)
        values = gold if isinstance(gold, list | tuple) else [gold]
        numbers = [_exact(one) for one in values]
        read = [
            number if number is not None else self._gold(one, example)
            for number, one in zip(numbers, values, strict=True)
        ]
        if not read:
            raise BadInput(f"example {example.id!r} has no number as its reference", where=place(example))
        return read

    def _gold(self, value: Any, example: Example) -> Fraction:
        read = self.read(value) if isinstance(value, str) else None
        if read is None:
            texts_of(example, self.field)  # says first what is no text at all
            raise BadInput(
                f"the reference {value!r} of example {example.id!r} holds no number as `thousands` and `decimal` "
                "say it is written; correct the row or the options",
                where=place(example),
            )
        return read

    def _numbers(self, text: str) -> list[Fraction | None]:
        """Every number in order; None where one is written in another way than declared."""
        found: list[Fraction | None] = []
        for match in _RUN.finditer(text):
            before, after = text[: match.start()][-8:], text[match.end() :][:16]
            if not _ORDINAL.match(after) and not _NAME.search(before):
                odd = _SHORT.match(after) or _POWER.search(before)
                value = None if odd else self._value(match, after)
                found.append(-value if value is not None and _MINUS.search(before) else value)
        return found

    def _value(self, match: re.Match[str], after: str) -> Fraction | None:
        over = [self._written(part) for part in match["body"].split("/")]
        if None in over or len(over) > 2 or (len(over) == 2 and not over[1]):
            return None
        value = Fraction(over[0] or 0) / Fraction(over[1] or 1) if len(over) == 2 else Fraction(over[0] or 0)
        power = int(match["exponent"] or 0) + int(match["power"] or 0)
        scale = _SCALE.match(after)
        power += _SCALES[scale[1].lower()] if scale else 0
        if abs(power) > 400:  # beyond any double, and slow to write out
            return None
        value *= Fraction(10) ** power
        return value / 100 if self.percent == "share" and after.lstrip().startswith("%") else value

    def _written(self, body: str) -> Decimal | None:
        """1,000.5 -> 1000.5 by the declared signs; groups but the first have three digits."""
        whole, _, part = body.partition(_SIGNS[self.decimal])
        groups = whole.split(_SIGNS[self.thousands]) if _SIGNS[self.thousands] else [whole]
        grouped = len(groups) == 1 or (1 <= len(groups[0]) <= 3 and all(len(one) == 3 for one in groups[1:]))
        digits = "".join(groups)
        if not grouped or not (digits + part).isdigit() or (part and not part.isdigit()):
            return None
        return Decimal(f"{digits or 0}.{part or 0}")


def _plain(text: str) -> str:
    """One minus, one apostrophe, one width; groups of three after a space as one run; 10³ as 10^3."""
    text = _RAISED.sub(lambda match: "^" + match[0].translate(_SUPERSCRIPTS), text)
    text = re.sub(r"(?<=\d)[¼½¾⅓⅔⅛⅜⅝⅞²³]", ":0", text)  # 5½ and 5² are other numbers than 5: not read
    text = _GROUPED.sub("\x1f", text)
    return unicodedata.normalize("NFKC", text).translate({0x2212: "-", 0x2013: "-", 0x2019: "'", 0x2044: "/"})


def _exact(value: Any) -> Fraction | None:
    """A JSON number as it is written; None: something else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Fraction(Decimal(str(value)))
    except (InvalidOperation, ValueError, OverflowError):
        return None


def number_match(options: NumberOptions) -> Metric:
    """Share of answers whose number equals a reference's, within a tolerance.

    The number is what follows the last `####` (as GSM8K writes its answers), else the last one of the answer. Read are
    signs (also U+2212), decimals, groups of three, percent, `1.5e3`, `1.5 × 10^3`, fractions such as 3/4 and
    "3 million"; currencies and units beside a number do not count. A number written otherwise than declared ("1,5"
    under `decimal: point`, "1 000" under `thousands: comma`), ranges, dates, times and "5k" are ambiguous: where one of
    them is the answer, the answer cannot be read and is wrong.
    """
    return Metric(
        name="number_match",
        unit="share",
        better="higher",
        kind="binary",
        observe=options.observe,
        source="definition: exact rational comparison; the marker as in Cobbe et al. 2021 (GSM8K)",
    )
