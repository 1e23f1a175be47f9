"""Seconds are comparable only where both models met the same load."""

from collections.abc import Mapping

from shipworthy.gates.question import Question, Rule

TIMED = ("s", "tokens/s")


def other_load(question: Question, rule: Rule) -> str | None:
    """Why the seconds of a rule's two models cannot be compared, None where they can, or nobody knows their load."""
    if not rule.compares or rule.baseline is None or question.metrics[rule.metric].unit not in TIMED:
        return None
    ours, theirs = (question.loads.get(name) for name in (question.candidate, rule.baseline))
    if ours is None or theirs is None or ours == theirs:
        return None
    return (
        f"{rule.metric} met different load: {question.candidate} was measured {_said(ours)}, {rule.baseline} "
        f"{_said(theirs)}; measure both in one run, with the same concurrency and warm_up"
    )


def measured_under(question: Question, rule: Rule) -> str:
    """Under what the seconds of a rule were measured, to stand beside the number; empty where it is not told."""
    load = question.loads.get(question.candidate)
    if question.metrics[rule.metric].unit not in TIMED or not load or other_load(question, rule):
        return ""
    return f"; measured {_said(load)}"


def _said(load: Mapping[str, str]) -> str:
    """`live, 32 in flight, in step with the others, 4 warm-up`."""
    words = {"in flight": "{} in flight", "batch": "in batches of {}", "warm-up": "{} warm-up requests", "order": "{}"}
    return ", ".join([load.get("measured", "?"), *(words[key].format(load[key]) for key in words if key in load)])
