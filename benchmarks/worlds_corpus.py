"""Absolute gates on corpus metrics at their limit: F1 over classes, and a ratio of summed counts, with few errors.

`python benchmarks/worlds_corpus.py` prints the table. Every figure is the judge's own contrast and rule.
"""

import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

sys.path.insert(0, __file__.rpartition("/")[0])
from _law import SEED, Row, Scores, metric, outcomes

from shipworthy.metrics.classes import f1
from shipworthy.metrics.types import Metric

Floats = NDArray[np.float64]
CLASSES = np.array([0.7, 0.2, 0.1])
SIZES = (50, 200, 1000)
LIMITS = (0.8, 0.93, 0.98)
PASS, BLOCK = 0.06, 0.055
_TOGETHER, _ROWS = 40_000, 400_000


def _f1(average: str) -> Metric:
    score = partial(f1, average=average, classes=(0, 1, 2))  # type: ignore[arg-type]
    return metric("f1", kind="corpus", summarize=score)


def _answers(rng: np.random.Generator, runs: int, n: int, right: float, size: int) -> Scores:
    """(runs, n, 10) class counts; an answer is right with this probability, else each other class alike."""
    gold = np.searchsorted(np.cumsum(CLASSES)[:-1], rng.random((runs, n)))
    wrong = (gold + rng.integers(1, 3, (runs, n))) % 3
    got = np.where(_uniform(rng, runs, n, size) < right, gold, wrong)
    one = np.eye(3)
    return np.concatenate([one[gold] * (gold == got)[..., None], one[got], one[gold], np.ones((runs, n, 1))], axis=2)


def _uniform(rng: np.random.Generator, runs: int, n: int, size: int) -> Floats:
    """Uniform numbers that correlate by .3 within clusters of so many rows."""
    own = rng.standard_normal((runs, n))
    if size == 1:
        return np.asarray(ndtr(own))
    shared = np.repeat(rng.standard_normal((runs, -(-n // size))), size, axis=1)[:, :n]
    return np.asarray(ndtr(np.sqrt(0.3) * shared + np.sqrt(0.7) * own))


def _value(how: Metric, right: float) -> float:
    """The metric's value in a population of which so much is right."""
    wrong = (1 - right) / 2
    confusion = CLASSES[:, None] * np.where(np.eye(3) > 0, right, wrong)
    sums = np.concatenate([np.diag(confusion), confusion.sum(axis=0), CLASSES, [1.0]])
    return float(how.summarize(sums[None])[0])


@cache
def _right_for(average: str, limit: float) -> float:
    """How much must be right for the value to be the limit, by halving."""
    low, high, how = 0.0, 1.0, _f1(average)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _value(how, middle) < limit else (low, middle)
    return high


def _matched(rng: np.random.Generator, runs: int, n: int, right: float, size: int) -> Scores:
    """(runs, n, 2) matched and all tokens; lengths lognormal, most answers whole, the others lose a part."""
    length = np.ceil(np.exp(rng.normal(2.5, 0.6, (runs, n))))
    lost = _uniform(rng, runs, n, size) < 2 * (1 - right)  # half is lost on average
    return np.stack([length * (1 - lost * rng.random((runs, n))), length], axis=2)


def _world(kind: str, limit: float) -> tuple[Metric, Callable[..., Scores], float]:
    """(metric, counts of answers of a given quality, the quality whose value is the limit)."""
    if kind == "ratio":
        return metric("f1", kind="corpus"), _matched, limit
    average = kind.removesuffix("_f1")
    return _f1(average), _answers, _right_for(average, limit)


def _passed(kind: str, limit: float, quality: float, n: int, size: int, runs: int) -> tuple[float, float, float, int]:
    """Shares passed, blocked and refused, and the number of runs."""
    how, draw, _ = _world(kind, limit)
    rng = np.random.default_rng([SEED, n, size, int(100 * limit), len(kind)])
    step = min(runs, _TOGETHER // n)  # more units in one table are joined at random, and these are of many runs
    clusters = None if size == 1 else np.arange(n) // size
    parts = [
        outcomes(_turned_round(how), draw(rng, step, n, quality, size), None, clusters_N=clusters, at_most=1 - limit)
        for _ in range(max(min(runs, _ROWS // n) // step, 1))
    ]
    shares = [
        np.concatenate(column).mean() for column in zip(*((p.passed, p.failed, p.refused) for p in parts), strict=True)
    ]
    return float(shares[0]), float(shares[1]), float(shares[2]), step * len(parts)


def _turned_round(how: Metric) -> Metric:
    """What is missing to 1, for `outcomes` asks for at most a limit."""
    inner = how.summarize
    return metric("f1", kind="corpus", better="lower", summarize=lambda sums: 1 - inner(sums))


def corpus_at_its_limit(runs: int) -> Iterator[Row]:
    for kind, limit, n, size in product(("macro_f1", "micro_f1", "ratio"), LIMITS, SIZES, (1, 5)):
        quality = _world(kind, limit)[2]
        passed, blocked, refused, some = _passed(kind, limit, quality, n, size, runs)
        law = f"{kind} at a limit of {limit:g}, n={n}, clusters of {size}"
        yield Row(law=f"passes {law}", bar=PASS, at_most=True, measured=passed, runs=some, others={"refused": refused})
        yield Row(law=f"blocks {law}", bar=BLOCK, at_most=True, measured=blocked, runs=some)


def price(runs: int) -> Iterator[Row]:
    """Power of a value that lies well above its limit."""
    for kind, limit, better, n in (
        ("macro_f1", 0.8, 0.9, 200),
        ("micro_f1", 0.93, 0.97, 200),
        ("ratio", 0.93, 0.97, 200),
    ):
        quality = better if kind == "ratio" else _right_for(kind.removesuffix("_f1"), better)
        passed, _, refused, some = _passed(kind, limit, quality, n, 1, runs)
        law = f"passes {kind} of {better:g} at a limit of {limit:g}, n={n}"
        yield Row(law=law, bar=0.5, at_most=False, measured=passed, runs=some, others={"refused": refused})


LAWS = (corpus_at_its_limit, price)

if __name__ == "__main__":
    from _law import printed

    sys.exit(printed(LAWS))
