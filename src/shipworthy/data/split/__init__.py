"""Parts of a dataset that share nobody: stratified, grouped, in time order, or in folds; stable as rows are added."""

from shipworthy.data.split._files import split_file
from shipworthy.data.split._plan import Unit, assign
from shipworthy.data.split._report import Balance, Part, SplitReport, Stratum
from shipworthy.data.split._rule import ASIDE, Rule
from shipworthy.data.split._written import read_split, split_of

__all__ = [
    "ASIDE",
    "Balance",
    "Part",
    "Rule",
    "SplitReport",
    "Stratum",
    "Unit",
    "assign",
    "read_split",
    "split_file",
    "split_of",
]
