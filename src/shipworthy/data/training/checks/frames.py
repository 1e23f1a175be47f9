"""Sets made from templates: rows that say what another row says but for its numbers."""

import re
from collections import Counter

from shipworthy.data.training.batch import SEPARATOR, Batch
from shipworthy.data.training.checks import Desk
from shipworthy.data.training.types import Skipped

MOST = 200_000
"""Different rows that are looked at; a set made from templates shows it long before."""
_LEAST_ROWS, _MOST_OF_THEM = 50, 0.5
_NUMBER = re.compile("[0-9]+")


class Frames:
    """Counts the prompts with each number written as 0; exact repeats are `repeated_row`, and count once here."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._frames: Counter[int] = Counter()
        self._example: dict[int, str] = {}
        self._seen: set[int] = set()

    def look(self, batch: Batch) -> None:
        if len(self._seen) >= MOST:
            return
        texts = _NUMBER.sub("0", batch.prompts.joined).split(SEPARATOR)
        if len(texts) != len(batch):
            return  # a text holds the separator itself, which is a finding of its own
        for asked, frame in zip(batch.prompt_N, texts, strict=True):
            own = hash(asked)
            if asked and own not in self._seen:
                self._seen.add(own)
                key = hash(frame)
                self._frames[key] += 1
                if self._frames[key] == 2:
                    self._example[key] = frame

    def close(self) -> None:
        rows = len(self._seen)
        if rows >= MOST:
            said = f"templates were looked for among the first {MOST:,} different rows"
            self._desk.skipped.append(Skipped(check="template_made", because=said))
        made = {key: n for key, n in self._frames.items() if n > 1}
        if rows < _LEAST_ROWS or sum(made.values()) <= _MOST_OF_THEM * rows:
            return
        usual = max(made, key=made.__getitem__)
        of = f"{len(made):,} template{'s' * (len(made) > 1)} with other numbers in it"
        said = f"{sum(made.values()) / rows:.0%} of the different prompts are one of {of}"
        shown = f"{made[usual]:,} of them {self._example[usual][:80]!r}"
        self._desk.found.whole("template_made", sum(made.values()), f"{said}, {shown}")
