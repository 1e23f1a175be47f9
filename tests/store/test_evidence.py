"""Evidence written is evidence read, to the last bit, in columns and with bounded memory."""

import json
import subprocess
import sys
import textwrap
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shipworthy.errors import BadInput
from shipworthy.records import ABSENT, ANSWERED, FAILED, Crossed, Evidence, Labels
from shipworthy.store import duck
from shipworthy.store import evidence as parquet


def make(dataset: str = "d'1", n: int = 50, models: tuple[str, ...] = ("a", "b")) -> Evidence:
    rng = np.random.default_rng(n)
    names = tuple(f"l'{i}" for i in range(7))
    return Evidence(
        dataset=dataset,
        example_N=np.array([f"e'{i} ü" for i in range(n)], dtype=object),
        seed_N=np.repeat(np.int64(3), n),
        cluster_N=rng.integers(0, 9, n),
        slices={column: Labels(names=names, code_N=rng.integers(-1, 7, n)) for column in ("lang", "Lang", 'x" y')},
        status={model: rng.choice([ANSWERED, FAILED, ABSENT], n).astype(np.uint8) for model in models},
        counts={
            (model, metric): rng.random((n, k)) for model in models for k, metric in enumerate(("m", "f1", "q"), 1)
        },
    )


def same(one: Evidence, two: Evidence) -> bool:
    def columns(e: Evidence) -> list[object]:
        labels = [(name, label.names, label.code_N.tolist()) for name, label in e.slices.items()]
        status = [(model, s.dtype, s.tolist()) for model, s in e.status.items()]
        counts = [(key, c.dtype, c.shape, c.tobytes()) for key, c in e.counts.items()]
        crossed = None if e.crossed is None else (e.crossed.ways, e.crossed.code_N.dtype, e.crossed.code_N.tolist())
        units = [e.example_N.tolist(), e.seed_N.tolist(), e.cluster_N.tolist(), crossed]
        return [e.dataset, *units, labels, status, counts]

    return columns(one) == columns(two)


@pytest.mark.parametrize("n", [0, 1, 50])
def test_what_is_written_comes_back_to_the_last_bit(tmp_path: Path, n: int) -> None:
    written = [make(n=n), make("d2", n=3, models=("c", "a"))]
    parquet.write(tmp_path / "e.parquet", written)
    again = parquet.read(tmp_path / "e.parquet")

    assert [True, True] == [same(a, b) for a, b in zip(written, again, strict=True)]


def test_crossed_clusters_come_back_beside_a_dataset_with_one_way(tmp_path: Path) -> None:
    crossed = Crossed(ways=("user", "docu'ment"), code_N=np.arange(50)[::-1] % 7)
    written = [make(n=50), replace(make("d2", n=50), crossed=crossed), make("d3", n=4)]
    parquet.write(tmp_path / "e.parquet", written)
    again = parquet.read(tmp_path / "e.parquet")

    assert [True, True, True] == [same(a, b) for a, b in zip(written, again, strict=True)]


def test_a_layout_of_before_there_were_two_ways_is_read(tmp_path: Path) -> None:
    """Files without a second way have neither its column nor its place in the layout filled."""
    parquet.write(tmp_path / "e.parquet", [make()])
    with closing(duck.connect()) as db:
        columns = db.execute("SELECT * FROM read_parquet(?) LIMIT 0", [str(tmp_path / "e.parquet")]).description
        key = "SELECT value FROM parquet_kv_metadata(?) WHERE key = 'shipworthy'"
        (layout,) = json.loads(db.execute(key, [str(tmp_path / "e.parquet")]).fetchone()[0])
        del layout["ways"]
        kept = json.dumps([layout]).replace("'", "''")
        db.execute(
            f"COPY (SELECT * FROM read_parquet('{tmp_path}/e.parquet')) TO '{tmp_path}/old.parquet' "
            f"(FORMAT parquet, KV_METADATA {{shipworthy: '{kept}'}})"
        )

    assert "crossed" not in {column[0] for column in columns}
    assert same(make(), parquet.read(tmp_path / "old.parquet")[0])


def wide(n: int = 2_100) -> Evidence:
    counts = np.random.default_rng(n).random((n, 40))
    return Evidence(
        dataset="d",
        example_N=np.arange(n).astype(str).astype(object),
        seed_N=np.zeros(n, dtype=np.int64),
        cluster_N=np.arange(n),
        slices={},
        status={"a": np.full(n, ANSWERED, dtype=np.uint8)},
        counts={("a", "macro_f1"): counts, ("a", "m"): counts[:, :2].copy()},
    )


def test_many_counts_a_row_come_back_to_the_last_bit_and_in_order(tmp_path: Path) -> None:
    parquet.write(tmp_path / "e.parquet", [wide()])

    assert same(wide(), parquet.read(tmp_path / "e.parquet")[0])


@pytest.mark.parametrize("edit", ["counts[:39]", "counts[1:] || [NULL::DOUBLE]"])
def test_rows_whose_many_counts_were_edited_are_refused(tmp_path: Path, edit: str) -> None:
    source, edited = tmp_path / "e.parquet", tmp_path / "f.parquet"
    parquet.write(source, [wide()])
    with duck.connect() as db:
        key, layout = db.execute(f"SELECT key, value FROM parquet_kv_metadata('{source}')").fetchall()[0]
        changed = f"CASE WHEN example_id = '7' AND metric = 'macro_f1' THEN {edit} ELSE counts END AS counts"
        metadata = f"{key.decode()}: '{layout.decode()}'"
        db.execute(
            f"COPY (SELECT * REPLACE ({changed}) FROM '{source}') TO '{edited}' "
            f"(FORMAT parquet, KV_METADATA {{{metadata}}})"
        )

    with pytest.raises(BadInput, match="does not have 2100 whole rows"):
        parquet.read(edited)


def test_a_model_without_counts_and_no_evidence_at_all_come_back(tmp_path: Path) -> None:
    bare = Evidence(
        dataset="d",
        example_N=np.array(["1", "2"], dtype=object),
        seed_N=np.zeros(2, dtype=np.int64),
        cluster_N=np.arange(2),
        slices={"empty": Labels(names=(), code_N=np.full(2, -1))},
        status={"a": np.array([ABSENT, ABSENT], dtype=np.uint8)},
        counts={},
    )
    parquet.write(tmp_path / "e.parquet", [bare])
    parquet.write(tmp_path / "none.parquet", [])

    assert same(bare, parquet.read(tmp_path / "e.parquet")[0])
    assert [] == parquet.read(tmp_path / "none.parquet")


def test_rows_are_readable_without_shipworthy(tmp_path: Path) -> None:
    import duckdb

    parquet.write(tmp_path / "e.parquet", [make()])
    with duckdb.connect() as db:
        rows = db.execute(
            "SELECT model, metric, count(*), min(len(counts)), count(DISTINCT slices.lang) FROM read_parquet(?) "
            "WHERE status <> 'absent' GROUP BY ALL ORDER BY ALL",
            [str(tmp_path / "e.parquet")],
        ).fetchall()

    assert [("a", "f1"), ("a", "m"), ("a", "q"), ("b", "f1"), ("b", "m"), ("b", "q")] == [row[:2] for row in rows]
    assert [2, 1, 3] * 2 == [row[3] for row in rows]
    assert {7} == {row[4] for row in rows}


@pytest.mark.parametrize("content", [b"", b"PAR1PAR1", b"not parquet at all" * 100])
def test_a_file_that_is_no_evidence_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "e.parquet").write_bytes(content)

    with pytest.raises(BadInput, match=r"e\.parquet: "):
        parquet.read(tmp_path / "e.parquet")


def test_a_foreign_parquet_file_is_named_as_such(tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect() as db:
        db.execute(f"COPY (SELECT 1 AS x) TO '{tmp_path / 'e.parquet'}'")

    with pytest.raises(BadInput, match="not written by Shipworthy"):
        parquet.read(tmp_path / "e.parquet")


def test_a_disk_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="check disk and file"):
        parquet.write(tmp_path / "nowhere" / "e.parquet", [make()])


MILLION = """
    import resource, sys
    from pathlib import Path
    import numpy as np
    from shipworthy.records import Evidence
    from shipworthy.store import evidence as parquet
    n = 500_000
    rng = np.random.default_rng(0)
    one = Evidence(dataset="d", example_N=np.array([f"e{i}" for i in range(n)], dtype=object),
        seed_N=np.zeros(n, dtype=np.int64), cluster_N=np.arange(n), slices={},
        status={m: np.zeros(n, dtype=np.uint8) for m in "ab"}, counts={(m, "acc"): rng.random((n, 2)) for m in "ab"})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parquet.write(Path(sys.argv[1]), [one])
    again, = parquet.read(Path(sys.argv[1]))
    assert all((one.counts[k] == again.counts[k]).all() for k in one.counts)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_million_rows_take_bounded_memory_and_need_no_pandas(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['pandas'] = sys.modules['pyarrow'] = None\n"
    said = subprocess.run(
        [sys.executable, "-c", blocked + textwrap.dedent(MILLION), str(tmp_path / "e.parquet")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(said.stdout) < 700  # MB above the rows themselves
