"""Our resampling engine against scipy.stats.bootstrap and against looping, run alternately; prints ratios with spread.

    python benchmarks/bootstrap.py [--repeats 5] [--growth]

10,000 resamples x 10,000 examples x 10 metrics, percentile intervals, the same numbers in. scipy resamples one metric
at a time (its fastest vectorised form here, batches of 100) and, in a second form, all metrics together (axis=0). The
loop draws one shared index vector a resample. All run on one core; CPU seconds are counted, so that other work on the
machine does not decide. `--growth` also times ours at 10 k, 100 k and 1 M examples.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from shipworthy.stats.resample import collect, percentile_interval, resample

Floats = NDArray[np.float64]
RESAMPLES, EXAMPLES, METRICS = 10_000, 10_000, 10


def ours(values_NM: Floats, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    n = len(values_NM)
    units = collect(values_NM, fold=rng)
    _, draws = resample(units, lambda sums: sums / n, n_draws=RESAMPLES, rng=rng)
    return np.stack(percentile_interval(draws[:, 0], alpha=0.025))


def scipy_by_metric(values_NM: Floats, seed: int) -> Floats:
    return np.stack([_scipy(column, seed, batch=100) for column in values_NM.T], axis=-1)


def scipy_together(values_NM: Floats, seed: int) -> Floats:
    return _scipy(values_NM, seed, batch=20)


def _scipy(values: Floats, seed: int, *, batch: int) -> Floats:
    found = stats.bootstrap(
        (values,),
        np.mean,
        axis=0,
        n_resamples=RESAMPLES,
        method="percentile",
        vectorized=True,
        batch=batch,
        rng=np.random.default_rng(seed),
    )
    return np.stack([*found.confidence_interval])


def loop(values_NM: Floats, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    n = len(values_NM)
    draws = np.stack([values_NM[rng.integers(0, n, n)].mean(axis=0) for _ in range(RESAMPLES)])
    return np.quantile(draws, [0.025, 0.975], axis=0)


def seconds(run: Callable[[Floats, int], Floats], values_NM: Floats, seed: int) -> tuple[float, Floats]:
    start = time.process_time()
    found = run(values_NM, seed)
    return time.process_time() - start, found


def compare(repeats: int) -> None:
    values = sample(EXAMPLES)
    ours(values[:500], 0)  # first-call costs are nobody's
    rivals = {"scipy, metric by metric": scipy_by_metric, "scipy, all metrics": scipy_together, "loop": loop}
    ratios: dict[str, list[float]] = {name: [] for name in rivals}
    times = []
    for seed in range(repeats):
        own, interval = seconds(ours, values, seed)
        times.append(own)
        for name, rival in rivals.items():
            theirs, other = seconds(rival, values, seed)
            ratios[name].append(theirs / own)
            np.testing.assert_allclose(interval, other, atol=6 * values.std() / EXAMPLES**0.5 / RESAMPLES**0.5 * 3)
    print(f"{RESAMPLES:,} resamples x {EXAMPLES:,} examples x {METRICS} metrics, {repeats} alternating repeats")
    print(f"ours {np.median(times):.2f} s [{min(times):.2f}, {max(times):.2f}]")
    for name, found in ratios.items():
        print(f"{name:24s} {np.median(found):5.1f} x slower  [{min(found):.1f}, {max(found):.1f}]")


def growth() -> None:
    print("growth of ours with examples (10,000 resamples, 10 metrics; above 40,000 units they are joined)")
    for n in (10_000, 100_000, 1_000_000):
        print(f"{n:>9,} examples {seconds(ours, sample(n), 1)[0]:.2f} s")


def sample(n: int) -> Floats:
    """Half of the metrics binary differences, half continuous."""
    values = np.random.default_rng(0).normal(0, 0.4, (n, METRICS))
    values[:, :5] = np.sign(values[:, :5]) * (np.abs(values[:, :5]) > 0.5)
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args()
    compare(options.repeats)
    if options.growth:
        growth()


if __name__ == "__main__":
    main()
