"""How far a judge agrees with people, beside a predictor that always says the commonest label. Pure.

A judge that agrees with people on 71 % of pairs says little where always answering "the second" agrees on 47 %, and
nothing where it agrees on 70 %. Both are printed, and the difference with its interval.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from shipworthy.records import Interval, Record
from shipworthy.stats.agreement import cohen_kappa, confusion, majority
from shipworthy.stats.paired import tango
from shipworthy.stats.proportion import wilson

_EACH_SIDE = 0.025
UNPARSED = "unparsed"


class Agreement(Record):
    """A judge beside people, on `n` answers that both have labelled; intervals are 95 %.

    `unparsed` verdicts are disagreements, unless they were given a label (`unparsed_as`). `kappa` is Cohen's, with
    quadratic weights for ordered labels. Macro averages run over the labels that people used.
    """

    n: int
    unparsed: int
    agreement: Interval
    constant: str
    constant_agreement: Interval
    gain: Interval
    kappa: float
    macro_precision: float
    macro_recall: float
    macro_f1: float

    def text(self) -> str:
        """One sentence for people."""
        ours, constant, gain = self.agreement, self.constant_agreement, self.gain
        return (
            f"the judge agrees with people on {_share(ours)} of {self.n} answers; always saying {self.constant!r} "
            f"agrees on {_share(constant)}; the difference is {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]; "
            f"kappa {self.kappa:.2f}, macro F1 {self.macro_f1:.2f}, {self.unparsed} verdicts unparsed"
        )


def agreement(
    judged: Sequence[str | None], human: Sequence[str], *, unparsed_as: str | None = None, ordered: bool = False
) -> Agreement:
    """Compare a judge's labels with people's.

    Args:
        judged: one label an answer; None where the verdict could not be read.
        human: what people said, same order.
        unparsed_as: the label that unread verdicts count as; by default they agree with nobody.
        ordered: labels are numbers, and disagreements weigh by the square of their distance in kappa.

    Raises: ValueError: no answers, or different numbers of them.
    """
    if len(judged) != len(human) or not human:
        raise ValueError(f"need labels of the same answers, got {len(judged)} and {len(human)}")
    said = [label if label is not None else (unparsed_as or UNPARSED) for label in judged]
    constant = min(Counter(human).items(), key=lambda one: (-one[1], one[0]))[0]
    hits = np.array([one == other for one, other in zip(said, human, strict=True)])
    constant_hits = np.array([constant == other for other in human])
    precision, recall, f1 = _macro(said, human)
    return Agreement(
        n=len(human),
        unparsed=sum(label is None for label in judged),
        agreement=_rate(hits),
        constant=constant,
        constant_agreement=_rate(constant_hits),
        gain=_gain(hits, constant_hits),
        kappa=_kappa(said, human, ordered=ordered),
        macro_precision=precision,
        macro_recall=recall,
        macro_f1=f1,
    )


def people(votes: Sequence[Sequence[str]], *, tied: str | None = None) -> list[str | None]:
    """The majority of several people's labels an answer; `tied` where two labels share the lead."""
    found = [majority(one) for one in votes]
    return [tied if label is None else str(label) for label in found]


def _kappa(said: Sequence[str], human: Sequence[str], *, ordered: bool) -> float:
    if not ordered or UNPARSED in said:
        return cohen_kappa(confusion(said, human))
    return cohen_kappa(confusion([float(one) for one in said], [float(one) for one in human]), power=2)


def _macro(said: Sequence[str], human: Sequence[str]) -> tuple[float, float, float]:
    scores = []
    for label in sorted(set(human)):
        right = sum(one == other == label for one, other in zip(said, human, strict=True))
        got, gold = sum(one == label for one in said), sum(one == label for one in human)
        precision, recall = right / got if got else 0.0, right / gold
        f1 = 2 * right / (got + gold)
        scores.append((precision, recall, f1))
    means = np.mean(scores, axis=0)
    return float(means[0]), float(means[1]), float(means[2])


def _rate(hits: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Interval:
    low, high = wilson(hits.sum(), len(hits), alpha=_EACH_SIDE)
    return Interval(value=float(hits.mean()), low=float(low), high=float(high))


def _gain(
    hits: "np.ndarray[tuple[int], np.dtype[np.bool_]]", base: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> Interval:
    lost, won = (base & ~hits).sum(), (hits & ~base).sum()
    low, high = tango(lost, won, len(hits), alpha=_EACH_SIDE)
    return Interval(value=float(won - lost) / len(hits), low=float(low), high=float(high))


def _share(interval: Interval) -> str:
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
