"""A histogram as bars without a script; horizontal positions are percentages, so it fills any width."""

from collections.abc import Sequence
from typing import NamedTuple

from shipworthy.web._format import count
from shipworthy.web._svg import text

_TOP, _HEIGHT, _BOTTOM, _ROW, _PAIR = 18, 130, 30, 38, 52
_WIDEST = 82  # percent, so that a number fits behind the longest bar


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
    """Lying bars below their names, for names that are long."""
    most = max(bar.n for bar in bars)
    drawn = [_row(bar, i * _ROW, most) for i, bar in enumerate(bars)]
    return _svg(drawn, _ROW * len(bars) + 4, title, bars)


def paired(labels: Sequence[str], shares: Sequence[tuple[float, float]], *, title: str) -> str:
    """Lying bars in pairs, the reference's hollow one above: shares of each side's rows, 0 to 1."""
    most = max((max(pair) for pair in shares), default=0) or 1
    drawn = [_pair(label, pair, i * _PAIR, most) for i, (label, pair) in enumerate(zip(labels, shares, strict=True))]
    said = "; ".join(
        f"{label}: {before:.1%}, now {now:.1%}" for label, (before, now) in zip(labels, shares, strict=True)
    )
    head = f'<svg class="bars" width="100%" height="{_PAIR * len(labels) + 4}" role="img">'
    return f"{head}<title>{text(title)}: {text(said, limit=2_000)}</title>{''.join(drawn)}</svg>"


def _pair(label: str, pair: tuple[float, float], top: float, most: float) -> str:
    parts = [_name(label, top)]
    for at, (share, look) in enumerate(zip(pair, ("before", "now"), strict=True)):
        size, y = share / most * _WIDEST, top + 20 + at * 13
        parts.append(f'<rect class="{look}" x="1" y="{y}" width="{size:.2f}%" height="10" rx="1.5"/>')
        parts.append(f'<text class="value" x="{size + 1.5:.2f}%" y="{y + 9}">{share:.1%}</text>')
    return "".join(parts)


def _name(label: str, top: float) -> str:
    """A label on a line of its own, so that it fits a narrow screen; all of it stands in the drawing's title."""
    return f'<text x="0" y="{top + 14}">{text(label, limit=42)}</text>'


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
    size = bar.n / most * _WIDEST
    return (
        _name(bar.label, top)
        + f'<rect x="0" y="{top + 20}" width="{size:.2f}%" height="12" rx="2"/>'
        + f'<text class="value" x="{size + 1.5:.2f}%" y="{top + 30}">{count(bar.n)}</text>'
    )


def _svg(drawn: Sequence[str], height: int, title: str, bars: Sequence[Bar]) -> str:
    said = text("; ".join(f"{bar.label}: {count(bar.n)}" for bar in bars), limit=2_000)
    inside = "".join(drawn)
    head = f'<svg class="bars" width="100%" height="{height}" role="img">'
    return f"{head}<title>{text(title)}: {said}</title>{inside}</svg>"
