"""The n that an open gate names: at that n an equal candidate passes with the declared power, rows in clusters.

`python benchmarks/worlds_planning.py` prints the table. Every figure is the judge's own.
"""

import sys
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, __file__.rpartition("/")[0])
from _law import SEED, Judging, Row, Scores, evidence, metric, outcomes, questioned

from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import GateSpec

Ints = NDArray[np.int64]
MARGIN, POWER, PILOTS, PILOT = 0.02, 0.8, 21, 120
"""A pilot has so many clusters; the middle one of 21 pilots names the n."""
Draw = Callable[[np.random.Generator, int, Ints], tuple[Scores, Scores]]
"""(generator, runs, (N,) codes of clusters) -> scores (runs, N) of an equal candidate and of its baseline."""


def answers(rng: np.random.Generator, runs: int, codes: Ints) -> tuple[Scores, Scores]:
    """Right or wrong; the models differ on a tenth, and mostly to one side within a cluster."""
    shape = (runs, len(codes))
    side = rng.random((runs, int(codes.max()) + 1))[:, codes] < 0.5
    side = np.where(rng.random(shape) < 0.6, side, rng.random(shape) < 0.5)
    differs = rng.random(shape) < 0.1
    return np.where(differs, side, 1).astype(np.float64), np.where(differs, ~side, 1).astype(np.float64)


def scores(rng: np.random.Generator, runs: int, codes: Ints) -> tuple[Scores, Scores]:
    """Scores between 0 and 1 whose differences have an sd of .2, three tenths of their variance the cluster's own."""
    own = rng.standard_normal((runs, int(codes.max()) + 1))[:, codes] * np.sqrt(0.3)
    gain = 0.2 * (own + np.sqrt(0.7) * rng.standard_normal((runs, len(codes))))
    return (0.5 + gain / 2).clip(0, 1), (0.5 - gain / 2).clip(0, 1)


def _named(how: Metric, draw: Draw, size: int, rng: np.random.Generator) -> int:
    """The n that the judge names after a pilot that leaves its gate open."""
    judging = Judging(questioned((GateSpec(metric=how.name, margin=MARGIN),), metrics={how.name: how}))
    codes, found = np.repeat(np.arange(PILOT), size), []
    while len(found) < PILOTS:
        ours, base = draw(rng, 1, codes)
        table = evidence({("new", how.name): ours[0], ("old", how.name): base[0]}, clusters=codes)
        finding = judging(table).metrics[0]
        found += [] if finding.n_needed is None else [finding.n_needed]
    return int(np.median(found))


def n_needed(runs: int) -> Iterator[Row]:
    runs = min(max(runs, 400), 1000)
    worlds = (("answers", metric("accuracy"), answers), ("scores", metric("score", kind="mean"), scores))
    for name, how, draw in worlds:
        for size in (2, 5, 10):
            rng = np.random.default_rng([SEED, 70, size, len(name)])
            named = _named(how, draw, size, rng)
            codes = np.repeat(np.arange(-(-named // size)), size)
            ours, base = draw(rng, runs, codes)
            power = float(outcomes(how, ours, base, clusters_N=codes, margin=MARGIN).passed.mean())
            law = f"power at the n named ({named:,}) less {POWER:g}, either way: {name} in clusters of {size}"
            yield Row(law=law, bar=0.05, at_most=True, measured=abs(power - POWER), runs=runs, others={"power": power})


LAWS = (n_needed,)

if __name__ == "__main__":
    from _law import printed

    sys.exit(printed(LAWS))
