"""What the worlds share: a line of the table, evidence from columns, a question around it, and the printing."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipworthy.gates import Question, judge
from shipworthy.gates._compare import contrast
from shipworthy.gates._pairs import Pair
from shipworthy.gates._rule_cells import GRAVE_ALPHA, GRAVE_MARGINS
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import Decisions, GateSpec
from shipworthy.records import ANSWERED, Crossed, Evidence, Labels, Verdict

Scores = NDArray[np.float64]
SEED = 20_261_121
FULL = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: what is claimed, the bar, what the judge reaches and what others reach."""

    law: str
    bar: float
    at_most: bool
    measured: float
    runs: int
    others: Mapping[str, float] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """Standard error of the simulation."""
        return float(np.sqrt(max(self.measured * (1 - self.measured), 1e-6) / self.runs))

    def holds(self, *, slack: float = 0.0) -> bool:
        """The figure as measured, not rounded; `slack` simulation errors are forgiven: 0 at full size."""
        bar = min(self.bar, 1.0)
        room = slack * max(self.error, float(np.sqrt(bar * (1 - bar) / self.runs)))
        return self.measured <= self.bar + room if self.at_most else self.measured >= self.bar - room

    @property
    def rounded(self) -> float:
        """The figure with as many digits as the bar."""
        return round(self.measured, len(f"{self.bar:g}".partition(".")[2]))

    @property
    def missed(self) -> bool:
        """Also when rounded like the bar."""
        return self.rounded > self.bar if self.at_most else self.rounded < self.bar


Law = Callable[[int], Iterator[Row]]


def rate(
    law: str, bar: float, found: Sequence[bool], *, others: Mapping[str, float] | None = None, at_most: bool = True
) -> Row:
    """The share of true outcomes as a line of the table."""
    return Row(law=law, bar=bar, at_most=at_most, measured=float(np.mean(found)), runs=len(found), others=others or {})


def markdown(row: Row) -> str:
    others = "; ".join(f"{name} {value:.3f}" for name, value in row.others.items()) or " "
    sign = "<=" if row.at_most else ">="
    return f"| {row.law} | {sign} {row.bar:g} | {row.measured:.4f} | {_said(row)} | {others} |"


def _said(row: Row) -> str:
    if row.holds():
        return "yes"
    return "NO" if row.missed else f"no ({row.measured:.4f}; {row.rounded:g} when rounded)"


def printed(laws: Sequence[Law]) -> int:
    """The table on the terminal; the exit code is 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=FULL, help=f"simulated comparisons a line (default {FULL})")
    runs = parser.parse_args().runs
    print("| the judge ... | bar | Shipworthy | holds | what others do |\n|---|---|---|---|---|")
    rows = []
    for law in laws:
        for row in law(runs):
            rows.append(row)
            print(markdown(row), flush=True)
    return 1 if any(not row.holds(slack=2) if runs < FULL else row.missed for row in rows) else 0


def evidence(
    columns: Mapping[tuple[str, str], Scores],
    *,
    clusters: NDArray[np.int64] | None = None,
    labels: NDArray[np.int64] | None = None,
) -> Evidence:
    """(model, metric) -> scores (N,) or counts (N, K); labels fill the slice column "suite"."""
    n = len(next(iter(columns.values())))
    names = () if labels is None else tuple(f"s{code}" for code in range(int(labels.max()) + 1))
    counts = {key: v if v.ndim == 2 else np.stack([v, np.ones(n)], axis=1) for key, v in columns.items()}
    return Evidence(
        dataset="test",
        example_N=np.arange(n).astype(object),
        seed_N=np.zeros(n, np.int64),
        cluster_N=np.arange(n) if clusters is None else clusters,
        slices={} if labels is None else {"suite": Labels(names=names, code_N=labels)},
        status={model: np.full(n, ANSWERED, np.uint8) for model, _ in columns},
        counts=counts,
    )


def metric(name: str, *, kind: str = "binary", unit: str = "share", better: str = "higher", **rest: Any) -> Metric:
    """A metric whose counts the world writes down itself."""
    settings: dict[str, Any] = {"kind": kind, "unit": unit, "better": better} | rest
    return Metric(name=name, observe=lambda _example, _response: (0.0, 1.0), **settings)


def questioned(
    gates: tuple[GateSpec, ...],
    *,
    name: str = "accuracy",
    decisions: Decisions | None = None,
    metrics: Mapping[str, Metric] | None = None,
    **how: Any,
) -> Question:
    """A question about the model "new" beside "old" with one metric (or those given)."""
    known = dict(metrics or {name: metric(name, **how)})
    return Question(
        candidate="new",
        roles={"new": "candidate", "old": "production"},
        gates=gates,
        metrics=known,
        datasets=dict.fromkeys(known, "test"),
        decisions=decisions or Decisions(draws=1000),
    )


class Judging:
    """The judge on one question, a generator of its own a run."""

    def __init__(self, question: Question, seed: int = 7) -> None:
        self._question, self._seed = question, seed

    def __call__(self, *tables: Evidence) -> Verdict:
        return judge(self._question, tables, rng=np.random.default_rng(self._seed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What one rule on one metric came to in every run: passed, failed (by itself), refused."""

    passed: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    refused: NDArray[np.bool_]
    low: Scores
    high: Scores


def outcomes(
    how: Metric,
    ours_RN: Scores,
    base_RN: Scores | None,
    *,
    clusters_N: NDArray[np.int64] | None = None,
    crossed_N: NDArray[np.int64] | None = None,
    margin: float = 0.02,
    at_most: float | None = None,
) -> Outcomes:
    """The judge's own contrast and rule on every run at once: a run is a slice of one long table.

    `crossed_N`: a second way of clusters. `margin`: a non-inferiority gate against the baseline. `at_most`: an absolute
    gate on the candidate alone.
    """
    runs, n = ours_RN.shape[:2]
    step = max(1, 1_500_000 // n)
    parts = [
        _outcomes(how, ours_RN[i : i + step], None if base_RN is None else base_RN[i : i + step],
                  (clusters_N, crossed_N), margin, at_most)
        for i in range(0, runs, step)
    ]  # fmt: skip
    return Outcomes(**{f: np.concatenate([getattr(part, f) for part in parts]) for f in Outcomes.__slots__})


def _outcomes(
    how: Metric,
    ours_RN: Scores,
    base_RN: Scores | None,
    ways: tuple[NDArray[np.int64] | None, NDArray[np.int64] | None],
    margin: float,
    at_most: float | None,
) -> Outcomes:
    runs, n = ours_RN.shape[:2]
    run_N = np.repeat(np.arange(runs), n)
    first, second = (None if way is None else _by_run(way, runs) for way in ways)
    pair = Pair(
        metric=how,
        ours_NK=_columns(ours_RN),
        base_NK=None if base_RN is None else _columns(base_RN),
        cluster_N=np.arange(runs * n) if first is None else first,
        independent=first is None,
        crossed=None if second is None else Crossed(ways=("user", "document"), code_N=second),
        slices={"run": Labels(names=tuple(map(str, range(runs))), code_N=run_N)},
    )
    found = contrast(pair, ("run",), alpha=0.05, draws=1000, rng=np.random.default_rng(7))
    refused = np.array([reason is not None for reason in found.refused])
    low, high = found.tested.low_S, found.tested.high_S
    if at_most is None:
        passed = (low > -margin) & (found.p_at_most(-GRAVE_MARGINS * margin) <= GRAVE_ALPHA)
        p = found.p_at_least(0.0)
    else:
        passed, p = high <= at_most, found.p_at_most(at_most)
    passed &= ~refused
    failed = (p <= 0.05) & ~passed & ~refused
    return Outcomes(passed=passed[1:], failed=failed[1:], refused=refused[1:], low=low[1:], high=high[1:])


def _by_run(way_N: NDArray[np.int64], runs: int) -> NDArray[np.int64]:
    """Codes of a run's own."""
    return np.asarray((np.arange(runs)[:, None] * (int(way_N.max()) + 1) + way_N).reshape(-1))


def _columns(values_RN: Scores) -> Scores:
    if values_RN.ndim == 3:
        return values_RN.reshape(-1, values_RN.shape[-1])
    flat = values_RN.reshape(-1)
    return np.stack([flat, np.ones(len(flat))], axis=1)
