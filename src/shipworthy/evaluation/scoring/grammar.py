"""Does the whole answer follow a grammar? EBNF as lark writes it, inline or from a file beside the protocol.

Answers are parsed in a process of their own (`_grammar_worker.py`), each within a limit of time: with an ambiguous
grammar a short text can take very long.
"""

import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring._waiting import waiting
from shipworthy.evaluation.scoring._workers import Child
from shipworthy.evaluation.scoring.types import Context, Item, Kind, Score
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record
from shipworthy.store import digests

VERSION = "1"
_WORKER = Path(__file__).with_name("_grammar_worker.py")
_OTHER_FILE = re.compile(r"^\s*%import\s*\(?\s*\.", re.MULTILINE)
_LINE = re.compile(r"\bline (\d+)")
_QUOTED = re.compile(r"(?:Rule|Terminal|rule:|terminal) (?:NonTerminal\()?'?(\w+)'?")


class GrammarOptions(Record):
    """Which grammar, and how long an answer may take."""

    grammar: Annotated[str | None, Meta(description="The grammar itself, in lark's EBNF.")] = None
    file: Annotated[str | None, Meta(description="A file with the grammar, relative to the protocol.")] = None
    start: Annotated[str, Meta(description="The rule that a whole answer must follow.")] = "start"
    parser: Annotated[
        Literal["earley", "lalr"],
        Meta(description="`earley` reads every context-free grammar; `lalr` is faster and refuses ambiguous ones."),
    ] = "earley"
    strip: Annotated[bool, Meta(description="Whether white space around the answer is left out.")] = True
    limit_s: Annotated[
        float, Meta(gt=0, le=600, description="Seconds for one answer; a slower one does not match.")
    ] = 5.0
    memory_mb: Annotated[int, Meta(ge=128, description="Address space of the process that parses.")] = 1024

    def __post_init__(self) -> None:
        if (self.grammar is None) == (self.file is None):
            raise ValueError("grammar_match needs either a `grammar` or the `file` that holds it")


class GrammarScorer:
    """Parses every answer in a process that is stopped when it takes too long."""

    def __init__(self, options: GrammarOptions, grammar: str) -> None:
        self._options = options
        self._grammar = grammar
        self._child: Child | None = None

    @property
    def identity(self) -> Mapping[str, str]:
        """The grammar and the options."""
        options = msgspec.json.encode(msgspec.structs.replace(self._options, grammar=None, file="")).decode()
        return {"kind": "grammar_match", "v": VERSION, "grammar": digests.of_value(self._grammar), "options": options}

    @property
    def requests(self) -> int:
        """None: answers are parsed here."""
        return 0

    async def check(self, examples: Sequence[Example]) -> None:
        """Every example can be scored."""

    async def score(self, items: Sequence[Item]) -> AsyncIterator[Score]:
        """(1 if the whole answer follows the grammar, 1); the note `stopped_parse` where time or memory ran out.

        Raises: BackendError: the process that parses does not start.
        """
        for item in items:
            broken = await self._broken(item.text.strip() if self._options.strip else item.text)
            if isinstance(broken, _Stopped):
                yield Score(key=item.key, counts=(0.0, 1.0), note="stopped_parse", detail={"why": broken.why})
            else:
                detail = {"why": broken} if broken is not None else {}
                yield Score(key=item.key, counts=(float(broken is None), 1.0), detail=detail)

    async def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    async def _broken(self, text: str) -> "str | _Stopped | None":
        """Where the text leaves the grammar; None: it does not."""
        child = self._child = self._child or await self._started()
        await child.tell(msgspec.json.encode(text.encode("utf-8", "replace").decode()) + b"\n")
        try:
            line = await child.line(self._options.limit_s)
        except TimeoutError:
            await self.close()
            return _Stopped(why=f"not parsed within {self._options.limit_s:g} s")
        if not line:
            await self.close()
            return _Stopped(why=f"not parsed within {self._options.memory_mb} MB")
        return msgspec.json.decode(line, type=str | None)

    async def _started(self) -> Child:
        chosen = self._options
        told = {"grammar": self._grammar, "parser": chosen.parser, "start": chosen.start, "memory_mb": chosen.memory_mb}
        command = (sys.executable, "-I", "-B", str(_WORKER), msgspec.json.encode(told).decode())
        return await Child.ready(
            *command,
            longest=1 << 30,
            failing="the process that parses answers did not start; raise memory_mb in its options",
        )


class _Stopped(Record):
    why: str


# --- The grammar itself -----------------------------------------------------------------------------------------------


def checked(grammar: str, options: GrammarOptions, *, what: str, where: str | None) -> str:
    """The grammar, once lark has taken it. Raises: BadInput: it does not; one sentence with the line."""
    import lark

    said = None
    if other := _OTHER_FILE.search(grammar):
        said = f"line {len(grammar[: other.end()].splitlines())}: rules of other files are not read; write them here"
    else:
        try:
            lark.Lark(grammar, parser=options.parser, start=options.start)
        except Exception as error:  # noqa: BLE001 - whatever a grammar makes the library throw is wrong with the grammar
            said = _sentence(error)
    if said is None:
        return grammar
    line = _line_of(said, grammar)
    place = f"{where}:{line}" if where and line else where
    raise BadInput(f"{what}: not a grammar: {said}", where=place)


def _sentence(error: Exception) -> str:
    """The first line of what the library says, and what it expected."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__


def _line_of(said: str, grammar: str) -> int | None:
    """The line that the error names, or the first that holds the rule or terminal which it names."""
    if found := _LINE.search(said):
        return int(found[1])
    if named := _QUOTED.search(said):
        lines = grammar.splitlines()
        return next((at for at, line in enumerate(lines, 1) if re.search(rf"\b{named[1]}\b", line)), None)
    return None


def _metric(_options: GrammarOptions) -> Metric:
    return waiting(
        "grammar_match",
        source="share of answers that a grammar derives as a whole; EBNF and parser of lark",
        kind="binary",
        version=VERSION,
    )


def _load(options: GrammarOptions, context: Context) -> GrammarScorer:
    what = f"metric {context.name!r} (grammar_match)"
    if options.file is None:
        return GrammarScorer(options, checked(options.grammar or "", options, what=what, where=None))
    path = context.folder / options.file
    try:
        grammar = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise BadInput(f"{what}: the grammar cannot be read: {why.lower()}", where=str(path)) from error
    return GrammarScorer(options, checked(grammar, options, what=what, where=str(path)))


GRAMMAR_MATCH = Kind(options=GrammarOptions, metric=_metric, load=_load)
