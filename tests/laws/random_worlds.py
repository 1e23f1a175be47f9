"""Worlds drawn at random: a seeded generator of evidence whose truth is known exactly, judged by the public judge.

A world fixes what is measured (kind, direction, shape, correlation of the two models), how rows hang together (sizes of
clusters, correlation within one), n, margin and slices. Its truth is either exactly at the margin (or limit), where a
promotion is an error, or equal (or at the limit), where a block is one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr

from shipworthy.gates import Question, judge
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import Decisions, GateSpec
from shipworthy.records import ANSWERED, Evidence, Labels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Truth = Literal["at the margin", "equal"]
KINDS = ("binary", "score", "ties", "cost", "relative", "ratio", "rate", "mean", "bill")
"""Paired: right or wrong, beta scores, few levels of which most tie, lognormal cost, the same with a margin in percent,
summed counts over summed lengths. Alone at a limit: a rate, a beta score, a lognormal cost."""
ALONE = frozenset(("rate", "mean", "bill"))
LAYOUTS = ("none", "equal", "zipf", "giant")
SEED = 20_261_128
PROMOTE, BLOCK = 0.06, 0.055
"""The bars of a promotion at the margin and of a block without a loss."""
_ATOMS, _ALIKE = 4096, 20
_LEVELS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One world. `within`: correlation of the rows of a cluster; `between`: of the two models on a row.

    `level`: the baseline's mean, alone the limit. `shape`: share of rows that differ, concentration of a beta, or sigma
    of a lognormal, by kind. `margin`: what may be lost, of the mean where the kind is a cost.
    """

    number: int
    kind: str
    layout: str
    sizes: tuple[int, ...]
    within: float
    between: float
    level: float
    shape: float
    margin: float
    better: Literal["higher", "lower"]
    slices: int

    @property
    def n(self) -> int:
        return sum(self.sizes)

    @property
    def ordinary(self) -> bool:
        """At least 200 rows in at least 40 clusters of one size: what may seldom be refused."""
        return self.n >= 200 and len(self.sizes) >= 40 and self.layout in ("none", "equal")

    def __str__(self) -> str:
        clusters = "no clusters" if self.layout == "none" else f"{len(self.sizes)} clusters ({self.layout})"
        return (
            f"{self.number:3d} {self.kind}, {self.better} is better, n={self.n}, {clusters}, within {self.within:.2f}, "
            f"between {self.between:.2f}, level {self.level:.2f}, shape {self.shape:.2f}, margin {self.margin:g}, "
            f"{self.slices} slices"
        )


def world(number: int) -> World:
    """The world of this number: the same one whenever it is asked for."""
    rng = np.random.default_rng([SEED, number])
    kind = KINDS[number % len(KINDS)]
    layout = str(rng.choice(LAYOUTS, p=[0.35, 0.35, 0.2, 0.1]))
    sizes = _sizes(rng, layout, int(np.exp(rng.uniform(np.log(40), np.log(2000)))))
    margin = float(rng.choice([0.01, 0.02, 0.03, 0.05, 0.1]))
    level = float(rng.choice([rng.uniform(0.2, 0.8), rng.uniform(0.8, 0.97)]))
    shape = {"binary": (2 * margin, 0.5), "ties": (2 * margin, 0.5), "score": (0.5, 20.0), "ratio": (0.5, 20.0),
             "mean": (0.5, 20.0), "rate": (0.0, 1.0)}.get(kind, (0.2, 2.0))  # fmt: skip
    return World(
        number=number,
        kind=kind,
        layout=layout,
        sizes=sizes,
        within=0.0 if layout == "none" else float(rng.choice([0.0, rng.uniform(0, 0.95)], p=[0.2, 0.8])),
        between=float(rng.uniform(0, 0.95)),
        level=max(level, 2 * margin),
        shape=float(rng.uniform(*shape)),
        margin=margin,
        better="higher" if rng.random() < 0.5 else "lower",
        slices=int(rng.integers(0, 7)),
    )


def _sizes(rng: np.random.Generator, layout: str, n: int) -> tuple[int, ...]:
    """Sizes of clusters that hold about n rows."""
    if layout == "none":
        return (1,) * n
    size = int(rng.integers(2, 21))
    groups = max(n // size, 2)
    if layout == "equal":
        return (size,) * groups
    if layout == "zipf":
        share = 1 / np.arange(1, groups + 1)
        return tuple(max(1, round(n * part)) for part in (share / share.sum()).tolist())
    giant = int(n * rng.uniform(0.1, 0.6))
    return (giant, *(size,) * max((n - giant) // size, 2))


class Judged:
    """What the judge says of repeated draws of one world, under one truth."""

    def __init__(self, of: World, truth: Truth) -> None:
        self._world, self._truth = of, truth
        self._codes = np.repeat(np.arange(len(of.sizes)), of.sizes)
        self._metric = _metric(of)
        self._models = ("new",) if of.kind in ALONE else ("new", "old")
        self._limit, self._counts = _MAKERS[of.kind](of, truth)
        self._question = Question(
            candidate="new",
            roles={"new": "candidate", "old": "production"},
            gates=(self._gate(),),
            metrics={"m": self._metric},
            datasets={"m": "test"},
            decisions=Decisions(draws=500),
        )

    def __call__(self, rng: np.random.Generator) -> tuple[str, bool]:
        """(verdict, whether the whole was refused) of one draw."""
        found = judge(self._question, [self._evidence(rng)], rng=rng)
        whole = found.metrics[0]
        tested = whole.candidate if self._world.kind in ALONE else whole.gain
        return found.verdict, tested is None or tested.low is None

    def _gate(self) -> GateSpec:
        columns = ("suite",) if self._world.slices else ()
        if self._world.kind in ALONE:
            key = "at_least" if self._world.better == "higher" else "at_most"
            return GateSpec(metric="m", slices=columns, **{key: self._limit})
        return GateSpec(metric="m", baseline="old", margin=self._limit, slice_margin=2.5 * self._limit, slices=columns)

    def _evidence(self, rng: np.random.Generator) -> Evidence:
        n = self._world.n
        names = tuple(f"s{code}" for code in range(self._world.slices))
        slices = {"suite": Labels(names=names, code_N=rng.integers(0, len(names), n))} if names else {}
        tables = self._counts(Latent(self._world, self._codes, rng))
        return Evidence(
            dataset="test",
            example_N=np.arange(n).astype(object),
            seed_N=np.zeros(n, np.int64),
            cluster_N=self._codes,
            slices=slices,
            status={model: np.full(n, ANSWERED, np.uint8) for model in self._models},
            counts={(model, "m"): table for model, table in zip(self._models, tables, strict=True)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How often one world's candidate was promoted, blocked and refused in so many runs under one truth."""

    of: World
    truth: Truth
    promoted: float
    blocked: float
    refused: float
    runs: int

    @property
    def broken(self) -> float:
        """Errors above the bar, in standard errors of the simulation; below 0 where the promise is kept."""
        return max((what - bar) / (bar * (1 - bar) / self.runs) ** 0.5 for what, bar in self._promises())

    def _promises(self) -> list[tuple[float, float]]:
        promote, block = (self.promoted, PROMOTE), (self.blocked, BLOCK)
        return [promote, block] if self.of.kind in ALONE else [promote if self.truth == "at the margin" else block]


def truths(of: World) -> tuple[Truth, ...]:
    """Alone, at its limit, a candidate is both: seldom passed, and seldom blocked."""
    return ("equal",) if of.kind in ALONE else ("at the margin", "equal")


def reached(of: World, truth: Truth, runs: int) -> Reached:
    """The world judged so many times; one that exceeds a bar is judged afresh, five times as often, which counts."""
    judged = Judged(of, truth)
    first = _reached(judged, of, truth, runs, 0)
    return first if first.broken <= 0 else _reached(judged, of, truth, 5 * runs, 1)


def _reached(judged: Judged, of: World, truth: Truth, runs: int, stage: int) -> Reached:
    rng = np.random.default_rng([SEED, of.number, int(truth == "equal"), stage])
    found = [judged(rng) for _ in range(min(_ALIKE, runs))]
    runs = runs if any(not refused for _, refused in found) else len(found)  # sizes alone are refused, every time
    verdicts, refused = zip(*found, *(judged(rng) for _ in range(runs - len(found))), strict=True)
    return Reached(
        of=of,
        truth=truth,
        promoted=verdicts.count("promote") / runs,
        blocked=verdicts.count("block") / runs,
        refused=sum(refused) / runs,
        runs=runs,
    )


class Latent:
    """Standard normal columns whose rows share a part within a cluster."""

    def __init__(self, of: World, codes: Ints, rng: np.random.Generator) -> None:
        self._within, self._codes, self._groups, self.rng = of.within, codes, len(of.sizes), rng

    def normal(self) -> Floats:
        own = self.rng.standard_normal(len(self._codes))
        if not self._within:
            return own
        shared = self.rng.standard_normal(self._groups)[self._codes]
        return np.asarray(np.sqrt(self._within) * shared + np.sqrt(1 - self._within) * own)

    def two(self, between: float) -> tuple[Floats, Floats]:
        """Two columns that correlate."""
        first, second = self.normal(), self.normal()
        return first, between * first + np.sqrt(1 - between**2) * second


def _metric(of: World) -> Metric:
    kind = {"binary": "binary", "rate": "binary", "ratio": "corpus"}.get(of.kind, "mean")
    unit = "usd" if of.kind in ("cost", "relative", "bill") else "share"
    settings: dict[str, Any] = {"kind": kind, "unit": unit, "better": of.better}
    return Metric(name="m", observe=lambda _example, _response: (0.0, 1.0), **settings)


Counts = Callable[[Latent], tuple[Floats, ...]]
Maker = Callable[[World, Truth], tuple[float, Counts]]
"""(the margin or limit, the counts of each model from a latent draw)."""


def _one(values: Floats, of: World) -> Floats:
    """Counts of a share that was drawn as a good thing: turned round where less is better."""
    return np.stack([values if of.better == "higher" else 1 - values, np.ones(len(values))], axis=1)


def _binary(of: World, truth: Truth) -> tuple[float, Counts]:
    lost_more = of.margin if truth == "at the margin" else 0.0
    lost, won = (of.shape + lost_more) / 2, (of.shape - lost_more) / 2

    def counts(latent: Latent) -> tuple[Floats, ...]:
        u = ndtr(latent.normal())
        right = (latent.rng.random(len(u)) < of.level).astype(np.float64)
        ours = np.where(u < lost, 0.0, np.where(u > 1 - won, 1.0, right))
        base = np.where(u < lost, 1.0, np.where(u > 1 - won, 0.0, right))
        return _one(ours, of), _one(base, of)

    return of.margin, counts


def _ties(of: World, truth: Truth) -> tuple[float, Counts]:
    """Five levels; of the share of rows that differ, answers are scored anew, lower by as much as the margin needs."""
    base_p = _spread(of.level)
    mean = float(base_p @ _LEVELS)
    anew_p = _spread(max(of.level - of.margin / of.shape, 0.0)) if truth == "at the margin" else base_p
    reached = of.shape * (mean - float(_spread(max(of.level - of.margin / of.shape, 0.0)) @ _LEVELS))

    def counts(latent: Latent) -> tuple[Floats, ...]:
        u, v = (ndtr(column) for column in latent.two(0.0))
        base = _LEVELS[np.searchsorted(np.cumsum(base_p)[:-1], u)]
        anew = _LEVELS[np.searchsorted(np.cumsum(anew_p)[:-1], latent.rng.random(len(u)))]
        return _one(np.where(v < of.shape, anew, base), of), _one(base, of)

    return reached, counts


def _spread(mean: float) -> Floats:
    """Probabilities of the five levels, binomial with this mean."""
    k = np.arange(5)
    return np.asarray(np.array([1, 4, 6, 4, 1]) * mean**k * (1 - mean) ** (4 - k))


def _beta(mean: float, concentration: float) -> Floats:
    """A beta distribution as so many equally likely values: what is drawn has exactly their mean."""
    at = (np.arange(_ATOMS) + 0.5) / _ATOMS
    return np.asarray(betaincinv(mean * concentration, (1 - mean) * concentration, at))


def _atom(values: Floats, z: Floats) -> Floats:
    return values[np.minimum((ndtr(z) * _ATOMS).astype(np.int64), _ATOMS - 1)]


def _score(of: World, truth: Truth) -> tuple[float, Counts]:
    base_A, worse_A = _beta(of.level, of.shape), _beta(of.level - of.margin, of.shape)
    ours_A = worse_A if truth == "at the margin" else base_A

    def counts(latent: Latent) -> tuple[Floats, ...]:
        base, ours = latent.two(of.between)
        return _one(_atom(ours_A, ours), of), _one(_atom(base_A, base), of)

    return float(base_A.mean() - worse_A.mean()), counts


def _ratio(of: World, truth: Truth) -> tuple[float, Counts]:
    """Matched of all tokens, lengths lognormal."""
    margin, score = _score(of, truth)

    def counts(latent: Latent) -> tuple[Floats, ...]:
        length = np.ceil(np.exp(latent.rng.normal(2, 0.8, len(latent.normal()))))
        return tuple(part * length[:, None] for part in score(latent))

    return margin, counts


def _cost(of: World, truth: Truth) -> tuple[float, Counts]:
    """Lognormal of mean 1; the candidate's is larger (or, where more is better, smaller) by the margin."""
    worse = 1 + of.margin if of.better == "lower" else 1 - of.margin
    factor = worse if truth == "at the margin" else 1.0

    def counts(latent: Latent) -> tuple[Floats, ...]:
        base, ours = (np.exp(of.shape * z - of.shape**2 / 2) for z in latent.two(of.between))
        return tuple(np.stack([side, np.ones(len(side))], axis=1) for side in (factor * ours, base))

    return of.margin, counts


def _relative(of: World, truth: Truth) -> tuple[float, Counts]:
    """A margin in percent, decided as the difference from the baseline scaled by what it may lose: the limits of the
    ratio are solved from that test, and solving them in every draw takes a hundred times as long."""
    margin, cost = _cost(of, truth)
    if truth == "equal":
        return margin, cost
    worse = 1 + margin if of.better == "lower" else 1 - margin

    def counts(latent: Latent) -> tuple[Floats, ...]:
        ours, base = cost(latent)
        return ours, base * np.array([worse, 1.0])

    return 0.0, counts


def _rate(of: World, _: Truth) -> tuple[float, Counts]:
    def counts(latent: Latent) -> tuple[Floats, ...]:
        return (_one((ndtr(latent.normal()) < of.level).astype(np.float64), of),)

    return of.level if of.better == "higher" else 1 - of.level, counts


def _mean(of: World, _: Truth) -> tuple[float, Counts]:
    values_A = _beta(of.level, of.shape)
    limit = float(values_A.mean())
    return limit if of.better == "higher" else 1 - limit, lambda latent: (_one(_atom(values_A, latent.normal()), of),)


def _bill(of: World, _: Truth) -> tuple[float, Counts]:
    def counts(latent: Latent) -> tuple[Floats, ...]:
        cost = np.exp(of.shape * latent.normal() - of.shape**2 / 2)
        return (np.stack([cost, np.ones(len(cost))], axis=1),)

    return 1.0, counts


_MAKERS: dict[str, Maker] = {
    "binary": _binary,
    "score": _score,
    "ties": _ties,
    "cost": _cost,
    "relative": _relative,
    "ratio": _ratio,
    "rate": _rate,
    "mean": _mean,
    "bill": _bill,
}
