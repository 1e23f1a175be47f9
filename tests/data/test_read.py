"""Data is read by the roles of its columns; a bad row is named with its line."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.data import digest, read
from shipworthy.errors import BadInput
from shipworthy.protocol.types import DatasetSpec
from shipworthy.records import Example, Message

ROW = {"id": "a", "input": "two plus two", "reference": "four", "language": "en", "doc": 7}


def _read(folder: Path, content: str | bytes, name: str = "rows.jsonl", **spec: object) -> list[Example]:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read("test", DatasetSpec(path=name, **spec), folder=folder)  # type: ignore[arg-type]


def _lines(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _error(folder: Path, content: str | bytes, name: str = "rows.jsonl", **spec: object) -> str:
    with pytest.raises(BadInput) as caught:
        _read(folder, content, name, **spec)
    message = str(caught.value)
    assert message.startswith(str(folder)) and "\n" not in message and len(message) < 400
    return message.removeprefix(f"{folder}/")


def _as_csv() -> str:
    return "id,input,reference,language,doc\na,two plus two,four,en,7\n"


def _as_parquet(folder: Path) -> bytes:
    path = folder / "made.parquet"
    columns = "'a' AS id, 'two plus two' AS input, 'four' AS reference, 'en' AS language, 7 AS doc"
    duckdb.sql(f"SELECT {columns}").write_parquet(str(path))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", lambda folder: _lines(ROW)),
        ("rows.json", lambda folder: json.dumps([ROW], indent=1)),
        ("rows.data", lambda folder: json.dumps([ROW])),
        ("rows.txt", lambda folder: _as_csv()),
        ("rows.csv", lambda folder: _as_csv()),
        ("tabs.tsv", lambda folder: _as_csv().replace(",", "\t")),
        ("semicolons.csv", lambda folder: _as_csv().replace(",", ";")),
        ("windows.csv", lambda folder: _as_csv().replace("\n", "\r\n")),
        ("windows.jsonl", lambda folder: _lines(ROW).replace("\n", "\r\n")),
        ("marked.csv", lambda folder: b"\xef\xbb\xbf" + _as_csv().encode()),
        ("marked.jsonl", lambda folder: b"\xef\xbb\xbf" + _lines(ROW).encode()),
        ("marked.json", lambda folder: b"\xef\xbb\xbf" + json.dumps([ROW]).encode()),
        ("rows.parquet", _as_parquet),
        ("misnamed.jsonl", _as_parquet),
    ],
)
def test_every_format_gives_the_same_example(tmp_path: Path, name: str, content: Callable[[Path], str | bytes]) -> None:
    example = _read(tmp_path, content(tmp_path), name, slices=("language",), cluster="doc")[0]

    assert ("a", "four", {"language": "en"}, "7") == (example.id, example.reference, example.slices, example.cluster)
    assert (Message(role="user", content="two plus two"),) == example.messages


def test_a_row_knows_its_line_also_after_quoted_line_breaks(tmp_path: Path) -> None:
    examples = _read(tmp_path, 'id,input\n1,"two\nlines"\n\n2,x\n', "rows.csv")

    assert ["2", "5"] == [example.where.rpartition(":")[2] for example in examples]


def test_an_item_of_a_json_list_knows_its_line(tmp_path: Path) -> None:
    content = json.dumps([ROW, {**ROW, "id": "b"}], indent=2)
    examples = _read(tmp_path, content, "rows.json")

    assert ["2", "9"] == [example.where.rpartition(":")[2] for example in examples]


@pytest.mark.parametrize(("written", "read_as"), [("a", "a"), (7, "7"), (7.0, "7"), (7.5, "7.5"), (" x", " x")])
def test_an_id_becomes_text(tmp_path: Path, written: object, read_as: str) -> None:
    assert read_as == _read(tmp_path, _lines({**ROW, "id": written}))[0].id


def test_rows_without_an_id_column_are_numbered(tmp_path: Path) -> None:
    assert ["1", "2"] == [example.id for example in _read(tmp_path, _lines({"input": "x"}, {"input": "y"}))]


def test_ten_megabytes_in_one_line_are_read(tmp_path: Path) -> None:
    text = "word " * 2_000_000

    assert text == _read(tmp_path, _lines({"id": 1, "input": text}))[0].messages[0].content
    assert text == _read(tmp_path, f"id,input\n1,{text}\n", "rows.csv")[0].messages[0].content


def test_a_conversation_gives_its_last_answer_as_the_reference(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "4"}]
    example = _read(tmp_path, _lines({"id": 1, "messages": turns}), messages="messages")[0]

    assert ("4", (Message(role="user", content="2+2"),)) == (example.reference, example.messages)


def test_the_text_is_also_known_as_input(tmp_path: Path) -> None:
    example = _read(tmp_path, _lines({"id": 1, "question": "why"}), input="question")[0]

    assert "why" == example.fields["input"]


def test_rows_for_a_prompt_need_no_input(tmp_path: Path) -> None:
    assert () == _read(tmp_path, _lines({"id": 1, "question": "why"}), prompt="p")[0].messages


BAD = {
    "an empty file": ("", {}, "rows.jsonl: the file is empty"),
    "spaces alone": (" \n\n", {}, "rows.jsonl: the file is empty"),
    "broken JSON": (_lines(ROW) + '{"id": \n', {}, "rows.jsonl:2: not valid JSON"),
    "a row that is a list": ("{}\n[1]\n", {"id": "id"}, "rows.jsonl:"),
    "NaN": ('{"id": 1, "input": "x", "score": NaN}\n', {}, "rows.jsonl:1: NaN is not a value"),
    "a number too large": ('{"id": 1, "input": "x", "score": 1e999}\n', {}, "rows.jsonl:1: 1e999 is too large"),
    "a key twice": ('{"id": 1, "id": 2, "input": "x"}\n', {}, "rows.jsonl:1: the key 'id' stands twice"),
    "half a character": ('{"id": 1, "input": "\\ud800"}\n', {}, "rows.jsonl:1: half of a surrogate pair"),
    "an id twice": (_lines(ROW, ROW), {}, "rows.jsonl:2: the id 'a' already stands on line 1"),
    "ids that become the same": (
        _lines({**ROW, "id": 1}, {**ROW, "id": "1"}),
        {},
        "rows.jsonl:2: the id '1' already stands on line 1",
    ),
    "an id that is true": (_lines({**ROW, "id": True}), {}, "rows.jsonl:1: 'id' must be text or a number, not true"),
    "an id that is empty": (_lines({**ROW, "id": ""}), {}, "rows.jsonl:1: 'id' must be text"),
    "a row without input": (_lines(ROW, {"id": 2}), {}, "rows.jsonl:2: this row has no 'input'"),
    "an empty input": (_lines({**ROW, "input": "  "}), {}, "rows.jsonl:1: 'input' is empty"),
    "an input that is a number": (
        _lines({**ROW, "input": 5}),
        {},
        "rows.jsonl:1: 'input' must be text, not the number 5",
    ),
    "a missing column": (_lines(ROW), {"input": "inptu"}, "rows.jsonl: no column 'inptu'; did you mean 'input'?"),
    "a missing reference": (_lines(ROW), {"reference": "referense"}, "did you mean 'reference'?"),
    "a missing slice": (_lines(ROW), {"slices": ("langage",)}, "did you mean 'language'?"),
    "a missing cluster": (_lines(ROW), {"cluster": "docs"}, "did you mean 'doc'?"),
    "a slice that is a list": (
        _lines({**ROW, "language": []}),
        {"slices": ("language",)},
        "must be a label, not a list",
    ),
    "messages that are text": (_lines({**ROW, "m": "hi"}), {"messages": "m"}, "rows.jsonl:1: not valid JSON"),
    "messages without a user": (_lines({**ROW, "m": []}), {"messages": "m"}, "has no user's turn"),
    "an unknown role": (
        _lines({**ROW, "m": [{"role": "me", "content": "x"}]}),
        {"messages": "m"},
        "list of role and content",
    ),
    "bytes that are Latin-1": (
        _lines(ROW).encode() + b'{"id": "caf\xe9"}\n',
        {},
        "rows.jsonl:2: byte 0xE9 is not UTF-8",
    ),
    "UTF-16": (_lines(ROW).encode("utf-16"), {}, "rows.jsonl:1: the file is UTF-16"),
    "gzip": (b"\x1f\x8b" + bytes(50), {}, "rows.jsonl: the file is compressed with gzip"),
    "a NUL byte": (b'{"id": \0}\n', {}, "rows.jsonl:1: a NUL byte"),
    "deep nesting": ("[" * 100_000, {}, "nested too deeply"),
    "a list that breaks off": ('[{"id": 1, "input": "x"}', {}, "rows.jsonl:1: the list breaks off"),
    "something after the list": ('[{"id": 1, "input": "x"}]\n5', {}, "rows.jsonl:2: something stands after"),
    "an empty list": ("[]", {}, "rows.jsonl: the file has no rows"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_bad_data_is_one_sentence_with_its_place(tmp_path: Path, mistake: str) -> None:
    content, spec, said = BAD[mistake]

    assert said in _error(tmp_path, content, **spec)


BAD_CSV = {
    "a header alone": ("id,input\n", "rows.csv: the file has no rows"),
    "a short row": ("id,input\n1\n", "rows.csv:2: 1 cells under 2 columns"),
    "a long row": ("id,input\n1,x\n2,a,b\n", "rows.csv:3: 3 cells under 2 columns"),
    "two columns of one name": ("id,id\n1,2\n", "rows.csv:1: two columns are named 'id'"),
    "a quote left open": ('id,input\n1,"x\n', "rows.csv:2: not valid CSV"),
    "an empty cell": ("id,input\n1,\n", "rows.csv:2: 'input' is empty"),
}


@pytest.mark.parametrize("mistake", BAD_CSV)
def test_a_bad_csv_is_one_sentence_with_its_place(tmp_path: Path, mistake: str) -> None:
    content, said = BAD_CSV[mistake]

    assert said in _error(tmp_path, content, "rows.csv")


def test_further_bad_rows_are_counted(tmp_path: Path) -> None:
    message = _error(tmp_path, _lines(ROW, {"id": 2}, {"id": 3}, {"id": 4}))

    assert message.startswith("rows.jsonl:2: ") and message.endswith("(and 2 more bad rows: line 3, 4)")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()

    with pytest.raises(BadInput, match="this is a directory"):
        read("test", DatasetSpec(path="rows"), folder=tmp_path)


def test_a_missing_file_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "tickets.jsonl").write_text("{}")

    with pytest.raises(BadInput, match=r"no such file; did you mean 'tickets.jsonl'\?"):
        read("test", DatasetSpec(path="ticket.jsonl"), folder=tmp_path)


def test_a_cut_parquet_file_is_named(tmp_path: Path) -> None:
    assert "rows.parquet: this is not a whole Parquet file" in _error(
        tmp_path, _as_parquet(tmp_path)[:80], "rows.parquet"
    )


def test_one_object_with_its_rows_inside_is_recognised(tmp_path: Path) -> None:
    content = json.dumps({"version": 1, "data": [ROW]}, indent=1)

    assert digest(_read(tmp_path, _lines(ROW))) == digest(_read(tmp_path, content, "rows.json"))


TWO = [{**ROW, "id": "a"}, {**ROW, "id": "b", "input": "two plus three"}]
TABLES = {
    "columns": {name: {str(n): row[name] for n, row in enumerate(TWO)} for name in ROW},
    "index": {str(n): row for n, row in enumerate(TWO)},
    "split": {"columns": list(ROW), "index": [0, 1], "data": [list(row.values()) for row in TWO]},
    "lists": {name: [row[name] for row in TWO] for name in ROW},
}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("orient", TABLES)
def test_a_table_by_columns_is_read_row_by_row(orient: str, indent: int | None, tmp_path: Path) -> None:
    content = json.dumps(TABLES[orient], indent=indent)

    assert digest(_read(tmp_path, _lines(*TWO))) == digest(_read(tmp_path, content, "rows.json"))


def test_a_table_whose_columns_do_not_match_is_told_as_one(tmp_path: Path) -> None:
    content = json.dumps({"input": {"0": "a", "1": "b"}, "reference": {"0": "c"}}, indent=1)

    assert "it seems to hold columns (input, reference) whose rows do not match" in _error(
        tmp_path, content, "rows.json"
    )


def test_the_digest_does_not_depend_on_order_or_place(tmp_path: Path) -> None:
    one = _read(tmp_path, _lines(ROW, {**ROW, "id": "b"}))
    other = _read(tmp_path, _lines({**ROW, "id": "b"}, ROW), "other.jsonl")

    assert digest(one) == digest(other)


def test_the_digest_changes_with_a_word(tmp_path: Path) -> None:
    assert digest(_read(tmp_path, _lines(ROW))) != digest(_read(tmp_path, _lines({**ROW, "reference": "five"})))


words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
rows = st.lists(st.tuples(words.map(lambda word: f"q{word}"), words), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(rows=rows, newline=st.sampled_from(["\n", "\r\n"]), mark=st.booleans())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], newline: str, mark: bool
) -> None:
    folder = tmp_path_factory.mktemp("data")
    content = "".join(
        json.dumps({"id": index, "input": asked, "reference": answer}, ensure_ascii=index % 2 == 0) + newline
        for index, (asked, answer) in enumerate(rows)
    )
    examples = _read(folder, ("\ufeff" if mark else "") + content)

    assert rows == [(example.messages[0].content, example.reference) for example in examples]


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=200), name=st.sampled_from(["rows.jsonl", "rows.json", "rows.csv", "rows.parquet"]))
def test_any_bytes_are_either_read_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, name: str
) -> None:
    folder = tmp_path_factory.mktemp("data")

    with pytest.raises(BadInput) as caught:
        _read(folder, raw, name, input="a column that random bytes do not have")

    assert "\n" not in str(caught.value)


def test_two_columns_of_clusters_are_two_ways_and_a_second_way_is_part_of_the_data(tmp_path: Path) -> None:
    rows = _lines(ROW, {**ROW, "id": "b", "language": None})
    one, two = (_read(tmp_path, rows, cluster=way) for way in (("doc",), ("doc", "language")))

    assert [("7", "en"), ("7", None)] == [(example.cluster, example.crossed) for example in two]
    assert digest(one) == digest(_read(tmp_path, rows, cluster="doc")) != digest(two)


def test_rows_with_one_way_keep_the_digest_they_had(tmp_path: Path) -> None:
    example = _read(tmp_path, _lines(ROW), cluster="doc")[0]
    said = msgspec.to_builtins(msgspec.structs.replace(example, where=""))
    before = {name: value for name, value in said.items() if name != "crossed"}
    row = hashlib.sha256(msgspec.json.encode(before, order="sorted")).digest()

    assert hashlib.sha256(row).hexdigest() == digest([example])


def test_a_second_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "no column 'langage'; did you mean 'language'?" in _error(tmp_path, _lines(ROW), cluster=("doc", "langage"))
