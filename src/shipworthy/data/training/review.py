"""A sample of the rows for people to rate: 5 to 10 %, the same share of every stratum, drawn by content."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from heapq import heappush, heapreplace
from pathlib import Path

import msgspec

from shipworthy.data.training._read import Reader
from shipworthy.data.training.batch import Batch
from shipworthy.data.training.types import Progress, Row
from shipworthy.errors import BadInput
from shipworthy.records import Record
from shipworthy.store.files import one_sentence

SMALL, SHARE_SMALL, SHARE_LARGE, LEAST, MOST = 1_000, 0.10, 0.05, 20, 1_000
"""10 % of up to 1,000 rows and 5 % of more, at least 20 and at most 1,000: what two people rate in some days."""


class Rating(Record):
    """One row of the review file; `rating` and `comment` are for the person."""

    where: str
    stratum: str
    prompt: str
    completion: str | None
    rejected: str | None = None
    system: str = ""
    rating: float | None = None
    comment: str = ""


class _Stratum:
    """The rows with the smallest hashes, at most `MOST`; memory does not grow with the file."""

    def __init__(self) -> None:
        self.n = 0
        self.heap: list[tuple[int, int, Rating]] = []

    def offer(self, rating: Rating, key: int) -> None:
        self.n += 1
        if len(self.heap) < MOST:
            heappush(self.heap, (-key, self.n, rating))
        elif -key > self.heap[0][0]:
            heapreplace(self.heap, (-key, self.n, rating))

    def smallest(self, n: int) -> list[Rating]:
        return [rating for _, _, rating in sorted(self.heap, key=lambda item: (-item[0], item[1]))[:n]]


def review_sample(paths: Sequence[str], *, kind: str | None = None, progress: Progress | None = None) -> list[Rating]:
    """Rows to rate, strata in turn. Strata: class label, else thumb, and the length of the prompt in three steps.

    Which rows are drawn depends on their content alone, so the same file gives the same sample.
    """
    strata: dict[str, _Stratum] = {}
    for batch in Reader(paths, kind=kind, progress=progress):
        if isinstance(batch, Batch):
            for name, rating, key in _rated(batch):
                strata.setdefault(name if len(strata) < 10_000 else "other", _Stratum()).offer(rating, key)
    total = sum(stratum.n for stratum in strata.values())
    if not total:
        raise BadInput("there is no row to review")
    share = SHARE_SMALL if total <= SMALL else SHARE_LARGE
    wanted = min(total, MOST, max(LEAST, round(share * total)))
    return [
        rating for name in sorted(strata) for rating in strata[name].smallest(_quota(strata[name].n, total, wanted))
    ]


def content(row: Row | Rating) -> str:
    """What makes a row another row for people who rate it, wherever it stands."""
    return "\0".join((row.system, row.prompt, row.completion or "", row.rejected or ""))


def read_ratings(path: Path) -> dict[str, Rating]:
    """Place (file:line) -> rating, of a review file that came back. Rows that nobody rated are among them.

    Raises: BadInput: the file cannot be read, or a line is not what `as_jsonl` wrote.
    """
    found = {}
    with one_sentence(path):
        lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            found[f"{path}:{number}"] = _rating(line, f"{path}:{number}")
    return found


def _rating(line: bytes, where: str) -> Rating:
    try:
        return msgspec.json.decode(line, type=Rating)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = f"this is no line of a review sample ({error})"
        raise BadInput(f"{said}; fill in `rating` and leave the rest as it was", where=where) from None


def as_jsonl(ratings: Sequence[Rating]) -> bytes:
    """The review file."""
    return b"".join(msgspec.json.encode(rating) + b"\n" for rating in ratings)


def _quota(n: int, total: int, wanted: int) -> int:
    """Its share of the sample, and at least one row of every stratum."""
    return min(n, max(1, round(wanted * n / total)))


def _rated(batch: Batch) -> Iterator[tuple[str, Rating, int]]:
    for index in range(len(batch)):
        row = batch.row(index)
        size = "short" if len(row.prompt) < 100 else "medium" if len(row.prompt) < 1_000 else "long"
        name = f"{row.kind}, {size}" if row.label is None else f"{row.kind}, {str(row.label).lower()[:60]}, {size}"
        rating = Rating(
            where=row.where,
            stratum=name,
            prompt=row.prompt,
            completion=row.completion,
            rejected=row.rejected,
            system=row.system,
        )
        yield (
            name,
            rating,
            int.from_bytes(blake2b(content(row).encode("utf-8", "replace"), digest_size=8).digest(), "big"),
        )
