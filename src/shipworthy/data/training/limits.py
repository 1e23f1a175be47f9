"""Limits by name: `{template_variants: 1, truncated: 0.01, secret: 0}` -> pass or fail, each with its sentence."""

import difflib
from collections.abc import Mapping
from typing import Literal

from shipworthy.data.training._catalogue import CATALOGUE
from shipworthy.data.training.types import DataReport
from shipworthy.errors import UnknownName
from shipworthy.protocol.limits import LEAKAGE, MEASURES, parsed
from shipworthy.records import Record


class LimitFinding(Record):
    """One limit over one number of the report. `inconclusive`: not measured. `unit`: a share, or a count."""

    name: str
    limit: float
    observed: float | None
    outcome: Literal["pass", "fail", "inconclusive"]
    because: str
    unit: Literal["", "share"] = ""


def evaluate_limits(report: DataReport, limits: Mapping[str, float | str]) -> tuple[LimitFinding, ...]:
    """Judge a report by limits.

    A name is a measure of the set or the code of a defect. A limit is the largest allowed value; for a defect a
    fraction below 1, or a text such as "1%" or "<1%", is a share of the rows, a whole number a count ("<" excludes it).

    Raises: UnknownName: no such measure or defect; BadInput: a limit is no number.
    """
    return tuple(_judged(report, name, limit) for name, limit in limits.items())


def _judged(report: DataReport, name: str, given: float | str) -> LimitFinding:
    limit, strict, percent = parsed(name, given)
    as_share = percent or 0 < limit < 1
    unit: Literal["", "share"] = "share" if as_share else ""
    observed = _observed(report, name, as_share=as_share)
    if observed is None:
        said = _why_not(report, name)
        return LimitFinding(
            name=name, limit=limit, observed=None, outcome="inconclusive", because=f"not measured: {said}", unit=unit
        )
    kept = observed < limit if strict else observed <= limit
    shown = (f"{observed:.2%}", f"{limit:.2%}") if as_share else (f"{observed:,.6g}", f"{limit:,.6g}")
    because = f"{name} is {shown[0]}, {'less than' if strict else 'at most'} {shown[1]} is allowed"
    outcome: Literal["pass", "fail"] = "pass" if kept else "fail"
    return LimitFinding(name=name, limit=limit, observed=observed, outcome=outcome, because=because, unit=unit)


def _observed(report: DataReport, name: str, *, as_share: bool) -> float | None:
    if name == "bad_rows":
        return report.bad / max(1, report.bad + report.rows) if as_share else float(report.bad)
    if name in LEAKAGE:
        return _leaked(report, name.removeprefix("leakage_"), as_share=as_share)
    counted = name in CATALOGUE and not as_share  # `truncated: 5` means rows, and its measure is a share
    if name in report.measures and not counted:
        return report.measures[name]
    if name in MEASURES and name not in report.measures:
        return None
    if name not in CATALOGUE:
        near = difflib.get_close_matches(name, [*CATALOGUE, *MEASURES, *LEAKAGE], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; measures are {', '.join(MEASURES)}"
        raise UnknownName(f"there is no measure or defect {name!r}{hint}")
    skipped = {one.check for one in report.skipped}
    if name not in report.checks or name in skipped or CATALOGUE[name].group in skipped:
        return None
    count = report.count(name)
    return count / max(1, report.rows + report.bad) if as_share else float(count)


def _leaked(report: DataReport, tier: str, *, as_share: bool) -> float | None:
    """Rows of all test sets together whose strongest match lies in this tier."""
    if not report.leakage:
        return None
    found = sum(one.tiers[tier] for one in report.leakage)
    return found / max(1, sum(one.rows for one in report.leakage)) if as_share else float(found)


def _why_not(report: DataReport, name: str) -> str:
    if name in LEAKAGE:
        return "no test set was named to compare with; give --against, or `against` in a protocol"
    return next((one.because for one in report.skipped if one.check in (name, _group(name))), "the data do not have it")


def _group(name: str) -> str:
    return CATALOGUE[name].group if name in CATALOGUE else "template" if name in ("truncated", "tokens") else name
