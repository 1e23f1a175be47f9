"""A histogram as bars without a script; horizontal positions are percentages, so it fills any width."""

from collections.abc import Sequence
from typing import NamedTuple

from shipworthy.web._format import count
from shipworthy.web._svg import text

_TOP, _HEIGHT, _BOTTOM, _ROW = 18, 130, 30, 26


class Bar(NamedTuple):
    """One bar: what stands below it, and how many rows it counts."""

    label: str
    n: int


def columns(bars: Sequence[Bar], *, title: str) -> str:
    """Upright bars, their counts above, labels below."""
    most, width = max(bar.n for bar in bars), 100 / len(bars)
    every = max(1, -(-len(bars) // 9))
    drawn = [_column(bar, i * width, width, most, labelled=not i % every) for i, bar in enumerate(bars)]
    return _svg(drawn, _TOP + _HEIGHT + _BOTTOM, title, bars)


def rows(bars: Sequence[Bar], *, title: str) -> str:
    """Lying bars with their names on the left, for names that are long."""
    most = max(bar.n for bar in bars)
    drawn = [_row(bar, i * _ROW, most) for i, bar in enumerate(bars)]
    return _svg(drawn, _ROW * len(bars) + 4, title, bars)


def _column(bar: Bar, left: float, width: float, most: int, *, labelled: bool) -> str:
    height = bar.n / most * _HEIGHT
    middle = left + width / 2
    number = f'<text class="value" x="{middle:.2f}%" y="{_TOP + _HEIGHT - height - 5:.1f}" text-anchor="middle">'
    label = (
        f'<text class="tick" x="{middle:.2f}%" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{text(bar.label)}</text>'
    )
    return (
        f'<rect x="{left + width * 0.08:.2f}%" y="{_TOP + _HEIGHT - height:.1f}" width="{width * 0.84:.2f}%" '
        f'height="{height:.1f}" rx="2"/>'
        + (f"{number}{count(bar.n)}</text>" if bar.n and labelled else "")
        + (label if labelled else "")
    )


def _row(bar: Bar, top: float, most: int) -> str:
    size = bar.n / most * 52
    return (
        f'<text x="34%" y="{top + 17}" text-anchor="end">{text(bar.label, limit=30)}</text>'
        f'<rect x="36%" y="{top + 5}" width="{size:.2f}%" height="16" rx="2"/>'
        f'<text class="value" x="{37 + size:.2f}%" y="{top + 17}">{count(bar.n)}</text>'
    )


def _svg(drawn: Sequence[str], height: int, title: str, bars: Sequence[Bar]) -> str:
    said = text("; ".join(f"{bar.label}: {count(bar.n)}" for bar in bars), limit=2_000)
    inside = "".join(drawn)
    head = f'<svg class="bars" width="100%" height="{height}" role="img">'
    return f"{head}<title>{text(title)}: {said}</title>{inside}</svg>"
