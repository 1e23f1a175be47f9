"""The Pareto frontier: which models nobody beats on quality, cost and latency at once."""

from collections.abc import Sequence

from shipworthy.errors import MissingEvidence
from shipworthy.gates._ladder import Rung
from shipworthy.records import Interval, Record


class Standing(Record):
    """One model on the frontier or off it; `dominated_by` names who is better, empty on the frontier.

    `sure`: on one metric at least the intervals do not even touch. A model that is dominated by its values but not
    surely stands within the noise of the frontier.
    """

    model: str
    dominated_by: tuple[str, ...]
    sure: bool
    says: str


def pareto(rungs: Sequence[Rung], metrics: Sequence[str]) -> list[Standing]:
    """Where each model stands on these metrics, for example quality, cost and latency.

    The rule: a model is dominated by another whose values are at least as good on every metric and better on one.
    It is surely dominated when on one of them the other's worse limit lies beyond its own better limit; the sentence
    says on which, and on which the two lie within the noise, where the true order may be the other one. Intervals that
    do not touch ask more than a paired test would: the gates decide, the frontier shows. Models without one of the
    metrics are left out.

    Raises: MissingEvidence: no model has all of the metrics.
    """
    there = [rung for rung in rungs if all(_value(rung, metric) is not None for metric in metrics)]
    if not there:
        raise MissingEvidence(f"no model has all of {', '.join(metrics)}, so there is no frontier to draw")
    return [_standing(rung, there, metrics) for rung in there]


def _standing(rung: Rung, others: Sequence[Rung], metrics: Sequence[str]) -> Standing:
    above = [other for other in others if other is not rung and _dominates(other, rung, metrics)]
    sure = [other for other in above if _surely(other, rung, metrics)]
    names = tuple(other.model for other in (sure or above))
    if not above:
        says = f"{rung.model} is on the frontier: nobody is as good on all of {', '.join(metrics)}"
    elif sure:
        told = (f"{other.model} ({_how(other, rung, metrics)})" for other in sure)
        says = f"{rung.model} is dominated by {', '.join(told)}"
    else:
        says = f"{rung.model} is behind {', '.join(names)} by value, but within the noise of the measurement"
    return Standing(model=rung.model, dominated_by=names, sure=bool(sure), says=says)


def _dominates(other: Rung, rung: Rung, metrics: Sequence[str]) -> bool:
    gaps = [_oriented(other, metric, "value") - _oriented(rung, metric, "value") for metric in metrics]
    return all(gap >= 0 for gap in gaps) and any(gap > 0 for gap in gaps)


def _surely(other: Rung, rung: Rung, metrics: Sequence[str]) -> bool:
    return any(_beyond(other, rung, metric) for metric in metrics)


def _beyond(other: Rung, rung: Rung, metric: str) -> bool:
    return _oriented(other, metric, "worst") > _oriented(rung, metric, "best")


def _how(other: Rung, rung: Rung, metrics: Sequence[str]) -> str:
    """On what the other is ahead beyond doubt, and on what by value only: there the true order may be the other one."""
    sure = [metric for metric in metrics if _beyond(other, rung, metric)]
    within = [metric for metric in metrics if metric not in sure]
    noise = f"; within the noise on {', '.join(within)}" if within else ""
    return f"surely on {', '.join(sure)}{noise}"


def _oriented(rung: Rung, metric: str, which: str) -> float:
    """Value or limit with the sign that makes more better; an unknown limit speaks for no one."""
    sign = 1.0 if rung.better[metric] == "higher" else -1.0
    cell = rung.cells[metric]
    if which == "value":
        return sign * (cell.value or 0.0)
    end = _end(cell, low=(which == "worst") == (sign > 0))
    if end is None:
        return float("-inf") if which == "worst" else float("inf")
    return sign * end


def _end(cell: Interval, *, low: bool) -> float | None:
    return cell.low if low else cell.high


def _value(rung: Rung, metric: str) -> float | None:
    return rung.cells[metric].value if metric in rung.cells else None
