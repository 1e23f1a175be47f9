"""The rows of training files as they were written, each beside what it says: for whoever writes some of them out."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from shipworthy.data.training import _sources
from shipworthy.data.training._kinds import KINDS, Kind, recognise
from shipworthy.data.training.types import Row
from shipworthy.errors import BadInput, UnknownName

_SAMPLE = 200


class Original(NamedTuple):
    """One row of a file with all its columns, and the training rows it holds (SQuAD: one a question)."""

    where: str
    fields: dict[str, Any]
    rows: Sequence[Row]


def originals(paths: Sequence[str], *, kind: str | None = None) -> Iterator[Original]:
    """The rows of the files in order; nothing is kept out.

    Args: paths: files, folders or patterns. kind: format of the rows, by default recognised in each file.

    Raises: BadInput: a file cannot be read, or a row is not of its kind (the first one is told); UnknownName: no such
        kind.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownName(f"unknown kind of rows {kind!r}; known: {', '.join(KINDS)}")
    for path in _sources.expand(paths):
        yield from _of_file(path, kind)


def _of_file(path: str, named: str | None) -> Iterator[Original]:
    from pathlib import Path

    from shipworthy.data import rows as table

    if "://" in path:
        raise BadInput("rows are written out from ordinary files only; download it first", where=path)
    found = table.rows(Path(path))
    first = list(itertools.islice(found, _SAMPLE))
    name = named or recognise([row.fields for row in first])
    if name is None:
        raise BadInput("these columns are of no known kind of training rows; say --kind", where=f"{path}:1")
    for row in itertools.chain(first, found):
        yield _read(path, row.line, row.fields, KINDS[name])


def _read(path: str, line: int, fields: dict[str, Any], kind: Kind) -> Original:
    where = f"{path}:{line}"
    read = kind.read(fields, path, line)
    if not isinstance(read, list):
        raise BadInput(f"{read[0]}; repair or delete the row (`shipworthy data check` lists all)", where=where)
    return Original(where, fields, read)
