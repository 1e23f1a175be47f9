"""Each format becomes the same row; each container holds the same rows; every row knows its line."""

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shipworthy.data.training import Options, Reader, Row, check, check_rows
from shipworthy.data.training._kinds import KINDS
from shipworthy.data.training.batch import Batch
from shipworthy.data.training.types import Bad
from shipworthy.errors import BadInput, UnknownName
from shipworthy.store.zstd import zstd

TALK = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
SHARED = "\n\nHuman: q\n\nAssistant:"
FORMATS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "chat": ({"messages": TALK}, ("q", "a", None, None)),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
        ("q", "a", None, None),
    ),
    "alpaca": ({"instruction": "q", "input": "", "output": "a"}, ("q", "a", None, None)),
    "prompt_completion": ({"prompt": "q", "completion": "a"}, ("q", "a", None, None)),
    "preference": ({"prompt": "q", "chosen": "a", "rejected": "b"}, ("q", "a", "b", None)),
    "openai_preference": (
        {
            "input": {"messages": TALK[:1]},
            "preferred_output": TALK[1:],
            "non_preferred_output": [{"role": "assistant", "content": "b"}],
        },
        ("q", "a", "b", None),
    ),
    "implicit_preference": ({"chosen": f"{SHARED} a", "rejected": f"{SHARED} b"}, ("q", "a", "b", None)),
    "sharegpt_preference": (
        {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "a"},
            "rejected": {"from": "gpt", "value": "b"},
        },
        ("q", "a", "b", None),
    ),
    "kto": ({"messages": TALK, "label": True}, ("q", "a", None, True)),
    "kto_prompt": ({"prompt": "q", "completion": "a", "label": False}, ("q", "a", None, False)),
    "label": ({"text": "q", "label": "a"}, ("q", "a", None, "a")),
    "qa": ({"question": "q", "answer": "a"}, ("q", "a", None, None)),
    "rag": ({"question": "q", "contexts": ["c"], "answer": "a"}, ("q", "a", None, None)),
    "sql": ({"question": "q", "sql": "a"}, ("q", "a", None, None)),
    "text": ({"text": "a"}, ("", "a", None, None)),
    "prompt": ({"prompt": "q"}, ("q", "", None, None)),
}


def rows(*paths: Path | str, kind: str | None = None) -> list[Row]:
    return [
        batch.row(i)
        for batch in Reader([str(p) for p in paths], kind=kind)
        if isinstance(batch, Batch)
        for i in range(len(batch))
    ]


def _jsonl(path: Path, *objects: Any) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in objects), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_is_recognised_and_read(kind: str, tmp_path: Path) -> None:
    written, wanted = FORMATS[kind]
    (row,) = rows(_jsonl(tmp_path / "a.jsonl", written))

    assert (kind, *wanted) == (row.kind, row.prompt, row.completion or "", row.rejected, row.label)
    assert f"{tmp_path}/a.jsonl:1" == row.where


@pytest.mark.parametrize("kind", FORMATS)
def test_the_fast_and_the_careful_path_read_the_same(kind: str, tmp_path: Path) -> None:
    written, _ = FORMATS[kind]
    fast = rows(_jsonl(tmp_path / "a.jsonl", *[written] * 3))
    listed = tmp_path / "a.json"
    listed.write_text(json.dumps([written] * 3), encoding="utf-8")

    assert [(r.turns, r.prompt, r.completion, r.rejected) for r in fast] == [
        (r.turns, r.prompt, r.completion, r.rejected) for r in rows(listed)
    ]


def test_every_kind_has_a_test() -> None:
    assert set(KINDS) == {*FORMATS, "squad", "tool_prompts"}


def test_a_transcript_keeps_its_turns(tmp_path: Path) -> None:
    head = "\n\nHuman: one\n\nAssistant: two\n\nHuman: three\n\nAssistant:"
    (row,) = rows(_jsonl(tmp_path / "a.jsonl", {"chosen": f"{head} yes", "rejected": f"{head} you"}))

    assert ["one", "two", "three", "yes"] == [turn.content for turn in row.turns]
    assert ("yes", "you", None) == (row.completion, row.rejected, row.prompt_rejected)


def test_packed_files_folders_and_patterns_hold_the_same_rows(tmp_path: Path) -> None:
    text = "".join(json.dumps({"prompt": f"q{i}", "completion": "a"}) + "\n" for i in range(3_000)).encode()
    (tmp_path / "a.jsonl").write_bytes(text)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(text[:20_000]) + gzip.compress(text[20_000:]))
    (tmp_path / "c.jsonl.zst").write_bytes(zstd.compress(text))
    one = [row.prompt for row in rows(tmp_path / "a.jsonl")]

    assert [f"q{i}" for i in range(3_000)] == one
    assert one * 3 == [row.prompt for row in rows(tmp_path)]
    assert one * 3 == [row.prompt for row in rows(f"{tmp_path}/*.jsonl*")]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv"])
def test_progress_follows_the_bytes_of_the_file_as_it_lies_on_disk(name: str, tmp_path: Path) -> None:
    rng = Random("progress")
    texts = [rng.randbytes(300).hex() for _ in range(5_000)]
    csv = "prompt,completion\n" + "".join(f"{text},a\n" for text in texts)
    lines = "".join(json.dumps({"prompt": text, "completion": "a"}) + "\n" for text in texts)
    plain = (csv if name.endswith(".csv") else lines).encode()
    pack = {"gz": gzip.compress, "zst": zstd.compress}.get(name.rpartition(".")[2], bytes)
    (tmp_path / name).write_bytes(pack(plain))
    seen: list[tuple[int, int]] = []
    total = sum(1 for _ in Reader([str(tmp_path / name)], progress=lambda _, done, size: seen.append((done, size))))

    assert total > 1
    assert {(tmp_path / name).stat().st_size} == {size for _, size in seen}
    assert seen == sorted(seen) and seen[0][0] < seen[-1][0] == seen[-1][1]


def test_parquet_and_csv_are_read_with_their_line(tmp_path: Path) -> None:
    import duckdb

    table = "(SELECT 'q' || i AS prompt, 'a' AS completion FROM range(3) t(i))"
    duckdb.sql(f"COPY {table} TO '{tmp_path}/a.parquet' (FORMAT parquet)")
    (tmp_path / "a.csv").write_text('prompt,completion\nq0,a\n"q\n1",a\nq2,a\n', encoding="utf-8")

    assert [(1, "q0"), (2, "q1"), (3, "q2")] == [(row.line, row.prompt) for row in rows(tmp_path / "a.parquet")]
    assert [(2, "q0"), (3, "q\n1"), (5, "q2")] == [(row.line, row.prompt) for row in rows(tmp_path / "a.csv")]


def test_a_url_is_read_through_fsspec(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://shipworthy/a.jsonl", "wb") as file:
        file.write(b'{"prompt": "q", "completion": "a"}\n')

    assert ["q"] == [row.prompt for row in rows("memory://shipworthy/a.jsonl")]


def test_lines_are_right_behind_blank_lines_and_bad_rows(tmp_path: Path) -> None:
    good = json.dumps({"prompt": "q", "completion": "a"})
    path = tmp_path / "a.jsonl"
    path.write_text(f"\n{good}\n\nx\n{good}\n" + f"{good}\n" * 20_000, encoding="utf-8")
    items = list(Reader([str(path)]))
    lines = [line for item in items if isinstance(item, Batch) for line in item.lines.line_N]

    assert [2, 5, *range(6, 20_006)] == lines
    assert [f"{path}:4"] == [item.where for item in items if isinstance(item, Bad)]


def test_a_kind_can_be_forced_and_a_wrong_name_lists_the_known(tmp_path: Path) -> None:
    path = _jsonl(tmp_path / "a.jsonl", {"text": "t", "label": "l"})

    assert ["text"] == [row.kind for row in rows(path, kind="text")]
    with pytest.raises(UnknownName, match="known: openai_preference"):
        rows(path, kind="alpca")


def test_rows_of_a_program_are_checked_like_rows_of_a_file(tmp_path: Path) -> None:
    path = _jsonl(tmp_path / "a.jsonl", *[{"prompt": f"q{i}", "completion": "a" * (i % 3)} for i in range(9)])

    assert check([str(path)]).findings == check_rows(rows(path)).findings


def test_calls_of_tools_are_read_from_both_dialects(tmp_path: Path) -> None:
    tools = json.dumps([{"name": "f", "parameters": {"properties": {"x": {}}, "required": ["x"]}}])
    call = '{"name": "g", "arguments": {"x": 1}}'
    talk = [
        {"from": "human", "value": "q"},
        {"from": "function_call", "value": call},
        {"from": "observation", "value": "1"},
        {"from": "gpt", "value": "a"},
    ]
    path = _jsonl(tmp_path / "a.jsonl", {"conversations": talk, "tools": tools})

    assert ["undeclared_tool"] == [found.code for found in check([str(path)], Options(only=("chat",))).findings]


# --- public data ---


@pytest.mark.parametrize(
    ("file", "kind", "n"),
    [
        ("llamafactory_demo_formats/dpo_en_demo.json", "sharegpt_preference", 150),
        ("llamafactory_demo_formats/kto_en_demo.json", "kto", 150),
        ("llamafactory_demo_formats/glaive_toolcall_en_demo.json", "sharegpt", 200),
        ("hatecheck/test_suite_cases.csv", "label", 3_728),
        ("squad_v2.0_dev/dev.jsonl", "squad", 11_873),
        ("gsm8k/gsm8k_test.jsonl", "qa", 1_319),
        ("bfcl_simple_multiple/BFCL_v4_multiple.json", "tool_prompts", 200),
        ("bfcl_simple_multiple/BFCL_v4_simple_python.json", "tool_prompts", 400),
        ("banking77/train.csv", "label", 10_003),
        ("text2sql_geography/geography_instantiated.jsonl", "sql", 877),
    ],
)
def test_public_data_is_read_whole(shared_data: Path, file: str, kind: str, n: int) -> None:
    found = rows(shared_data / file)

    assert (n, {kind}) == (len(found), {row.kind for row in found})


def test_questions_of_a_paragraph_share_their_group(shared_data: Path) -> None:
    assert 1_204 == len({row.group for row in rows(shared_data / "squad_v2.0_dev/dev.jsonl")})


def test_five_queries_of_the_geography_set_do_not_run_on_its_database(shared_data: Path) -> None:
    folder = shared_data / "text2sql_geography"
    options = Options(database=str(folder / "geography.sqlite"), only=("targets",), examples=50)
    report = check([str(folder / "geography_instantiated.jsonl")], options)

    assert (4, 1) == (report.count("sql_does_not_run"), report.count("sql_does_not_parse"))


def test_a_database_that_is_none_is_refused_before_reading(tmp_path: Path) -> None:
    path = _jsonl(tmp_path / "a.jsonl", {"question": "q", "sql": "SELECT 1"})
    with pytest.raises(BadInput, match="not a SQLite database"):
        check([str(path)], Options(database=str(path)))
