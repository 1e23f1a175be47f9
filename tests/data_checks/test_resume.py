"""A check that was stopped goes on: its report is that of an undisturbed one, and no dear look is repeated."""

import functools
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from shipworthy.cli import main
from shipworthy.data.training import DataReport, Options, check
from shipworthy.data.training.memory import Memory
from tests.data_checks.corpus import asked, said

tokenizers = pytest.importorskip("tokenizers")

ROWS = 40
ONLY = ("template", "repeats")
PLAIN = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% if loop.index % 5 %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CHILD = """
import os, signal, sys
from pathlib import Path
from shipworthy.data.training import Options, check
from shipworthy.data.training.memory import Memory
data, tokenizer, memory, after = sys.argv[1:]
options = Options(tokenizer=tokenizer, max_length=200, only=('template', 'repeats'))
seen = []
def progress(path, done, total):
    seen.append(done)
    if len(seen) == int(after):
        os.kill(os.getpid(), signal.SIGKILL)
check([data], options, progress=progress, memory=Memory(Path(memory), options, resume=False))
"""


@functools.cache
def lines() -> str:
    """Several chunks of rows: long ones, so that a chunk has few; words that the tokenizer does not know; copies."""
    rng = Random("resume")
    rows = [
        {
            "prompt": asked(rng) if i % 9 else "Again?",
            "completion": f"{said(rng)} x {'x' * (1 << 15)}" + (" x" * 200 if i % 7 == 3 else ""),
        }
        for i in range(ROWS)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text(lines(), encoding="utf-8")
    return path


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """Knows one word; with its template a stop token is missing behind every fifth turn."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({"x": 0, "<unk>": 1, "<|end|>": 2}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s+"), "removed")
    made.add_special_tokens(["<|end|>"])
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    made.save(str(folder / "tokenizer.json"))
    config = {"eos_token": "<|end|>", "unk_token": "<unk>", "chat_template": PLAIN}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def looks(path: Path) -> int:
    """Looks that lie in the memory."""
    return sum(bool(line.strip()) for line in path.read_bytes().split(b"\n")) if path.exists() else 0


def same(ours: DataReport, theirs: DataReport) -> bool:
    return msgspec.json.encode(ours) == msgspec.json.encode(theirs)


def test_a_check_that_is_killed_goes_on_and_ends_as_if_it_had_not_been(
    data: Path, tokenizer: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "memory.jsonl"
    words = [sys.executable, "-c", CHILD, str(data), str(tokenizer), str(kept), "3"]
    code = subprocess.run(words, check=False).returncode
    before = looks(kept)
    options = Options(only=ONLY, tokenizer=str(tokenizer), max_length=200)
    memory = Memory(kept, options, resume=True)
    resumed = check([str(data)], options, memory=memory)
    whole = check([str(data)], options)

    assert (-signal.SIGKILL, before) == (code, memory.recalled)
    assert 2 <= before < looks(kept)
    assert same(whole, resumed)
    assert {"unknown_token", "truncated"} <= {found.code for found in whole.findings}


@pytest.mark.parametrize("examples", [0, 1, 5, 1_000])
def test_a_report_from_memory_is_the_report_from_the_rows(
    examples: int, data: Path, tokenizer: Path, tmp_path: Path
) -> None:
    options = Options(only=ONLY, tokenizer=str(tokenizer), max_length=200, examples=examples)
    first = check([str(data)], options, memory=Memory(tmp_path / "m.jsonl", options, resume=False))
    memory = Memory(tmp_path / "m.jsonl", options, resume=True)
    again = check([str(data)], options, memory=memory)

    assert same(first, again) and same(first, check([str(data)], options))
    assert looks(tmp_path / "m.jsonl") == memory.recalled > 2


def test_only_unchanged_rows_are_remembered(data: Path, tokenizer: Path, tmp_path: Path) -> None:
    kept, options = tmp_path / "m.jsonl", Options(only=ONLY, tokenizer=str(tokenizer))
    check([str(data)], options, memory=Memory(kept, options, resume=False))
    total = looks(kept)
    text = data.read_text(encoding="utf-8")
    data.write_text(text[:-10] + text[-10:].replace("x", "y"), encoding="utf-8")
    memory = Memory(kept, options, resume=True)
    changed = check([str(data)], options, memory=memory)

    assert total - 1 == memory.recalled
    assert same(check([str(data)], options), changed)


@pytest.mark.parametrize("change", ["template", "max_length", "examples"])
def test_another_template_or_option_remembers_nothing(change: str, data: Path, tokenizer: Path, tmp_path: Path) -> None:
    kept, options = tmp_path / "m.jsonl", Options(only=ONLY, tokenizer=str(tokenizer))
    check([str(data)], options, memory=Memory(kept, options, resume=False))
    if change == "template":
        (tokenizer / "chat_template.jinja").write_text(PLAIN + " ", encoding="utf-8")
    else:
        options = msgspec.structs.replace(options, **{change: 3})
    memory = Memory(kept, options, resume=True)
    report = check([str(data)], options, memory=memory)

    assert 0 == memory.recalled
    assert same(check([str(data)], options), report)


def test_a_torn_or_foreign_line_is_looked_at_again(data: Path, tokenizer: Path, tmp_path: Path) -> None:
    kept, options = tmp_path / "m.jsonl", Options(only=ONLY, tokenizer=str(tokenizer))
    check([str(data)], options, memory=Memory(kept, options, resume=False))
    lines = [line for line in kept.read_bytes().split(b"\n") if line]
    kept.write_bytes(b"\n".join([b'{"key": 1}', b"\xff\xfe", *lines[1:-1], lines[-1][:-9]]))
    memory = Memory(kept, options, resume=True)
    check([str(data)], options, memory=memory)
    once_more = Memory(kept, options, resume=True)
    check([str(data)], options, memory=once_more)

    assert (len(lines) - 2, len(lines)) == (memory.recalled, once_more.recalled)


def test_queries_that_ran_are_not_run_again(tmp_path: Path) -> None:
    base, path = tmp_path / "shop.sqlite", tmp_path / "sql.jsonl"
    with sqlite3.connect(base) as made:
        made.execute("CREATE TABLE items (name TEXT)")
    made.close()
    queries = ["SELECT name FROM items", "SELECT price FROM items", "SELEC 1"] * 10
    rows: list[dict[str, Any]] = [{"question": f"Which, {i}?", "sql": query} for i, query in enumerate(queries)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    options = Options(database=str(base))
    first = check([str(path)], options, memory=Memory(tmp_path / "m.jsonl", options, resume=False))
    memory = Memory(tmp_path / "m.jsonl", options, resume=True)

    assert same(first, check([str(path)], options, memory=memory))
    assert (1, 10, 10) == (memory.recalled, first.count("sql_does_not_run"), first.count("sql_does_not_parse"))


# --- The command -----------------------------------------------------------------------------------------------------


def test_the_command_keeps_what_it_looked_at_until_it_has_ended(
    data: Path, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    broken = tmp_path / "z.jsonl"
    broken.write_text("", encoding="utf-8")
    words = [
        "data",
        "check",
        str(data),
        str(broken),
        "--tokenizer",
        str(tokenizer),
        "--quiet",
        "--json",
        "--only=template",
    ]

    assert 2 == main(words)
    (kept,) = (tmp_path / "home" / "checks").iterdir()
    looked = looks(kept)
    broken.write_text(json.dumps({"prompt": "a", "completion": "b"}) + "\n", encoding="utf-8")
    capsys.readouterr()

    main([*words, "--resume"])
    resumed = capsys.readouterr().out
    main(words)
    assert capsys.readouterr().out == resumed
    assert looked > 2
    assert [] == list((tmp_path / "home" / "checks").iterdir())


def test_a_check_ends_where_nothing_can_be_kept_and_says_so(
    data: Path, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    code = main(["data", "check", str(data), "--tokenizer", str(tokenizer), "--max-length", "9", "--only=template"])

    assert 10 == code
    assert "nothing was kept for --resume" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_stops_no_check(data: Path, tokenizer: Path) -> None:
    options = Options(only=ONLY, tokenizer=str(tokenizer))
    memory = Memory(Path("/dev/full"), options, resume=False)

    assert same(check([str(data)], options), check([str(data)], options, memory=memory))
    assert memory.lost is not None and "disk is full" in memory.lost


def test_a_report_that_cannot_be_written_was_printed_and_costs_no_second_look(
    data: Path, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    words = ["data", "check", str(data), "--tokenizer", str(tokenizer), "--only=template", "--quiet"]
    name = "x" * 250 + ".html"  # its temporary file has a longer name than a folder takes

    assert 2 == main([*words, "-o", str(tmp_path / name)])
    assert f"{ROWS} rows" in capsys.readouterr().out
    (kept,) = (tmp_path / "home" / "checks").iterdir()
    assert looks(kept) > 2
