"""Absolute rates at their limit: enumerated where one gate is asked, simulated where many slices are.

`python benchmarks/worlds_rates.py` prints the table.
"""

import sys
from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, xlog1py, xlogy

sys.path.insert(0, __file__.rpartition("/")[0])
from _law import SEED, Judging, Row, evidence, printed, questioned, rate

from shipworthy.protocol.types import GateSpec
from shipworthy.stats.power import examples_flawless, examples_rate
from shipworthy.stats.proportion import clopper_pearson, rate_p_at_least, rate_p_at_most, wilson

Floats = NDArray[np.float64]
LIMITS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
SIZES = (*range(20, 400), 500, 600, 800, 1000, 1500, 2000, 3000, 5000, 10_000)


def _chances(n: int, limit: float) -> tuple[Floats, Floats]:
    """(x, P(x)) of n answers whose true rate is the limit; what lies 14 standard deviations out is left out."""
    far = int(n * limit + 14 * (n * limit) ** 0.5 + 30)
    x = np.arange(min(n, far) + 1.0)
    log = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1) + xlogy(x, limit) + xlog1py(n - x, -limit)
    return x, np.exp(log)


def at_the_limit(sizes: tuple[int, ...] = SIZES) -> dict[str, float]:
    """The largest chance over all n and limits of passing and of blocking a rate exactly at its limit, by rule."""
    worst = dict.fromkeys(("pass", "block", "Wilson passes", "score test blocks"), 0.0)
    for n, limit in product(sizes, LIMITS):
        x, chance = _chances(n, limit)
        for one, p in ((limit, rate_p_at_most(x, n, limit)), (1 - limit, rate_p_at_least(n - x, n, 1 - limit))):
            low, high = clopper_pearson(x if one == limit else n - x, n)
            passes = high <= limit + 1e-12 if one == limit else low >= 1 - limit - 1e-12
            worst["pass"] = max(worst["pass"], float(chance[passes].sum()))
            worst["block"] = max(worst["block"], float(chance[(p <= 0.05) & ~passes].sum()))
        score = ndtr(-(x / n - limit) / np.sqrt(limit * (1 - limit) / n)) <= 0.05
        worst["Wilson passes"] = max(worst["Wilson passes"], float(chance[wilson(x, n)[1] <= limit].sum()))
        worst["score test blocks"] = max(worst["score test blocks"], float(chance[score].sum()))
    return worst


def rates_at_their_limit(runs: int) -> Iterator[Row]:
    """Exact; the judge's own arithmetic is what is enumerated (`runs` only chooses how many n)."""
    sizes = SIZES if runs >= 1000 else SIZES[::23]
    found = at_the_limit(sizes)
    for what, other in (("pass", "Wilson passes"), ("block", "score test blocks")):
        law = f"{what}: worst chance at the limit, every n 20-10,000, limits .001-.5 (exact)"
        yield Row(law=law, bar=0.0501, at_most=True, measured=found[what], runs=10**9, others={other: found[other]})


def price_of_exact_rates(_: int) -> Iterator[Row]:
    """What it costs: the n for .8 power at half of a limit of .05, and the flawless n at .01."""
    score = 406.0
    law = "n for .8 power at half of a limit of .05, over that of the score test"
    yield Row(law=law, bar=1.02, at_most=True, measured=(examples_rate(0.025, 0.05) or 0) / score, runs=10**9)
    law = "n of a flawless pass at a limit of .01, over Wilson's 268"
    yield Row(law=law, bar=1.12, at_most=True, measured=(examples_flawless(0.99) or 0) / 268, runs=10**9)


SLICES, SMALL, LOW, TRUE = 60, 25, 0.01, 0.005


def sixty_slices(runs: int) -> Iterator[Row]:
    """60 slices of 25, each held to .01 by Holm over their exact p; the true rate is .005. Through the judge."""
    rng = np.random.default_rng([SEED, 31])
    gate = GateSpec(metric="toxic", at_most=LOW, slices=("suite",), slice_margin=0.0)
    question = questioned((gate,), better="lower", name="toxic")
    labels = np.repeat(np.arange(SLICES), SMALL)
    judging = Judging(question)
    blocked, score = [], []
    for _ in range(runs):
        bad = (rng.random(SLICES * SMALL) < TRUE).astype(np.float64)
        blocked.append(judging(evidence({("new", "toxic"): bad}, labels=labels)).verdict == "block")
        x = bad.reshape(SLICES, SMALL).sum(axis=1)
        z = (x / SMALL - LOW) / np.sqrt(LOW * (1 - LOW) / SMALL)
        score.append(bool((ndtr(-z) <= 0.025 / SLICES).any()))
    law = "blocks 60 slices of 25 at half of their limit of .01"
    yield rate(law, 0.055, blocked, others={"score test under Holm": float(np.mean(score))})


LAWS = (rates_at_their_limit, price_of_exact_rates, sixty_slices)

if __name__ == "__main__":
    sys.exit(printed(LAWS))
