"""One verdict over 10 metrics x 20 slices at 10 thousand, 100 thousand and a million rows: seconds and memory.

`python benchmarks/judge_scale.py` prints one line a size; on a busy machine read the processor time. Six binary
metrics, two means (one with clusters of its own dataset's rows), a ratio that is resampled and a p95 latency; every
gate is hard and names the slice column.
"""

import argparse
import resource
import sys
import time

import numpy as np

from shipworthy.gates import Question, judge
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import GateSpec
from shipworthy.records import ANSWERED, Evidence, Labels

SLICES = 20
BINARY = [f"right{i}" for i in range(6)]
SIZES = (10_000, 100_000, 1_000_000)


def metrics() -> dict[str, Metric]:
    """Six binary metrics, two means, one corpus ratio and one quantile."""
    made = {name: _metric(name, kind="binary") for name in BINARY}
    made["score"] = _metric("score", kind="mean")
    made["length"] = _metric("length", kind="mean", unit="tokens", better="lower", margin=10.0)
    made["cost"] = _metric("cost", kind="corpus", unit="usd", better="lower", margin=0.1)
    made["latency"] = _metric("latency", kind="quantile", quantile=0.95, unit="s", better="lower", margin=0.2)
    return made


def _metric(name: str, **settings: object) -> Metric:
    rest = {"unit": "share", "better": "higher"} | settings
    return Metric(name=name, observe=lambda _, __: (0.0, 1.0), **rest)  # type: ignore[arg-type]


def evidence(n: int, *, clusters: int | None) -> Evidence:
    """N rows of two models; `clusters`: rows a cluster, None for independent rows."""
    rng = np.random.default_rng(n)
    counts = {}
    for model, shift in (("new", 0.01), ("old", 0.0)):
        for name in BINARY:
            counts[model, name] = _pair(rng.random(n) < 0.8 + shift)
        counts[model, "score"] = _pair(np.clip(rng.normal(0.7 + shift, 0.2, n), 0, 1))
        counts[model, "length"] = _pair(rng.gamma(2.0, 50.0, n))
        counts[model, "cost"] = _pair(rng.gamma(2.0, 0.5, n))
        counts[model, "latency"] = _pair(rng.lognormal(0, 0.4, n))
    every = np.full(n, ANSWERED, np.uint8)
    return Evidence(
        dataset="test",
        example_N=np.arange(n).astype(object),
        seed_N=np.zeros(n, np.int64),
        cluster_N=np.arange(n) if clusters is None else np.arange(n) // clusters,
        slices={"topic": Labels(names=tuple(map(str, range(SLICES))), code_N=rng.integers(0, SLICES, n))},
        status={"new": every, "old": every},
        counts=counts,
    )


def _pair(values: np.ndarray) -> np.ndarray:
    return np.stack([values, np.ones(len(values))], axis=1).astype(np.float64)


def once(n: int, *, clusters: int | None) -> tuple[float, float, int]:
    """(seconds of the verdict on the wall, seconds of processor, findings)."""
    rows = evidence(n, clusters=clusters)
    known = metrics()
    question = Question(
        candidate="new",
        roles={"new": "candidate", "old": "production"},
        gates=tuple(
            GateSpec(metric=name, baseline="old", margin=metric.margin, slices=("topic",))
            for name, metric in known.items()
        ),
        metrics=known,
        datasets=dict.fromkeys(known, "test"),
    )
    start, busy = time.perf_counter(), time.process_time()
    found = judge(question, [rows], rng=np.random.default_rng(0))
    return time.perf_counter() - start, time.process_time() - busy, len(found.metrics)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=None, help="rows a cluster (default: independent rows)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options = parser.parse_args()
    for n in options.sizes:
        seconds, busy, findings = once(n, clusters=options.clusters)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rate = f"{busy / n * 1e6:7.2f} us a row"
        told = f"{seconds:6.2f} s on the wall, {busy:6.2f} s of processor, {rate}"
        print(f"{n:>9,} rows: {told}, {findings} findings, peak {peak:.2f} GiB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
