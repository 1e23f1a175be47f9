"""Results that somebody already has -> Evidence: tables (tidy or wide), lm-evaluation-harness samples, inspect_ai logs.

What a file is, is seen from its content, not from its name. Every reader gives the same long rows (`_long.Long`), and
one piece of code (`_evidence`) pairs, checks and counts them.
"""

from shipworthy.data.results._evidence import Results
from shipworthy.data.results._inspect_write import LoggedRun, LoggedSample, write_eval
from shipworthy.data.results._query import Query
from shipworthy.data.results._read import BUILT_IN, read

__all__ = ["BUILT_IN", "LoggedRun", "LoggedSample", "Query", "Results", "read", "write_eval"]
