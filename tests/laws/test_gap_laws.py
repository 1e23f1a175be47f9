"""Policies for missing rows on seeded worlds: a policy favours nobody, and gaps that follow difficulty are named."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from shipworthy.gates import Question, judge
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import Decisions, GateSpec
from shipworthy.records import ABSENT, Evidence, Verdict

N = 1000
SHORT, FULL = 40, 2000
METRIC = Metric(name="m", unit="share", better="higher", kind="binary", observe=lambda *_: (0.0, 1.0))
Gaps = Callable[[np.random.Generator, Any, Any], Any]


def worlds(runs: int, policy: Any, lacks: str, gaps: Gaps, *, loss: float) -> list[Verdict]:
    """Verdicts over seeded worlds: 70 % easy rows (.95 right), 30 % hard ones (.2), the candidate worse by `loss`."""
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        p = np.where(rng.random(N) < 0.7, 0.95, 0.2)
        new, old = rng.random(N) < np.clip(p - loss, 0, 1), rng.random(N) < p
        absent = gaps(rng, new, old)
        scores = {"new": new & ~absent if lacks == "new" else new, "old": old & ~absent if lacks == "old" else old}
        table = Evidence(
            dataset="d",
            example_N=np.array([str(i) for i in range(N)], dtype=object),
            seed_N=np.zeros(N, np.int64),
            cluster_N=np.arange(N),
            slices={},
            status={name: np.where(absent & (name == lacks), ABSENT, 0).astype(np.uint8) for name in scores},
            counts={(name, "m"): np.stack([one.astype(float), np.ones(N)], axis=1) for name, one in scores.items()},
        )
        question = Question(
            candidate="new",
            roles={"new": "candidate", "old": "production"},
            gates=(GateSpec(metric="m", baseline="old", margin=0.02),),
            metrics={"m": METRIC},
            datasets={"m": "d"},
            decisions=Decisions(missing=policy),
        )
        found.append(judge(question, [table], rng=np.random.default_rng(seed)))
    return found


def promoted(verdicts: list[Verdict]) -> float:
    return float(np.mean([verdict.verdict == "promote" for verdict in verdicts]))


def named(verdicts: list[Verdict]) -> float:
    return float(np.mean([any(w.code == "uneven_gaps" for w in verdict.warnings) for verdict in verdicts]))


def at_random(share: float) -> Gaps:
    return lambda rng, new, old: rng.random(N) < share


def half_of_the_wrong(rng: np.random.Generator, new: Any, old: Any) -> Any:
    return ~new & (rng.random(N) < 0.5)


@pytest.mark.parametrize("share", [0.07, 0.12])
@pytest.mark.parametrize("runs", [SHORT, pytest.param(FULL, marks=pytest.mark.laws)])
def test_a_baseline_that_lacks_rows_makes_no_worse_candidate_better(share: float, runs: int) -> None:
    verdicts = worlds(runs, "wrong", "old", at_random(share), loss=0.0575)

    assert promoted(verdicts) <= 0.002


@pytest.mark.parametrize("runs", [SHORT, pytest.param(FULL, marks=pytest.mark.laws)])
def test_a_candidate_that_lacks_what_it_had_wrong_is_not_promoted_on_the_rest_unsaid(runs: int) -> None:
    verdicts = worlds(runs, "common", "new", half_of_the_wrong, loss=0.0575)
    unsaid = [v for v in verdicts if not any(w.code == "uneven_gaps" for w in v.warnings)]

    assert promoted(verdicts) <= 0.055
    assert sum(v.verdict == "promote" for v in unsaid) / len(verdicts) <= 0.055
    assert named(verdicts) >= 0.95


@pytest.mark.parametrize("policy", ["wrong", "common"])
@pytest.mark.parametrize("runs", [SHORT, pytest.param(FULL, marks=pytest.mark.laws)])
def test_random_gaps_are_seldom_called_uneven(policy: str, runs: int) -> None:
    share = named(worlds(runs, policy, "new", at_random(0.1), loss=0.0))

    assert share <= 0.013 + 3 * (0.013 / runs) ** 0.5


@pytest.mark.laws
def test_the_short_law_would_see_the_old_rule() -> None:
    """As its errors, gaps of the baseline promote a candidate 5 points worse: what is avoided is there to be seen."""
    verdicts = worlds(100, "wrong", "new", lambda rng, new, old: np.zeros(N, bool), loss=0.0575)
    lost = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        p = np.where(rng.random(N) < 0.7, 0.95, 0.2)
        new, old = rng.random(N) < np.clip(p - 0.0575, 0, 1), rng.random(N) < p
        lost += float((new.astype(float) - (old & ~(rng.random(N) < 0.12))).mean()) > 0

    assert promoted(verdicts) <= 0.002
    assert lost / 100 > 0.4
