"""Does the answer's code pass its tests? Each answer runs in a sandbox (`sandbox.py`); pass@k over the seeds.

The example brings the tests (its reference, or a column), and where the answer continues a prompt, that prompt:
HumanEval's `prompt`, `test` and `entry_point` are columns. A program has passed when its last line was reached.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring import sandbox
from shipworthy.evaluation.scoring._waiting import waiting
from shipworthy.evaluation.scoring.types import Context, Counts, Item, Kind, Pool, Score
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record
from shipworthy.stats.trials import pass_at_k, pass_hat_k

VERSION = "1"
_FENCE = re.compile(r"```[ \t]*(?:python3?|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


class CodeOptions(Record):
    """Where the tests stand, how the program is put together, what it may use, and what counts over several seeds."""

    tests: Annotated[str | None, Meta(description="Column with the tests; default: the reference.")] = None
    prefix: Annotated[
        str | None, Meta(description="Column with code that the answer continues, like `prompt` of HumanEval.")
    ] = None
    entry_point: Annotated[
        str | None, Meta(description="Column with the function's name; `check(name)` is then called after the tests.")
    ] = None
    k: Annotated[int, Meta(ge=1, description="How many of the seeds are drawn: pass@k.")] = 1
    all_of_k: Annotated[bool, Meta(description="Whether all k must pass (pass^k), instead of one of them.")] = False
    limits: sandbox.Limits = sandbox.Limits()
    isolation: Annotated[
        Literal["namespaces", "none"],
        Meta(description="`none` runs code where it cannot be isolated; only on a machine that you can lose."),
    ] = "namespaces"
    readable: Annotated[tuple[str, ...], Meta(description="Folders that programs may read and import from.")] = ()

    def program(self, example: Example, answer: str) -> str:
        """The source that runs. Raises: BadInput: the example lacks a column."""
        code = code_in(answer)
        prefix = self._column(example, self.prefix) if self.prefix else ""
        entry = self._column(example, self.entry_point) if self.entry_point else None
        whole = bool(entry and re.search(rf"^(?:async )?def {re.escape(entry)}\b", code, re.MULTILINE))
        head = f"{_imports(prefix)}{code}" if whole else f"{prefix}{code}"
        check = f"\ncheck({entry})\n" if entry else "\n"
        return f"{head}\n{self._column(example, self.tests)}{check}"

    def _column(self, example: Example, column: str | None) -> str:
        value = example.reference if column is None else example.fields.get(column)
        if isinstance(value, list | tuple):
            value = "\n".join(map(str, value))
        if not isinstance(value, str) or not value.strip():
            what = "reference" if column is None else f"column {column!r}"
            where = example.where or f"{example.dataset}/{example.id}"
            raise BadInput(f"example {example.id!r} has no code as its {what}; code_pass needs it", where=where)
        return value


def code_in(answer: str) -> str:
    """The code of an answer: its longest fenced block, or all of it. Leading spaces stay, they may continue a body."""
    blocks = _FENCE.findall(answer)
    return max(blocks, key=len) if blocks else answer


def _imports(prefix: str) -> str:
    """What the code before the function imported; an answer that repeats the function may rely on it."""
    lines = [line for line in prefix.splitlines() if re.match(r"(?:from|import)\s", line)]
    return "".join(f"{line}\n" for line in lines)


def pooled(k: int, of: Literal["any", "all"], counts: Sequence[Counts]) -> list[Counts]:
    """Every seed of an example counts its unbiased chance that one (or all) of k passes.

    Raises: ValueError: fewer seeds than k.
    """
    passed, trials = sum(one[0] for one in counts), len(counts)
    chance = float((pass_at_k if of == "any" else pass_hat_k)(np.array([passed]), np.array([trials]), k)[0])
    return [(chance, 1.0)] * trials


class CodeScorer:
    """Runs answers in the sandbox."""

    def __init__(self, options: CodeOptions) -> None:
        self._options = options

    @property
    def identity(self) -> Mapping[str, str]:
        """Version and options; k is left out, it changes what is done with the results only."""
        options = msgspec.structs.replace(self._options, k=1, all_of_k=False)
        return {"kind": "code_pass", "version": VERSION, "options": msgspec.json.encode(options).decode()}

    @property
    def requests(self) -> int:
        """None: programs run here."""
        return 0

    async def check(self, examples: Sequence[Example]) -> None:
        """Raises: BadInput: an example lacks a column. Refused: programs cannot be isolated on this machine."""
        for example in examples:
            self._options.program(example, "")
        if examples:
            probe = sandbox.Program(id="probe", source="")
            async for _ in sandbox.run([probe], isolation=self._options.isolation, readable=self._options.readable):
                pass

    async def score(self, items: Sequence[Item]) -> AsyncIterator[Score]:
        """(1 if the tests pass, 1); the note `stopped` for what was ended at a limit."""
        programs = [sandbox.Program(id=one.key, source=self._options.program(one.example, one.text)) for one in items]
        async for ended in sandbox.run(
            programs,
            limits=self._options.limits,
            isolation=self._options.isolation,
            readable=self._options.readable,
        ):
            yield Score(
                key=ended.id,
                counts=(float(ended.outcome == "passed"), 1.0),
                note=None if ended.outcome in ("passed", "failed") else "stopped_program",
                detail={"outcome": ended.outcome, "why": ended.why, "seconds": ended.seconds},
            )

    async def close(self) -> None:
        """Nothing stays open."""


def _metric(options: CodeOptions) -> Metric:
    return waiting(
        "code_pass",
        source="Chen et al. 2021 (HumanEval), unbiased pass@k; Yao et al. 2024 for pass^k",
        check=lambda example: options.program(example, ""),
        kind="binary" if options.k == 1 else "mean",
        version=VERSION,
    )


def _load(options: CodeOptions, _context: Context) -> CodeScorer:
    return CodeScorer(options)


def _pool(options: CodeOptions) -> Pool | None:
    return partial(pooled, options.k, "all" if options.all_of_k else "any") if options.k > 1 else None


CODE_PASS = Kind(options=CodeOptions, metric=_metric, load=_load, pool=_pool)
