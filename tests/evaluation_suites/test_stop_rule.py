"""The stop rule of a training run: what counts, what a look has to show, and a run that still climbs."""

from typing import Any

import pytest

from shipworthy.evaluation.stop_rule import Look, stops
from shipworthy.protocol.types import CheckpointRule

GOOD, BAD = Look("promote", 0.5), Look("block", 1e-9)


@pytest.mark.parametrize(
    ("stop_when", "patience", "looks", "expected"),
    [
        ("block", 1, [GOOD, BAD], True),
        ("block", 2, [GOOD, BAD], False),
        ("block", 2, [GOOD, BAD, BAD], True),
        ("block", 1, [Look("inconclusive", 0.2)], False),
        ("not_promoted", 1, [Look("inconclusive", 0.2)], True),
        ("never", 1, [GOOD, BAD], False),
        ("block", 3, [BAD], False),
    ],
)
def test_the_stop_rule_counts_verdicts_in_a_row(stop_when: Any, patience: int, looks: Any, expected: bool) -> None:
    assert expected == stops(CheckpointRule(stop_when=stop_when, patience=patience), looks, alpha=0.05)


@pytest.mark.parametrize(("looks", "p", "expected"), [(2, 0.008, True), (2, 0.009, False), (10, 4e-4, True),
                                                      (10, 5e-4, False), (100, 5e-6, False)])  # fmt: skip
def test_a_later_look_has_to_show_more(looks: int, p: float, expected: bool) -> None:
    assert expected == stops(CheckpointRule(warmup=1000), [GOOD] * (looks - 1) + [Look("block", p)], alpha=0.05)


def test_a_run_that_starts_below_is_not_stopped_at_once() -> None:
    assert not stops(CheckpointRule(), [BAD], alpha=0.05)
    assert not stops(CheckpointRule(), [BAD] * 5, alpha=0.05)
    assert stops(CheckpointRule(warmup=0), [BAD], alpha=0.05)


def test_a_run_that_stays_below_is_stopped_after_its_warm_up_and_one_that_climbs_is_not() -> None:
    climbing = [Look("block", 10.0**-power) for power in range(20, 6, -1)]

    assert stops(CheckpointRule(), [BAD] * 6, alpha=0.05)
    assert not any(stops(CheckpointRule(), climbing[: k + 1], alpha=0.05) for k in range(len(climbing)))


def test_a_look_whose_p_was_not_kept_stops_nothing() -> None:
    assert not stops(CheckpointRule(warmup=0), [GOOD, Look("block", None)], alpha=0.05)
    assert stops(CheckpointRule(), [Look("promote", None), GOOD, BAD], alpha=0.05)
