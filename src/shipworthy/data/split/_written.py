"""What an earlier `data split` wrote, read again."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from shipworthy.data.split._report import SplitReport
from shipworthy.errors import BadInput

REPORT = "split.json"


def read_split(folder: Path) -> SplitReport:
    """The `split.json` of a folder. Raises: BadInput: there is none, or `data split` did not write it."""
    report = folder / REPORT
    if not report.is_file():
        raise BadInput(f"no {REPORT} here; give the folder of an earlier split", where=str(folder))
    try:
        return msgspec.json.decode(report.read_bytes(), type=SplitReport)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("this is not what `data split` wrote; give its folder as it was", where=str(report)) from None


def split_of(files: Sequence[str]) -> SplitReport | None:
    """The split that one of the files is a part of, by the `split.json` beside it; None where there is none."""
    for path in map(Path, files):
        try:
            found = read_split(path.parent)
        except BadInput:  # nobody asked for it: somebody else's split.json, or none
            continue
        if any(part.file == path.name for part in found.parts):
            return found
    return None
