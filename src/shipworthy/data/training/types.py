"""What the readers hand to the checks, and what the checks say: rows in batches, findings, the report."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from shipworthy.records import Record

Severity = Literal["error", "warning", "note"]
Goal = Literal["style", "vocabulary", "task", "domain"]
Target = Literal["text", "json", "sql"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

Progress: TypeAlias = Callable[[str, int, int], None]
"""(path, bytes read, bytes in all): called after each batch."""


class Turn(msgspec.Struct, gc=False):
    """One turn of a conversation. `tool_calls` as OpenAI writes them; a trainer multiplies the loss by `weight`."""

    role: str
    content: str
    tool_calls: list[Any] | None = None
    weight: float | None = None


class Row(msgspec.Struct, kw_only=True):
    """One training row, whatever format it came from.

    Attributes:
        kind: name of the format, a key of `KINDS`.
        path, line: where it stands (Parquet: its number).
        turns: the whole conversation with the completion as its last turn, system prompt included.
        prompt: text of the turns before the completion, joined by newlines, without the system prompt.
        completion: what is learned; None where the row has a prompt alone.
        rejected: the other side of a preference pair.
        prompt_rejected: the prompt of the other side, where it differs.
        label: class label, or the thumb of a KTO row.
        contexts: retrieved passages.
        tools: declared functions, name -> JSON Schema of the parameters; None: nothing is declared.
        schema: JSON Schema of this row's target. `group`: what the row belongs to (a document, a user).
    """

    kind: str
    path: str
    line: int
    turns: tuple[Turn, ...] = ()
    prompt: str = ""
    system: str = ""
    completion: str | None = None
    rejected: str | None = None
    prompt_rejected: str | None = None
    label: str | bool | None = None
    contexts: tuple[str, ...] | None = None
    tools: dict[str, Any] | None = None
    schema: Any = None
    group: str | None = None

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}"


class Bad(Record):
    """One row that was kept out: its place and every rule that it breaks."""

    where: str
    faults: tuple[str, ...]
    code: str = "bad_row"


class Place(Record):
    """One example of a finding: file:line, the part of the row, and what stands there."""

    where: str
    part: str
    excerpt: str
    because: str = ""


class Found(Record):
    """One kind of defect: how many rows have it, examples, and what to do about it. `share` is of all rows read."""

    code: str
    severity: Severity
    title: str
    count: int
    share: float
    examples: tuple[Place, ...]
    remedy: str


class Histogram(Record):
    """Counts of rows in bins; `edges` has one value more than `counts`, the last bin holds its upper edge."""

    name: str
    unit: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    median: float
    p95: float
    largest: float


class Source(Record):
    """One file that was read. `kind` was recognised from its content unless it was given."""

    path: str
    kind: str
    rows: int
    bad: int
    bytes: int


class Skipped(Record):
    """A check that did not run, and what it would need."""

    check: str
    because: str


class LeakPair(Record):
    """A row of a test set and the row of the training data that it matches; `bits` is evidence for copying."""

    tier: str
    kind: str
    similarity: float
    bits: float | None
    train_where: str
    train_text: str
    test_where: str
    test_text: str


class Overlap(Record):
    """What one test set shares with the training data.

    Attributes:
        against: the test set. `rows`: its size.
        tiers: tier -> rows of the test set whose strongest match lies in it.
        pairs: the strongest matches; `more` were left out.
    """

    against: str
    rows: int
    train_rows: int
    tiers: dict[str, int]
    pairs: tuple[LeakPair, ...]
    more: int = 0

    @property
    def leaks(self) -> int:
        """Rows that are certain or likely copies."""
        return self.tiers["certain"] + self.tiers["likely"]


class DataReport(Record):
    """Everything that is known about a training set before it is trained on.

    Attributes:
        rows: rows that were checked; `bad` were kept out.
        measures: numbers of the whole set by name (`template_variants`, `truncated`, ...), for limits.
        labels: class label -> rows.
        leakage: what each test set shares with it; empty where none was named.
    """

    sources: tuple[Source, ...]
    rows: int
    bad: int
    findings: tuple[Found, ...]
    measures: dict[str, float]
    labels: dict[str, int]
    histograms: tuple[Histogram, ...]
    checks: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    leakage: tuple[Overlap, ...] = ()

    def worst(self) -> Severity | None:
        """The most severe finding there is; a certain or likely copy of a test row is an error."""
        if any(one.leaks for one in self.leakage):
            return "error"
        return next((level for level in SEVERITIES if any(f.severity == level for f in self.findings)), None)

    def count(self, code: str) -> int:
        """Rows with this defect."""
        return next((found.count for found in self.findings if found.code == code), 0)


class Options(Record):
    """What is checked, and against what.

    Attributes:
        kind: format of the rows (a key of `KINDS`); None: recognised from the content.
        goal: what the training set is for; size advice depends on it.
        target: what completions must be. None: JSON or SQL where (nearly) all of them are.
        schema: path of a JSON Schema that every JSON target must keep to.
        database: path of a SQLite database on which every SQL target must run.
        tokenizer: folder with tokenizer.json (and tokenizer_config.json, chat_template.jinja).
        inference_template: chat template (a file) that is used when the model serves.
        max_length: tokens that the trainer keeps of a row.
        production: file with inputs from production, to compare with.
        only, skip: groups of checks or codes of findings; `only` empty means all.
        examples: places that are kept of each finding.
        max_characters: a longer row is a finding.
        sql_seconds: time limit of one SQL target.
    """

    kind: str | None = None
    goal: Goal | None = None
    target: Target | None = None
    schema: str | None = None
    database: str | None = None
    tokenizer: str | None = None
    inference_template: str | None = None
    max_length: Annotated[int, msgspec.Meta(ge=1)] | None = None
    production: str | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    examples: Annotated[int, msgspec.Meta(ge=0)] = 5
    max_characters: int = 100_000
    sql_seconds: float = 2.0
