"""The set as a whole: is it large enough for its goal, and does it look like what production sends?"""

import zlib
from collections.abc import Sequence
from pathlib import Path

from shipworthy.data.training.batch import Batch
from shipworthy.data.training.checks import Desk
from shipworthy.data.training.types import Goal

ADVICE: dict[Goal, tuple[int, int]] = {
    "style": (200, 500),
    "vocabulary": (500, 1_500),
    "task": (1_000, 5_000),
    "domain": (2_000, 10_000),
}
"""Rows that usually suffice: style or format, a vocabulary, one task, instructions in a new domain."""
QUALITY_BEFORE_VOLUME = 10_000
SAMPLE = 2_000
_FAR = 0.8
"""Area under the curve of a classifier of the two origins; two samples of one source give 0.5."""


class Size:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._inputs: list[tuple[int, str]] = []
        self._production = _inputs(desk.options.production) if desk.options.production else None

    def look(self, batch: Batch) -> None:
        if self._production is not None:
            self._inputs += [(zlib.crc32(text.encode("utf-8", "replace")), text) for text in batch.prompt_N if text]
            if len(self._inputs) > 4 * SAMPLE:
                self._inputs = sorted(self._inputs)[:SAMPLE]

    def close(self) -> None:
        self._advise(self._desk.options.goal, self._desk.rows)
        if self._production is not None:
            self._compare([text for _, text in sorted(self._inputs)[:SAMPLE]], self._production)

    def _advise(self, goal: Goal | None, n: int) -> None:
        found = self._desk.found
        if goal is not None:
            least, enough = ADVICE[goal]
            if n < least:
                found.whole("too_few_rows", n, f"{n:,} rows; {goal} usually needs {least:,} to {enough:,}")
            elif n > enough:
                found.whole("too_many_rows", n, f"{n:,} rows; {least:,} to {enough:,} usually suffice for {goal}")
        elif n > QUALITY_BEFORE_VOLUME:
            found.whole("too_many_rows", n, f"{n:,} rows; beyond {QUALITY_BEFORE_VOLUME:,} quality comes before volume")

    def _compare(self, ours: Sequence[str], theirs: Sequence[str]) -> None:
        from shipworthy.data.training._two_samples import auc, top_terms

        value = auc(ours, theirs)
        self._desk.measures["production_auc"] = value
        if value > _FAR:
            here, there = top_terms(ours, theirs)
            said = f"a classifier tells them apart (AUC {value:.2f}); only here: {here}; only there: {there}"
            self._desk.found.whole("unlike_production", self._desk.rows, said)


def _inputs(path: str) -> list[str]:
    """Prompts of the production file: training rows of any kind, or a text a line."""
    from shipworthy.data.training._read import Reader
    from shipworthy.errors import BadInput

    if path.endswith((".txt", ".log")):
        from shipworthy.data import _files

        texts = _files.text(Path(path)).splitlines()
    else:
        texts = [text for batch in Reader([path]) if isinstance(batch, Batch) for text in _asked(batch)]
    texts = [text for text in texts if text.strip()]
    if len(texts) < 20:
        raise BadInput(f"{len(texts)} inputs are too few to compare with; give 20 or more", where=path)
    return sorted(texts, key=lambda text: zlib.crc32(text.encode("utf-8", "replace")))[:SAMPLE]


def _asked(batch: Batch) -> Sequence[str]:
    return (batch.completion_N or ()) if batch.kind == "text" else batch.prompt_N
