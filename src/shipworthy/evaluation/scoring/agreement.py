"""How far a judge agrees with people, beside a predictor that always says the commonest label. Pure.

A judge that agrees with people on 71 % of pairs says little where always answering "the second" agrees on 47 %, and
nothing where it agrees on 70 %. Both are printed, and the difference with its interval. Several ratings of one item are
a cluster: ten people who read the same answer are not ten answers.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from shipworthy.records import Interval, Record
from shipworthy.stats.agreement import classes_of, cohen_kappa, confusion, krippendorff_alpha, majority
from shipworthy.stats.correlation import Correlation, codes, correlation, jackknife_half
from shipworthy.stats.paired import tango
from shipworthy.stats.proportion import wilson

_EACH_SIDE = 0.025
UNPARSED = "unparsed"
Hits = NDArray[np.bool_]


class Agreement(Record):
    """A judge beside people, on `n` ratings of `clusters` items that both have labelled; intervals are 95 %.

    `unparsed` verdicts are disagreements, unless they were given a label (`unparsed_as`). `kappa` is Cohen's, with
    quadratic weights by value for ordered labels, where an unread verdict lies as far off as the labels reach; `alpha`
    is Krippendorff's (interval for ordered labels, else nominal), in which an unread verdict is a missing rating.
    `correlation` is Spearman's with people's scores, `within` the same inside each model: ordered labels only.
    Macro averages run over the labels that people used.
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
    clusters: int = 0
    alpha: float | None = None
    correlation: Interval | None = None
    within: Interval | None = None

    def text(self) -> str:
        """One sentence for people."""
        ours, constant, gain = self.agreement, self.constant_agreement, self.gain
        of = f"{self.n} answers" if self.clusters in (0, self.n) else f"{self.n} ratings of {self.clusters} items"
        alpha = f", Krippendorff's alpha {self.alpha:.2f}" if self.alpha is not None else ""
        return (
            f"the judge agrees with people on {_share(ours)} of {of}; always saying {self.constant!r} "
            f"agrees on {_share(constant)}; the difference is {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]; "
            f"kappa {self.kappa:.2f}{alpha}, macro F1 {self.macro_f1:.2f}, {self.unparsed} verdicts unparsed"
            f"{self._correlated()}"
        )

    def _correlated(self) -> str:
        if self.correlation is None:
            return ""
        within = f", {_signed(self.within)} within a model" if self.within is not None else ""
        return f"; correlation with people's scores (Spearman) {_signed(self.correlation)}{within}"


def agreement(
    judged: Sequence[str | None],
    human: Sequence[str],
    *,
    unparsed_as: str | None = None,
    ordered: bool = False,
    raters: "Raters | None" = None,
) -> Agreement:
    """Compare a judge's labels with people's.

    Args:
        judged: one label a rating; None where the verdict could not be read.
        human: what people said, same order.
        unparsed_as: the label that unread verdicts count as; by default they agree with nobody.
        ordered: labels are numbers, and disagreements weigh by the square of their distance in kappa.
        raters: which ratings belong together; None: each is of an item of its own.

    Raises: ValueError: no answers, or different numbers of them.
    """
    if len(judged) != len(human) or not human:
        raise ValueError(f"need labels of the same answers, got {len(judged)} and {len(human)}")
    raters = raters or Raters(items=range(len(human)), answers=range(len(human)))
    said = [label if label is not None else (unparsed_as or UNPARSED) for label in judged]
    constant = min(Counter(human).items(), key=lambda one: (-one[1], one[0]))[0]
    hits = np.array([one == other for one, other in zip(said, human, strict=True)])
    constant_hits = np.array([constant == other for other in human])
    item_of_N = codes(raters.items)
    precision, recall, f1 = _macro(said, human)
    read = [one if one is not None else unparsed_as for one in judged]
    pooled, within = _correlations(read, human, raters) if ordered else (None, None)
    return Agreement(
        n=len(human),
        unparsed=sum(label is None for label in judged),
        agreement=_rate(hits, item_of_N),
        constant=constant,
        constant_agreement=_rate(constant_hits, item_of_N),
        gain=_gain(hits, constant_hits, item_of_N),
        kappa=_kappa(said, human, ordered=ordered),
        macro_precision=precision,
        macro_recall=recall,
        macro_f1=f1,
        clusters=int(item_of_N.max()) + 1,
        alpha=_alpha(read, human, raters.answers, ordered=ordered),
        correlation=pooled,
        within=within,
    )


class Raters:
    """Which ratings belong together: (N,) names of the item (an example and its kin), of the answer, and of the group
    (the model) within which scores are compared; None: there is one group."""

    def __init__(
        self, items: Sequence[Hashable], answers: Sequence[Hashable], groups: Sequence[Hashable] | None = None
    ) -> None:
        self.items, self.answers, self.groups = items, answers, groups


def people(votes: Sequence[Sequence[str]], *, tied: str | None = None) -> list[str | None]:
    """The majority of several people's labels an answer; `tied` where two labels share the lead."""
    found = [majority(one) for one in votes]
    return [tied if label is None else str(label) for label in found]


# --- Beyond chance ---------------------------------------------------------------------------------------------------


def _kappa(said: Sequence[str], human: Sequence[str], *, ordered: bool) -> float:
    if not ordered:
        return cohen_kappa(confusion(said, human))
    theirs = [float(one) for one in human]
    known = [*theirs, *(float(one) for one in said if one != UNPARSED)]
    low, high = min(known), max(known)
    ours = [
        float(one) if one != UNPARSED else low if score - low > high - score else high
        for one, score in zip(said, theirs, strict=True)
    ]
    values = [float(str(one)) for one in classes_of([*ours, *theirs])]
    return cohen_kappa(confusion(ours, theirs), power=2, values_C=values)


def _alpha(
    read: Sequence[str | None], human: Sequence[str], answers: Sequence[Hashable], *, ordered: bool
) -> float | None:
    """Over the judge and all who rated an answer; None: the judge's verdicts leave no answer with two ratings."""
    units: dict[Hashable, list[Hashable]] = {}
    for answer, ours, theirs in zip(answers, read, human, strict=True):
        votes = units.setdefault(answer, [] if ours is None else [_label(ours, ordered=ordered)])
        votes.append(_label(theirs, ordered=ordered))
    most = max(map(len, units.values()))
    if most < 2:
        return None
    columns = [[*votes, *[None] * (most - len(votes))] for votes in units.values()]
    return krippendorff_alpha(list(zip(*columns, strict=True)), level="interval" if ordered else "nominal")


def _label(label: str, *, ordered: bool) -> Hashable:
    return float(label) if ordered else label


def _correlations(
    read: Sequence[str | None], human: Sequence[str], raters: Raters
) -> tuple[Interval | None, Interval | None]:
    """(pooled, within a group) over the verdicts that were read; within: None where there is but one group."""
    rows = [row for row, label in enumerate(read) if label is not None]
    ours = [float(read[row] or "nan") for row in rows]
    theirs = [float(human[row]) for row in rows]
    items = [raters.items[row] for row in rows]
    groups = [raters.groups[row] for row in rows] if raters.groups is not None else []
    pooled = _interval(correlation(ours, theirs, clusters_N=items))
    if len(set(groups)) < 2:
        return pooled, None
    return pooled, _interval(correlation(ours, theirs, clusters_N=items, within_N=groups))


def _interval(found: Correlation) -> Interval | None:
    if found.value is None or found.low is None or found.high is None:
        return None
    return Interval(value=found.value, low=min(found.low, found.value), high=max(found.high, found.value))


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


# --- Shares ----------------------------------------------------------------------------------------------------------


def _rate(hits: Hits, item_of_N: NDArray[np.int64]) -> Interval:
    if item_of_N.max() + 1 < len(hits):
        return _clustered(hits.astype(float), item_of_N, -0.0)
    low, high = wilson(hits.sum(), len(hits), alpha=_EACH_SIDE)
    return Interval(value=float(hits.mean()), low=float(low), high=float(high))


def _gain(hits: Hits, base: Hits, item_of_N: NDArray[np.int64]) -> Interval:
    if item_of_N.max() + 1 < len(hits):
        return _clustered(hits.astype(float) - base, item_of_N, -1.0)
    lost, won = (base & ~hits).sum(), (hits & ~base).sum()
    low, high = tango(lost, won, len(hits), alpha=_EACH_SIDE)
    return Interval(value=float(won - lost) / len(hits), low=float(low), high=float(high))


def _clustered(values_N: NDArray[np.float64], item_of_N: NDArray[np.int64], least: float) -> Interval:
    """The mean with the jackknife over items; one item, or items that do not vary, tell nothing: the whole range."""
    value = float(values_N.mean())
    sum_G, n_G = np.bincount(item_of_N, weights=values_N), np.bincount(item_of_N)
    if len(n_G) < 2 or np.ptp(values_N) == 0:
        return Interval(value=value, low=least, high=1.0)
    half = jackknife_half((values_N.sum() - sum_G) / (len(values_N) - n_G), _EACH_SIDE)
    return Interval(value=value, low=max(least, value - half), high=min(1.0, value + half))


def _share(interval: Interval) -> str:
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"
