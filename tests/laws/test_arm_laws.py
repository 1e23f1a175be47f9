"""Two arms of different rows, on seeded worlds: the level at the margin, and how seldom a fair split is called none."""

import numpy as np
import pytest

from shipworthy.gates import Question, judge
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import GateSpec
from shipworthy.records import ABSENT, Evidence, Verdict

SHORT, FULL = 100, 4000
METRIC = Metric(name="m", unit="share", better="higher", kind="binary", observe=lambda *_: (0.0, 1.0))
QUESTION = Question(
    candidate="new",
    roles={"new": "candidate", "old": "production"},
    gates=(GateSpec(metric="m", baseline="old", margin=0.02),),
    metrics={"m": METRIC},
    datasets={"m": "d"},
    unpaired=True,
    split=0.5,
)


def verdicts(runs: int, *, loss: float, n: int = 2000) -> list[Verdict]:
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        mine_N = rng.random(n) < 0.5
        right_N = rng.random(n) < np.where(mine_N, 0.8 - loss, 0.8)
        status = {"new": np.where(mine_N, 0, ABSENT), "old": np.where(mine_N, ABSENT, 0)}
        table = Evidence(
            dataset="d",
            example_N=np.array([str(i) for i in range(n)], dtype=object),
            seed_N=np.zeros(n, np.int64),
            cluster_N=np.arange(n),
            slices={},
            status={name: column.astype(np.uint8) for name, column in status.items()},
            counts={(name, "m"): np.stack([right_N * (status[name] == 0), status[name] == 0], 1).astype(float)
                    for name in status},
        )  # fmt: skip
        found.append(judge(QUESTION, [table], rng=np.random.default_rng(seed)))
    return found


@pytest.mark.parametrize("runs", [SHORT, pytest.param(FULL, marks=pytest.mark.laws)])
def test_a_candidate_at_the_margin_is_seldom_promoted(runs: int) -> None:
    found = verdicts(runs, loss=0.02)
    share = float(np.mean([verdict.verdict == "promote" for verdict in found]))

    assert share <= 0.055 + (3 * (0.055 * 0.945 / runs) ** 0.5 if runs == SHORT else 0)


@pytest.mark.parametrize("runs", [SHORT, pytest.param(FULL, marks=pytest.mark.laws)])
def test_a_fair_split_is_seldom_called_a_mismatch(runs: int) -> None:
    found = verdicts(runs, loss=0.0)
    share = float(np.mean([any("mismatch" in reason for reason in verdict.reasons) for verdict in found]))

    assert share <= 0.001 + 3 * (0.001 / runs) ** 0.5
