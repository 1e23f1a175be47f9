"""What one test of drift measured, and what a look at many of them decided."""

from typing import Literal

from shipworthy import records
from shipworthy.records import Effect, Outcome, Record

Kind = Literal[
    "numeric", "categorical", "missing", "length", "vocabulary", "embedding", "novelty", "classifier", "rows"
]
MIN_ROWS = 20
"""Below so many rows on either side nothing is tested: the answer is inconclusive."""


class Measured(Record):
    """One test of "both samples come from one source".

    Attributes:
        test: how it was tested, for example `ks`, `chi_square`, `permutation_chi_square`, `mmd_permutation`.
        p: two-sided unless the test says otherwise; None where a side is too small to be tested.
        effect: how large the difference is, with the name of its scale.
        detectable: the effect that these sizes find in 4 of 5 cases at alpha .05, before correction; None unknown.
        because: what differs most, in words; "" where there is nothing to say.
    """

    test: str
    statistic: float
    p: float | None
    effect: Effect
    detectable: float | None
    n_reference: int
    n_current: int
    because: str = ""
    warnings: tuple[records.Warning, ...] = ()


class Drift(Record):
    """What a look found in one column (of one slice): the row that can gate.

    `p_adjusted` is Benjamini-Hochberg's within the look. `drifted` needs both p_adjusted <= alpha and an effect of at
    least `floor`. `outcome` is fail where it drifted, pass where a drift as large as the floor would have been seen,
    else inconclusive.
    """

    column: str
    kind: Kind
    slice: dict[str, str] | None
    test: str
    statistic: float
    p: float | None
    p_adjusted: float | None
    effect: Effect
    floor: float
    detectable: float | None
    drifted: bool
    outcome: Outcome
    n_reference: int
    n_current: int
    because: str
    warnings: tuple[records.Warning, ...] = ()


class Look(Record):
    """One look at a current sample beside its reference: fail when anything drifted; else inconclusive when something
    could not be seen; else pass."""

    outcome: Outcome
    alpha: float
    reasons: tuple[str, ...]
    findings: tuple[Drift, ...]
    warnings: tuple[records.Warning, ...] = ()


def untested(test: str, effect: str, n_reference: int, n_current: int, why: records.Warning | None = None) -> Measured:
    """The answer where a side has too few rows, or `why`."""
    small = records.Warning(
        code="few_rows",
        message=f"{n_reference:,} reference and {n_current:,} current rows; at least {MIN_ROWS} a side are needed",
    )
    return Measured(
        test=test,
        statistic=0.0,
        p=None,
        effect=Effect(name=effect, value=0.0),
        detectable=None,
        n_reference=n_reference,
        n_current=n_current,
        because=(why or small).message,
        warnings=(why or small,),
    )
