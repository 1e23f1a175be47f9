"""A verdict is proved by making it again: same evidence, same locked protocol, same seed."""

from typing import Protocol

from shipworthy import records
from shipworthy.records import Verdict
from shipworthy.store import RunFolder


class Judge(Protocol):
    """Judges a finished run from what lies in its folder; `warnings` is what the readers of its data had seen."""

    def __call__(self, folder: RunFolder, *, warnings: tuple[records.Warning, ...] = ()) -> Verdict: ...


def judged_again(run: RunFolder, judge: Judge) -> Verdict:
    """The verdict on the run's evidence as it is judged now.

    Warnings of the readers stand only in the written verdict; they are handed in again, because a gate may require the
    absence of one.
    """
    first = judge(run)
    seen_while_reading = tuple(warning for warning in run.verdict().warnings if warning not in first.warnings)
    return judge(run, warnings=seen_while_reading) if seen_while_reading else first
