"""Null means absent where the format means absent; a required argument that is null is a fault."""

import json
from pathlib import Path
from typing import Any

import pytest

from shipworthy.data import read
from shipworthy.data.training import check
from shipworthy.errors import BadInput
from shipworthy.protocol.types import DatasetSpec

ASKED = {"role": "user", "content": "q"}
TOOLS = [
    {"type": "function", "function": {"name": "go", "parameters": {
        "type": "object", "required": ["town", "when"],
        "properties": {
            "town": {"type": "string"}, "when": {"type": ["string", "null"]}, "how": {"type": "string"},
        },
    }}}
]  # fmt: skip


def codes(tmp_path: Path, *rows: Any) -> dict[str, int]:
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return {one.code: one.count for one in check([str(path)]).findings if one.severity == "error"}


def said(**turn: Any) -> dict[str, Any]:
    return {"messages": [ASKED, {"role": "assistant", **turn}]}


def called(arguments: Any, **function: Any) -> dict[str, Any]:
    calls = [{"id": "1", "function": {"name": "go", "arguments": arguments, **function}}]
    result = {"role": "tool", "content": "ok"}
    done = {"role": "assistant", "content": "done"}
    return {
        "messages": [ASKED, {"role": "assistant", "content": None, "tool_calls": calls}, result, done],
        "tools": TOOLS,
    }


@pytest.mark.parametrize(
    "turn",
    [
        {"content": "a", "function_call": None},
        {"content": "a", "function_call": {"name": None, "arguments": None}},
        {"content": "a", "tool_calls": None, "function_call": None, "weight": None, "name": None},
        {"content": [{"type": "text", "text": "a", "image_url": None}]},
        {"content": [{"type": "image_url", "text": None, "image_url": {"url": "x"}}, {"type": "text", "text": "a"}]},
        {"content": "a", "from": None, "value": None},
    ],
)
def test_a_null_key_of_a_turn_is_no_key(tmp_path: Path, turn: dict[str, Any]) -> None:
    assert {} == codes(tmp_path, said(**turn))


def test_a_text_part_without_its_text_is_still_a_fault(tmp_path: Path) -> None:
    assert {"wrong_type": 1} == codes(tmp_path, said(content="a"), said(content=[{"type": "text", "text": None}]))


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        ({"town": "x", "when": "now"}, 0), ({"town": "x", "when": None}, 0), ({"town": None, "when": "now"}, 1),
        ({"town": "x", "when": "now", "how": None}, 0), ('{"town": null, "when": null}', 1), ({"when": "now"}, 1),
    ],
)  # fmt: skip
def test_a_required_argument_that_is_null_breaks_its_schema(tmp_path: Path, arguments: Any, faults: int) -> None:
    assert faults == codes(tmp_path, called(arguments)).get("tool_arguments_break_schema", 0)


def test_a_null_column_does_not_change_the_kind_of_a_row_that_is_learned_from(tmp_path: Path) -> None:
    pair = {"prompt": "p", "chosen": "a", "rejected": "b"}

    assert {} == codes(tmp_path, *[{**pair, "completion": None, "messages": None}] * 3)


def test_a_completion_that_is_null_everywhere_is_said(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"prompt": "p", "completion": null}\n' * 2, encoding="utf-8")
    with pytest.raises(BadInput, match="'completion' is null"):
        check([str(path)])


def test_the_same_rows_as_json_lines_and_as_parquet_have_the_same_findings(tmp_path: Path) -> None:
    import duckdb

    rows = [called({"town": "x", "when": "now"}), called({"city": "x"}), said(content="a")]
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    duckdb.sql(f"COPY (SELECT * FROM read_json('{path}')) TO '{tmp_path}/d.parquet' (FORMAT parquet)")
    found = [
        [(one.code, one.count) for one in check([str(file)]).findings if one.severity == "error"]
        for file in (path, tmp_path / "d.parquet")
    ]

    assert [("tool_arguments_break_schema", 1)] == found[0]
    assert found[0] == found[1]


def test_a_turn_of_an_sdks_dump_is_read_as_a_turn(tmp_path: Path) -> None:
    turn = {**ASKED, "name": None, "tool_calls": None}
    (tmp_path / "d.jsonl").write_text(json.dumps({"messages": [turn], "reference": "a"}) + "\n", encoding="utf-8")
    (example,) = read("d", DatasetSpec(path="d.jsonl", messages="messages"), folder=tmp_path)

    assert "q" == example.messages[0].content


def test_what_parquet_filled_in_is_no_part_of_a_reference(tmp_path: Path) -> None:
    import duckdb

    row = "'1' AS id, 'q' AS input, {'go': {'a': ['x']}, 'stop': NULL} AS reference"
    duckdb.sql(f"COPY (SELECT {row}) TO '{tmp_path}/d.parquet' (FORMAT parquet)")
    (example,) = read("d", DatasetSpec(path="d.parquet"), folder=tmp_path)

    assert {"go": {"a": ["x"]}} == example.reference
