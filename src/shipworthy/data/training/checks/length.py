"""Lengths in characters: the limit, what lies far outside, what breaks off. Histograms come from the same counts."""

import heapq
from collections import Counter
from collections.abc import Sequence

from shipworthy.data.training.batch import Batch
from shipworthy.data.training.checks import Desk
from shipworthy.data.training.types import Histogram

LONGEST_KEPT = 512
_OUTLIER, _OUTLIER_LEAST = 12, 2_000
"""Times the median, and at least so many characters: natural lengths are log-normal and reach 6 times easily."""
_LONG_ENOUGH = 60
_MORE = "more than are listed"
_ENDS = frozenset(".!?\"')]}>`*:;…。！？”’|0123456789")


class Length:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._found = desk.found
        self._prompts: Counter[int] = Counter()
        self._completions: Counter[int] = Counter()
        self._heap: list[tuple[int, str, str]] = []
        self._large: Counter[int] = Counter()
        self._cut: list[tuple[str, str]] = []
        self._cuts = self._long = self._shorts = 0
        self._short: list[tuple[int, str, str]] = []

    def look(self, batch: Batch) -> None:
        asked = list(map(len, batch.prompt_N))
        self._prompts.update(asked)
        said = list(map(len, batch.completion_N)) if batch.completion_N is not None else [0] * len(asked)
        self._completions.update(said)
        self._longest(batch, [a + b for a, b in zip(asked, said, strict=True)])
        if batch.completion_N is not None and batch.label_N is None:
            self._breaks(batch, batch.completion_N)
            if min(said) <= 2:
                self._remember_short(batch, batch.completion_N)

    def _longest(self, batch: Batch, size_N: Sequence[int]) -> None:
        limit = self._desk.options.max_characters
        if max(size_N) <= min(_OUTLIER_LEAST, limit):
            return
        least = max(_OUTLIER_LEAST, self._heap[0][0] if len(self._heap) >= LONGEST_KEPT else 0)
        self._large.update([size for size in size_N if _OUTLIER_LEAST < size <= limit])
        for index, size in enumerate(size_N):
            if size > limit:
                self._found.add("too_long", batch, index, "row", batch.prompt_N[index], f"{size:,} characters")
            elif size > least:
                heapq.heappush(self._heap, (size, batch.where(index), batch.prompt_N[index][:200]))
                if len(self._heap) > LONGEST_KEPT:
                    heapq.heappop(self._heap)

    def _breaks(self, batch: Batch, said: Sequence[str]) -> None:
        for index, text in enumerate(said):
            if len(text) < _LONG_ENOUGH:
                continue
            self._long += 1
            end = text.rstrip()[-1:]
            if end not in _ENDS and (end.isalpha() or end in ",(-"):
                self._cuts += 1
                if len(self._cut) < max(LONGEST_KEPT, self._found.keep):
                    self._cut.append((batch.where(index), text[-120:]))

    def _remember_short(self, batch: Batch, said: Sequence[str]) -> None:
        for index, text in enumerate(said):
            if 0 < len(text.strip()) <= 2:
                self._shorts += 1
                if len(self._short) < LONGEST_KEPT:
                    self._short.append((len(text), batch.where(index), text))

    def close(self) -> None:
        sizes = self._prompts + Counter({0: 0})
        median = quantile(sizes, 0.5) + quantile(self._completions, 0.5)
        least = max(_OUTLIER_LEAST, _OUTLIER * median)
        outliers = sorted([one for one in self._heap if one[0] > least], reverse=True)
        for size, where, text in outliers:
            self._found.at("length_outlier", where, "row", text, f"{size:,} characters, the median is {median:,.0f}")
        rows = sum(n for size, n in self._large.items() if size > least)
        self._found.whole("length_outlier", rows - len(outliers), _MORE)
        if self._cuts <= 0.2 * self._long:  # otherwise the set is written without full stops
            for where, text in self._cut:
                self._found.at("looks_cut_off", where, "completion", text)
            self._found.whole("looks_cut_off", self._cuts - len(self._cut), _MORE)
        usual = quantile(self._completions, 0.5)
        if usual >= 40:
            for size, where, text in self._short:
                self._found.at("too_short", where, "completion", text, f"{size} characters, the median is {usual:,.0f}")
            self._found.whole("too_short", self._shorts - len(self._short), _MORE)

    def histograms(self) -> tuple[Histogram, ...]:
        """Lengths of prompts and completions, in bins that double."""
        named = (("Length of prompts", self._prompts), ("Length of completions", self._completions))
        return tuple(histogram(name, "characters", sizes) for name, sizes in named if any(sizes))


def quantile(sizes: Counter[int], share: float) -> float:
    """The value below which this share of the counted values lies (inverse of the distribution function)."""
    target, seen = share * sum(sizes.values()), 0
    for size in sorted(sizes):
        seen += sizes[size]
        if seen >= target:
            return float(size)
    return 0.0


def histogram(name: str, unit: str, sizes: Counter[int]) -> Histogram:
    """Bins 0, 1-2, 2-4, ... up to the largest value."""
    top = max(max(sizes), 1)
    edges = [0, *(1 << power for power in range(top.bit_length() + 1))]
    counts = [0] * (len(edges) - 1)
    for size, n in sizes.items():
        counts[size.bit_length()] += n
    first = next(i for i, n in enumerate(counts) if n)
    return Histogram(
        name=name,
        unit=unit,
        edges=tuple(map(float, edges[first:])),
        counts=tuple(counts[first:]),
        median=quantile(sizes, 0.5),
        p95=quantile(sizes, 0.95),
        largest=float(max(sizes)),
    )
