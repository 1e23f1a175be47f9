"""Two arms of different rows: judged without pairs, and not at all where chance did not deal them."""

from typing import Any

import numpy as np
import pytest

from shipworthy.errors import BadInput
from shipworthy.protocol.types import GateSpec
from shipworthy.records import ABSENT, Evidence, Verdict
from shipworthy.stats.unpaired import newcombe_unpaired, sample_ratio_p, welch

from .conftest import Judge, make_evidence, make_metric, make_question

GATE = GateSpec(metric="accuracy", baseline="old", margin=0.02)


def arms(new: Any, old: Any, **rest: Any) -> Evidence:
    """The rows of the new arm, then those of the old one; each lacks the other's."""
    ours, base = np.asarray(new, float), np.asarray(old, float)
    return make_evidence(
        {
            ("new", "accuracy"): np.r_[ours, np.zeros(len(base))],
            ("old", "accuracy"): np.r_[np.zeros(len(ours)), base],
        },
        status={
            "new": np.r_[np.zeros(len(ours)), np.full(len(base), ABSENT)],
            "old": np.r_[np.full(len(ours), ABSENT), np.zeros(len(base))],
        },
        **rest,
    )


def judged(verdict_of: Judge, table: Evidence, *, split: float | None = 0.5, **rest: Any) -> Verdict:
    return verdict_of(make_question(GATE, unpaired=True, split=split, **rest), table)


def rate(n: int, right: int) -> Any:
    return np.r_[np.ones(right), np.zeros(n - right)]


def test_two_rates_are_compared_by_newcombes_interval(verdict_of: Judge) -> None:
    found = judged(verdict_of, arms(rate(3000, 2500), rate(3100, 2500))).metrics[0]
    wanted = newcombe_unpaired((2500, 3000), (2500, 3100))

    assert ("newcombe_unpaired", "pass", 6100) == (found.method, found.outcome, found.n)
    assert found.gain is not None
    assert pytest.approx((wanted.value, wanted.low, wanted.high)) == (found.gain.value, found.gain.low, found.gain.high)
    assert "unpaired: 3,000 rows of one arm against 3,100 of old's" in found.because


def test_less_is_better_in_two_arms_too(verdict_of: Judge) -> None:
    metric = make_metric(better="lower")

    assert "block" == judged(verdict_of, arms(rate(3000, 900), rate(3000, 600)), metrics=[metric]).verdict
    assert "promote" == judged(verdict_of, arms(rate(3000, 600), rate(3000, 900)), metrics=[metric]).verdict


def test_two_means_of_clusters_are_compared_by_welch(verdict_of: Judge) -> None:
    rng = np.random.default_rng(0)
    new, old = (np.repeat(rng.normal(0.7, 0.1, 200), 5) for _ in range(2))
    users = np.r_[np.repeat(np.arange(200), 5), 200 + np.repeat(np.arange(200), 5)]
    found = judged(verdict_of, arms(new, old, clusters=users), metrics=[make_metric(kind="mean")]).metrics[0]
    errors = [part[::5].std(ddof=1) / 200**0.5 for part in (new, old)]
    wanted = welch((new.mean(), errors[0], 199), (old.mean(), errors[1], 199))

    assert ("welch", 200) == (found.method, found.clusters)
    assert found.gain is not None and found.gain.low is not None
    assert pytest.approx(wanted.low, rel=0.05) == found.gain.low


def test_a_split_that_is_no_luck_leaves_no_verdict_either_way(verdict_of: Judge) -> None:
    for new, old in ((rate(3000, 2700), rate(3600, 2500)), (rate(3000, 1500), rate(3600, 2500))):
        verdict = judged(verdict_of, arms(new, old))

        assert "inconclusive" == verdict.verdict
        assert "sample-ratio mismatch: the candidate has 3,000 of 6,600, 45.5%, where 50.0%" in verdict.reasons[0]
        assert verdict.metrics[0].n_needed is None


def test_an_uneven_split_that_was_declared_is_fine(verdict_of: Judge) -> None:
    table = arms(rate(1000, 850), rate(9000, 7200))

    assert "promote" == judged(verdict_of, table, split=0.1).verdict
    assert "inconclusive" == judged(verdict_of, table, split=0.5).verdict


def test_an_undeclared_split_is_said(verdict_of: Judge) -> None:
    warnings = judged(verdict_of, arms(rate(3000, 2500), rate(3100, 2500)), split=None).warnings

    assert any(warning.code == "unpaired" and "no split was declared" in warning.message for warning in warnings)


def test_slices_of_two_arms_are_watched(verdict_of: Judge) -> None:
    labels = (["x"] * 1500 + ["y"] * 1500) * 2
    table = arms(
        np.r_[rate(1500, 1400), rate(1500, 900)], np.r_[rate(1500, 1200), rate(1500, 1200)], slices={"s": labels}
    )
    found = judged(verdict_of, table, slices=("s",)).metrics

    assert {"x": "pass", "y": "fail"} == {f.slice["s"]: f.outcome for f in found if f.slice}


def test_a_quantile_of_two_arms_is_not_guessed(verdict_of: Judge) -> None:
    rng = np.random.default_rng(0)
    metric = make_metric(kind="quantile", quantile=0.95, unit="s", better="lower")
    verdict = judged(verdict_of, arms(rng.random(500), rng.random(500) + 5), metrics=[metric])

    assert "inconclusive" == verdict.verdict
    assert "has no unpaired interval here" in verdict.reasons[0]


def test_too_few_rows_in_one_arm_are_refused(verdict_of: Judge) -> None:
    assert "inconclusive" == judged(verdict_of, arms(rate(12, 12), rate(5000, 100)), split=None).verdict


@pytest.mark.parametrize(("k", "n", "share"), [(0, 10, 0.5), (480, 1000, 0.5), (90, 1000, 0.1), (10, 10, 0.3)])
def test_the_sample_ratio_test_is_twice_the_smaller_tail(k: int, n: int, share: float) -> None:
    from scipy.stats import binom

    wanted = min(1.0, 2 * min(binom.cdf(k, n, share), binom.sf(k - 1, n, share)))

    assert pytest.approx(wanted) == sample_ratio_p(k, n, share)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        sample_ratio_p(1, 2, share)


def test_a_relative_margin_of_two_arms_is_refused(verdict_of: Judge) -> None:
    gate = GateSpec(metric="accuracy", baseline="old", margin="5%")
    question = make_question(gate, unpaired=True, metrics=[make_metric(kind="mean")])

    with pytest.raises(BadInput, match="a relative margin is judged on pairs"):
        verdict_of(question, arms(rate(300, 200), rate(300, 200)))
