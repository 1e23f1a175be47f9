import json
from hashlib import sha256
from pathlib import Path

import pytest

from shipworthy.errors import BadInput
from shipworthy.training.rows import read_rows

USER, ASSISTANT = {"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}


def _file(folder: Path, *lines: str) -> str:
    path = folder / "rows.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return str(path)


def test_three_ways_to_write_a_row_mean_the_same(tmp_path: Path) -> None:
    ways = (
        {"prompt": [USER], "completion": [ASSISTANT]},
        {"prompt": "1+1?", "completion": "2"},
        {"messages": [USER, ASSISTANT]},
    )
    rows, _ = read_rows(_file(tmp_path, *map(json.dumps, ways)), preference=False)

    assert rows[0] == rows[1] == rows[2]
    assert "2" == rows[0].completion[0].content


def test_preference_rows_have_two_completions(tmp_path: Path) -> None:
    rows, _ = read_rows(
        _file(tmp_path, json.dumps({"prompt": "1+1?", "chosen": "2", "rejected": "3"})), preference=True
    )

    assert rows[0].rejected is not None
    assert "3" == rows[0].rejected[0].content


def test_a_file_is_known_by_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path = _file(tmp_path, json.dumps({"prompt": "a", "completion": "b"}), "")
    _, file = read_rows(path, preference=False)

    assert (sha256(Path(path).read_bytes()).hexdigest(), 1) == (file.sha256, file.rows)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not valid JSON"),
        ('{"prompt": "a", "completion": NaN}', "NaN"),
        ('{"prompt": "a", "prompt": "b", "completion": "c"}', "prompt"),
        ('{"prompt": "a", "completion": "\\ud800"}', "surrogate"),
        ("[1]", "a JSON object"),
        ('{"prompt": "a"}', "no 'completion'; it has prompt"),
        ('{"prompt": "a", "completion": 3}', "not a conversation"),
        ('{"prompt": [], "completion": "b"}', "needs a prompt"),
        ('{"messages": [{"role": "user", "content": "a"}]}', "needs a prompt"),
        ('{"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "a"}]}', "the assistant's"),
        ('{"prompt": [{"role": "wizard", "content": "a"}], "completion": "b"}', "wizard"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = _file(tmp_path, json.dumps({"prompt": "a", "completion": "b"}), line)

    with pytest.raises(BadInput, match=r"rows\.jsonl:2: ") as caught:
        read_rows(path, preference=False)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_or_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes(b'{"prompt": "\xe9"}\n')

    for path in (_file(tmp_path), str(tmp_path), str(tmp_path / "none"), str(tmp_path / "latin.jsonl")):
        with pytest.raises(BadInput, match=r"holds no row|cannot be read|is not UTF-8"):
            read_rows(path, preference=False)


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\u0085"])
def test_what_only_looks_like_the_end_of_a_line_stays_in_its_row(tmp_path: Path, end: str) -> None:
    """JSON allows these characters inside a text, unescaped; only a newline ends a row of JSONL."""
    texts = [f"one{end}two", "three"]
    lines = (json.dumps({"prompt": text, "completion": text}, ensure_ascii=False) for text in texts)
    rows, file = read_rows(_file(tmp_path, *lines), preference=False)

    assert texts == [row.prompt[0].content for row in rows]
    assert 2 == file.rows


def test_rows_of_windows_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"prompt": "a", "completion": "b"}\r\n\r\n' * 2)

    assert 2 == read_rows(str(path), preference=False)[1].rows


def test_a_wrong_byte_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"prompt": "a", "completion": "b"}\n{"prompt": "caf\xe9", "completion": "b"}\n')

    with pytest.raises(BadInput, match=r"rows\.jsonl:2: byte 0xE9 at column 16 is not UTF-8"):
        read_rows(str(path), preference=False)
