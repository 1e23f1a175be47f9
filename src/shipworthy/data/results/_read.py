"""What kind of results these are, and the reader for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from shipworthy import plugins
from shipworthy.data.results import _not_results
from shipworthy.data.results._evidence import Results, build
from shipworthy.data.results._formats import Format
from shipworthy.data.results._peek import start_of
from shipworthy.data.results._query import Query
from shipworthy.data.results._readers_page import reference
from shipworthy.errors import BadInput

BUILT_IN: Mapping[str, str] = {
    "run": "shipworthy.data.results._runs:FORMAT",
    "evidence": "shipworthy.data.results._evidence_file:FORMAT",
    "promptfoo": "shipworthy.data.results._promptfoo:FORMAT",
    "alpaca_eval": "shipworthy.data.results._alpaca_eval:FORMAT",
    "openai_evals": "shipworthy.data.results._openai_evals:FORMAT",
    "openai_items": "shipworthy.data.results._openai_items:FORMAT",
    "helm": "shipworthy.data.results._helm:FORMAT",
    "mlflow": "shipworthy.data.results._mlflow:FORMAT",
    "columns": "shipworthy.data.results._columns:FORMAT",
    "lm_eval": "shipworthy.data.results._lm_eval:FORMAT",
    "inspect": "shipworthy.data.results._inspect:FORMAT",
    "table": "shipworthy.data.results._tables:FORMAT",
}
"""Name -> format, asked in this order; a table is what nothing else is."""


def formats() -> dict[str, Format]:
    """Every format by name, in the order in which they are asked."""
    return {name: plugins.find("reader", name, BUILT_IN) for name in BUILT_IN}


def readers_page() -> str:
    """docs/reference/readers.md."""
    return reference(formats())


def read(paths: Sequence[Path], query: Query) -> Results:
    """Evidence about two models from files that somebody already has.

    Args: paths: one table; or one file or folder for each model.
    Raises: BadInput: one sentence with file:line (see the readers); files of different kinds; files without examples.
    """
    if not paths:
        raise BadInput("no results file was given")
    kinds = {path: recognise(path) for path in paths}
    if len(set(kinds.values())) > 1:
        said = ", ".join(f"{path} is {kind}" for path, kind in kinds.items())
        raise BadInput(f"files of different kinds cannot be compared: {said}")
    chosen = formats()[kinds[paths[0]]]
    if query.id_columns and not chosen.asks_for_ids:
        raise BadInput(f"--id is for tables; {chosen.title} says itself what an example is", where=str(paths[0]))
    if query.crossed is not None and kinds[paths[0]] not in ("table", "columns"):
        raise BadInput(f"two --cluster columns are for tables, not for {chosen.title}", where=str(paths[0]))
    found = chosen.read(paths, query)
    return found if isinstance(found, Results) else build(found, query)


def recognise(path: Path) -> str:
    """The name of the format, by content.

    Raises: BadInput: not there, empty, a folder without results, or a file of a known kind that holds no results.
    """
    known = formats()
    if path.is_dir():
        found = next((name for name, one in known.items() if one.is_folder(path)), None)
        if found is None:
            raise BadInput(
                "the folder holds no results that are known by content "
                f"({', '.join(one.title for one in known.values())}); give a file",
                where=str(path),
            )
        return found
    start = start_of(path)
    found = next((name for name, one in known.items() if one.is_file(start)), "table")
    if found == "table":
        _not_results.refuse(start)
    return found
