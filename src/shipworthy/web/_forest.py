"""The forest plot: gains with intervals around zero and their margins, drawn on the server."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from shipworthy.records import Finding, Outcome
from shipworthy.web._format import OUTCOME_WORDS, gain_text, gain_unit, plural, size, slice_label, unit_name
from shipworthy.web._svg import Scale, linear, text, tick_labels, ticks

_MARKERS: dict[Outcome, str] = {
    "pass": '<circle r="5"/>',
    "fail": '<path d="M0-6.5 6.5 0 0 6.5-6.5 0z"/>',
    "inconclusive": '<circle r="4.25" class="hollow"/>',
}
"""Shape and colour both say the outcome."""


class Layout(NamedTuple):
    """Where things stand: percentages across, pixels down. A row's plot runs from `strip` to its end."""

    name: str
    row: int
    strip: int
    label: int
    value: int
    left: float
    right: float

    @property
    def line(self) -> int:
        return (self.strip + self.row) // 2


WIDE = Layout("wide", row=34, strip=0, label=21, value=21, left=31.0, right=76.0)
NARROW = Layout("narrow", row=76, strip=46, label=21, value=39, left=2.0, right=98.0)
"""Label, plot and value on one line; or label, value and plot one below the other, so that no two can meet."""
_TOP, _BOTTOM = 24, 30
_OFF_SCALE, _KEPT = 6.0, 3.0
"""A row that reaches this many times further than the median row leaves the scale by an arrow, and the scale keeps this
many times the median row's reach."""


def forests(findings: Sequence[Finding], *, title: str, key: str, by_slice: bool = False) -> list[tuple[str, str]]:
    """One drawing a unit: (wide SVG, narrow SVG) of every finding that has a gain with limits.

    Args:
        findings: in the order of the rows.
        title: what the drawing shows, for screen readers.
        key: makes the ids of this drawing unique in its page.
        by_slice: label rows by slice instead of by gate alone.
    """
    drawable = [finding for finding in findings if _has_limits(finding)]
    units = dict.fromkeys(gain_unit(finding) for finding in drawable)
    groups = [[finding for finding in drawable if gain_unit(finding) == unit] for unit in units]
    return [
        (
            forest(group, WIDE, title=title, key=f"{key}-{i}", by_slice=by_slice),
            forest(group, NARROW, title=title, key=f"{key}-{i}", by_slice=by_slice),
        )
        for i, group in enumerate(groups)
    ]


def forest(findings: Sequence[Finding], layout: Layout, *, title: str, key: str, by_slice: bool = False) -> str:
    """One SVG of findings that share a unit; needs at least one, each with limits of its gain."""
    scale = linear(_domain(findings), left=layout.left, right=layout.right)
    bottom = _TOP + len(findings) * layout.row
    name = f"{key}-{layout.name}"
    labels = _slice_names(findings) if by_slice else [finding.gate for finding in findings]
    parts = [
        f'<svg class="forest {layout.name}" role="img" aria-labelledby="{name}-t {name}-d" width="100%" '
        f'height="{bottom + _BOTTOM}" xmlns="http://www.w3.org/2000/svg">',
        f'<title id="{name}-t">{text(title, limit=200)}</title>',
        f'<desc id="{name}-d">{_description(findings)}</desc>',
        *_axis(scale, layout, bottom, gain_unit(findings[0])),
        *(_row(finding, layout, scale, i, label=labels[i]) for i, finding in enumerate(findings)),
        "</svg>",
    ]
    return "".join(parts)


def _has_limits(finding: Finding) -> bool:
    gain = finding.gain
    return gain is not None and None not in (gain.value, gain.low, gain.high)


def _gain(finding: Finding) -> tuple[float, float, float]:
    gain = finding.gain
    if gain is None or gain.low is None or gain.value is None or gain.high is None:
        raise ValueError(f"finding {finding.gate!r} has no interval to draw")
    return gain.low, gain.value, gain.high


def _slice_names(findings: Sequence[Finding]) -> list[str]:
    """Labels alone where all rows are slices of one column."""
    columns = {tuple(finding.slice or {}) for finding in findings}
    if len(columns) == 1 and len(next(iter(columns))) == 1:
        return [next(iter((finding.slice or {}).values())) for finding in findings]
    return [slice_label(finding) for finding in findings]


def _bound(finding: Finding) -> float | None:
    """Where the gain's lower limit must stay above."""
    return {"non_inferior": -finding.margin, "superior": finding.margin}.get(finding.rule)


def _domain(findings: Sequence[Finding]) -> list[float]:
    """What the scale must hold: zero, the margins, and every interval but those that would flatten all the others."""
    limits = [limit for finding in findings for limit in _gain(finding)]
    bounds = [bound for finding in findings if (bound := _bound(finding)) is not None]
    typical = median(max(map(abs, _gain(finding))) for finding in findings)
    if typical > 0 and max(map(abs, limits)) > _OFF_SCALE * typical:
        limits = [max(-_KEPT * typical, min(_KEPT * typical, limit)) for limit in limits]
    return [0.0, *limits, *bounds]


def _axis(scale: Scale, layout: Layout, bottom: int, unit: str) -> list[str]:
    marks = ticks(scale)
    name = text(unit_name(unit, difference=True))
    lines = [
        f'<text class="tick" x="{scale.percent(mark)}" y="{bottom + 18}" text-anchor="middle">{label}</text>'
        for mark, label in zip(marks, tick_labels(marks, unit, signed=True), strict=True)
    ]
    head = (
        f'<text class="axis" x="{layout.left}%" y="13">← worse</text>'
        f'<text class="axis" x="{layout.right}%" y="13" text-anchor="end">better →</text>'
        f'<text class="tick" x="{layout.right}%" dx="14" y="{bottom + 18}">{name if layout is WIDE else ""}</text>'
    )
    return [*lines, head]


def _row(finding: Finding, layout: Layout, scale: Scale, i: int, *, label: str) -> str:
    top = _TOP + i * layout.row
    low, value, high = _gain(finding)
    y = top + layout.line
    marker = f'<svg x="{scale.percent(value)}" y="{y}" overflow="visible">{_MARKERS[finding.outcome]}</svg>'
    marker = marker if scale.low <= value <= scale.high else ""
    label_width = layout.left - 1 if layout is WIDE else 100
    side, end = ("100%", "end") if layout is WIDE else ("0", "start")
    return (
        _ground(finding, scale, top + layout.strip, layout.row - layout.strip)
        + f'<svg x="0" y="{top}" width="{label_width}%" height="{layout.row}"><text class="name" x="0" '
        f'y="{layout.label}">{text(label, limit=44)}</text></svg>'
        f'<g class="{finding.outcome}"><line class="limits" x1="{scale.percent(low)}" x2="{scale.percent(high)}" '
        f'y1="{y}" y2="{y}"/>{_end(scale, low, y)}{_end(scale, high, y)}{marker}</g>'
        f'<text class="value" x="{side}" y="{top + layout.value}" text-anchor="{end}">'
        f"{text(gain_text(finding))}</text>"
    )


def _end(scale: Scale, limit: float, y: int) -> str:
    """The end of an interval: a cap, or an arrow where it runs off the scale."""
    at = scale.percent(limit)
    if not scale.low <= limit <= scale.high:
        side = 1 if limit < scale.low else -1
        return f'<svg x="{at}" y="{y}" overflow="visible"><path d="M{-3 * side} 0 {9 * side}-6v12z"/></svg>'
    return f'<line class="limits" x1="{at}" x2="{at}" y1="{y - 4}" y2="{y + 4}"/>'


def _ground(finding: Finding, scale: Scale, top: int, height: int) -> str:
    """What lies under a row: grid, zero, and the margin with what lies left of it shaded."""
    marks = [("zero" if mark == 0 else "grid", scale.percent(mark)) for mark in {0.0, *ticks(scale)}]
    lines = "".join(
        f'<line class="{kind}" x1="{at}" x2="{at}" y1="{top}" y2="{top + height}"/>' for kind, at in sorted(marks)
    )
    bound = _bound(finding)
    if bound is None:
        return lines
    width = scale.at(bound) - scale.left
    at = scale.percent(bound)
    return (
        f'<rect class="refused" x="{scale.left:.3f}%" width="{width:.3f}%" y="{top}" height="{height}"/>'
        f'{lines}<line class="margin" x1="{at}" x2="{at}" y1="{top}" y2="{top + height}"/>'
    )


def _description(findings: Sequence[Finding]) -> str:
    """The drawing in words; long ones name the rows that fail or are unsettled and count the rest."""
    telling = [finding for finding in findings if finding.outcome != "pass"][:10] or list(findings[:10])
    rows = "; ".join(_sentence(finding) for finding in telling)
    rest = len(findings) - len(telling)
    tail = f"; and {plural(rest, 'more row')} in the table" if rest else ""
    return text(f"{plural(len(findings), 'gain')} with intervals. {rows}{tail}.", limit=4_000)


def _sentence(finding: Finding) -> str:
    where = f" on {slice_label(finding)}" if finding.slice else ""
    gain = gain_text(finding)
    return f"{finding.gate}{where}: gain {gain}, n {size(finding)}, {OUTCOME_WORDS[finding.outcome].lower()}"
