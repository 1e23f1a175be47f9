"""A calibration error that noise lifts: the baseline's more than the candidate's."""

from functools import partial

import numpy as np
import pytest

from shipworthy.metrics.calibration import BinOptions, brier_reliability, ece
from shipworthy.protocol.types import GateSpec
from shipworthy.records import Finding

from .conftest import Judge, make_evidence, make_question


def found(verdict_of: Judge, off: tuple[float, float], seed: int, margin: float, bins: int = 15) -> Finding:
    """ECE of 200 rows on which the candidate and the baseline are right less often than sure by so much."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.5, 1, (200, 1))
    bin_ = np.eye(bins)[np.ceil(sure[:, 0] * bins).astype(int) - 1]
    new, old = (np.hstack([bin_, bin_ * sure, bin_ * (rng.random((200, 1)) < sure - less)]) for less in off)
    question = make_question(
        GateSpec(metric="ece", baseline="old", margin=margin), metrics=[ece(BinOptions(bins=bins))]
    )
    return verdict_of(question, make_evidence({("new", "ece"): new, ("old", "ece"): old})).metrics[0]


@pytest.mark.parametrize(("margin", "bins"), [(0.15, 15), (0.12, 10)])
def test_a_worse_candidate_beside_a_perfect_baseline_is_not_promoted_at_the_margin(
    verdict_of: Judge, margin: float, bins: int
) -> None:
    at = partial(found, verdict_of, (margin, 0.0), margin=margin, bins=bins)
    findings = [at(seed) for seed in range(30)]

    assert sum(finding.outcome == "pass" for finding in findings) <= 4
    said = [finding.because for finding in findings if finding.outcome == "inconclusive"]
    assert any("chance alone gives a perfectly calibrated old" in text and "Brier" in text for text in said)


def test_a_baseline_that_is_off_by_much_leaves_no_such_room(verdict_of: Judge) -> None:
    finding = found(verdict_of, (0.3, 0.3), 1, margin=0.15)

    assert finding.outcome == "pass"
    assert "chance alone" not in finding.because


def test_squares_have_no_such_noise() -> None:
    assert brier_reliability(BinOptions()).noise is None
    assert ece(BinOptions()).noise is not None
