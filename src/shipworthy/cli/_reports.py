"""Where a command may write its reports: said before minutes of work, not after."""

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path

from shipworthy.errors import BadInput

REPORTS = (".html", ".md", ".json")


def add_output(parser: argparse.ArgumentParser) -> None:
    """The option `-o` of a command that writes pages."""
    kinds = ", ".join(REPORTS)
    parser.add_argument(
        "-o", "--output", action="append", default=[], type=Path, metavar="FILE", help=f"report: {kinds}; repeats"
    )


def can_be_written(paths: Sequence[Path], kinds: Collection[str] = REPORTS) -> None:
    """Raises: BadInput: a path has another ending, its folder is missing, or it is a folder itself."""
    for path in paths:
        if path.suffix not in kinds:
            raise BadInput(f"such a file ends in {', '.join(kinds)}", where=str(path))
        if not path.parent.is_dir():
            raise BadInput(f"there is no folder {path.parent}; make it first", where=str(path))
        if path.is_dir():
            raise BadInput("this is a folder where a file is needed", where=str(path))
