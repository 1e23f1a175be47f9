"""Does the answer's query give what the gold query gives? Execution match on SQLite and DuckDB files."""

import re
import string
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring import sql_run
from shipworthy.evaluation.scoring._waiting import waiting
from shipworthy.evaluation.scoring.sql_compare import difference, is_ordered
from shipworthy.evaluation.scoring.types import Context, Item, Kind, Score
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record
from shipworthy.store import digests

VERSION = "1"
_FENCE = re.compile(r"```[ \t]*(?:sql|sqlite|duckdb)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_DUCKDB_MAGIC = b"DUCK"


class SqlOptions(Record):
    """Where the database and the gold query stand, what a query may use, and how results are compared."""

    database: Annotated[
        str,
        Meta(
            description="SQLite or DuckDB file, relative to the protocol; {column} is filled from the row.",
            examples=["geography.sqlite", "databases/{db_id}.sqlite"],
        ),
    ]
    gold: Annotated[str | None, Meta(description="Column with the gold query; default: the reference.")] = None
    limits: sql_run.QueryLimits = sql_run.QueryLimits()
    any_column_order: Annotated[bool, Meta(description="Whether columns may come in another order.")] = False
    tolerance: Annotated[float, Meta(ge=0, lt=1, description="Of numbers, relative and absolute.")] = 1e-6
    leave_out_broken_gold: Annotated[
        bool,
        Meta(
            description="Whether an example whose gold query does not run has no weight, instead of stopping the run "
            "before a model is asked."
        ),
    ] = False

    def gold_of(self, example: Example) -> str:
        """The gold query. Raises: BadInput: there is none."""
        value = example.reference if self.gold is None else example.fields.get(self.gold)
        if not isinstance(value, str) or not value.strip():
            what = "reference" if self.gold is None else f"column {self.gold!r}"
            raise BadInput(f"example {example.id!r} has no query as its {what}; sql_match needs it", where=_at(example))
        return value

    def database_of(self, example: Example, folder: Path) -> Path:
        """The file that the example asks about. Raises: BadInput: a column is missing, or the file is."""
        try:
            path = folder / "".join(
                text + (str(example.fields[column]) if column is not None else "")
                for text, column, _, _ in string.Formatter().parse(self.database)
            )
        except KeyError as error:
            message = f"example {example.id!r} has no column {error} for the database {self.database!r}"
            raise BadInput(message, where=_at(example)) from error
        if not path.is_file():
            raise BadInput("no such database; sql_match takes its path relative to the protocol", where=str(path))
        return path


class BrokenGold(Record):
    """A gold query that does not run."""

    example_id: str
    where: str
    why: str


def _at(example: Example) -> str:
    return example.where or f"{example.dataset}/{example.id}"


def query_in(answer: str) -> str:
    """The query of an answer: its last fenced block, or all of it."""
    blocks = _FENCE.findall(answer)
    return str(blocks[-1] if blocks else answer).strip()


def engine_of(path: Path) -> sql_run.Engine:
    """By the file's first bytes."""
    with path.open("rb") as file:
        return "duckdb" if file.read(12)[8:] == _DUCKDB_MAGIC else "sqlite"


class SqlScorer:
    """Runs gold and answered queries; results of gold queries are kept while it lives."""

    def __init__(self, options: SqlOptions, folder: Path, databases: Mapping[str, str]) -> None:
        self._options = options
        self._folder = folder
        self._databases_sha256 = digests.of_value(dict(databases))
        self._golds: dict[tuple[str, str], sql_run.Result] = {}
        self.left_out: frozenset[str] = frozenset()

    @property
    def identity(self) -> Mapping[str, str]:
        """Version, options, and what the databases hold."""
        options = msgspec.json.encode(self._options).decode()
        named = {"kind": "sql_match", "version": VERSION, "options": options}
        return {**named, "databases_sha256": self._databases_sha256}

    @property
    def requests(self) -> int:
        """None: queries run here."""
        return 0

    async def broken(self, examples: Sequence[Example]) -> list[BrokenGold]:
        """The examples whose gold query does not run, or goes beyond the limits."""
        await self._run_gold(examples)
        found = [(example, self._golds[self._gold_key(example)]) for example in examples]
        return [
            BrokenGold(example_id=example.id, where=_at(example), why=result.error)
            for example, result in found
            if result.error is not None
        ]

    async def check(self, examples: Sequence[Example]) -> None:
        """Run every gold query. Raises: BadInput: one does not run, and broken ones are not to be left out."""
        broken = await self.broken(examples)
        self.left_out = frozenset(one.example_id for one in broken if self._options.leave_out_broken_gold)
        if broken and not self._options.leave_out_broken_gold:
            ids = ", ".join(one.example_id for one in broken[:10])
            raise BadInput(
                f"{len(broken)} of {len(examples)} gold queries do not run (examples {ids}); the first says: "
                f"{broken[0].why}. Correct them, or set leave_out_broken_gold: true",
                where=broken[0].where,
            )

    async def score(self, items: Sequence[Item]) -> AsyncIterator[Score]:
        """(1 if the results are the same, 1); (0, 0) and the note `broken_gold` where the gold query does not run."""
        await self._run_gold([item.example for item in items])
        runnable = []
        for item in items:
            gold = self._golds[self._gold_key(item.example)]
            if gold.error is None:
                runnable.append(item)
            else:
                yield self._broken_score(item, gold.error)
        queries = [self._query(item.example, query_in(item.text)) for item in runnable]
        async for position, result in sql_run.run(queries, limits=self._options.limits):
            yield self._compared(runnable[position], result)

    async def close(self) -> None:
        """Nothing stays open."""

    def _broken_score(self, item: Item, why: str) -> Score:
        counts = (0.0, 0.0) if self._options.leave_out_broken_gold else (0.0, 1.0)
        return Score(key=item.key, counts=counts, note="broken_gold", detail={"why": why})

    def _compared(self, item: Item, result: sql_run.Result) -> Score:
        gold = self._golds[self._gold_key(item.example)]
        why = result.error
        if why is None:
            why = difference(
                gold.rows or [],
                result.rows or [],
                ordered=is_ordered(self._options.gold_of(item.example)),
                any_column_order=self._options.any_column_order,
                tolerance=self._options.tolerance,
            )
        note = "stopped_query" if result.stopped else None
        return Score(key=item.key, counts=(float(not why), 1.0), note=note, detail={"why": why})

    async def _run_gold(self, examples: Sequence[Example]) -> None:
        new = {self._gold_key(example): example for example in examples}
        new = {key: example for key, example in new.items() if key not in self._golds}
        queries = [self._query(example, self._options.gold_of(example)) for example in new.values()]
        async for position, result in sql_run.run(queries, limits=self._options.limits):
            self._golds[list(new)[position]] = result

    def _gold_key(self, example: Example) -> tuple[str, str]:
        return str(self._path(example)), self._options.gold_of(example)

    def _query(self, example: Example, sql: str) -> sql_run.Query:
        path = self._path(example)
        return sql_run.Query(database=str(path.absolute()), sql=sql, engine=engine_of(path))

    def _path(self, example: Example) -> Path:
        return self._options.database_of(example, self._folder)


def _metric(options: SqlOptions) -> Metric:
    return waiting(
        "sql_match",
        source="execution accuracy: Zhong et al. 2020 (test-suite evaluation), on one database",
        check=options.gold_of,
        kind="binary",
        version=VERSION,
    )


def _load(options: SqlOptions, context: Context) -> SqlScorer:
    paths = dict.fromkeys(options.database_of(example, context.folder) for example in context.examples)
    databases = {str(path.relative_to(context.folder)): digests.of_file(path) for path in paths}
    return SqlScorer(options, context.folder, databases)


def _left_out(scorer: SqlScorer) -> frozenset[str]:
    return scorer.left_out


SQL_MATCH = Kind(options=SqlOptions, metric=_metric, load=_load, left_out=_left_out)
