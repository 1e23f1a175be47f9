"""Preferences are no scores: their scale is recognised where a table says that they are preferences, or asked for.

alpaca_eval writes 1 (the reference wins) to 2 (the model wins), and 0 or 1.5 for a tie; others -1, 0, 1. Each becomes a
win rate: 0, .5 for a tie, 1. Read as they stand, a tie written 0 would be worse than a loss.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from shipworthy import records
from shipworthy.data.results._long import Long
from shipworthy.data.results._query import Query
from shipworthy.errors import BadInput
from shipworthy.metrics.types import Floats

Scale = Literal["plain", "alpaca", "signed"]
_SCALES: tuple[Scale, ...] = ("alpaca", "signed")
SAYS = ("preference", "preferences", "win_rate", "winrate", "win")
"""Metrics that are preferences by their name."""
_MEANS: Mapping[Scale, str] = {
    "alpaca": "1 (loss) to 2 (win), 0 or 1.5 for a tie",
    "signed": "-1 (loss), 0 (tie), 1 (win)",
    "plain": "as they stand",
}

_TIED: Mapping[Scale, frozenset[float]] = {
    "alpaca": frozenset((0.0, 1.0, 2.0)),
    "signed": frozenset((-1.0, 0.0, 1.0)),
}


def as_win_rates(long: Long, query: Query) -> Long:
    """The rows with every preference as a win rate, and a warning `preference_scale` for each metric that is one.

    Raises: BadInput: values that could be preferences with ties under a name that does not say so, or values that the
        scale asked for does not have.
    """
    for code, name in enumerate(long.metrics):
        rows = long.metric_R == code
        values = long.value_R[rows & np.isfinite(long.value_R)]
        if name in long.extras or not len(values):
            continue
        scale = query.scale or _seen(name, values, nameless=query.metric is None and name == "value", where=long.where)
        if scale in (None, "plain"):
            continue
        _refuse_others(name, values, scale, long.where)
        long = _converted(long, code, scale, query)
    return long


def _seen(name: str, values: Floats, *, nameless: bool, where: str) -> Scale | None:
    """The scale of these values, where name and values leave no doubt; None: they are scores."""
    says, distinct = name.lower().split(",")[0] in SAYS, set(np.unique(values).tolist())
    fits = [scale for scale in _SCALES if _fits(scale, values)]
    if says and distinct <= {0.0, 0.5, 1.0}:
        return None
    if says and fits:
        return fits[0]
    if nameless and values.min() >= 1 and values.max() <= 2 and bool((values != np.floor(values)).any()):
        return "alpaca"
    ties = [scale for scale in _SCALES if distinct <= _TIED[scale]]
    if nameless and ties and not any(distinct <= two for two in ({0.0, 1.0}, {1.0, 2.0}, {0.0, 2.0})):
        shown = ", ".join(f"{value:g}" for value in sorted(distinct))
        raise BadInput(
            f"the values {shown} may be preferences ({_MEANS[ties[0]]}) or scores; say --scale {ties[0]} or "
            "--scale plain",
            where=where,
        )
    return None


def _fits(scale: Scale, values: Floats) -> bool:
    if scale == "signed":
        return bool(np.isin(values, (-1.0, 0.0, 1.0)).all())
    return bool(((values == 0) | ((values >= 1) & (values <= 2))).all())


def _refuse_others(name: str, values: Floats, scale: Scale, where: str) -> None:
    if not _fits(scale, values):
        low, high = float(values.min()), float(values.max())
        raise BadInput(
            f"{name!r} holds values from {low:g} to {high:g}, which are no preferences of the scale {scale} "
            f"({_MEANS[scale]}); name the right --scale, or plain",
            where=where,
        )


def _alpaca(values: Floats) -> Floats:
    return np.where(values == 0, 0.5, values - 1)


def _signed(values: Floats) -> Floats:
    return (values + 1) / 2


_READ: Mapping[Scale, Callable[[Floats], Floats]] = {"alpaca": _alpaca, "signed": _signed}


def _converted(long: Long, code: int, scale: Scale, query: Query) -> Long:
    rows = (long.metric_R == code) & np.isfinite(long.value_R)
    names = list(long.metrics)
    if query.metric is None and names[code] == "value":
        names[code] = "win_rate"
    value_R = long.value_R.copy()
    value_R[rows] = _READ[scale](long.value_R[rows])
    message = (
        f"{names[code]}: the values were read as preferences, {_MEANS[scale]}, and are win rates now; "
        "--scale plain keeps them as they stand"
    )
    note = records.Warning(code="preference_scale", message=message, count=int(rows.sum()))
    return replace(long, value_R=value_R, metrics=names, warnings=(*long.warnings, note))
