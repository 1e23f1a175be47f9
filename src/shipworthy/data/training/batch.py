"""Rows by column: what the checks read. A search looks at all texts of a batch at once and then finds the rows."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec

from shipworthy.data.training.types import Row, Turn

SEPARATOR = "\n\0\n"
"""Stands between two joined texts. A pattern must not match NUL, and so never reaches over two texts."""

_PUNCTUATION = b'!"#$%&()*+,-./:;<=>?@[\\]^`{|}~\0'
_WORDS = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ" + _PUNCTUATION, b"abcdefghijklmnopqrstuvwxyz" + b" " * len(_PUNCTUATION)
)


class Column:
    """(N,) texts, joined once."""

    def __init__(self, values: Sequence[str]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def joined(self) -> str:
        return SEPARATOR.join(self.values)

    @cached_property
    def raw(self) -> bytes:
        """UTF-8; half surrogates cannot come in, the readers refuse them."""
        return self.joined.encode("utf-8", "replace")

    @cached_property
    def ascii(self) -> bool:
        return self.joined.isascii()

    @cached_property
    def lower(self) -> str:
        return self.raw.lower().decode() if self.ascii else self._same_length_lower()

    def _same_length_lower(self) -> str:
        """Offsets must stay: the few letters whose small form is longer (İ) are left as they are."""
        made = self.joined.lower()
        if len(made) == len(self.joined):
            return made
        return "".join(low if len(low := sign.lower()) == 1 else sign for sign in self.joined)

    @cached_property
    def tokens(self) -> list[bytes]:
        """All words in order, in small letters and without punctuation (apostrophes stay); NUL between two texts."""
        return self.raw.translate(_WORDS).split()

    @cached_property
    def words(self) -> frozenset[bytes]:
        """Every word that occurs."""
        return frozenset(self.tokens)

    @cached_property
    def starts(self) -> list[int]:
        return list(accumulate(map(len, self.values), lambda end, size: end + size + len(SEPARATOR), initial=0))

    def hits(self, pattern: str) -> Iterator[tuple[int, re.Match[str]]]:
        """(index of the text, match) of every match, in order. Patterns are text: `re` keeps what it compiled."""
        for match in re.finditer(pattern, self.joined):
            yield self.at(match.start()), match

    def near(self, words: Iterable[str], pattern: str) -> Iterator[tuple[int, re.Match[str]]]:
        """Like `hits`, but only around these words (small letters): many times faster where they are rare."""
        compiled = re.compile(pattern)
        for word in words:
            at = self.lower.find(word)
            while at >= 0:
                index = self.at(at)
                begin, end = self.starts[index], self.starts[index] + len(self.values[index])
                match = compiled.search(self.joined, max(begin, at - 60), min(end, at + 120))
                if match is not None:
                    yield index, match
                at = self.lower.find(word, at + len(word))

    def holding(self, words: Iterable[str]) -> list[int]:
        """Indices of the texts that hold one of these words (small letters), ascending."""
        found: set[int] = set()
        for word in words:
            at = self.lower.find(word)
            while at >= 0:
                index = self.at(at)
                found.add(index)
                at = self.lower.find(word, self.starts[index] + len(self.values[index]))
        return sorted(found)

    def at(self, offset: int) -> int:
        """Index of the text in which this offset of `joined` lies."""
        return bisect_right(self.starts, offset) - 1

    def excerpt(self, match: re.Match[str], index: int) -> str:
        """The match with some text around it."""
        begin = max(self.starts[index], match.start() - 30)
        end = min(self.starts[index] + len(self.values[index]), match.end() + 30)
        return self.joined[begin:end]


def _once(contexts_N: Sequence[tuple[str, ...] | None]) -> list[str]:
    """Contexts as texts; where neighbours share theirs, only the first keeps it."""
    before: list[tuple[str, ...] | None] = [None, *contexts_N]
    pairs = zip(before, contexts_N, strict=False)
    return ["" if now is None or now == last else "\n".join(now) for last, now in pairs]


class Lines(NamedTuple):
    """(N,) line numbers of the rows of one file."""

    path: str
    line_N: Sequence[int]

    def where(self, index: int) -> str:
        return f"{self.path}:{self.line_N[index]}"


class Batch(msgspec.Struct, kw_only=True, dict=True, eq=False):
    """N rows of one kind from one file, by column. A column is None where the kind does not have it.

    Attributes:
        turn_N: conversations, completion included; None where every row is one prompt and one completion.
        prompt_N: text before the completion, without the system prompt.
        label_N: class labels, or the thumbs of KTO rows.
    """

    kind: str
    lines: Lines
    prompt_N: Sequence[str]
    completion_N: Sequence[str] | None = None
    turn_N: Sequence[Sequence[Turn]] | None = None
    system_N: Sequence[str] | None = None
    rejected_N: Sequence[str] | None = None
    prompt_rejected_N: Sequence[str | None] | None = None
    label_N: Sequence[str | bool | None] | None = None
    contexts_N: Sequence[tuple[str, ...] | None] | None = None
    tools_N: Sequence[dict[str, Any] | None] | None = None
    schema_N: Sequence[Any] | None = None
    group_N: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.prompt_N)

    @cached_property
    def prompts(self) -> Column:
        return Column(self.prompt_N)

    @cached_property
    def completions(self) -> Column:
        return Column(self.completion_N or ())

    @cached_property
    def rejecteds(self) -> Column:
        return Column(self.rejected_N or ())

    @cached_property
    def parts(self) -> tuple[tuple[str, Column], ...]:
        """Every text of the batch under its name; each column has one text a row."""
        named: list[tuple[str, Column]] = [("prompt", self.prompts)]
        if self.completion_N is not None:
            named.append(("completion", self.completions))
        if self.rejected_N is not None:
            named.append(("rejected", self.rejecteds))
        if self.system_N is not None and any(self.system_N):
            named.append(("system", Column(self.system_N)))
        if self.contexts_N is not None:
            named.append(("contexts", Column(_once(self.contexts_N))))
        return tuple(named)

    def where(self, index: int) -> str:
        return self.lines.where(index)

    def conversation(self, index: int) -> tuple[Turn, ...]:
        """All turns of one row, the system prompt first and the completion last."""
        if self.turn_N is not None:
            return tuple(self.turn_N[index])
        made = [Turn("system", self.system_N[index])] if self.system_N and self.system_N[index] else []
        made.append(Turn("user", self.prompt_N[index]))
        if self.completion_N is not None:
            made.append(Turn("assistant", self.completion_N[index]))
        return tuple(made)

    def row(self, index: int) -> Row:
        """One row by itself."""

        def of(column: Sequence[Any] | None, default: Any = None) -> Any:
            return default if column is None else column[index]

        return Row(
            kind=self.kind,
            path=self.lines.path,
            line=self.lines.line_N[index],
            turns=self.conversation(index),
            prompt=self.prompt_N[index],
            system=of(self.system_N, ""),
            completion=of(self.completion_N),
            rejected=of(self.rejected_N),
            prompt_rejected=of(self.prompt_rejected_N),
            label=of(self.label_N),
            contexts=of(self.contexts_N),
            tools=of(self.tools_N),
            schema=of(self.schema_N),
            group=of(self.group_N),
        )


def of_rows(rows: Sequence[Row]) -> Batch:
    """The batch of rows of one kind and one file."""

    def column(name: str) -> list[Any] | None:
        found = [getattr(row, name) for row in rows]
        return None if all(value is None for value in found) else found

    completions = [row.completion for row in rows]
    return Batch(
        kind=rows[0].kind,
        lines=Lines(path=rows[0].path, line_N=[row.line for row in rows]),
        prompt_N=[row.prompt for row in rows],
        completion_N=None if all(one is None for one in completions) else [one or "" for one in completions],
        turn_N=[row.turns for row in rows] if any(len(row.turns) for row in rows) else None,
        system_N=[row.system for row in rows] if any(row.system for row in rows) else None,
        rejected_N=column("rejected"),
        prompt_rejected_N=column("prompt_rejected"),
        label_N=column("label"),
        contexts_N=column("contexts"),
        tools_N=column("tools"),
        schema_N=column("schema"),
        group_N=column("group"),
    )
