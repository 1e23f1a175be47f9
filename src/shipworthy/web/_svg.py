"""Scales and ticks of server-drawn charts.

Charts have no viewBox: their horizontal coordinates are percentages, so they fill any width and their text keeps its
size at 400 px. Vertical coordinates are pixels.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import escape

from shipworthy.web._format import number, printable, shorten

WIDEST_LABEL = 44


class Scale(NamedTuple):
    """Maps values low..high to left..right percent of the drawing's width (log: by order of magnitude)."""

    low: float
    high: float
    left: float
    right: float
    log: bool = False

    def at(self, value: float) -> float:
        """The position of `value`, kept inside the plot."""
        low, high, here = (self._bent(limit) for limit in (self.low, self.high, value))
        share = (here - low) / (high - low)
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))

    def percent(self, value: float) -> str:
        """The position of `value` as an SVG coordinate."""
        return f"{self.at(value):.3f}%"

    def _bent(self, value: float) -> float:
        return math.log10(max(value, self.low)) if self.log else value


def linear(values: Sequence[float], *, left: float, right: float, pad: float = 0.06) -> Scale:
    """A scale that holds all values with some air; one value alone gets a range around it."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    air = (high - low) * pad
    return Scale(low - air, high + air, left, right)


def logarithmic(values: Sequence[float], *, left: float, right: float) -> Scale:
    """A log scale over positive values."""
    return Scale(min(values) / 1.4, max(values) * 1.4, left, right, log=True)


def ticks(scale: Scale, wanted: int = 5) -> list[float]:
    """Round values inside the scale: 1, 2 or 5 times a power of ten apart; 1, 2, 5 a decade on a log scale."""
    if scale.log:
        return _log_ticks(scale)
    rough = (scale.high - scale.low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * unit for unit in (1, 2, 5, 10) if rough <= power * unit * (1 + 1e-9))
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def tick_labels(marks: Sequence[float], unit: str, *, signed: bool) -> list[str]:
    """Labels with just the decimals that tell the ticks apart."""
    factor = 100 if unit in ("share", "relative") else 1
    step = min((b - a for a, b in pairwise(marks)), default=1.0) * factor
    places = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    return [number(mark, unit, signed=signed and mark != 0, decimals=places) for mark in marks]


def text(words: str, *, limit: int = WIDEST_LABEL) -> str:
    """Escaped, printable and short."""
    return str(escape(shorten(printable(" ".join(words.split())), limit)))


def _log_ticks(scale: Scale) -> list[float]:
    exponents = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    every = [unit * 10.0**exponent for exponent in exponents for unit in (1, 2, 5)]
    inside = [mark for mark in every if scale.low <= mark <= scale.high]
    return inside if len(inside) <= 6 else [mark for mark in inside if _is_power_of_ten(mark)]


def _is_power_of_ten(mark: float) -> bool:
    return abs(math.log10(mark) - round(math.log10(mark))) < 1e-9
