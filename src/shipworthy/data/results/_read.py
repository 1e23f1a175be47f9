"""What kind of results these are, and the reader for it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shipworthy import plugins
from shipworthy.data import _files
from shipworthy.data.results import _inspect
from shipworthy.data.results._evidence import Results, build
from shipworthy.data.results._long import Long
from shipworthy.data.results._query import Query
from shipworthy.errors import BadInput

BUILT_IN: Mapping[str, str] = {
    "table": "shipworthy.data.results._tables:read",
    "lm_eval": "shipworthy.data.results._lm_eval:read",
    "inspect": "shipworthy.data.results._inspect:read",
}


def read(paths: Sequence[Path], query: Query) -> Results:
    """Evidence about two models from files that somebody already has.

    Args: paths: one table; or one file or folder for each model.
    Raises: BadInput: one sentence with file:line (see the readers); files of different kinds.
    """
    if not paths:
        raise BadInput("no results file was given")
    kinds = {path: recognise(path) for path in paths}
    if len(set(kinds.values())) > 1:
        said = ", ".join(f"{path} is {kind}" for path, kind in kinds.items())
        raise BadInput(f"files of different kinds cannot be compared: {said}")
    reader: Callable[[Sequence[Path], Query], Long] = plugins.find("reader", kinds[paths[0]], BUILT_IN)
    return build(reader(paths, query), query)


def recognise(path: Path) -> str:
    """`table`, `lm_eval` or `inspect`, by content. Raises: BadInput: not there, empty, a folder without results."""
    if path.is_dir():
        return _folder(path)
    start = _files.head(path).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"PK\x03\x04"):
        return "inspect"
    if start.startswith(b"{"):
        return _object(start)
    return "table"


def _folder(path: Path) -> str:
    if any(path.rglob("samples_*.jsonl")) or any(path.rglob("results_*.json")):
        return "lm_eval"
    if _inspect.logs_in(path):
        return "inspect"
    raise BadInput("the folder holds neither samples_*.jsonl nor logs of inspect; give a file", where=str(path))


def _object(start: bytes) -> str:
    first = start.split(b"\n", 1)[0]
    if b'"doc_id"' in start and (b'"doc_hash"' in start or b'"resps"' in start or b'"filtered_resps"' in start):
        return "lm_eval"
    if _inspect.is_log(start):
        return "inspect"
    if b'"results"' in start and not first.rstrip().endswith(b"}"):
        return "lm_eval"
    return "table"
