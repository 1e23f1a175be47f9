"""Broken files: one sentence that names the place, exit code 2, and nothing half-written."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.store.zstd import zstd

GOOD = '{"prompt": "How much is 2 plus 2?", "completion": "It is 4."}\n'
BOM16 = GOOD.encode("utf-16")


def _zstd(data: bytes) -> bytes:
    return zstd.compress(data)


def _parquet(rows: int) -> bytes:
    import tempfile

    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.parquet"
        duckdb.sql(f"COPY (SELECT 'a' AS prompt, 'b' AS completion FROM range({rows})) TO '{path}' (FORMAT parquet)")
        return path.read_bytes()


FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty": ("a.jsonl", lambda: b""),
    "only spaces": ("a.jsonl", lambda: b" \n\t\n"),
    "only a byte-order mark": ("a.jsonl", lambda: b"\xef\xbb\xbf"),
    "truncated gzip": ("a.jsonl.gz", lambda: gzip.compress(GOOD.encode() * 5000)[:-40]),
    "gzip with a wrong byte": ("a.jsonl.gz", lambda: _flip(gzip.compress(os.urandom(5000) + GOOD.encode() * 50), 900)),
    "gzip header alone": ("a.jsonl.gz", lambda: b"\x1f\x8b\x08\x00"),
    "truncated zstd": ("a.jsonl.zst", lambda: _zstd(GOOD.encode() * 50_000)[:-10]),
    "damaged zstd": ("a.jsonl.zst", lambda: b"\x28\xb5\x2f\xfd" + b"\xff" * 60),
    "bzip2": ("a.jsonl", lambda: b"BZh91AY&SY" + b"x" * 50),
    "xz": ("a.jsonl", lambda: b"\xfd7zXZ\x00" + b"x" * 50),
    "zip": ("a.jsonl", lambda: b"PK\x03\x04" + b"x" * 50),
    "UTF-16": ("a.jsonl", lambda: BOM16),
    "Latin-1 among UTF-8": (
        "a.jsonl",
        lambda: GOOD.encode() + '{"prompt": "café", "completion": "x"}\n'.encode("latin-1"),
    ),
    "Latin-1 in a list": ("a.json", lambda: '[{"prompt": "café", "completion": "x"}]'.encode("latin-1")),
    "Latin-1 in CSV": ("a.csv", lambda: "prompt,completion\ncafé,x\n".encode("latin-1")),
    "NUL bytes": ("a.jsonl", lambda: b"\0" * 100),
    "random bytes": ("a.jsonl", lambda: bytes(range(128, 256)) * 20),
    "an image": ("a.png", lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
    "prose": ("a.jsonl", lambda: b"Dear all,\nhere is the data.\n"),
    "prose in .json": ("a.json", lambda: b"Dear all, here is the data.\n"),
    "HTML": ("a.json", lambda: b"<!doctype html><title>404</title>"),
    "one object": (
        "a.json",
        lambda: b'{\n "a": [\n  {"prompt": "a", "completion": "b"}\n ],\n "b": [{"prompt": "c"}]}\n',
    ),
    "columns of different lengths": ("a.json", lambda: b'{"prompt": ["a", "b"], "completion": ["c"]}'),
    "columns of different rows": ("a.json", lambda: b'{"prompt": {"0": "a", "1": "b"}, "completion": {"0": "c"}}'),
    "list that breaks off": ("a.json", lambda: b'[{"prompt": "a", "completion": "b"},\n{"prompt": "a"'),
    "list with a comma too many": ("a.json", lambda: b'[{"prompt": "a", "completion": "b"},]'),
    "list of texts": ("a.json", lambda: b'["a", "b"]'),
    "empty list": ("a.json", lambda: b"[]"),
    "something behind the list": ("a.json", lambda: b'[{"prompt": "a", "completion": "b"}] x'),
    "line that breaks off": ("a.jsonl", lambda: (GOOD * 3)[:-20].encode()),
    "line of 50 MB": ("a.jsonl", lambda: b'{"prompt": "' + b"x" * 50_000_000 + b'", "completion": "y"}\n'),
    "line of 50 MB among good ones": (
        "a.jsonl",
        lambda: GOOD.encode() + b'{"prompt": "' + b"x" * 50_000_000 + b'"}\n' + GOOD.encode(),
    ),
    "nested nulls": ("a.jsonl", lambda: b'{"messages": [null, null]}\n' * 3),
    "null messages": ("a.jsonl", lambda: b'{"messages": null}\n'),
    "null content": ("a.jsonl", lambda: b'{"messages": [{"role": "user", "content": null}]}\n'),
    "deep nesting": ("a.jsonl", lambda: b'{"prompt": ' + b"[" * 50_000 + b"\n"),
    "wrong kind": ("a.jsonl", lambda: b'{"alpha": 1, "beta": 2}\n'),
    "evaluation results": ("a.csv", lambda: b"example_id,model,value\n1,a,0.5\n"),
    "mixed kinds": ("a.jsonl", lambda: (GOOD * 3).encode() + b'{"messages": [{"role": "user", "content": "a"}]}\n'),
    "duplicate keys": ("a.jsonl", lambda: GOOD.encode() + b'{"prompt": "a", "prompt": "b", "completion": "c"}\n'),
    "duplicate keys in a turn": (
        "a.jsonl",
        lambda: b'{"messages": [{"role": "user", "content": "a", "content": "b"}]}\n',
    ),
    "NaN": ("a.jsonl", lambda: GOOD.encode() + b'{"prompt": NaN, "completion": "b"}\n'),
    "Infinity in another column": (
        "a.jsonl",
        lambda: GOOD.encode() + b'{"prompt": "a", "completion": "b", "x": Infinity}\n',
    ),
    "half a surrogate": ("a.jsonl", lambda: GOOD.encode() + b'{"prompt": "\\ud800", "completion": "b"}\n'),
    "numbers for texts": ("a.jsonl", lambda: b'{"prompt": {"a": 1}, "completion": [1]}\n'),
    "CSV without a header": ("a.csv", lambda: b"\n\n"),
    "CSV with a cell too many": ("a.csv", lambda: b"prompt,completion\na,b\na,b,c\n"),
    "CSV with an open quote": ("a.csv", lambda: b'prompt,completion\n"a,b\nc,d\n'),
    "CSV with a column twice": ("a.csv", lambda: b"prompt,prompt\na,b\n"),
    "CSV header alone": ("a.csv", lambda: b"prompt,completion\n"),
    "truncated Parquet": ("a.parquet", lambda: _parquet(100)[:-30]),
    "Parquet without rows": ("a.parquet", lambda: _parquet(0)),
    "packed Parquet": ("a.parquet.gz", lambda: gzip.compress(_parquet(10))),
}


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_is_one_sentence_and_exit_2(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, make = FILES[name]
    path = tmp_path / file
    path.write_bytes(make())
    before = {one.name for one in tmp_path.iterdir()}
    code = main(["data", "check", str(path), "--quiet"])
    said = capsys.readouterr().err.strip()

    assert 2 == code
    assert said.startswith(f"shipworthy: {path}") and 1 == len(said.splitlines()) and len(said) < 700
    assert before == {one.name for one in tmp_path.iterdir()}


@pytest.mark.parametrize("given", ["nothing.jsonl", "empty folder", "*.none"])
def test_what_is_not_there_is_one_sentence(given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty folder").mkdir()
    code = main(["data", "check", str(tmp_path / given), "--quiet"])

    assert 2 == code
    assert 1 == len(capsys.readouterr().err.strip().splitlines())


def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(GOOD, encoding="utf-8")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    code = main(["data", "check", str(path), "--quiet"])

    assert 2 == code
    assert "permission" in capsys.readouterr().err.lower()


@pytest.mark.parametrize("broken", ["truncated gzip", "list that breaks off", "wrong kind"])
def test_a_broken_file_leaves_no_report_behind(broken: str, tmp_path: Path) -> None:
    file, make = FILES[broken]
    (tmp_path / file).write_bytes(make())
    out = tmp_path / "report.html"
    main(
        ["data", "check", str(tmp_path / file), "--quiet", "-o", str(out), "--review-sample", str(tmp_path / "r.jsonl")]
    )

    assert [file] == [one.name for one in tmp_path.iterdir()]


def test_bad_rows_are_listed_beside_the_report_on_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(GOOD + '{"prompt": 1}\n' + GOOD.replace("2", "3") + "{\n", encoding="utf-8")
    code = main(["data", "check", str(path), "--quiet", "--json"])
    out, err = capsys.readouterr()
    report = json.loads(out)["report"]

    assert (2, 2, 2) == (code, report["rows"], report["bad"])
    assert f"shipworthy: {path}:2: 'completion' is missing" in err
    assert "1 more bad row: line 4" in err


def test_every_rule_that_a_row_breaks_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.jsonl"
    bad = {"messages": [{"content": "a"}, {"role": "robot", "content": 3}, {"role": "user"}]}
    good = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    path.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n", encoding="utf-8")
    main(["data", "check", str(path), "--quiet", "--json"])
    report = json.loads(capsys.readouterr().out)["report"]
    place = next(found for found in report["findings"] if found["code"] == "missing_field")["examples"][0]

    assert "messages[0] has no 'role'" == place["excerpt"]
    assert all(part in place["because"] for part in ("messages[1].role", "messages[1].content", "messages[2] has no"))
