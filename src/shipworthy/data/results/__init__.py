"""Results that somebody already has -> Evidence: tables, logs of evaluations, outputs of other tools, our own runs.

What a file is, is seen from its content, not from its name: `_read` has the table of formats, from which
docs/reference/readers.md is made. Every reader gives the same long rows (`_long.Long`), and one piece of code
(`_evidence`) pairs, checks and counts them.
"""

from shipworthy.data.results._evidence import Results
from shipworthy.data.results._inspect_write import LoggedRun, LoggedSample, write_eval
from shipworthy.data.results._query import Query
from shipworthy.data.results._read import BUILT_IN, read, readers_page
from shipworthy.data.results._who import models_in, slices_in

__all__ = [
    "BUILT_IN",
    "LoggedRun",
    "LoggedSample",
    "Query",
    "Results",
    "models_in",
    "read",
    "readers_page",
    "slices_in",
    "write_eval",
]
