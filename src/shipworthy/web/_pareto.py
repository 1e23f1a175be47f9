"""Quality against price: which models nobody beats on both, drawn on the server with intervals."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from shipworthy.web._format import count, interval, plural, unit_name
from shipworthy.web._page import Column, Measured, Pareto, ParetoPoint
from shipworthy.web._svg import Scale, linear, logarithmic, text, tick_labels, ticks

_TOP, _PLOT, _BOTTOM = 30, 300, 48
_LEFT, _RIGHT = 7.0, 97.0
_LINE, _CROWDED = 16, 34
"""Pixels a label is high; percent across within which two labels could meet."""
_LOG_FROM = 20
"""Prices further apart than this many times are drawn on a log scale."""


class _Placed(NamedTuple):
    """A point at x percent and y pixels; its label stands `lift` pixels off and on the side `anchor` says."""

    point: ParetoPoint
    x: float
    y: float
    lift: int
    anchor: str


def pareto(chart: Pareto, *, key: str) -> str:
    """One SVG; empty where fewer than two models have both quality and price."""
    points = [p for p in chart.points if p.quality.value is not None and p.price.value is not None]
    if len(points) < 2:
        return ""
    best = sorted((p for p in points if p.place == "frontier"), key=lambda p: _value(p.price))
    across = _price_scale(points)
    down = linear(_limits([p.quality for p in points]), left=_TOP + _PLOT, right=_TOP, pad=0.12)
    placed = _placed(points, across, down)
    return "".join(
        [
            f'<svg class="pareto" role="img" aria-labelledby="{key}-t {key}-d" width="100%" '
            f'height="{_TOP + _PLOT + _BOTTOM}" xmlns="http://www.w3.org/2000/svg">',
            f'<title id="{key}-t">{text(f"{chart.quality.name} against {chart.price.name}", limit=200)}</title>',
            f'<desc id="{key}-d">{_description(chart, points, best)}</desc>',
            *_axes(chart, across, down),
            *_steps(best, across, down),
            *(_mark(spot, across, down) for spot in placed),
            "</svg>",
        ]
    )


def _value(measured: Measured) -> float:
    if measured.value is None:
        raise ValueError("a point of the Pareto chart needs a value")
    return measured.value


def _limits(measured: Sequence[Measured]) -> list[float]:
    return [limit for m in measured for limit in (m.low, m.value, m.high) if limit is not None]


def _price_scale(points: Sequence[ParetoPoint]) -> Scale:
    prices = _limits([p.price for p in points])
    if min(prices) > 0 and max(prices) > _LOG_FROM * min(prices):
        return logarithmic(prices, left=_LEFT, right=_RIGHT)
    return linear([0.0, *prices], left=_LEFT, right=_RIGHT)


def _placed(points: Sequence[ParetoPoint], across: Scale, down: Scale) -> list[_Placed]:
    """Labels go right of their point, left of it near the right edge, and step aside for one another."""
    placed: list[_Placed] = []
    for point in sorted(points, key=lambda p: (_value(p.quality), _value(p.price))):
        x, y = across.at(_value(point.price)), down.at(_value(point.quality))
        taken = [other.y - other.lift for other in placed if abs(other.x - x) < _CROWDED]
        lifts = (10 + _LINE * step for step in range(len(points) + 2))
        lift = next((lift for lift in lifts if all(abs(y - lift - line) >= _LINE for line in taken)), 10)
        placed.append(_Placed(point, x, y, lift, "end" if x > 60 else "start"))
    return placed


def _axes(chart: Pareto, across: Scale, down: Scale) -> list[str]:
    rows, columns = ticks(down, 4), ticks(across, 4)
    foot = _TOP + _PLOT
    lines = [
        f'<line class="grid" x1="{_LEFT}%" x2="{_RIGHT}%" y1="{down.at(mark):.1f}" y2="{down.at(mark):.1f}"/>'
        f'<text class="tick" x="{_LEFT}%" dx="-8" y="{down.at(mark) + 4:.1f}" text-anchor="end">{label}</text>'
        for mark, label in zip(rows, tick_labels(rows, chart.quality.unit, signed=False), strict=True)
    ]
    feet = [
        f'<text class="tick" x="{across.percent(mark)}" y="{foot + 18}" text-anchor="middle">{label}</text>'
        for mark, label in zip(columns, _price_labels(across, columns, chart.price.unit), strict=True)
    ]
    names = (
        f'<text class="axis" x="0" y="13">↑ {_named(chart.quality)}</text>'
        f'<text class="axis" x="{_RIGHT}%" y="{foot + 40}" text-anchor="end">{_named(chart.price)}, '
        f"{'log scale, ' if across.log else ''}less is better ←</text>"
    )
    return [*lines, *feet, f'<line class="zero" x1="{_LEFT}%" x2="{_RIGHT}%" y1="{foot}" y2="{foot}"/>', names]


def _price_labels(across: Scale, marks: Sequence[float], unit: str) -> list[str]:
    return [f"{mark:g}" for mark in marks] if across.log else tick_labels(marks, unit, signed=False)


def _named(column: Column) -> str:
    unit = unit_name(column.unit, difference=False)
    return text(f"{column.name}{f' ({unit})' if unit else ''}")


def _steps(best: Sequence[ParetoPoint], across: Scale, down: Scale) -> list[str]:
    """The frontier as stairs: between two models, paying more buys nothing until the next one."""
    spots = [(across.at(_value(p.price)), down.at(_value(p.quality))) for p in best]
    return [
        f'<line class="frontier" x1="{x:.3f}%" x2="{next_x:.3f}%" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<line class="frontier" x1="{next_x:.3f}%" x2="{next_x:.3f}%" y1="{y:.1f}" y2="{next_y:.1f}"/>'
        for (x, y), (next_x, next_y) in pairwise(spots)
    ]


def _mark(spot: _Placed, across: Scale, down: Scale) -> str:
    quality, price = spot.point.quality, spot.point.price
    role = "candidate" if spot.point.role == "candidate" else "baseline"
    shape = '<path d="M0-8 8 0 0 8-8 0z"/>' if role == "candidate" else '<circle r="6"/>'
    dx = -11 if spot.anchor == "end" else 11
    beaten = "" if spot.point.place == "frontier" else " beaten"
    return (
        f'<g class="{role}{beaten}">{_whiskers(quality, price, across, down, spot)}'
        f'<svg x="{spot.x:.3f}%" y="{spot.y:.1f}" overflow="visible">{shape}</svg></g>'
        f'<text class="name {role}" x="{spot.x:.3f}%" dx="{dx}" y="{spot.y - spot.lift:.1f}" '
        f'text-anchor="{spot.anchor}">{text(spot.point.model, limit=26)}</text>'
    )


def _whiskers(quality: Measured, price: Measured, across: Scale, down: Scale, spot: _Placed) -> str:
    up = (
        f'<line class="limits" x1="{spot.x:.3f}%" x2="{spot.x:.3f}%" y1="{down.at(quality.low):.1f}" '
        f'y2="{down.at(quality.high):.1f}"/>'
        if quality.low is not None and quality.high is not None
        else ""
    )
    aside = (
        f'<line class="limits" x1="{across.percent(price.low)}" x2="{across.percent(price.high)}" '
        f'y1="{spot.y:.1f}" y2="{spot.y:.1f}"/>'
        if price.low is not None and price.high is not None
        else ""
    )
    return up + aside


def _description(chart: Pareto, points: Sequence[ParetoPoint], best: Sequence[ParetoPoint]) -> str:
    rows = "; ".join(_sentence(chart, point) for point in points[:20])
    names = ", ".join(point.model for point in best)
    return text(f"{plural(len(points), 'model')}. Beaten by no other on both: {names}. {rows}.", limit=4_000)


def _sentence(chart: Pareto, point: ParetoPoint) -> str:
    quality = f"{interval(point.quality, chart.quality.unit)}, n {count(point.quality.n)}"
    return f"{point.model}: {quality}; {interval(point.price, chart.price.unit)}, n {count(point.price.n)}"
