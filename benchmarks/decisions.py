"""The offline laws of decision quality: the judge beside what others do, on seeded worlds.

`python benchmarks/decisions.py` prints the whole table as Markdown (minutes); `--runs 200` is a quick look. Every
figure of the column "Shipworthy" comes from `shipworthy.gates.judge` on evidence, nothing is taken from a formula.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

sys.path.insert(0, __file__.rpartition("/")[0])
from _law import FULL, SEED, Row, markdown

from shipworthy.gates import Question, judge
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import Decisions, GateSpec
from shipworthy.records import ABSENT, ANSWERED, Evidence, Labels, Verdict
from shipworthy.stats.clustered import cluster_means
from shipworthy.stats.multiplicity import holm
from shipworthy.stats.significance import mcnemar_exact, mcnemar_mid_p
from shipworthy.stats.unpaired import newcombe_unpaired

Scores = NDArray[np.float64]
MARGIN = 0.02


# --- Worlds ----------------------------------------------------------------------------------------------------------


def paired(rng: np.random.Generator, n: int, *, disagreement: float, gain: float) -> tuple[Scores, Scores]:
    """(candidate, baseline) right or wrong on n examples; the baseline is right on about .8 of them."""
    u = rng.random(n)
    lost, won = (disagreement - gain) / 2, (disagreement + gain) / 2
    both = 0.8 - lost
    new = (u < both) | (u >= 1 - won)
    old = u < both + lost
    return new.astype(np.float64), old.astype(np.float64)


def table(
    scores: Mapping[str, tuple[Scores, Scores]],
    *,
    dataset: str = "test",
    clusters: NDArray[np.int64] | None = None,
    labels: NDArray[np.int64] | None = None,
    absent: NDArray[np.bool_] | None = None,
) -> Evidence:
    """Evidence of the models "new" and "old"; labels fill the slice column "suite"; absent rows lack the candidate."""
    n = len(next(iter(scores.values()))[0])
    names = () if labels is None else tuple(f"s{code}" for code in range(int(labels.max()) + 1))
    new = np.full(n, ANSWERED, np.uint8)
    if absent is not None:
        new[absent] = ABSENT
    return Evidence(
        dataset=dataset,
        example_N=np.arange(n).astype(object),
        seed_N=np.zeros(n, np.int64),
        cluster_N=np.arange(n) if clusters is None else clusters,
        slices={} if labels is None else {"suite": Labels(names=names, code_N=labels)},
        status={"new": new, "old": np.full(n, ANSWERED, np.uint8)},
        counts={
            (model, metric): np.stack([values, np.ones(n)], axis=1)
            for metric, both in scores.items()
            for model, values in zip(("new", "old"), both, strict=True)
        },
    )


def verdict(gates: tuple[GateSpec, ...], *evidence: Evidence, rng: np.random.Generator, **decisions: Any) -> Verdict:
    """The judge's verdict on binary metrics; each metric lies on the first dataset that has it."""
    where = {metric: t.dataset for t in reversed(evidence) for _, metric in t.counts}
    question = Question(
        candidate="new",
        roles={"new": "candidate", "old": "production"},
        gates=gates,
        metrics={name: binary(name) for name in where},
        datasets=where,
        decisions=Decisions(draws=1000, **decisions),
    )
    return judge(question, evidence, rng=rng)


def binary(name: str) -> Metric:
    return Metric(
        name=name, unit="share", better="higher", kind="binary", observe=lambda _example, _response: (0.0, 1.0)
    )


def share(runs: int, seed: int, one: Callable[[np.random.Generator], Mapping[str, bool]]) -> dict[str, float]:
    """How often each claim of `one` is true over seeded runs."""
    rng = np.random.default_rng([SEED, seed])
    found = [one(rng) for _ in range(runs)]
    return {name: float(np.mean([outcome[name] for outcome in found])) for name in found[0]}


# --- One gate --------------------------------------------------------------------------------------------------------

NON_INFERIOR = GateSpec(metric="accuracy", baseline="old", margin=MARGIN)


def counted(rng: np.random.Generator, n: int, disagreement: float, gain: float) -> tuple[int, int, int]:
    """(only the baseline right, only the candidate right, both right) of n examples; the baseline has .8 right."""
    lost, won = (disagreement - gain) / 2, (disagreement + gain) / 2
    cells = rng.multinomial(n, [lost, won, 0.8 - lost, 0.2 - won])
    return int(cells[0]), int(cells[1]), int(cells[2])


@cache
def judged(n: int, lost: int, won: int, alpha: float = 0.05) -> Verdict:
    """The verdict on such a table; nothing but these counts can matter, so equal tables are judged once."""
    right = np.repeat([0.0, 1.0, 1.0], [lost, won, n - lost - won])
    base = np.repeat([1.0, 0.0, 1.0], [lost, won, n - lost - won])
    evidence = table({"accuracy": (right, base)})
    return verdict((NON_INFERIOR,), evidence, rng=np.random.default_rng(0), alpha=alpha)


def one_gate(rng: np.random.Generator, n: int, disagreement: float, gain: float) -> dict[str, bool]:
    """Who ships a candidate of this true gain."""
    lost, won, both = counted(rng, n, disagreement, gain)
    alone = newcombe_unpaired((both + won, n), (both + lost, n))
    return {
        "promote": judged(n, lost, won).verdict == "promote",
        "mean at least the baseline's": won >= lost,
        "tolerance of 2 points on means": won - lost >= -MARGIN * n - 1e-9,
        "not significantly worse (McNemar)": bool(mcnemar_exact(lost, won).worse >= 0.05),
        "unpaired interval": alone.low > -MARGIN,
    }


def at_the_margin(runs: int) -> Iterator[Row]:
    for n in (200, 500, 2000):
        for disagreement in (0.1, 0.2):
            found = share(5 * runs, n, lambda rng, n=n, d=disagreement: one_gate(rng, n, d, -MARGIN))
            law = f"promotes a candidate exactly at the margin, n={n}, disagreement {disagreement:.0%}"
            yield _row(law, 0.055, found, 5 * runs)


def clearly_worse(runs: int) -> Iterator[Row]:
    for disagreement in (0.1, 0.2):
        found = share(5 * runs, 1, lambda rng, d=disagreement: one_gate(rng, 200, d, -0.05))
        law = f"promotes a candidate 5 points worse, n=200, disagreement {disagreement:.0%}"
        yield _row(law, 0.002, found, 5 * runs)


def equal(runs: int) -> Iterator[Row]:
    found = share(5 * runs, 2, lambda rng: one_gate(rng, 2000, 0.1, 0.0))
    yield _row("promotes an equal candidate, n=2000, disagreement 10%", 0.88, found, 5 * runs, at_most=False)


def _row(law: str, bar: float, found: dict[str, float], runs: int, *, at_most: bool = True) -> Row:
    others = {name: value for name, value in found.items() if name != "promote"}
    return Row(law=law, bar=bar, at_most=at_most, measured=found["promote"], runs=runs, others=others)


# --- Ten metrics, twenty slices --------------------------------------------------------------------------------------

METRICS, SLICES, ROWS = 10, 20, 200


def many_cells(rng: np.random.Generator, shift: float) -> dict[str, bool]:
    """Ten correlated metrics over twenty slices of 200; the first one shifted everywhere."""
    n = SLICES * ROWS
    shared = rng.standard_normal((n, 1), dtype=np.float32)
    latent = np.sqrt(0.5) * (shared + rng.standard_normal((n, METRICS), dtype=np.float32))
    gains = np.array([shift] + [0.0] * (METRICS - 1))
    lost, won = latent < ndtri((0.15 - gains) / 2), latent > -ndtri((0.15 + gains) / 2)
    right = rng.random((n, METRICS)) < 0.8
    new, old = np.where(lost, 0.0, np.where(won, 1.0, right)), np.where(lost, 1.0, np.where(won, 0.0, right))
    labels = np.repeat(np.arange(SLICES), ROWS)
    gates = tuple(GateSpec(metric=f"m{m}", baseline="old", margin=MARGIN, slices=("suite",)) for m in range(METRICS))
    evidence = table({f"m{m}": (new[:, m], old[:, m]) for m in range(METRICS)}, labels=labels)
    found = verdict(gates, evidence, rng=rng)
    b, c = (side.reshape(SLICES, ROWS, METRICS).sum(axis=1) for side in (lost, won))
    p = mcnemar_exact(b, c).worse
    flat = holm(mcnemar_mid_p(b, c).worse.reshape(-1)).reshape(SLICES, METRICS) <= 0.05
    first = any(f.outcome == "fail" for f in found.metrics if f.metric == "m0" and f.level == "hard")
    return {
        "promote": found.verdict == "block" and (first or shift == 0),
        "any cell 2 points below": bool(((c - b) / ROWS < -MARGIN)[:, : None if shift == 0 else 1].any()),
        "uncorrected tests": bool((p < 0.05)[:, : None if shift == 0 else 1].any()),
        "Holm over all cells": bool(flat[:, : None if shift == 0 else 1].any()),
    }


def many_equal(runs: int) -> Iterator[Row]:
    runs = max(runs // 4, 1)
    found = share(runs, 3, lambda rng: many_cells(rng, 0.0))
    yield _row("blocks an equal candidate, 10 metrics x 20 slices of 200", 0.055, found, runs)


def many_one_worse(runs: int) -> Iterator[Row]:
    runs = max(runs // 4, 1)
    found = share(runs, 4, lambda rng: many_cells(rng, -0.02))
    yield _row("finds a metric 2 points worse everywhere (same table)", 0.65, found, runs, at_most=False)


# --- Suites ----------------------------------------------------------------------------------------------------------

TASK = GateSpec(metric="task", baseline="old", margin=MARGIN)
SUITES = GateSpec(metric="suites", baseline="old", margin=MARGIN, slices=("suite",), slice_margin=0.05)


def suites(rng: np.random.Generator, rows: int, loss: float) -> dict[str, bool]:
    """Task +5 points on 1,000 examples; eight suites, one of which loses."""
    task = paired(rng, 1000, disagreement=0.15, gain=0.05)
    parts = [paired(rng, rows, disagreement=0.15, gain=-loss if suite == 0 else 0.0) for suite in range(8)]
    new, old = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    labels = np.repeat(np.arange(8), rows)
    found = verdict(
        (TASK, SUITES),
        table({"task": task}, dataset="task"),
        table({"suites": (new, old)}, dataset="suites", labels=labels),
        rng=rng,
    )
    within = all(part[0].mean() >= part[1].mean() - 0.05 - 1e-9 for part in parts)
    ships = bool(task[0].mean() > task[1].mean()) and within
    return {
        "promote": found.verdict == "promote",
        "block": found.verdict == "block",
        "n said": found.verdict != "inconclusive" or any(f.n_needed for f in found.metrics),
        "strict win, suites within 5 points of means: ships": ships,
    }


def one_bad_suite(runs: int) -> Iterator[Row]:
    found = share(runs, 5, lambda rng: suites(rng, 200, 0.05))
    others = {name: value for name, value in found.items() if ":" in name}
    law = "promotes task +5 points with one of 8 suites 5 points worse, n=200 each"
    yield Row(law=law, bar=0.055, at_most=True, measured=found["promote"], runs=runs, others=others)


def small_suites(runs: int) -> Iterator[Row]:
    found = share(runs, 6, lambda rng: suites(rng, 40, 0.0))
    others = {
        "strict win, suites within 5 points of means: blocks": 1
        - found["strict win, suites within 5 points of means: ships"]
    }
    law = "blocks task +5 points with 8 suites of 40 rows, nothing lost"
    yield Row(law=law, bar=0.055, at_most=True, measured=found["block"], runs=runs, others=others)
    law = "and promotes or says the n that is needed"
    yield Row(law=law, bar=1.0, at_most=False, measured=found["n said"], runs=runs)


# --- Rows that are not what they seem --------------------------------------------------------------------------------


def repeated(rng: np.random.Generator) -> dict[str, bool]:
    """Every row ten times under new ids, no difference; the readers find the repeats and make each one cluster."""
    new, old = (np.repeat(side, 10) for side in paired(rng, 200, disagreement=0.15, gain=0.0))
    found = verdict((WIN,), table({"accuracy": (new, old)}, clusters=np.repeat(np.arange(200), 10)), rng=rng)
    p = mcnemar_exact((old > new).sum(), (new > old).sum()).better
    return {"promote": _better(found), "paired test": bool(p < 0.05)}


def unanswered(rng: np.random.Generator) -> dict[str, bool]:
    """The candidate has no row for half of what it gets wrong, no difference; unanswered counts as wrong."""
    new, old = paired(rng, 500, disagreement=0.15, gain=0.0)
    absent = (new == 0) & (rng.random(500) < 0.5)
    found = verdict((WIN,), table({"accuracy": (new, old)}, absent=absent), rng=rng, missing="wrong")
    strict = verdict((WIN,), table({"accuracy": (new, old)}, absent=absent), rng=rng)
    left = ~absent
    p = mcnemar_exact((old > new)[left].sum(), (new > old)[left].sum()).better
    return {"promote": _better(found), "default": _better(strict), "paired test on what is left": bool(p < 0.05)}


WIN = GateSpec(metric="accuracy", baseline="old", min_gain=0.0)


def _better(found: Verdict) -> bool:
    return found.metrics[0].outcome == "pass"


def repeats(runs: int) -> Iterator[Row]:
    yield _row('says "better" of rows repeated ten times, no difference', 0.055, share(runs, 7, repeated), runs)


def gaps(runs: int) -> Iterator[Row]:
    found = share(runs, 8, unanswered)
    default = found.pop("default")
    yield _row('says "better" with half of the wrong rows unanswered (policy wrong)', 0.055, found, runs)
    law = "the same under the default policy"
    yield Row(law=law, bar=0.055, at_most=True, measured=default, runs=runs)


# --- Coverage --------------------------------------------------------------------------------------------------------


def covers(rng: np.random.Generator, n: int, discordance: float) -> dict[str, bool]:
    lost, won, _ = counted(rng, n, discordance, 0.0)
    found = judged(n, lost, won, 0.025).metrics[0].gain
    assert found is not None
    mean = (won - lost) / n
    half = -stdtrit(n - 1, 0.025) * np.sqrt(((won + lost) / n - mean**2) / (n - 1))
    return {"promote": _inside(found.low, found.high), "t interval": bool(abs(mean) <= half and half > 0)}


def _inside(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low <= 0 <= high


def coverage(runs: int) -> Iterator[Row]:
    for n in (50, 200):
        for discordance in (0.02, 0.05, 0.1, 0.2):
            found = share(5 * runs, n, lambda rng, n=n, d=discordance: covers(rng, n, d))
            law = f"95% interval covers, binary, n={n}, discordance {discordance:g}"
            yield _row(law, 0.94, found, 5 * runs, at_most=False)


def documents(rng: np.random.Generator, count: int, size: int) -> tuple[Scores, Scores]:
    """Binary scores whose differences share a document's effect (correlation near .3) and have mean 0."""
    effect = np.repeat(rng.normal(0, 1.5, count), size)
    win, loss = 0.075 / 0.85 * np.exp(effect), 0.075 / 0.85 * np.exp(-effect)
    u = rng.random(count * size) * (1 + win + loss)
    right = (rng.random(count * size) < 0.8).astype(np.float64)
    new = np.where(u < win, 1.0, np.where(u < win + loss, 0.0, right))
    return new, np.where(u < win, 0.0, np.where(u < win + loss, 1.0, right))


def clustered(rng: np.random.Generator, count: int, size: int) -> dict[str, bool]:
    new, old = documents(rng, count, size)
    codes = np.repeat(np.arange(count), size)
    found = verdict((NON_INFERIOR,), table({"accuracy": (new, old)}, clusters=codes), rng=rng, alpha=0.025).metrics[0]
    low, high = cluster_means(new - old, codes).interval(alpha=0.025)
    plain = cluster_means(new - old)
    half = 1.96 * plain.se_SM[0, 0]
    assert found.gain is not None
    return {
        "promote": _inside(found.gain.low, found.gain.high),
        "interval": bool(low[0, 0] <= 0 <= high[0, 0]),
        "refused": found.gain.low is None,
        "independent-example formula": bool(abs(plain.mean_SM[0, 0]) <= half),
    }


def cluster_coverage(runs: int) -> Iterator[Row]:
    found = share(runs, 9, lambda rng: clustered(rng, 100, 5))
    others = {"independent-example formula": found["independent-example formula"]}
    law = "95% interval covers, 100 documents of 5, correlation .3"
    yield Row(law=law, bar=0.945, at_most=False, measured=found["promote"], runs=runs, others=others)
    found = share(runs, 10, lambda rng: clustered(rng, 10, 20))
    others = {"independent-example formula": found["independent-example formula"]}
    law = "95% interval covers, 10 documents of 20 (the statistic; the judge refuses so few)"
    yield Row(law=law, bar=0.945, at_most=False, measured=found["interval"], runs=runs, others=others)
    law = "refuses to judge 10 clusters"
    yield Row(law=law, bar=1.0, at_most=False, measured=found["refused"], runs=runs)


LAWS: tuple[Callable[[int], Iterator[Row]], ...] = (
    at_the_margin,
    clearly_worse,
    equal,
    many_equal,
    many_one_worse,
    one_bad_suite,
    small_suites,
    repeats,
    gaps,
    coverage,
    cluster_coverage,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=FULL, help="simulated comparisons a line (default 4000)")
    runs = parser.parse_args().runs
    print("| the judge ... | bar | Shipworthy | holds | what others do |\n|---|---|---|---|---|")
    rows = []
    import worlds_means
    import worlds_rates

    for law in (*LAWS, *worlds_rates.LAWS, *worlds_means.LAWS):
        for row in law(runs):
            rows.append(row)
            print(markdown(row), flush=True)
    print(f"\n{runs:,} seeded runs a line; 10 x 20 tables a quarter of that, single binary gates five times.")
    print("Exit code 1: a bar is missed, also when the figure is rounded like the bar.")
    return 1 if any(not row.holds(slack=2) if runs < FULL else row.missed for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
