"""Gaps in words: whom a policy would favour, gaps that follow difficulty, and why a cell is not judged because of them.

What counts as what is decided in `_pairs`; this is what is said of it, once, for findings, reasons and warnings.
"""

from shipworthy.gates._compare import Comparison
from shipworthy.gates._pairs import Gap
from shipworthy.gates._unsettled import HALF, lost_unevenly
from shipworthy.gates.question import Question


def missing_refused(comparison: Comparison) -> str:
    """Under the policy `fail`: nothing is judged while a row lacks."""
    pair = comparison.pair
    where = f" ({pair.missing_where})" if pair.missing_where else ""
    have = "has" if pair.missing == 1 else "have"
    return (
        f"{counted(comparison, pair.missing)} {have} no row for one of the models{where}, and the policy for missing "
        "examples is `fail`; complete them, or choose `wrong` or `common`"
    )


def unmeasured_refused(question: Question, comparison: Comparison) -> str | None:
    """Why rows that only one model measured keep a cell from being judged: they fall under the same policy as gaps."""
    told = unmeasured(question, comparison)
    if told is None:
        return None
    if question.decisions.missing == "fail":
        return f"{told}, and the policy for missing examples is `fail`; complete them, or choose `common`"
    found = unmeasured_uneven(question, comparison)
    return f"{found[0]}; complete the rows" if found else None


def unmeasured(question: Question, comparison: Comparison) -> str | None:
    """Answers that carry no measurement of their model while the other model has one, in words."""
    names = (question.candidate, comparison.baseline)
    pairs = zip(comparison.pair.unmeasured, names, strict=True)
    parts = [f"{counted(comparison, gap.count)} of {name}" for gap, name in pairs if gap.count]
    if not parts:
        return None
    carry = "carries" if comparison.pair.lone == 1 else "carry"
    return f"{' and '.join(parts)} {carry} no {comparison.metric}, so only the rows that both measured are compared"


def unmeasured_uneven(question: Question, comparison: Comparison) -> list[str]:
    """One sentence a model whose unmeasured answers follow difficulty, the baseline's first."""
    candidate, baseline = question.candidate, comparison.baseline
    if baseline is None:
        return []
    mine, theirs = comparison.pair.unmeasured
    told = [_uneven(theirs, baseline, candidate, comparison)] if theirs.uneven else []
    return told + ([_uneven(mine, candidate, baseline, comparison)] if mine.uneven else [])


def uneven_refused(question: Question, comparison: Comparison) -> str | None:
    """Where what is left out follows difficulty, what is left is another test set: neither promoted nor blocked by it.

    Under `wrong` a gap of the candidate is its error and leaves nothing out, so only gaps of the baseline matter.
    """
    told = uneven(question, comparison, ours=question.decisions.missing == "common")
    return f"{told[0]}; complete the rows" if told else None


def diluted(question: Question, comparison: Comparison) -> str:
    """The gate holds only because of rows that say nothing: gaps and failures of the baseline, unread verdicts."""
    pair, baseline = comparison.pair, comparison.baseline
    told = []
    if pair.both_N is not None:
        told.append(
            f"it would hold only because {counted(comparison, pair.gaps[1].count)} without a row of {baseline} count "
            f"as ties; on those that {baseline} has it is not shown"
        )
    if lost := _lost(comparison):
        told.append(
            f"it would hold only because {lost:,} failed answers of {baseline} count as its errors; on those that "
            f"{baseline} answered it is not shown"
        )
    if unread := _unread(question, comparison):
        told.append(f"{unread}; read against {question.candidate}, it is not shown")
    return ", and ".join(told)


def lost_refused(question: Question, comparison: Comparison) -> str | None:
    """Where the baseline failed on what is harder or easier than the rest, the rows that are left are another test."""
    found = lost_unevenly(comparison.pair) if comparison.arms is None else None
    if found is None or not found.uneven:
        return None
    return (
        f"the {_lost(comparison):,} failed answers of {comparison.baseline} follow difficulty: {comparison.metric} of "
        f"{question.candidate} is {found.lacking:.3g} there and {found.there:.3g} elsewhere (p={found.p:.1g}); ask "
        f"{comparison.baseline} again"
    )


def unread_refused(question: Question, comparison: Comparison) -> str | None:
    """A judge that could not be read on more than half of a model's answers has judged nothing."""
    unread = comparison.pair.unread
    if unread is None or max(unread.shares) <= HALF:
        return None
    return (
        f"{_unread(question, comparison)}, more than half: see what the judge says, and mend its prompt or max_tokens"
    )


def undecided(question: Question, comparison: Comparison) -> str:
    """The gate fails only because of verdicts that could not be read."""
    return f"{_unread(question, comparison)}; read in favour of {question.candidate}, it is not shown to fail"


def _unread(question: Question, comparison: Comparison) -> str:
    unread = comparison.pair.unread
    counts = (0, 0) if unread is None else unread.counts
    names = (question.candidate, comparison.baseline)
    told = [
        f"{count:,} verdicts of the judge on {name}'s answers"
        for count, name in zip(counts, names, strict=True)
        if count
    ]
    return f"{' and '.join(told)} could not be read" if told else ""


def _lost(comparison: Comparison) -> int:
    """How many failed answers of the baseline count as its errors."""
    there = comparison.baseline is not None and comparison.pair.lost_N is not None
    paired = comparison.pair.base_NK is not None or comparison.arms is not None
    return comparison.pair.failed[1] if there and paired else 0


def uneven(question: Question, comparison: Comparison, *, ours: bool = True) -> list[str]:
    """One sentence a model whose gaps follow difficulty, the baseline's first."""
    candidate, baseline = question.candidate, comparison.baseline
    if baseline is None:
        return []
    mine, theirs = comparison.pair.gaps
    told = [_uneven(theirs, baseline, candidate, comparison)] if theirs.uneven else []
    return told + ([_uneven(mine, candidate, baseline, comparison)] if ours and mine.uneven else [])


def _uneven(gap: Gap, lacks: str, other: str, comparison: Comparison) -> str:
    found = gap.other
    if found is None:
        return ""
    return (
        f"the gaps of {lacks} follow difficulty: {comparison.metric} of {other} is {found.lacking:.3g} where {lacks} "
        f"has no row and {found.there:.3g} elsewhere (p={found.p:.1g})"
    )


def counted_as(question: Question, comparison: Comparison) -> str:
    """What failures, unread verdicts and gaps were counted as, and whom that favours; empty where there are none."""
    told = [gaps_counted_as(question, comparison)]
    if lost := _lost(comparison):
        told.append(
            f"{lost:,} failed answers of {comparison.baseline} count as its errors, and nothing passes by them alone"
        )
    if unread := _unread(question, comparison):
        told.append(unread)
    return "; ".join(one for one in told if one)


def gaps_counted_as(question: Question, comparison: Comparison) -> str:
    """What the gaps were counted as, and whom that favours; empty without gaps or under `fail`."""
    policy, (mine, theirs) = question.decisions.missing, comparison.pair.gaps
    ours, base = question.candidate, comparison.baseline
    if policy == "fail" or not comparison.pair.missing:
        return ""
    if policy == "common":
        parts = [(mine.count, ours), (theirs.count, base)]
        told = " and ".join(f"{counted(comparison, count)} without a row of {name}" for count, name in parts if count)
        return f"{told} are left out, which favours a model that lacks what it finds hard"
    told_mine = f"{counted(comparison, mine.count)} without a row of {ours} count as its errors"
    told_mine += f", which favours {base}" if base else ""
    told_theirs = f"{counted(comparison, theirs.count)} without a row of {base} count as ties"
    told_theirs += f" (as its errors they would favour {ours})"
    return " and ".join(text for text, gap in ((told_mine, mine), (told_theirs, theirs)) if gap.count)


def lacking(question: Question, comparison: Comparison) -> str:
    """Which of the two models lack rows, in words."""
    mine, theirs = comparison.pair.gaps
    names = [(mine, question.candidate), (theirs, comparison.baseline)]
    return " or ".join(str(name) for gap, name in names if gap.count)


def counted(comparison: Comparison, units: int) -> str:
    """`141 examples`, or `300 samples x epochs` where an example was asked under several seeds."""
    if comparison.pair.example_N is None:
        return f"{units:,} example{'' if units == 1 else 's'}"
    return f"{units:,} samples x epochs"
