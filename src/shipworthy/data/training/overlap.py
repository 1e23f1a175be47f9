"""Training files beside test sets: which test rows stand in them, as pairs to be read side by side."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shipworthy.data.training._read import Reader
from shipworthy.data.training.batch import Batch
from shipworthy.data.training.types import LeakPair, Overlap

if TYPE_CHECKING:
    from shipworthy.data.leakage import Match

MOST_PAIRS = 100
LONGEST_TEXT = 600
"""Characters kept of each side of a pair."""


class Texts(NamedTuple):
    """What each row of a set asks, and where it stands (file:line)."""

    name: str
    texts: Sequence[str]
    where: Sequence[str]


def overlaps(paths: Sequence[str], tests: Iterable[Texts], *, kind: str | None = None) -> tuple[Overlap, ...]:
    """What each test set shares with the training files.

    Raises: BadInput: a file cannot be read; UnknownName: no such kind of rows.
    """
    training = _training(paths, kind)
    return tuple(_overlap(training, test) for test in tests)


def file_texts(path: Path) -> Texts:
    """The texts of a test file, by its format. Raises: BadInput: it cannot be read or has no rows."""
    from shipworthy.data.rows import asked, rows
    from shipworthy.errors import BadInput

    read = list(rows(path))
    if not read:
        raise BadInput("the file has no rows", where=str(path))
    where = [f"{path}:{row.line}" for row in read]
    return Texts(
        str(path), [asked(row.fields, None, where=place) for row, place in zip(read, where, strict=True)], where
    )


def _training(paths: Sequence[str], kind: str | None) -> Texts:
    texts, where = [], []
    for batch in Reader(paths, kind=kind):
        for row in map(batch.row, range(len(batch))) if isinstance(batch, Batch) else ():
            texts.append(row.prompt or row.completion or "")
            where.append(row.where)
    return Texts(", ".join(paths), texts, where)


def _overlap(training: Texts, test: Texts) -> Overlap:
    from shipworthy.data import leakage

    found = leakage.find(training.texts, test.texts)
    return Overlap(
        against=test.name,
        rows=found.right_rows,
        train_rows=found.left_rows,
        tiers=found.rows,
        pairs=tuple(_pair(training, test, match) for match in found.matches[:MOST_PAIRS]),
        more=max(0, len(found.matches) - MOST_PAIRS),
    )


def _pair(training: Texts, test: Texts, match: "Match") -> LeakPair:
    return LeakPair(
        tier=match.tier,
        kind=match.kind,
        similarity=match.similarity,
        bits=match.bits,
        train_where=training.where[match.left],
        train_text=_cut(training.texts[match.left]),
        test_where=test.where[match.right],
        test_text=_cut(test.texts[match.right]),
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
