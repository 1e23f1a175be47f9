"""When a training run is told to stop: a rule that stays honest however many checkpoints are looked at.

A hundred checkpoints that equal their baseline are a hundred chances to look worse. What a look has to show grows with
their number, so that all looks together err with the chance alpha; and a run that climbs from below is let go on.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from shipworthy.protocol.types import CheckpointRule
from shipworthy.records import Decision, Verdict

_FELL = 2.0  # standard errors worse than the best earlier look
_CLIMBS = 0.6  # standard errors better in the later half of the looks than in the earlier
_LEAST_P = 1e-300


class Look(NamedTuple):
    """What one checkpoint was told. `p`: of "no hard gate is missed", over all of them; None: it was not kept."""

    verdict: Decision
    p: float | None


def p_worst(verdict: Verdict) -> float:
    """The smallest one-sided p of the hard gates times their number (Bonferroni); 0 where one fails that samples
    nothing, as a fixed list of cases."""
    hard = [finding for finding in verdict.metrics if finding.level == "hard"]
    if any(finding.outcome == "fail" and finding.p_worse is None for finding in hard):
        return 0.0
    sampled = [finding.p_worse for finding in hard if finding.p_worse is not None]
    return min(1.0, len(sampled) * min(sampled)) if sampled else 1.0


def stops(rule: CheckpointRule, looks: Sequence[Look], *, alpha: float) -> bool:
    """Whether to stop after the last of `looks`.

    The last `patience` verdicts are of the kind that stops. Where that is a block, the look must also show it: a run
    that fell back by two standard errors from its best look stops at look k with p <= alpha / (k (k + 1)), one that
    does not climb at look j after its warm-up with p <= alpha / (j (j + 1)). These sum to 1.5 alpha over any number of
    looks; as the looks share their rows, a run whose every checkpoint equals its baseline is stopped in less than alpha
    (measured; `tests/laws/test_watch_worlds.py`).

    Source: Bonferroni over an open number of looks, as in alpha spending (Lan & DeMets 1983).
    """
    bad = {"block": ("block",), "not_promoted": ("block", "sign_off", "inconclusive"), "never": ()}[rule.stop_when]
    last, k = looks[-rule.patience :], len(looks)
    if len(last) < rule.patience or any(look.verdict not in bad for look in last):
        return False
    if rule.stop_when != "block":
        return True
    p = looks[-1].p
    if p is None:
        return False
    against = [_strength(look.p) for look in looks if look.p is not None]
    fell = len(against) > 1 and against[-1] >= min(against[:-1]) + _FELL and _was_good(looks)
    if fell and p <= alpha / (k * (k + 1)):
        return True
    late = k - rule.warmup
    return late > 0 and not _climbs(against) and p <= alpha / (late * (late + 1))


def _was_good(looks: Sequence[Look]) -> bool:
    return any(look.verdict != "block" for look in looks[:-1])


def _strength(p: float) -> float:
    """Standard errors of evidence against a checkpoint."""
    return -NormalDist().inv_cdf(min(max(p, _LEAST_P), 1 - 1e-9))


def _climbs(against: Sequence[float]) -> bool:
    half = len(against) // 2
    if not half:
        return False
    return sum(against[:half]) / half - sum(against[-half:]) / half > _CLIMBS
