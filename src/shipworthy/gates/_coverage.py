"""Gaps in words: whom a policy would favour, gaps that follow difficulty, and why a cell is not judged because of them.

What counts as what is decided in `_pairs`; this is what is said of it, once, for findings, reasons and warnings.
"""

from shipworthy.gates._compare import Comparison
from shipworthy.gates._pairs import Gap
from shipworthy.gates.question import Question


def missing_refused(comparison: Comparison) -> str:
    """Under the policy `fail`: nothing is judged while a row lacks."""
    pair = comparison.pair
    where = f" ({pair.missing_where})" if pair.missing_where else ""
    return (
        f"{counted(comparison, pair.missing)} have no row for one of the models{where}, and the policy for missing "
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
    return f"{' and '.join(parts)} carry no {comparison.metric}, so only the rows that both measured are compared"


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


def diluted(comparison: Comparison) -> str:
    """Under the policy `wrong`: the gate holds only because rows without a baseline count as no difference."""
    base = comparison.pair.gaps[1].count
    return (
        f"it would hold only because {counted(comparison, base)} without a row of {comparison.baseline} count as ties; "
        f"on those that {comparison.baseline} has it is not shown"
    )


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
