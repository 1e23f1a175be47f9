"""Means that broke: clusters of unequal size, scores that collapse now and then, skewed costs, win rates with ties.

`python benchmarks/worlds_means.py` prints the table. Every figure is the judge's own contrast and rule.
"""

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

sys.path.insert(0, __file__.rpartition("/")[0])
from _law import SEED, Outcomes, Row, Scores, metric, outcomes, rate

Ints = NDArray[np.int64]
MARGIN = 0.02
SHARE = metric("score", kind="mean")
COST = metric("cost", kind="mean", unit="usd", better="lower")


def _rng(*world: int) -> np.random.Generator:
    return np.random.default_rng([SEED, *world])


def t_passes(gain_RN: Scores, clusters_N: Ints | None = None, margin: float = MARGIN) -> float:
    """How often the CR1 t limit of a mean, the rule that most use, lies above -margin."""
    n = gain_RN.shape[1]
    mean = gain_RN.mean(axis=1)
    rest = gain_RN - mean[:, None]
    if clusters_N is not None:
        order = np.argsort(clusters_N, kind="stable")
        edges = np.flatnonzero(np.r_[True, np.diff(clusters_N[order]) > 0])
        rest = np.add.reduceat(rest[:, order], edges, axis=1)
    groups = rest.shape[1]
    se = np.sqrt(groups / (groups - 1) * (rest**2).sum(axis=1)) / n
    return float(np.mean(mean + stdtrit(groups - 1, 0.05) * se > -margin))


# --- Clusters --------------------------------------------------------------------------------------------------------

SIZES = {
    "99 clusters of 10 and one of 990": [10] * 99 + [990],
    "99 clusters of 10 and one of 100": [10] * 99 + [100],
    "1,000 single rows and a cluster of 1,000": [1] * 1000 + [1000],
    "1,000 single rows and a cluster of 100": [1] * 1000 + [100],
    "20 clusters of Zipf's sizes": [int(1000 / k) for k in range(1, 21)],
    "100 clusters of Zipf's sizes": [int(2000 / k) for k in range(1, 101)],
    "60 clusters of sizes 1 to 60": list(range(1, 61)),
    "40 clusters of 20": [20] * 40,
}


def _clustered(rng: np.random.Generator, sizes: list[int], runs: int, shared: float) -> tuple[Scores, Ints]:
    """(runs, N) gains of mean 0 and sd .2 of which the share `shared` is the cluster's own; (N,) codes."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    own = rng.standard_normal((runs, len(sizes)))[:, codes] * np.sqrt(shared)
    return 0.2 * (own + rng.standard_normal((runs, len(codes))) * np.sqrt(1 - shared)), codes


def unequal_clusters(runs: int) -> Iterator[Row]:
    runs = max(runs // 2, 1)
    for name, sizes in SIZES.items():
        refused = []
        for shared in (0.1, 0.3, 1.0):
            gains, codes = _clustered(_rng(40, len(sizes), int(10 * shared)), sizes, runs, shared)
            base = np.full_like(gains, 0.5)
            at = outcomes(SHARE, base + gains - MARGIN, base, clusters_N=codes)
            equal = outcomes(SHARE, base + gains, base, clusters_N=codes)
            refused.append(equal.refused.mean())
            cr1 = {"CR1 and t": t_passes(gains - MARGIN, codes)}
            law = f"{name}, correlation {shared:g}"
            yield rate(f"promotes at the margin: {law}", 0.06, at.passed.tolist(), others=cr1)
            yield rate(f"blocks an equal candidate: {law}", 0.06, equal.failed.tolist())
        few = len(sizes) ** 2 and sum(sizes) ** 2 / sum(s * s for s in sizes) < 20
        law = f"{'refuses' if few else 'judges'}: {name}"
        yield Row(law=law, bar=0.95, at_most=False, measured=1 - abs(float(np.mean(refused)) - few), runs=runs)


# --- Scores that collapse, win rates ---------------------------------------------------------------------------------


def collapses(runs: int) -> Iterator[Row]:
    """A share score with hardly any noise and 2.2 % of answers that lose .9: the truth lies at the margin."""
    for sd in (0.002, 0.05):
        for n in (20, 40, 60, 100, 150, 200, 300, 500):
            rng = _rng(41, n, int(1000 * sd))
            gain = rng.normal(0, sd, (runs, n)) - 0.9 * (rng.random((runs, n)) < MARGIN / 0.9)
            found = outcomes(SHARE, 0.9 + gain, np.full_like(gain, 0.9))
            law = f"promotes at the margin: noise sd {sd:g}, 2.2% collapses by .9, n={n}"
            yield rate(law, 0.055, found.passed.tolist(), others={"t": t_passes(gain)})
            mirrored = outcomes(SHARE, 0.1 - gain - MARGIN, np.full_like(gain, 0.1))
            yield rate(f"blocks an equal candidate: the mirror image, n={n}", 0.055, mirrored.failed.tolist())


def price_of_hall(runs: int) -> Iterator[Row]:
    """Power for an equal candidate on symmetric scores, less than t's."""
    for n, sd in ((200, 0.1), (620, 0.2), (1400, 0.3)):
        gain = _rng(42, n).normal(0, sd, (runs, n)).clip(-0.5, 0.5)
        found = outcomes(SHARE, 0.5 + gain, np.full_like(gain, 0.5))
        plain = t_passes(gain)
        law = f"power lost to t: an equal candidate, symmetric scores of sd {sd:g}, n={n}"
        lost = plain - float(found.passed.mean())
        yield Row(law=law, bar=0.01, at_most=True, measured=lost, runs=runs, others={"power of t": plain})


def wins(runs: int) -> Iterator[Row]:
    """A win rate (0, .5, 1) with many ties, exactly at its limit; of the rest few or most are won."""
    for ties, won in ((0.9, 0.2), (0.95, 0.05), (0.95, 0.8)):
        for n in (60, 100, 200, 500, 1000):
            u = _rng(43, n, int(100 * ties), int(100 * won)).random((runs, n))
            score = np.where(u < ties, 0.5, np.where(u < ties + (1 - ties) * won, 1.0, 0.0))
            limit = 0.5 + (1 - ties) * (won - 0.5)
            found = outcomes(metric("loses", kind="mean", better="lower"), 1 - score, None, at_most=1 - limit)
            law = f"passes a win rate at its limit, ties {ties:.0%}, {won:.0%} of the rest won, n={n}"
            yield rate(law, 0.06, found.passed.tolist(), others={"t": t_passes(score - limit, margin=0.0)})


# --- Costs -----------------------------------------------------------------------------------------------------------


def costs(runs: int) -> Iterator[Row]:
    """Extra cost is lognormal; the truth lies at the margin, or a cost at its absolute limit."""
    for sigma in (1.0, 1.5, 2.0):
        for n in (100, 200, 500, 2000):
            some = max(min(runs, 4_000_000 // n), 1)
            extra = np.exp(_rng(44, n, int(10 * sigma)).normal(-3, sigma, (some, n)))
            margin = float(np.exp(-3 + sigma**2 / 2))
            found = outcomes(COST, 1 + extra, np.ones_like(extra), margin=margin)
            others = {"t": t_passes(-extra, margin=margin), "refused": float(found.refused.mean())}
            law = f"promotes at the margin: extra cost lognormal {sigma:g}, n={n}"
            yield rate(law, 0.06, found.passed.tolist(), others=others)
            alone = outcomes(COST, extra, None, at_most=margin)
            yield rate(f"passes a cost at its limit: lognormal {sigma:g}, n={n}", 0.06, alone.passed.tolist())
            yield rate(f"blocks a cost at its limit: lognormal {sigma:g}, n={n}", 0.055, alone.failed.tolist())


def toxicity(runs: int) -> Iterator[Row]:
    """A toxicity score between 0 and 1 (beta, mostly near 0) at its absolute limit."""
    for n in (100, 200, 500, 2000):
        some = max(min(runs, 4_000_000 // n), 1)
        score = _rng(45, n).beta(0.1, 1.9, (some, n))
        found = outcomes(metric("toxic", kind="mean", better="lower"), score, None, at_most=0.05)
        law = f"passes a toxicity score at its limit of .05, n={n}"
        yield rate(law, 0.06, found.passed.tolist(), others={"t": t_passes(0.05 - score, margin=0.0)})
        yield rate(f"blocks a toxicity score at its limit of .05, n={n}", 0.055, found.failed.tolist())


def price_of_tails(runs: int) -> Iterator[Row]:
    """Power for equal candidates whose costs are skewed, at a margin of 3 standard errors; the rest is refused."""
    for sigma, n, bar in ((0.5, 200, 0.8), (1.0, 200, 0.6), (1.0, 1000, 0.75)):
        rng = _rng(46, n, int(10 * sigma))
        ours, base = np.exp(rng.normal(-1, sigma, (2, max(runs // 2, 1), n)))
        margin = 3 * float(np.sqrt(2 * (np.exp(sigma**2) - 1) * np.exp(sigma**2 - 2) / n))
        found = outcomes(COST, ours, base, margin=margin)
        others = {"t": t_passes(base - ours, margin=margin), "refused": float(found.refused.mean())}
        law = f"promotes an equal candidate: costs lognormal {sigma:g}, margin of 3 errors, n={n}"
        yield _judged(law, bar, found, others)


def _judged(law: str, bar: float, found: Outcomes, others: dict[str, float]) -> Row:
    return rate(law, bar, found.passed.tolist(), others=others, at_most=False)


LAWS = (unequal_clusters, collapses, price_of_hall, wins, costs, toxicity, price_of_tails)

if __name__ == "__main__":
    from _law import printed

    sys.exit(printed(LAWS))
