"""The ledger keeps its chain whatever processes, crashes and editors do to it."""

import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shipworthy.errors import BadInput, IntegrityError, Refused
from shipworthy.store.ledger import Anchor, Entry, Ledger

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def filled(folder: Path, n: int = 8) -> Ledger:
    ledger = Ledger(folder)
    for i in range(n):
        ledger.append("run.sealed", f"run-{i}", "ada", {"n": i, "share": 0.1 + i, "text": "ü" * 50}, now=NOW)
    return ledger


def test_entries_come_back_chained_and_in_order(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    entries = ledger.entries()

    assert list(range(1, 9)) == [entry.index for entry in entries]
    assert [entry.hash for entry in entries[:-1]] == [entry.previous for entry in entries[1:]]
    assert {"n": 3, "share": 3.1, "text": "ü" * 50} == entries[3].payload
    assert "2026-01-01T00:00:00.000Z" == entries[0].time
    assert [entries[3]] == ledger.entries(kind="run.sealed", subject="run-3")
    assert ledger.verify() is None


def test_a_ledger_that_never_was_is_whole_and_empty(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "nowhere")

    assert ledger.verify() is None
    assert [] == ledger.entries()
    assert ledger.holds(ledger.anchor())


def test_rows_refuse_to_be_updated_or_deleted(tmp_path: Path) -> None:
    filled(tmp_path)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        for statement in ("UPDATE entry SET actor = 'eve'", "DELETE FROM entry"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    db.close()


@pytest.mark.parametrize("file", ["ledger.sqlite", "ledger.head"])
def test_every_single_byte_mutation_is_found(tmp_path: Path, file: str) -> None:
    ledger = filled(tmp_path)
    path, rng = tmp_path / file, random.Random(7)
    whole = path.read_bytes()
    missed = []
    for _ in range(100):
        at, flip = rng.randrange(len(whole)), rng.randrange(1, 256)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
        if ledger.verify() is None:
            missed.append((at, flip))
    path.write_bytes(whole)

    assert [] == missed
    assert ledger.verify() is None


def edit(folder: Path, *statements: str) -> None:
    db = sqlite3.connect(folder / "ledger.sqlite")
    db.execute("DROP TRIGGER entry_is_not_updated")
    db.execute("DROP TRIGGER entry_is_not_deleted")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET actor = 'eve' WHERE idx = 4",
        "UPDATE entry SET payload = '{\"n\": 3}' WHERE idx = 4",
        "UPDATE entry SET time = '2025-01-01T00:00:00.000Z' WHERE idx = 4",
        "DELETE FROM entry WHERE idx = 4",
    ],
)
def test_an_edited_entry_is_named_even_when_the_head_is_made_to_fit(tmp_path: Path, statement: str) -> None:
    from shipworthy.store import digests

    ledger = filled(tmp_path)
    edit(tmp_path, statement)
    restore_triggers(tmp_path)
    head = (tmp_path / "ledger.head").read_text().split('"file_sha256":"')
    (tmp_path / "ledger.head").write_text(
        head[0] + '"file_sha256":"' + digests.of_file(tmp_path / "ledger.sqlite") + head[1][64:]
    )
    broken = ledger.verify()

    assert broken is not None
    assert 4 == broken.index


def restore_triggers(folder: Path) -> None:
    from shipworthy.store import ledger as module

    db = sqlite3.connect(folder / "ledger.sqlite")
    for statement in module._SCHEMA[1:]:
        db.execute(statement)
    db.commit()
    db.close()


def test_a_cut_tail_is_found_and_nothing_is_added_to_it(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    edit(tmp_path, "DELETE FROM entry WHERE idx >= 7")
    restore_triggers(tmp_path)
    broken = ledger.verify()

    assert broken is not None
    assert (7, True) == (broken.index, "ends with entry 8" in broken.because)
    with pytest.raises(IntegrityError, match="cut or edited"):
        ledger.append("x.y", "s", "a", {}, now=NOW)


def test_a_ledger_cut_together_with_its_head_is_found_by_an_anchor(tmp_path: Path) -> None:
    short = filled(tmp_path / "short", 5)
    long = filled(tmp_path / "long", 8)

    assert long.holds(short.anchor())
    assert not short.holds(long.anchor())
    assert not long.holds(Anchor(index=8, hash="0" * 64))


def test_missing_files_are_found(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    head = (tmp_path / "ledger.head").read_bytes()
    (tmp_path / "ledger.head").unlink()
    without_head = ledger.verify()
    (tmp_path / "ledger.head").write_bytes(head)
    (tmp_path / "ledger.sqlite").unlink()
    without_file = ledger.verify()

    assert without_head is not None and "ledger.head is missing" in without_head.because
    assert without_file is not None and "ledger.sqlite is missing" in without_file.because


def test_a_check_that_refuses_keeps_the_entry_out(tmp_path: Path) -> None:
    ledger = filled(tmp_path)

    def refuse(about: object) -> None:
        assert isinstance(about, list)
        raise Refused(f"{len(about)} already")

    with pytest.raises(Refused, match="1 already"):
        ledger.append("x.y", "run-2", "a", {}, now=NOW, check=refuse)

    assert 8 == ledger.anchor().index
    assert ledger.verify() is None


APPENDER = """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path
    from shipworthy.store.ledger import Ledger
    ledger = Ledger(Path(sys.argv[1]))
    for i in range(int(sys.argv[2])):
        ledger.append("run.sealed", f"{sys.argv[3]}-{i}", "ada", {"pad": "x" * 300}, now=datetime.now(UTC))
        if i == 3:
            print("going", flush=True)
"""


def appender(folder: Path, n: int, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", textwrap.dedent(APPENDER), str(folder), str(n), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_append_at_once_keep_one_chain(tmp_path: Path) -> None:
    writers = [appender(tmp_path, 15, name) for name in "abc"]
    codes = [writer.wait() for writer in writers]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
    ledger = Ledger(tmp_path)

    assert [0, 0, 0] == codes
    assert 45 == len({entry.subject for entry in ledger.entries()})
    assert ledger.verify() is None


def test_kill_9_during_appends_breaks_nothing_and_loses_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    seen: list[Entry] = []
    for round_ in range(6):
        writer = appender(tmp_path, 10**6, f"w{round_}")
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(timeout=0.003 * round_)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        entries = ledger.entries()

        assert ledger.verify() is None
        assert seen == entries[: len(seen)]
        assert len(entries) >= len(seen) + 4
        seen = entries

    ledger.append("x.y", "after", "ada", {}, now=NOW)

    assert ledger.verify() is None


@pytest.mark.parametrize("step", ["before the commit", "after the commit"])
def test_an_append_cut_off_at_any_step_is_settled_by_the_next(tmp_path: Path, step: str) -> None:
    ledger = filled(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    entry = ledger.append("x.y", "s", "ada", {}, now=NOW)
    if step == "before the commit":
        (tmp_path / "ledger.sqlite").write_bytes(before["ledger.sqlite"])
    pending = f'"pending":{{"hash":"{entry.hash}","index":{entry.index}}}'
    (tmp_path / "ledger.head").write_text(before["ledger.head"].decode().replace('"pending":null', pending))

    assert ledger.verify() is None

    ledger.append("x.y", "s", "ada", {}, now=NOW)

    assert ledger.verify() is None


def test_a_ledger_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()

    with pytest.raises(BadInput, match="cannot be opened"):
        Ledger(tmp_path).append("x.y", "s", "a", {}, now=NOW)
