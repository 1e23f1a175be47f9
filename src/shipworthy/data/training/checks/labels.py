"""Class labels: balance, spelling, contradictions, and labels that a classifier trained on the other rows denies."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from shipworthy.data.training.batch import Batch
from shipworthy.data.training.checks import Desk
from shipworthy.data.training.types import Place, Skipped

MOST_ROWS = 50_000
"""Rows that the built-in classifier is trained on; more are not needed to know a class."""
MOST_TEXTS = 1_000_000
"""Different texts whose label is remembered, 100 bytes each; contradictions of later ones are not seen."""
MOST_LABELS = 100_000
"""Different labels that are counted; more are no classes."""
_LEAST_ROWS, _MOST_CLASSES = 60, 300
_RARE, _RATIO = 5, 10.0


class Labels:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._found = desk.found
        self._labels: Counter[str] = Counter()
        self._places: dict[str, list[Place]] = {}
        self._first: dict[int, int] = {}
        self._paths: list[str] = []
        self._codes: dict[str, int] = {}
        self._names: list[str] = []
        self._conflicting: set[int] = set()
        self._texts: list[str] = []
        self._given: list[str] = []
        self._where: list[str] = []

    def look(self, batch: Batch) -> None:
        if batch.label_N is None or isinstance(batch.label_N[0], bool):
            return
        labels = [str(label) for label in batch.label_N]
        if len(self._labels) < MOST_LABELS:
            self._labels.update(labels)
            self._contradictions(batch, labels)
        for index, label in enumerate(labels):
            places = self._places.setdefault(label, []) if len(self._places) < 10_000 else []
            if len(places) < max(_RARE, self._found.keep):
                places.append(
                    Place(where=batch.where(index), part="label", excerpt=batch.prompt_N[index][:160], because=label)
                )
        room = MOST_ROWS - len(self._texts)
        if room > 0:
            self._texts += batch.prompt_N[:room]
            self._given += labels[:room]
            self._where += [batch.where(index) for index in range(min(room, len(batch)))]

    def _contradictions(self, batch: Batch, labels: Sequence[str]) -> None:
        """Of each text the first place and label are kept, as one number."""
        if not self._paths or self._paths[-1] != batch.lines.path:
            self._paths.append(batch.lines.path)
        full = len(self._first) >= MOST_TEXTS
        for index, (text, label) in enumerate(zip(batch.prompt_N, labels, strict=True)):
            key = hash(normal(text))
            ours = (len(self._paths) - 1, batch.lines.line_N[index], self._code(label))
            packed = self._first.get(key)
            if packed is None:
                if not full:
                    self._first[key] = _packed(*ours)
            elif (theirs := _unpacked(packed)) != ours:
                self._compare(batch, index, key, label, theirs)

    def _compare(self, batch: Batch, index: int, key: int, label: str, first: tuple[int, int, int]) -> None:
        """Names this row, and once the first of the same text, where their labels differ."""
        path, line, code = first
        known, place = self._names[code], f"{self._paths[path]}:{line}"
        if spelling(known) == spelling(label):
            return
        text = batch.prompt_N[index]
        if key not in self._conflicting:
            self._conflicting.add(key)
            said = f"{known!r} here, {label!r} in {batch.where(index)}"
            self._found.at("conflicting_labels", place, "label", text[:160], said)
        self._found.add("conflicting_labels", batch, index, "label", text, f"{label!r} here, {known!r} in {place}")

    def _code(self, label: str) -> int:
        code = self._codes.setdefault(label, len(self._names))
        if code == len(self._names):
            self._names.append(label)
        return code

    def close(self) -> None:
        if not self._labels:
            return
        self._desk.labels.update(dict(self._labels.most_common(200)))
        self._bounded()
        if len(self._labels) >= MOST_LABELS:
            return
        self._spellings()
        self._balance()
        self._errors()

    def _bounded(self) -> None:
        """Says what was not looked at, so that memory stays bounded."""
        skipped = self._desk.skipped
        if len(self._labels) >= MOST_LABELS:
            skipped.append(
                Skipped(check="labels", because=f"more than {MOST_LABELS:,} different labels are no classes")
            )
        elif len(self._first) >= MOST_TEXTS:
            said = f"contradictions were looked for among the first {MOST_TEXTS:,} different texts"
            skipped.append(Skipped(check="conflicting_labels", because=said))

    def _spellings(self) -> None:
        spelled: dict[str, list[str]] = {}
        for label in self._labels:
            spelled.setdefault(spelling(label), []).append(label)
        for labels in spelled.values():
            usual = max(labels, key=self._labels.__getitem__)
            for label in labels:
                if label != usual:
                    self._found.whole(
                        "label_spelling",
                        self._labels[label],
                        f"{usual!r} is also written otherwise",
                        self._places[label],
                    )

    def _balance(self) -> None:
        usual = self._merged()
        largest, smallest = max(usual.values()), min(usual.values())
        self._desk.measures["classes"] = float(len(usual))
        self._desk.measures["class_ratio"] = largest / smallest
        if len(usual) > 0.5 * sum(usual.values()):
            return  # numbers or free text, not classes
        for label, n in usual.items():
            if n < _RARE:
                self._found.whole("rare_class", n, "fewer than 5 rows each", self._places.get(label, ()))
        if largest > _RATIO * smallest:
            said = f"the largest class has {largest:,} rows, the smallest {smallest:,}"
            self._found.whole("class_imbalance", sum(n for n in usual.values() if n * _RATIO < largest), said)

    def _merged(self) -> dict[str, int]:
        """Rows of each class, spellings of one label joined."""
        merged: dict[str, tuple[str, int]] = {}
        for label, n in self._labels.most_common():
            first, sofar = merged.get(spelling(label), (label, 0))
            merged[spelling(label)] = (first, sofar + n)
        return dict(merged.values())

    def _errors(self) -> None:
        if not self._found.wanted("probable_label_error"):
            return
        classes = [spelling(label) for label in self._given]
        n = len(set(classes))
        if len(classes) < _LEAST_ROWS or not 2 <= n <= min(_MOST_CLASSES, len(classes) // 5):
            said = f"needs {_LEAST_ROWS} rows, 5 a class; there are {len(classes):,} rows of {n:,} classes"
            self._desk.skipped.append(Skipped(check="probable_label_error", because=said))
            return
        from shipworthy.data.training._label_errors import probable_errors

        names = {spelling(label): label for label in reversed(self._given)}
        known = sorted(names)
        code = {name: i for i, name in enumerate(known)}
        for issue in probable_errors(self._texts, [code[name] for name in classes]):
            other = names[known[issue.suggested]]
            said = f"labelled {self._given[issue.row]!r}, looks like {other!r} ({issue.confidence:.0%})"
            if hash(normal(self._texts[issue.row])) not in self._conflicting:
                self._found.at("probable_label_error", self._where[issue.row], "label", self._texts[issue.row], said)


def _packed(path: int, line: int, code: int) -> int:
    return (line << 40) | (path << 20) | code


def _unpacked(packed: int) -> tuple[int, int, int]:
    return (packed >> 20) & 0xFFFFF, packed >> 40, packed & 0xFFFFF


def normal(text: str) -> str:
    """Text without the differences that do not make it another question: case, spacing, Unicode form."""
    return " ".join((text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold().split())


def spelling(label: str) -> str:
    """What a label means whatever its case, spacing and punctuation; a label of signs alone stays as it is."""
    return re.sub(r"[\W_]+", "", label).casefold() or label
