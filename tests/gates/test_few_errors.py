"""One model's corpus value with few errors: limits that redrawing those errors cannot give."""

import numpy as np
import pytest

from shipworthy.protocol.types import GateSpec
from shipworthy.records import Finding
from shipworthy.stats.proportion import clopper_pearson

from .conftest import Judge, make_evidence, make_metric, make_question


def found(verdict_of: Judge, rows: object, *, limit: float = 0.93, clusters: object = None) -> Finding:
    metric = make_metric("f", kind="corpus", summarize=lambda s: s[..., 0] / s[..., 1])
    evidence = make_evidence({("new", "f"): rows}, clusters=clusters)
    return verdict_of(make_question(GateSpec(metric="f", at_least=limit), metrics=[metric]), evidence).metrics[0]


@pytest.mark.parametrize("errors", [1, 2, 5])
def test_the_limits_are_at_least_those_of_right_and_wrong_answers(verdict_of: Judge, errors: int) -> None:
    rows = np.ones(50)
    rows[:errors] = 0
    finding = found(verdict_of, rows)
    low, high = clopper_pearson(50 - errors, 50)

    assert finding.candidate.low is not None and finding.candidate.high is not None
    assert finding.candidate.low <= low + 0.003 and high - 0.003 <= finding.candidate.high


def test_long_rows_widen_the_limit_although_none_of_them_failed(verdict_of: Judge) -> None:
    short = np.column_stack([np.r_[0.0, np.ones(199)], np.ones(200)])
    long = short.copy()
    long[100:120] *= 20
    low = [found(verdict_of, rows).candidate.low for rows in (short, long)]

    assert low[0] is not None and low[1] is not None and low[1] < low[0] - 0.02


def test_many_errors_leave_the_limit_where_it_was(verdict_of: Judge) -> None:
    rows = (np.random.default_rng(3).random(2000) < 0.9).astype(float)
    finding, value = found(verdict_of, rows), rows.mean()

    assert finding.candidate.low is not None
    assert abs(finding.candidate.low - (value - 1.645 * np.sqrt(value * (1 - value) / 2000))) < 0.002


def test_a_value_at_its_limit_seldom_passes(verdict_of: Judge) -> None:
    rng = np.random.default_rng(5)
    outcomes = [found(verdict_of, (rng.random(50) < 0.93).astype(float)).outcome for _ in range(60)]

    assert outcomes.count("pass") <= 8  # .06 and three errors
