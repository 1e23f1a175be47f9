"""Where the ledger, the response cache and the releases live."""

from collections.abc import Mapping
from pathlib import Path

from shipworthy.errors import BadInput


def home(environ: Mapping[str, str], folder: Path) -> Path:
    """`SHIPWORTHY_HOME` where it is set, else `.shipworthy` in `folder` (the working directory)."""
    said = environ.get("SHIPWORTHY_HOME")
    return expanded(said, named="SHIPWORTHY_HOME") if said else folder / ".shipworthy"


def expanded(path: str, *, named: str) -> Path:
    """The path that a setting names, `~` replaced. Raises: BadInput: there is no such home directory."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise BadInput(f"this home directory is not known; set {named} to a whole path", where=path) from None
