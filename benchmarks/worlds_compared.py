"""Corpus metrics of two models: answers that run on to the token limit, texts of very unequal length, calibration.

`python benchmarks/worlds_compared.py` prints the table. Every figure is the judge's own contrast and rule.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

sys.path.insert(0, __file__.rpartition("/")[0])
from _law import SEED, Outcomes, Row, Scores, metric, rate

from shipworthy.gates._compare import contrast
from shipworthy.gates._contrast import Contrast
from shipworthy.gates._pairs import Pair
from shipworthy.gates._rule_cells import GRAVE_ALPHA, GRAVE_MARGINS
from shipworthy.metrics.calibration import BinOptions, ece
from shipworthy.metrics.likelihood import exp_mean
from shipworthy.metrics.overlap import BleuOptions, bleu
from shipworthy.metrics.types import Metric

Draw = Callable[[np.random.Generator, int], tuple[Scores, Scores]]
"""(generator, n) -> counts (n, K) of the candidate and of its baseline."""
FEW = 400
"""Runs of a line at most: a bootstrap each."""
MARGIN_ECE = 0.02
LOOP, MARGIN, LOOPS = 512, 1.0, 0.00085
"""So many answers that run on to 512 tokens cost one point (found by halving over 100,000 answers)."""
BLEU = bleu(BleuOptions())
PRECISION = np.array([0.72, 0.55, 0.43, 0.34])


def _rng(*world: int) -> np.random.Generator:
    return np.random.default_rng([SEED, *world])


def _outcomes(
    how: Metric,
    draw: Draw,
    rng: np.random.Generator,
    n: int,
    runs: int,
    *,
    margin: float,
    longest: float | None = None,
    few: int = FEW,
) -> Outcomes:
    """A comparison a run, each with a bootstrap of its own: corpus metrics have no other way."""
    found = []
    for _ in range(min(runs, few)):
        ours, base = draw(rng, n)
        pair = Pair(metric=how, ours_NK=ours, base_NK=base, cluster_N=np.arange(n), independent=True, slices={},
                    longest=(longest, longest))  # fmt: skip
        found.append(_one(contrast(pair, (), alpha=0.05, draws=500, rng=rng), margin))
    passed, failed, refused, low, high = (np.array(part) for part in zip(*found, strict=True))
    return Outcomes(passed=passed, failed=failed, refused=refused, low=low, high=high)


def _one(found: Contrast, margin: float) -> tuple[bool, bool, bool, float, float]:
    low, high = float(found.tested.low_S[0]), float(found.tested.high_S[0])
    refused = found.refused[0] is not None
    passed = not refused and low > -margin
    passed = passed and bool(found.p_at_most(-GRAVE_MARGINS * margin)[0] <= GRAVE_ALPHA)
    failed = not refused and not passed and bool(found.p_at_least(0.0)[0] <= 0.05)
    return passed, failed, refused, low, high


# --- BLEU ------------------------------------------------------------------------------------------------------------


def translations(rng: np.random.Generator, n: int, *, noise: float = 0.05, loops: float = 0.0) -> tuple[Scores, Scores]:
    """(n, 10) counts of two models that are alike but for noise; a share of the candidate's answers run on to 512."""
    reference = np.maximum(4, np.round(rng.lognormal(3, 0.5, n)))
    hard = rng.normal(0, 0.8, n)

    def one(share: float) -> Scores:
        length = np.maximum(1, np.round(reference * (1 + rng.normal(0, 0.06, n))))
        logit = np.log(PRECISION / (1 - PRECISION)) + (hard + rng.normal(0, 8 * noise, n))[:, None]
        length = np.where(rng.random(n) < share, np.maximum(length, LOOP), length)
        total = np.maximum(length[:, None] - np.arange(4), 0)
        room = np.minimum(total, np.maximum(reference[:, None] - np.arange(4), 0)).astype(np.int64)
        matched = np.minimum.accumulate(rng.binomial(room, 1 / (1 + np.exp(-logit))), axis=1)
        return np.column_stack([length, reference, matched, total])

    return one(loops), one(0.0)


def loops(runs: int) -> Iterator[Row]:
    """A model that is alike but for the one answer in 1,200 that runs on: nothing in 500 rows need show it."""
    looping = partial(translations, noise=0.01, loops=LOOPS)
    for n, longest in ((20, LOOP), (50, None), (100, LOOP), (200, None), (500, LOOP), (500, None)):
        found = _outcomes(BLEU, looping, _rng(61, n, longest or 0), n, runs, margin=MARGIN, longest=longest)
        law = f"promotes BLEU at the margin: .09% run on to {LOOP}, {_said(longest)}, n={n}"
        others = {"refused": float(found.refused.mean())}
        yield rate(law, 0.06, found.passed.tolist(), others=others)


PRICES = ((500, 64, 0.03), (500, None, 1.0), (500, LOOP, 1.0), (1000, None, 0.03), (2000, None, 0.03))


def price_of_loops(runs: int) -> Iterator[Row]:
    """Power for an equal candidate, less than without the bound; where the bound forbids a verdict it is all of it."""
    unbound = replace(BLEU, costliest=None)
    for n, longest, bar in (
        (500, 64, 0.03),
        (500, None, 1.0),
        (500, LOOP, 1.0),
        (1000, None, 0.03),
        (2000, None, 0.03),
    ):
        few = min(FEW, 200_000 // n)
        found, plain = (
            _outcomes(how, translations, _rng(62, n), n, runs, margin=MARGIN, longest=longest, few=few)
            for how in (BLEU, unbound)
        )
        lost = float(plain.passed.mean() - found.passed.mean())
        law = f"power lost to the bound: equal candidates, BLEU, {_said(longest)}, n={n}"
        others = {"power without": float(plain.passed.mean())}
        yield Row(law=law, bar=bar, at_most=True, measured=lost, runs=len(found.passed), others=others)


def _said(longest: float | None) -> str:
    return "max_tokens not known" if longest is None else f"max_tokens {longest:g}"


# --- Perplexity ------------------------------------------------------------------------------------------------------

PERPLEXITY = metric("perplexity", kind="corpus", unit="perplexity", better="lower", summarize=exp_mean)


def texts(rng: np.random.Generator, n: int, *, spread: float, worse: float) -> tuple[Scores, Scores]:
    """(n, 2) nats and tokens of texts whose lengths are lognormal; the candidate needs `worse` nats a token more."""
    tokens = np.maximum(1, np.round(rng.lognormal(4, spread, n)))
    hard = 2 + rng.normal(0, 0.4, n)
    base, ours = hard + rng.normal(0, 0.05, n), hard + worse + rng.normal(0, 0.15, n)
    return np.column_stack([ours.clip(0) * tokens, tokens]), np.column_stack([base.clip(0) * tokens, tokens])


def lengths(runs: int) -> Iterator[Row]:
    """Texts of very unequal length: a handful of them make the value. The truth lies at the margin, or equal."""
    worse = float(np.log1p(0.1 / np.exp(2)))  # from e^2 to e^2 + .1
    for spread, n in ((1.5, 50), (1.5, 100), (1.5, 300), (1.5, 1000)):
        law = f"lengths lognormal {spread:g}, n={n}"
        at = partial(texts, spread=spread, worse=worse)
        found = _outcomes(PERPLEXITY, at, _rng(63, n), n, runs, margin=0.1, few=1500)
        others = {"refused": float(found.refused.mean())}
        yield rate(f"promotes perplexity at the margin: {law}", 0.06, found.passed.tolist(), others=others)
        even = _outcomes(
            PERPLEXITY, partial(texts, spread=spread, worse=0.0), _rng(64, n), n, runs, margin=0.1, few=1500
        )
        yield rate(f"blocks equal perplexity: {law}", 0.06, even.failed.tolist())


# --- Calibration -----------------------------------------------------------------------------------------------------

ECE, BINS = ece(BinOptions()), 15
SURE = np.linspace(0.5005, 0.9995, 500)
BIN = np.eye(BINS)[np.ceil(SURE * BINS).astype(np.int64) - 1]
COUNTED = np.stack([np.concatenate([BIN, BIN * SURE[:, None], BIN * right], axis=1) for right in (0.0, 1.0)])


def calibrated(rng: np.random.Generator, n: int, *, ours: float, base: float) -> tuple[Scores, Scores]:
    """(n, 45) counts of two models, equally sure on each row, that are right less often than that by so much."""
    at = rng.integers(0, len(SURE), n)
    right = [(rng.random(n) < np.clip(SURE[at] - less, 0, 1)).astype(np.int64) for less in (ours, base)]
    return COUNTED[right[0], at], COUNTED[right[1], at]


def calibration(runs: int) -> Iterator[Row]:
    """Two binned calibration errors on the same rows; the baseline's own error is none, little or much."""
    plain = replace(ECE, noise=None)
    for n, error in ((100, 0.0), (100, 0.1), (500, 0.0), (500, 0.02), (500, 0.1)):
        law = f"ECE, baseline's own {error:g}, n={n}"
        worse, equal = (partial(calibrated, ours=error + more, base=error) for more in (MARGIN_ECE, 0.0))
        at, bare = (_outcomes(how, worse, _rng(65, n), n, runs, margin=MARGIN_ECE) for how in (ECE, plain))
        same = _outcomes(ECE, equal, _rng(66, n), n, runs, margin=MARGIN_ECE)
        others = {"bootstrap alone": float(bare.passed.mean()), "passes an equal one": float(same.passed.mean())}
        yield rate(f"promotes at the margin: {law}", 0.055, at.passed.tolist(), others=others)
        yield rate(f"blocks an equal candidate: {law}", 0.055, same.failed.tolist())


LAWS = (loops, price_of_loops, lengths, calibration)

if __name__ == "__main__":
    from _law import printed

    sys.exit(printed(LAWS))
