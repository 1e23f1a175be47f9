"""The layers of a validation pipeline: each suite makes rows, and where asking is not enough, answers them by a probe.

`arrange` turns a protocol into what runs on an occasion; `BUILT_IN` is the table of suites. A suite is a function
`Part -> Made`; its rows are judged by the same metrics and gates as any others.
"""

from shipworthy.evaluation.suites.arrange import BUILT_IN, Arranged, arrange, make
from shipworthy.evaluation.suites.cadence import occasion
from shipworthy.evaluation.suites.equipped import equip
from shipworthy.evaluation.suites.types import Handle, Made, Part, Suite

__all__ = ["BUILT_IN", "Arranged", "Handle", "Made", "Part", "Suite", "arrange", "equip", "make", "occasion"]
