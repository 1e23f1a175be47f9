"""What a split is asked to be."""

from typing import Annotated, Literal

from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.records import Record

ASIDE = "aside"
"""The part of rows that belong on neither side: in the gap, in a group of the other side, or of no time."""
BalanceRule = Literal["stable", "exact"]


class Rule(Record):
    """How rows are dealt to parts.

    Attributes:
        test, validation: shares of the rows; the rest is `train`. Ignored where `folds` is set.
        folds: number of equal parts `fold-1`, ...; 0: train, validation and test.
        balance: `stable` deals every group by its own hash alone, so that adding rows moves none, and the shares are
            met up to chance; `exact` meets them within a row (a group) in every stratum, and a row may move when others
            are added unless an earlier split is kept.
        stratify: columns whose combinations are reported, and balanced under `exact`.
        length_buckets: number of length classes that are a stratum too; 0: none.
        group: columns whose equal values stay in one part (several: joined where they share a row).
        near: keep rows that are likely copies of one another in one part; exact copies always are.
        time: column by which the test rows are the latest; `since`: the first time of the test part, else the share
            decides; `gap_s`: seconds before it in which rows are set aside.
        few_shot: sizes of nested training subsets, that many rows a label.
        label: column of the labels for `few_shot`; default the first of `stratify`.
        seed: another number deals another, equally good split.
        text: column that makes a row another question; default by the row's format.
    """

    test: Annotated[float, Meta(ge=0, lt=1)] = 0.125
    validation: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    folds: int = 0
    balance: BalanceRule = "stable"
    stratify: tuple[str, ...] = ()
    length_buckets: Annotated[int, Meta(ge=0, le=20)] = 0
    group: tuple[str, ...] = ()
    near: bool = True
    time: str | None = None
    since: str | None = None
    gap_s: Annotated[float, Meta(ge=0)] = 0.0
    few_shot: tuple[int, ...] = ()
    label: str | None = None
    seed: int = 0
    text: str | None = None

    def parts(self) -> dict[str, float]:
        """Part -> share, the parts that are dealt. Raises: BadInput: the rule contradicts itself."""
        self._refuse()
        if self.folds:
            return {f"fold-{number}": 1 / self.folds for number in range(1, self.folds + 1)}
        shares = {"test": self.test, "validation": self.validation, "train": 1 - self.test - self.validation}
        return {name: share for name, share in shares.items() if share > 0}

    def _refuse(self) -> None:
        if self.folds and (self.folds < 2 or self.time or self.few_shot):
            raise BadInput("folds need at least 2 parts, and go with neither time nor few-shot subsets")
        if not self.folds and not (self.test + self.validation < 1 and max(self.test, self.validation) > 0):
            raise BadInput(
                f"test {self.test:g} and validation {self.validation:g} must leave something for train and hold "
                "something out; give shares like 0.125"
            )
        if (self.since or self.gap_s) and not self.time:
            raise BadInput("a first time or a gap needs to know which column holds the time; give it too")
        if any(size < 1 for size in self.few_shot):
            raise BadInput("a few-shot subset has at least 1 row a label")
