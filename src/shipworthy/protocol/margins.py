"""The three forms of a margin: `0.02` in the metric's unit, `2 points` of a share, `5%` of the baseline. Pure."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from shipworthy.errors import BadInput

Form = Literal["unit", "points", "percent"]
LARGEST = 1e100
"""A limit whose square is still a number."""
_WRITTEN = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(?P<form>%|points?|pts?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A margin as it was written: `value` in the metric's unit, in hundredths of a share, or in percent."""

    value: float
    form: Form

    def __str__(self) -> str:
        words = {"unit": "", "points": " points", "percent": "%"}
        return f"{self.value:g}{words[self.form]}"


def amount(given: float | str) -> Amount:
    """A margin or a gain as it may be written: a number, `2 points`, `5%`.

    Raises: BadInput: it is none of the three, or no number that can be reckoned with.
    """
    found = _WRITTEN.fullmatch(str(given).strip()) if isinstance(given, str) else None
    if isinstance(given, str) and found is None:
        raise BadInput(f"{given[:40]!r} is no margin; it must be a number in the metric's unit, `2 points` or `5%`")
    value = float(found["number"]) if found else float(given)
    if not isfinite(value) or abs(value) > LARGEST:
        raise BadInput(f"it is beyond {LARGEST:g}; give a number in the metric's unit")
    word = (found["form"] or "").lower() if found else ""
    return Amount(value=value, form="percent" if word == "%" else "points" if word else "unit")
