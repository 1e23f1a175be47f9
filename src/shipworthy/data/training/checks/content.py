"""What completions teach: refusals, phrases of other assistants, unsafe matter, one answer for everything."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from shipworthy.data.training.batch import Batch
from shipworthy.data.training.checks import Desk

_Key = TypeVar("_Key", bound=Hashable)
_REFUSING = ("sorry", "can't", "can’t", "cannot", "can not", "unable", "won't", "decline", "comfortable", "refuse")
"""Every phrase of `metrics.refusal` that opens a refusal holds one of these, but for those that only judge."""
_BOILERPLATE = (
    r"(?i)"
    r"\bas an? (?:ai|artificial intelligence)(?: language)? (?:model|assistant)\b|\bi am an ai\b|\bi'm an ai\b"
    r"|\bmy knowledge cutoff\b|\bmy training data\b|\bi hope this helps\b|\bas a large language model\b"
    r"|\btrained by (?:openai|anthropic|google|meta)\b|\b(?:chatgpt|openai)\b"
)
_BOILERPLATE_WORDS = (
    *("as an ai", "as a ai", "artificial intelligence", "am an ai", "'m an ai", "knowledge cutoff", "my training data"),
    *("i hope this helps", "large language model", "trained by", "chatgpt", "openai"),
)
_UNSAFE = (
    r"(?i)"
    r"\b(?:kill (?:yourself|myself|himself|herself|them all|all (?:of )?(?:the )?\w+s)|commit(?:ting)? suicide"
    r"|(?:make|build|building) a (?:pipe )?bomb|cook(?:ing)? meth|child porn\w*"
    r"|rap(?:e|ed|ing) (?:her|him|women|girls|a|the)|terrorist attack|mass shooting|ethnic cleansing|heil hitler"
    r"|gas the jews|nerve gas|hate (?:all )?(?:women|jews|muslims|blacks|gays|immigrants|trans people|gay people"
    r"|black people|disabled people)|subhumans?|slit (?:your|my|his|her) (?:throat|wrists?)|overdose on"
    r"|self[- ]harm)\b"
)
_UNSAFE_WORDS: Mapping[bytes, str] = {
    b"kill": "kill ", b"suicide": " suicide", b"bomb": " bomb", b"meth": " meth", b"child": "child porn",
    b"rape": "rape ", b"raped": "raped ", b"raping": "raping ", b"terrorist": "terrorist ", b"shooting": "mass shoot",
    b"cleansing": "ethnic ", b"hitler": "heil ", b"gas": " gas", b"jews": "gas the", b"hate": "hate ",
    b"subhuman": "subhuman", b"subhumans": "subhumans", b"slit": "slit ", b"overdose": "overdose ",
    b"harm": "harm",
}  # fmt: skip
"""A word that must occur -> the letters at which the pattern is tried."""
_TRACKED = 100_000
_HALF = 0.5
_OPENING, _LEAST_LENGTH, _BOILERPLATE_SHARE, _LEAST_ROWS = 40, 120, 0.2, 50


class Content:
    def __init__(self, desk: Desk) -> None:
        self._found = desk.found
        self._desk = desk
        self._said: Counter[str] = Counter()
        self._frames: Counter[tuple[str, str]] = Counter()
        self._long = 0
        self._free = 0

    def look(self, batch: Batch) -> None:
        for part, column in batch.parts:
            anchors = [anchor for word, anchor in _UNSAFE_WORDS.items() if word in column.words]
            for index, match in column.near(anchors, _UNSAFE):
                self._found.add("unsafe_content", batch, index, part, column.excerpt(match, index))
        if batch.completion_N is None or (batch.label_N is not None and not isinstance(batch.label_N[0], bool)):
            return
        self._refusals(batch, batch.completion_N)
        self._shared(batch.completion_N)

    def _refusals(self, batch: Batch, said: Sequence[str]) -> None:
        column = batch.completions
        for index in column.holding(_REFUSING) if self._found.wanted("refusal") else ():
            if _refuses(said[index][:600]):
                self._found.add("refusal", batch, index, "completion", said[index])
        for index, match in column.near(_BOILERPLATE_WORDS, _BOILERPLATE):
            self._found.add("assistant_boilerplate", batch, index, "completion", column.excerpt(match, index))

    def _shared(self, said: Sequence[str]) -> None:
        self._free += len(said)
        _count(self._said, filter(None, said))
        long = [text for text in said if len(text) >= _LEAST_LENGTH]
        self._long += len(long)
        _count(self._frames, [(text[:_OPENING], text[-_OPENING:]) for text in long])

    def close(self) -> None:
        if self._free >= _LEAST_ROWS:
            text, n = self._said.most_common(1)[0]
            if n > _HALF * self._free:
                self._found.whole("constant_completion", n, f"{n / self._free:.0%} of the rows answer {text[:60]!r}")
        if self._long >= _LEAST_ROWS:
            self._framed()

    def _framed(self) -> None:
        """Rows that share the commonest opening, the commonest end, or both: each counts once."""
        usual = [_commonest(self._frames, side) for side in (0, 1)]
        told = [(side, text, n) for side, (text, n) in enumerate(usual) if n > _BOILERPLATE_SHARE * self._long]
        rows = sum(n for frame, n in self._frames.items() if any(frame[side] == text for side, text, _ in told))
        said = " and ".join(f"{n / self._long:.0%} of the long completions share {text!r}" for _, text, n in told)
        self._found.whole("boilerplate", rows, said)


def _count(counted: Counter[_Key], found: Iterable[_Key]) -> None:
    """Beyond so many different ones only those that are known are counted on, so that memory stays bounded."""
    counted.update(found if len(counted) < _TRACKED else filter(counted.__contains__, found))


def _commonest(frames: Mapping[tuple[str, str], int], side: int) -> tuple[str, int]:
    counted: Counter[str] = Counter()
    for frame, n in frames.items():
        counted[frame[side]] += n
    return counted.most_common(1)[0]


@lru_cache(maxsize=4096)
def _refuses(text: str) -> bool:
    from shipworthy.metrics.refusal import refuses

    return refuses(text)


class Repeats:
    """Rows that stand more than once, letter for letter. Near repeats: `shipworthy data split`."""

    MOST = 2_000_000

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: set[int] = set()

    def look(self, batch: Batch) -> None:
        if len(self._seen) >= self.MOST or batch.kind == "tool_prompts":
            return
        optional = (batch.completion_N, batch.rejected_N, batch.system_N)
        columns = [batch.prompt_N, *(column for column in optional if column is not None)]
        hashes = list(map(hash, zip(*columns, strict=True)))
        before, known = len(self._seen), self._seen
        if self._seen.isdisjoint(hashes):
            self._seen.update(hashes)
            if len(self._seen) - before == len(hashes):
                return
            known = set()  # what is repeated is repeated within this batch
        for index, key in enumerate(hashes):
            if key in known:
                self._desk.found.add("repeated_row", batch, index, "row", batch.prompt_N[index])
            known.add(key)

    def close(self) -> None:
        if len(self._seen) >= self.MOST:
            from shipworthy.data.training.types import Skipped

            said = f"repeats were looked for among the first {self.MOST:,} rows; `data split` looks at all of them"
            self._desk.skipped.append(Skipped(check="repeats", because=said))
