"""Rows that hang together in two crossed ways: every user asks about every document.

`python benchmarks/worlds_crossed.py` prints the table. Every figure is the judge's own contrast and rule.
"""

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, __file__.rpartition("/")[0])
from _law import SEED, Outcomes, Row, Scores, metric, outcomes, rate

Ints = NDArray[np.int64]
MARGIN = 0.02
SHARE = metric("score", kind="mean")
RATE = metric("accuracy")
SIZES = ((50, 50), (40, 200))
SHARED = ((0.0, 0.0), (0.0, 0.05), (0.05, 0.05), (0.15, 0.15))
"""Shares of the variance that are the user's and the document's."""


def _codes(users: int, documents: int) -> tuple[Ints, Ints]:
    return np.repeat(np.arange(users), documents), np.tile(np.arange(documents), users)


def _latent(world: int, runs: int, size: tuple[int, int], shared: tuple[float, float]) -> Scores:
    """(runs, N) standard normal values, of which these shares are the user's and the document's."""
    rng = np.random.default_rng([SEED, world, *size, *(int(100 * share) for share in shared)])
    user_N, document_N = _codes(*size)
    own = rng.standard_normal((runs, len(user_N))) * np.sqrt(1 - sum(shared))
    own += rng.standard_normal((runs, size[0]))[:, user_N] * np.sqrt(shared[0])
    own += rng.standard_normal((runs, size[1]))[:, document_N] * np.sqrt(shared[1])
    return own


def _either_way(size: tuple[int, int], gain_RN: Scores) -> tuple[Outcomes, dict[str, float]]:
    """The judge with both ways, and how often it promotes with one of them (in the first 200 runs)."""
    base, (user_N, document_N) = np.full_like(gain_RN, 0.5), _codes(*size)
    both = outcomes(SHARE, base + gain_RN, base, clusters_N=user_N, crossed_N=document_N)
    ones = {"users alone": user_N, "documents alone": document_N}
    few, less = base[:200], (base + gain_RN)[:200]
    one = {name: outcomes(SHARE, less, few, clusters_N=codes).passed.mean() for name, codes in ones.items()}
    return both, {name: float(share) for name, share in one.items()}


def _some(runs: int) -> int:
    return max(runs // 4, 1)


def scores(runs: int) -> Iterator[Row]:
    """Paired share scores whose gain of sd .2 is partly the user's and partly the document's."""
    for size in SIZES:
        for shared in SHARED:
            gain = 0.2 * _latent(90, _some(runs), size, shared).clip(-2.4, 2.4)
            at, one_way = _either_way(size, gain - MARGIN)
            law = f"{size[0]} users x {size[1]} documents, shares {shared[0]:g} and {shared[1]:g}"
            yield rate(f"promotes at the margin: {law}", 0.06, at.passed.tolist(), others=one_way)


def rates(runs: int) -> Iterator[Row]:
    """One model's rate, exactly at its limit."""
    for size in SIZES:
        for shared in SHARED[1:]:
            some = runs if size == SIZES[0] else _some(runs)  # a quarter of them cannot tell .05 from .06
            wrong = (_latent(91, some, size, shared) > 1.2815515655446004).astype(np.float64)  # one in ten
            user_N, document_N = _codes(*size)
            how = metric("toxic", better="lower")
            found = outcomes(how, wrong, None, clusters_N=user_N, crossed_N=document_N, at_most=0.1)
            law = f"a rate at its limit: {size[0]} x {size[1]}, shares {shared[0]:g} and {shared[1]:g}"
            yield rate(f"passes {law}", 0.06, found.passed.tolist())
            yield rate(f"blocks {law}", 0.06, found.failed.tolist())


def pairs(runs: int) -> Iterator[Row]:
    """Two models right or wrong: where they differ, the users and the documents decide who is right."""
    for size in SIZES:
        for shared in SHARED[3:]:
            tilt = _latent(92, _some(runs), size, shared)
            rng = np.random.default_rng([SEED, 93, *size, int(100 * shared[0])])
            differs = rng.random(tilt.shape) < 0.2
            won = tilt > 0.12566134685507402  # 45 of 100 won: 2 points lost where a fifth differs
            ours, base = (differs & won).astype(np.float64), (differs & ~won).astype(np.float64)
            user_N, document_N = _codes(*size)
            found = outcomes(RATE, ours, base, clusters_N=user_N, crossed_N=document_N)
            law = f"right or wrong, {size[0]} x {size[1]}, shares {shared[0]:g} and {shared[1]:g}"
            yield rate(f"promotes at the margin: {law}", 0.06, found.passed.tolist())


def price(runs: int) -> Iterator[Row]:
    """Power for an equal candidate whose rows hang together in no way at all."""
    gain = 0.2 * _latent(94, _some(runs), (50, 50), (0.0, 0.0)).clip(-2.4, 2.4) * 1.5
    both, one_way = _either_way((50, 50), gain)
    law = "promotes an equal candidate: independent rows declared as 50 x 50"
    yield rate(law, 0.8, both.passed.tolist(), others=one_way, at_most=False)


LAWS = (scores, rates, pairs, price)

if __name__ == "__main__":
    from _law import printed

    sys.exit(printed(LAWS))
