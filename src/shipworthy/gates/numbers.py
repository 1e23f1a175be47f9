"""How many digits a value is told with: as many as its interval supports, and enough to show what was decided."""

from collections.abc import Iterable
from math import ceil, floor, isfinite, log10

MOST = 12
_SIGNIFICANT = 3


def decimals(
    value: float | None, low: float | None, high: float | None, *, least: int, bar: float | None = None
) -> int:
    """Decimals for a value and its limits.

    At least `least`; as many as half the interval's width supports, or three significant digits of a small value that
    has none; and so many that a limit which lies on one side of `bar` is not printed as `bar` itself.
    """
    wanted = max(least, _supported(value, low, high))
    for limit in (low, high):
        if limit is not None and isfinite(limit):
            wanted = max(wanted, _telling(limit, bar, wanted))
    return min(wanted, MOST)


def shown(value: float, places: int) -> str:
    """The value with so many decimals, no minus before a zero."""
    text = f"{value:,.{places}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def plain(value: float) -> str:
    """A limit as somebody wrote it: every digit that matters, no exponent where one can do without."""
    text = f"{value:.10g}"
    return (
        f"{value:.{min(MOST, 10 - floor(log10(abs(value))))}f}".rstrip("0")
        if "e-" in text and abs(value) > 1e-9
        else text
    )


def significant(value: float | None) -> int:
    """Decimals that show three significant digits of a value below 0.1, none of others: small costs are not 0.00."""
    size = abs(value) if value is not None and isfinite(value) else 0.0
    return _SIGNIFICANT - 1 - floor(log10(size)) if 0 < size < 0.1 else 0


def telling(bar: float, values: Iterable[float | None], least: int) -> int:
    """The decimals at which none of the values, unless equal to it, is printed as the bar."""
    return max(
        (_telling(value, bar, least) for value in values if value is not None and isfinite(value)), default=least
    )


def _supported(value: float | None, low: float | None, high: float | None) -> int:
    half = (high - low) / 2 if low is not None and high is not None else 0.0
    if isfinite(half) and half > 0:
        return ceil(-log10(half))
    return significant(value)


def _telling(limit: float, bar: float | None, places: int) -> int:
    if bar is None or abs(limit - bar) < 10.0 ** -(MOST - 1):
        return places
    while places < MOST and f"{limit:.{places}f}" == f"{bar:.{places}f}":
        places += 1
    return places
