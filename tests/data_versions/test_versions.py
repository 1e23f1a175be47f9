"""A dataset is its rows: digest, diff, lineage, seal, and pointers of other tools."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.cli import main
from shipworthy.data import read, versions
from shipworthy.errors import BadInput
from shipworthy.protocol.types import DatasetSpec

ROWS: list[dict[str, Any]] = [{"id": k, "question": f"what is {k}?", "answer": str(k)} for k in range(50)]
NOW = datetime(2025, 6, 1, tzinfo=UTC)


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@given(order=st.permutations(range(12)))
def test_the_digest_is_free_of_the_order_of_rows_and_columns(order: list[int]) -> None:
    turned = [dict(reversed(ROWS[row].items())) for row in order]

    assert versions.digest_of_rows(ROWS[:12]) == versions.digest_of_rows(turned)


def test_a_row_that_stands_twice_counts_twice() -> None:
    one, twice = versions.digest_of_rows(ROWS[:3]), versions.digest_of_rows([*ROWS[:3], ROWS[0]])

    assert one.sha256 != twice.sha256
    assert (3, 4) == (one.rows, twice.rows)


def test_a_packed_file_and_a_list_are_the_same_version(tmp_path: Path) -> None:
    lines = _write(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    (tmp_path / "c.json").write_text(json.dumps(ROWS, indent=1))

    assert 1 == len({versions.version(tmp_path / name).sha256 for name in ("a.jsonl", "b.jsonl.gz", "c.json")})


def test_rows_read_for_a_protocol_are_the_same_rows(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", ROWS)
    spec = DatasetSpec(path=path.name, input="question", reference="answer")
    examples = read("test", spec, folder=tmp_path)

    assert versions.version(path) == versions.digest_of_rows(example.fields for example in examples)


def test_a_diff_names_added_removed_and_changed_rows(tmp_path: Path) -> None:
    before = _write(tmp_path / "a.jsonl", ROWS[:6])
    after = _write(tmp_path / "b.jsonl", [*ROWS[2:5][::-1], {**ROWS[1], "answer": "one"}, ROWS[9]])
    found = versions.diff(before, after)

    assert not found.same and 3 == found.kept
    assert [("9", f"{after}:5")] == [(row.id, row.where) for row in found.added]
    assert [("0", f"{before}:1"), ("5", f"{before}:6")] == [(row.id, row.where) for row in found.removed]
    assert [("1", f"{before}:2", f"{after}:4", ("answer",))] == [
        (row.id, row.before, row.after, row.columns) for row in found.changed
    ]


def test_rows_without_id_are_one_changed_row_when_they_ask_the_same(tmp_path: Path) -> None:
    before = _write(tmp_path / "a.jsonl", [{"input": "Where is it?", "reference": "here"}])
    after = _write(tmp_path / "b.jsonl", [{"input": "where is  it?", "reference": "there"}])
    found = versions.diff(before, after)

    assert (("input", "reference"),) == tuple(row.columns for row in found.changed)
    assert () == found.added == found.removed


@given(
    before=st.lists(st.integers(0, 6), max_size=20),
    after=st.lists(st.integers(0, 6), max_size=20),
)
def test_what_is_only_in_one_is_the_multiset_difference(
    tmp_path_factory: pytest.TempPathFactory, before: list[int], after: list[int]
) -> None:
    from collections import Counter

    folder = tmp_path_factory.mktemp("diff")
    paths = [
        _write(folder / name, [{"input": "any", "n": -1}, *({"input": f"row {n}", "n": n} for n in numbers)])
        for name, numbers in (("a.jsonl", before), ("b.jsonl", after))
    ]
    found = versions.diff(*paths)

    assert (Counter(after) - Counter(before)).total() == len(found.added)
    assert (Counter(before) - Counter(after)).total() == len(found.removed)
    assert found.same == (Counter(before) == Counter(after))


def test_lineage_stands_beside_the_data(tmp_path: Path) -> None:
    source, made = _write(tmp_path / "all.jsonl", ROWS), _write(tmp_path / "some.jsonl", ROWS[:9])
    versions.write_lineage(made, (versions.source_of(source),), now=NOW, filters=("answer < 9",), split={"seed": 1})
    found = json.loads((tmp_path / "some.jsonl.lineage.json").read_text())

    assert versions.version(made).sha256 == found["version"]["sha256"]
    assert (["answer < 9"], {"seed": 1}, 50) == (
        found["filters"],
        found["split"],
        found["sources"][0]["version"]["rows"],
    )


# --- DVC and git-LFS -------------------------------------------------------------------------------------------------

LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 12345\n"
DVC = "outs:\n- md5: 22a1a2931c8370d3aeedd7183606fd7f\n  size: 14445097\n  hash: md5\n  path: data.jsonl\n"


def test_a_pointer_of_git_lfs_is_named_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(LFS)
    pointer = versions.pointer_at(tmp_path / "data.jsonl")

    assert pointer is not None
    assert ("git-lfs", "sha256", "ab" * 32, 12345) == (pointer.tool, pointer.algorithm, pointer.digest, pointer.size)
    with pytest.raises(
        BadInput, match=r"git-lfs to data of 12,345 bytes; fetch them with `git lfs pull --include data\.jsonl`"
    ):
        versions.version(tmp_path / "data.jsonl")


@pytest.mark.parametrize("asked", ["data.jsonl", "data.jsonl.dvc"])
def test_data_that_dvc_did_not_fetch_are_named_with_the_command(asked: str, tmp_path: Path) -> None:
    (tmp_path / "data.jsonl.dvc").write_text(DVC)

    with pytest.raises(BadInput, match=r"pointer of dvc .*; fetch them with `dvc pull data\.jsonl\.dvc`"):
        versions.version(tmp_path / asked)


def test_data_beside_their_dvc_file_are_read_and_keep_its_digest(tmp_path: Path) -> None:
    _write(tmp_path / "data.jsonl", ROWS)
    (tmp_path / "data.jsonl.dvc").write_text(DVC)
    source = versions.source_of(tmp_path / "data.jsonl")

    assert source.version == versions.version(tmp_path / "data.jsonl.dvc")
    assert source.tracked is not None and "22a1a2931c8370d3aeedd7183606fd7f" == source.tracked.digest
    assert DVC == (tmp_path / "data.jsonl.dvc").read_text()


def test_a_broken_dvc_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl.dvc").write_text("outs: [")

    with pytest.raises(BadInput, match="names no output of its own name"):
        versions.version(tmp_path / "data.jsonl")


# --- Commands --------------------------------------------------------------------------------------------------------


def test_data_diff_says_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = _write(tmp_path / "a.jsonl", ROWS[:4]), _write(tmp_path / "b.jsonl", ROWS[1:5])
    code = main(["data", "diff", str(before), str(after)])
    said = capsys.readouterr().out

    assert 0 == code
    assert "3 rows are the same, 0 changed, 1 added, 1 removed" in said
    assert f"  removed id 0  {before}:1" in said.splitlines()
    assert said.splitlines()[-1].startswith("Next: shipworthy data check")


def test_data_diff_prints_one_json_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _write(tmp_path / "a.jsonl", ROWS)
    main(["data", "diff", str(path), str(path), "--json"])

    assert json.loads(capsys.readouterr().out)["same"]


def test_data_seal_seals_the_rows_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    first, copy = _write(tmp_path / "a.jsonl", ROWS), _write(tmp_path / "copy.jsonl", ROWS[::-1])

    assert 0 == main(["data", "seal", str(first), "--budget", "3", "--name", "final"])
    assert "final is sealed: 50 rows" in capsys.readouterr().out
    assert 2 == main(["data", "seal", str(copy), "--budget", "9"])
    assert "sealed already as 'final' with a budget of 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b'{"a": 1}\n{"a": \n', "data.jsonl:2: not valid JSON"),
        (b'{"a": 1, "a": 2}\n', "the key 'a' stands twice"),
        (b'{"a": NaN}\n', "NaN is not a value"),
        (b'{"a": "\xff"}\n', "is not UTF-8"),
        (b"[1, 2]\n", "a row must be an object"),
        (LFS.encode(), "pointer of git-lfs"),
    ],
)
@pytest.mark.parametrize("action", ["seal", "diff", "leakage", "split"])
def test_broken_data_is_one_sentence_and_leaves_nothing(
    action: str,
    content: bytes,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    more = {
        "seal": ["--budget", "1"],
        "diff": [str(path)],
        "leakage": [str(path)],
        "split": ["--out", str(tmp_path / "o")],
    }
    code = main(["data", action, str(path), *more[action], "--quiet"])
    error = capsys.readouterr().err

    assert 2 == code
    assert said in error and 1 == error.count("\n")
    assert ["data.jsonl"] == [item.name for item in tmp_path.iterdir()]
