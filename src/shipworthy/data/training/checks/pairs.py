"""Preference pairs and thumbs: whether the two sides differ, in one direction, and by more than their length."""

from collections.abc import Sequence

from shipworthy.data.training.batch import Batch
from shipworthy.data.training.checks import Desk
from shipworthy.data.training.types import Skipped

_NEAR_WORDS, _NEAR_SHARE = 8, 0.1
_LEAST_PAIRS, _LONGER = 50, 0.75
_THUMBS = 4.0
MOST = 2_000_000


class Pairs:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._found = desk.found
        self._seen: set[int] = set()
        self._pairs = self._longer = self._shorter = 0
        self._up = self._down = 0

    def look(self, batch: Batch) -> None:
        if batch.label_N is not None and isinstance(batch.label_N[0], bool):
            up = sum(map(bool, batch.label_N))
            self._up, self._down = self._up + up, self._down + len(batch) - up
        if batch.rejected_N is None or batch.completion_N is None:
            return
        chosen, rejected = batch.completion_N, batch.rejected_N
        sizes = [(len(a), len(b)) for a, b in zip(chosen, rejected, strict=True)]
        self._pairs += len(sizes)
        self._longer += sum([a > b for a, b in sizes])
        self._shorter += sum([a < b for a, b in sizes])
        self._sides(batch, chosen, rejected)
        self._directions(batch, chosen, rejected)
        for index, other in enumerate(batch.prompt_rejected_N or ()):
            if other is not None and other.strip() != batch.prompt_N[index].strip():
                self._found.add("prompts_differ", batch, index, "prompt", batch.prompt_N[index], other[:80])

    def _sides(self, batch: Batch, chosen: Sequence[str], rejected: Sequence[str]) -> None:
        for index, (ours, theirs) in enumerate(zip(chosen, rejected, strict=True)):
            if ours == theirs or ours.split() == theirs.split():
                self._found.add("same_sides", batch, index, "chosen", ours)
            elif near(ours, theirs):
                self._found.add("near_same_sides", batch, index, "chosen", ours, theirs[:80])

    def _directions(self, batch: Batch, chosen: Sequence[str], rejected: Sequence[str]) -> None:
        if len(self._seen) >= MOST:
            return
        for index, (asked, ours, theirs) in enumerate(zip(batch.prompt_N, chosen, rejected, strict=True)):
            if ours != theirs and hash((asked, theirs, ours)) in self._seen:
                self._found.add("reversed_pair", batch, index, "chosen", ours, theirs[:80])
            self._seen.add(hash((asked, ours, theirs)))

    def close(self) -> None:
        if len(self._seen) >= MOST:
            said = f"pairs both ways round were looked for among the first {MOST:,} pairs"
            self._desk.skipped.append(Skipped(check="reversed_pair", because=said))
        differing = self._longer + self._shorter
        if differing:
            share = self._longer / differing
            self._desk.measures["chosen_longer"] = share
            if differing >= _LEAST_PAIRS and not 1 - _LONGER <= share <= _LONGER:
                said = f"{share:.0%} of {differing:,} chosen sides are the longer one"
                self._found.whole("length_bias", max(self._longer, self._shorter), said)
        if self._up + self._down >= _LEAST_PAIRS:
            few, many = sorted((self._up, self._down))
            if many > _THUMBS * few:
                self._found.whole("thumb_imbalance", few or many, f"{self._up:,} up, {self._down:,} down")


def near(ours: str, theirs: str) -> bool:
    """Same words up to case and punctuation, or at most a tenth of them differ (texts of 8 words and more)."""
    a, b = _words(ours), _words(theirs)
    if a and a == b:
        return True
    if min(len(a), len(b)) < _NEAR_WORDS or abs(len(a) - len(b)) > _NEAR_SHARE * max(len(a), len(b)):
        return False
    differing = len(set(a) ^ set(b))
    return differing <= 2 * _NEAR_SHARE * max(len(a), len(b)) and _ordered(a, b)


def _words(text: str) -> list[str]:
    return "".join(sign if sign.isalnum() else " " for sign in text.casefold()).split()


def _ordered(a: Sequence[str], b: Sequence[str]) -> bool:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, a[:400], b[:400], autojunk=False).ratio() >= 1 - _NEAR_SHARE
