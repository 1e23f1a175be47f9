"""Queries that are answers: executed read-only, stopped at their limits, compared as multisets."""

import asyncio
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring import Context, load, sql_run
from shipworthy.evaluation.scoring.sql import SqlOptions, SqlScorer, query_in
from shipworthy.evaluation.scoring.sql_compare import difference, is_ordered
from shipworthy.evaluation.scoring.sql_run import Query, QueryLimits, Result
from shipworthy.records import Example
from tests.evaluation_scoring.conftest import example, item, scored

FAST = QueryLimits(wall_s=4.0, memory_mb=1024, max_rows=1000)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "a%b.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (name TEXT, n INTEGER, x REAL)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [("a", 1, 0.1), ("b", 2, 0.2), ("c", 3, None)])
    connection.commit()
    connection.close()
    return path


@pytest.fixture
def duckdb_file(tmp_path: Path) -> Path:
    path = tmp_path / "a.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute("CREATE TABLE t AS SELECT 'a' AS name, 1 AS n, 0.1 AS x UNION ALL SELECT 'b', 2, 0.2")
    connection.close()
    return path


def results(path: Path, *queries: str, limits: QueryLimits = FAST) -> list[Result]:
    async def all_of_them() -> list[Result]:
        engine: Any = "duckdb" if path.suffix == ".duckdb" else "sqlite"
        asked = [Query(database=str(path), sql=sql, engine=engine) for sql in queries]
        found = {position: result async for position, result in sql_run.run(asked, limits=limits)}
        return [found[position] for position in range(len(queries))]

    return asyncio.run(all_of_them())


FOREVER = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
SQLITE_HARM = {
    "ATTACH '{folder}/made.db' AS a": "not authorized",
    "SELECT load_extension('x')": "not authorized",
    "PRAGMA query_only = OFF": "not authorized",
    "DELETE FROM t": "not authorized",
    "DROP TABLE t": "not authorized",
    "CREATE TABLE made (a)": "not authorized",
    "VACUUM INTO '{folder}/made.db'": "denied",
    "BEGIN": "not authorized",
    "SELECT 1; SELECT 2": "one statement",
    FOREVER: "stopped after",
    FOREVER.replace("count(*)", "n"): "more than 1000 rows",
    "SELECT zeroblob(10000000000)": "too big",
    "SELECT printf('%.*c', 1000000000, 'x')": "stopped after",
    "SELECT * FROM nowhere": "no such table",
}
DUCKDB_HARM = {
    "ATTACH '{folder}/made.db' AS a": "single SELECT",
    "INSTALL httpfs": "single SELECT",
    "LOAD httpfs": "single SELECT",
    "COPY t TO '{folder}/made.csv'": "single SELECT",
    "SET threads = 4": "single SELECT",
    "DELETE FROM t": "single SELECT",
    "SELECT 1; DROP TABLE t": "single SELECT",
    "SELECT * FROM read_csv('/etc/passwd')": "disabled",
    "SELECT * FROM glob('/etc/*')": "disabled",
    "SELECT count(*) FROM range(1000000000) a, range(1000000) b": "stopped after",
    "SELECT list(range) FROM range(1000000000)": "MB",
    "SELECT * FROM range(5000)": "more than 1000 rows",
}


@pytest.mark.parametrize("engine", ["sqlite", "duckdb"])
def test_harm_is_stopped_within_its_limit_and_the_run_goes_on(
    engine: str, sqlite_file: Path, duckdb_file: Path, tmp_path: Path
) -> None:
    path, harm = (sqlite_file, SQLITE_HARM) if engine == "sqlite" else (duckdb_file, DUCKDB_HARM)
    before = path.read_bytes()
    started = time.monotonic()
    found = results(path, *[sql.format(folder=tmp_path) for sql in harm], "SELECT n FROM t ORDER BY n LIMIT 1")

    assert [] == [
        (sql, one.error) for (sql, why), one in zip(harm.items(), found, strict=False) if why not in (one.error or "")
    ]
    assert [(1,)] == found[-1].rows
    assert before == path.read_bytes()
    assert not list(tmp_path.glob("made*"))
    assert time.monotonic() - started < 300


def test_a_ten_minute_query_ends_within_its_limit(sqlite_file: Path) -> None:
    started = time.monotonic()
    (one,) = results(sqlite_file, FOREVER)

    assert "time" == one.stopped
    assert time.monotonic() - started < FAST.wall_s + 60


def scorer(path: Path, **options: Any) -> SqlScorer:
    return SqlScorer(SqlOptions(database=path.name, **options), path.parent, {})


def verdicts(path: Path, gold: str, answers: dict[str, str], **options: Any) -> dict[str, float]:
    row = example(reference=gold)
    found = scored(scorer(path, **options), [item(text, row, key=name) for name, text in answers.items()])
    return {name: one.counts[0] for name, one in found.items() if one.counts}


def test_order_counts_only_where_the_gold_query_orders(sqlite_file: Path) -> None:
    answers = {"same": "SELECT name FROM t ORDER BY name", "reversed": "SELECT name FROM t ORDER BY name DESC"}

    assert {"same": 1, "reversed": 1} == verdicts(sqlite_file, "SELECT name FROM t", answers)
    assert {"same": 1, "reversed": 0} == verdicts(sqlite_file, "SELECT name FROM t ORDER BY n", answers)


def test_an_answer_may_be_fenced_and_explained(sqlite_file: Path) -> None:
    answers = {"fenced": "First:\n```sql\nSELECT sum(n) FROM t;\n```", "prose": "It is six."}

    assert {"fenced": 1, "prose": 0} == verdicts(sqlite_file, "SELECT 6.0", answers)
    assert "SELECT 1" == query_in("```\nSELECT 0\n```\nbetter:\n```sql\nSELECT 1\n```")


def test_duckdb_is_known_by_its_first_bytes(duckdb_file: Path) -> None:
    answers = {"right": "SELECT name, x FROM t", "wrong": "SELECT name, n FROM t"}

    assert {"right": 1, "wrong": 0} == verdicts(duckdb_file, "SELECT name, 1.0 * x FROM t", answers)


def test_broken_gold_stops_before_a_model_is_asked_or_has_no_weight(sqlite_file: Path) -> None:
    rows = [example("1", "SELECT 1"), example("2", "SELECT gone FROM t")]
    with pytest.raises(
        BadInput, match=r"d\.jsonl:2: 1 of 2 gold queries do not run \(examples 2\); the first says: .*no such"
    ):
        asyncio.run(scorer(sqlite_file).check(rows))
    left_out = scorer(sqlite_file, leave_out_broken_gold=True)
    asyncio.run(left_out.check(rows))
    one = scored(left_out, [item("SELECT 1", rows[1])])["k"]

    assert ((0.0, 0.0), "broken_gold") == (one.counts, one.note)


def test_of_the_geography_queries_five_are_broken_gold(shared_data: Path) -> None:
    path = shared_data / "text2sql_geography" / "geography_instantiated.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    examples = [Example(id=str(at), dataset="d", messages=(), reference=row["sql"]) for at, row in enumerate(rows)]
    broken = asyncio.run(scorer(path.with_name("geography.sqlite")).broken(examples))

    assert (877, 872) == (len(examples), len(examples) - len(broken))
    assert ["388", "389", "390", "391", "852"] == [one.example_id for one in broken]


def test_chinook_is_counted(shared_data: Path) -> None:
    path = shared_data / "chinook_sqlite" / "Chinook_Sqlite.sqlite"

    assert [[(3503,)], [(8715,)]] == [
        one.rows for one in results(path, "SELECT count(*) FROM Track", "SELECT count(*) FROM PlaylistTrack")
    ]


def test_the_database_may_depend_on_the_row_and_its_content_on_the_digest(sqlite_file: Path) -> None:
    def digest() -> str:
        context = Context(name="m", folder=sqlite_file.parent, examples=[example(reference="SELECT 1", db="a%b")])
        loaded = load("sql_match", {"database": "{db}.sqlite"}, dataset="d", context=context)
        assert loaded is not None
        return loaded.scorer.identity["databases_sha256"]

    before = digest()
    with sqlite3.connect(sqlite_file) as connection:
        connection.execute("INSERT INTO t VALUES ('d', 4, 1.0)")
    connection.close()

    assert before != digest()


@pytest.mark.parametrize(("database", "says"), [("{dp}.sqlite", "no column 'dp'"), ("gone.sqlite", "no such database")])
def test_a_database_that_is_not_there_is_one_sentence(tmp_path: Path, database: str, says: str) -> None:
    context = Context(name="m", folder=tmp_path, examples=[example(reference="SELECT 1", db="a")])
    with pytest.raises(BadInput, match=says):
        load("sql_match", {"database": database}, dataset="d", context=context)


@pytest.mark.parametrize(
    ("gold", "got", "same"),
    [
        ([(1, "a"), (2, "b")], [(2, "b"), (1, "a")], True),
        ([(1,), (1,), (2,)], [(1,), (2,), (2,)], False),
        ([(1.0,)], [(1,)], True),
        ([(0.1 + 0.2,)], [(0.3,)], True),
        ([("1",)], [(1,)], False),
        ([(None,)], [(0,)], False),
        ([("a",)], [("A",)], False),
        ([], [], True),
        ([(1,)], [(1, 1)], False),
        ([(1.0, 2.0), (1.0000001, 1.0)], [(1.0, 1.0), (1.0000001, 2.0)], True),
        ([(1.0, 2.0), (3.0, 1.0)], [(1.0, 1.0), (3.0, 2.0)], False),
    ],
)
def test_rows_are_compared_as_a_multiset_with_tolerance(gold: Any, got: Any, same: bool) -> None:
    assert same == (difference(gold, got, ordered=False) == "")


def test_columns_may_come_in_another_order_where_that_is_asked() -> None:
    assert "" != difference([(1, "a")], [("a", 1)], ordered=False)
    assert "" == difference([(1, "a")], [("a", 1)], ordered=False, any_column_order=True)


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("select a from t order\n by a limit 3", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY (a)) x", False),
        ("SELECT 'order by' FROM t -- order by", False),
        ('SELECT "order by" FROM t', False),
        ("SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM t", False),
    ],
)
def test_only_the_outermost_order_by_orders(sql: str, ordered: bool) -> None:
    assert ordered == is_ordered(sql)
