"""What a margin or a limit means for its metric, and which ones that metric cannot have."""

from math import inf, isfinite

from shipworthy.errors import BadInput
from shipworthy.metrics.types import Metric
from shipworthy.protocol.margins import Amount, amount
from shipworthy.protocol.types import GateSpec


def meant(given: float | str, metric: Metric) -> tuple[float, bool]:
    """(value, whether it is a share of the baseline's value); absolute values are in the metric's unit.

    Raises: BadInput: points of a metric that is no share.
    """
    written = amount(given)
    if written.form == "percent":
        return written.value / 100, True
    if written.form == "points" and metric.unit != "points":
        if metric.unit != "share":
            raise BadInput(f"{metric.name} is measured in {metric.unit}, so it has no points; write a number or `5%`")
        return written.value / 100, False
    return written.value, False


def impossible(gate: GateSpec, metric: Metric) -> tuple[str, str] | None:
    """(key, why) of the first limit that the metric cannot have, None where all can be kept and broken."""
    for key in ("margin", "min_gain", "slice_margin"):
        given = getattr(gate, key)
        if given is not None and (why := _difference(key, amount(given), metric)):
            return key, why
    for key in ("at_least", "at_most"):
        given = getattr(gate, key)
        if given is not None and (why := outside(given, metric)):
            return key, f"{key} {given:g} is no limit: {why}"
    return None


def refuse_impossible(gate: GateSpec, metric: Metric) -> None:
    """Raises: BadInput: a limit of the gate is one that its metric cannot have."""
    if found := impossible(gate, metric):
        raise BadInput(f"gate on {gate.metric!r}: {found[1]}")


def outside(value: float, metric: Metric) -> str | None:
    """Why the metric cannot have this value, None where it can."""
    low, high = metric.span
    if low <= value <= high:
        return None
    hint = f"; did you mean {value / 100:.4g}?" if metric.unit == "share" and low <= value / 100 <= high else ""
    return f"{metric.name} {_reach(metric)}{hint}"


def _difference(key: str, written: Amount, metric: Metric) -> str | None:
    try:
        value, relative = meant(str(written), metric)
    except BadInput as error:
        return f"{key}: {error}"
    if relative:
        return _percent(key, value, metric)
    low, high = metric.span
    if abs(value) < high - low:
        return None
    percent = metric.unit == "share" and abs(value) / 100 < high - low
    hint = f"; did you mean {value / 100:.4g} or `{value:g} points`?" if percent else ""
    said = f"no two values differ by more than {high - low:g}"
    return f"{key} {written} decides nothing: {metric.name} {_reach(metric)}, {said}{hint}"


def _percent(key: str, value: float, metric: Metric) -> str | None:
    """Where less is better nothing gains all of it; where more is better a loss of all of it is no margin."""
    gains = key == "min_gain"
    if metric.span[0] < 0 and isfinite(metric.span[0]):
        return (
            f"{key} {100 * value:g}% has no meaning: {metric.name} {_reach(metric)}, so it has no zero to be a share of"
        )
    if value < 1 or gains == (metric.better == "higher"):
        return None
    return (
        f"{key} {100 * value:g}% decides nothing: {metric.name} cannot {'gain' if gains else 'lose'} all of its value"
    )


def _reach(metric: Metric) -> str:
    low, high = metric.span
    what = "is a share and lies" if metric.unit == "share" and (low, high) == (0.0, 1.0) else "lies"
    if high == inf:
        return f"is never below {low:g}"
    return f"{what} in {low:g}..{high:g}"


def error_beyond(standard_error: float | None, metric: Metric) -> str | None:
    """Why no value of the metric can have this standard error: it is at most half of what the values span."""
    low, high = metric.span
    most = (high - low) / 2
    if standard_error is None or standard_error <= most:
        return None
    return f"{metric.name} lies between {low:g} and {high:g}, so its standard error is at most {most:g}"
