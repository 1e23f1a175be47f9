"""Where the ledger, the response cache and the releases live."""

from collections.abc import Mapping
from pathlib import Path


def home(environ: Mapping[str, str], folder: Path) -> Path:
    """`SHIPWORTHY_HOME` where it is set, else `.shipworthy` in `folder` (the working directory)."""
    said = environ.get("SHIPWORTHY_HOME")
    return Path(said).expanduser() if said else folder / ".shipworthy"
