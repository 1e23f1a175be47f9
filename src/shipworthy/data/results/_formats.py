"""A format of results: how it is recognised, how it is read, and what it says about direction, failures and ties."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shipworthy.data.results._evidence import Results
from shipworthy.data.results._long import Long
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query

Reader = Callable[[Sequence[Path], Query], Long | Results]


def no_file(start: Start) -> bool:
    """Of a format that is told apart otherwise."""
    del start
    return False


def no_folder(folder: Path) -> bool:
    """Of a format that has no folders."""
    del folder
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format that `compare` reads. All texts stand in docs/reference/readers.md.

    Attributes:
        version: of the tool or of its files.
        recognised: by which content, in words; `is_file` and `is_folder` do it.
        direction, failures, ties, repeats: where each comes from.
        asks_for_ids: whether `--id` names the columns that identify an example.
        test: `file::name` of the test that reads a file of this format.
    """

    title: str
    version: str
    recognised: str
    direction: str
    failures: str
    ties: str
    repeats: str
    test: str
    read: Reader
    is_file: Callable[[Start], bool] = no_file
    is_folder: Callable[[Path], bool] = no_folder
    asks_for_ids: bool = False
