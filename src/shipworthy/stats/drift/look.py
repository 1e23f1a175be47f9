"""One look: all columns and slices together, so that watching more of them does not mean more false alarms."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shipworthy import records
from shipworthy.records import Outcome
from shipworthy.stats.drift._draws import DRAWS
from shipworthy.stats.drift.types import Drift, Kind, Look, Measured
from shipworthy.stats.multiplicity import benjamini_hochberg

FLOORS: Mapping[Kind, float] = {
    "numeric": 0.05,
    "length": 0.05,
    "categorical": 0.05,
    "missing": 0.02,
    "vocabulary": 0.05,
    "embedding": 0.01,
    "novelty": 0.05,
    "classifier": 0.55,
    "rows": 0.55,
}
"""The smallest effect that matters, on each kind's own scale: at a million rows everything is significant."""
_SCALE: Mapping[str, str] = {
    "ks_distance": "KS distance",
    "total_variation": "total variation",
    "word_share_difference": "share of documents",
    "share_of_kernel_variance": "share of the kernel's variance",
    "excess_novel_share": "novel share beyond 5 %",
    "auc": "AUC",
}
_SHOWN = 8
_SPARE = 4  # so many times the draws that one cell alone needs: it may be reached by chance a few times
_MOST_DRAWS = 19_999


class Cell(NamedTuple):
    """One test of a look: which column, by which kind of drift, in which slice (None: all rows)."""

    column: str
    kind: Kind
    measured: Measured
    slice: dict[str, str] | None = None


def draws_for(cells: int, alpha: float) -> int:
    """Draws a test when `cells` tests are corrected together: one of them alone must be able to reach `alpha`.

    The smallest p of N draws is 1 / (N + 1), and Benjamini and Hochberg multiply it by `cells` where only one of them
    drifted. At most 19,999: `can_be_found` says where they do not suffice.
    Raises: ValueError: as `look`.
    """
    _checked(alpha)
    return min(_MOST_DRAWS, max(DRAWS, math.ceil(_SPARE * cells / alpha) - 1))


def can_be_found(cells: int, alpha: float) -> bool:
    """Whether a change in one of `cells` tests alone can be found by drawing at all."""
    return cells <= alpha * (draws_for(cells, alpha) + 1)


def look(
    cells: Sequence[Cell],
    *,
    alpha: float = 0.05,
    floors: Mapping[Kind, float] | None = None,
    warnings: Sequence[records.Warning] = (),
) -> Look:
    """Decides what drifted: Benjamini and Hochberg's p within the look at most `alpha`, and the effect at its floor.

    Where nothing drifts at all, any false alarm among the cells has at most the chance `alpha`.

    Args: floors: smallest effects that matter; kinds left out keep `FLOORS`.
    Raises: ValueError: alpha outside (0, .5].
    Source: Benjamini & Hochberg 1995.
    """
    _checked(alpha)
    tested = [cell.measured.p for cell in cells if cell.measured.p is not None]
    adjusted = iter(benjamini_hochberg(tested).tolist() if tested else [])
    least = {**FLOORS, **(floors or {})}
    found = tuple(
        _drift(cell, None if cell.measured.p is None else next(adjusted), alpha, least[cell.kind]) for cell in cells
    )
    return Look(outcome=_outcome(found), alpha=alpha, reasons=_reasons(found), findings=found, warnings=tuple(warnings))


def _checked(alpha: float) -> None:
    if not 0 < alpha <= 0.5:
        raise ValueError(f"alpha lies in (0, .5], got {alpha}")


def _drift(cell: Cell, adjusted: float | None, alpha: float, floor: float) -> Drift:
    measured = cell.measured
    drifted = adjusted is not None and adjusted <= alpha and measured.effect.value >= floor
    seen = measured.p is not None and measured.detectable is not None and measured.detectable <= floor
    outcome: Outcome = "fail" if drifted else "pass" if seen else "inconclusive"
    return Drift(
        column=cell.column,
        kind=cell.kind,
        slice=cell.slice,
        test=measured.test,
        statistic=measured.statistic,
        p=measured.p,
        p_adjusted=adjusted,
        effect=measured.effect,
        floor=floor,
        detectable=measured.detectable,
        drifted=drifted,
        outcome=outcome,
        n_reference=measured.n_reference,
        n_current=measured.n_current,
        because=_because(measured, adjusted, alpha, floor, outcome),
        warnings=measured.warnings,
    )


def _because(measured: Measured, adjusted: float | None, alpha: float, floor: float, outcome: Outcome) -> str:
    if adjusted is None:
        return measured.because
    scale = _SCALE.get(measured.effect.name, measured.effect.name)
    numbers = f"{scale} {measured.effect.value:.3g} (floor {floor:g}), adjusted p {adjusted:.2g}"
    if outcome == "fail":
        return f"{numbers}: {measured.because}"
    if adjusted <= alpha:
        return f"{numbers}: real, but smaller than what matters"
    if outcome == "pass":
        return f"{numbers}: no drift of {floor:g} or more would have stayed hidden"
    return f"{numbers}: not shown, but these rows find only {measured.detectable or 1:.2g} or more; collect more"


def _outcome(found: Sequence[Drift]) -> Outcome:
    outcomes = {one.outcome for one in found}
    return "fail" if "fail" in outcomes else "inconclusive" if "inconclusive" in outcomes or not found else "pass"


def _reasons(found: Sequence[Drift]) -> tuple[str, ...]:
    drifted = sorted((one for one in found if one.drifted), key=lambda one: (one.p_adjusted or 0, one.column))
    said = [f"{name(one)}: {one.because}" for one in drifted[:_SHOWN]]
    if len(drifted) > _SHOWN:
        said.append(f"and {len(drifted) - _SHOWN} more")
    if not drifted:
        blind = sum(one.outcome == "inconclusive" for one in found)
        said.append(
            f"no drift was shown in {len(found)} tests" + (f"; {blind} of them have too few rows" * (blind > 0))
        )
    return tuple(said)


def name(one: Drift) -> str:
    """The cell in words: `amount (numeric) where region = north`."""
    where = " and ".join(f"{column} = {label}" for column, label in (one.slice or {}).items())
    return f"{one.column} ({one.kind})" + (f" where {where}" if where else "")
