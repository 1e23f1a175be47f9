"""What reaches a terminal: no name, label or path of others acts on it, and no letter is too much for it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.cli._plain import plain
from shipworthy.web._rows import telling

EVIL = "\x1b[31mred\x1b]0;mine\x07\r\nnext\u202e"


@pytest.mark.parametrize("text", ["déjà vu", "שלום", "👩‍🚀", "a\u200cb", "e\u0301"])
def test_letters_of_any_script_stay_as_they_are(text: str) -> None:
    assert text == plain(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u202eb", "a\\u202eb"),
        ("\x9b1m", "\\x9b1m"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_acts_on_a_terminal_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert shown == plain(text)


def test_names_of_others_do_not_act_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"example_id": f"{at}{EVIL}", EVIL: at % 3 > 0, "b": at % 2, "s": f"{EVIL}{at % 2}"} for at in range(80)]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, rows)))

    main(
        ["compare", str(tmp_path / "r.jsonl"), "--candidate", EVIL, "--baseline", "b", "--slice", "s", "--gate-slices"]
    )

    out, _ = capsys.readouterr()
    assert "\\x1b[31mred" in out
    assert not set("\x1b\r\x07\u202e") & set(out)
    assert not [line for line in out.splitlines() if line.startswith("next")]


def test_a_terminal_without_these_letters_gets_escapes(tmp_path: Path) -> None:
    rows = "".join(f"{at},1,{at % 2}\n" for at in range(9))
    (tmp_path / "r.csv").write_text(f"example_id,größe,b\n{rows}", encoding="utf-8")
    words = ["compare", str(tmp_path / "r.csv"), "--candidate", "größe", "--baseline", "b"]
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run([sys.executable, "-m", "shipworthy", *words], env=environ, capture_output=True)

    assert (12, b"") == (done.returncode, done.stderr)
    assert b"gr\\xf6\\xdfe against b" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "r.csv", "--candidate", "a", "--baseline", "b", "--margin", "wide"], "'wide' is no margin"),
        (["compare", "r.csv", "--candidate", "a", "--baseline", "b", "--margin", "1e300"], "it is beyond 1e+100"),
        (["validate", "--\x1b[31m"], "--\\x1b[31m"),
        (["gate", "r", "--sign-off", "--expires", "9999-12-31T23:59:59-14:00"], "is no end: write 30d"),
    ],
)
def test_a_wrong_option_is_one_plain_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)

    err = capsys.readouterr().err
    assert (1, True) == (err.count("\n"), said in err)


FAILING = (
    "from shipworthy.errors import Refused\n\n\ndef tell(folder, verdict):\n    raise Refused('nobody is there')\n"
)


def test_a_follow_up_that_fails_hides_no_verdict(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first / "mine.py").write_text(FAILING)
    path = first / "shipworthy.yaml"
    path.write_text(path.read_text().replace("gates:\n", 'follow_ups: {block: ["mine.py:tell"]}\ngates:\n', 1))
    capsys.readouterr()

    code = main(["run", "--json"])

    out, err = capsys.readouterr()
    assert (10, "block") == (code, json.loads(out)["verdict"])
    assert "a follow-up failed after the verdict: nobody is there" in err


def _shell(command: str, *, cwd: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    program = f'"{sys.executable}" -m shipworthy'
    words = ["bash", "-c", command.replace("shipworthy", program, 1)]
    return subprocess.run(words, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True)


@pytest.mark.parametrize("command", ["--help", "release list", "validate"])
def test_a_closed_stdout_swallows_the_result_and_nothing_else(command: str, first: Path) -> None:
    done = _shell(f"shipworthy {command} >&-", cwd=first)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["--help", "release list", "validate"])
def test_a_full_disk_under_stdout_is_one_sentence(command: str, first: Path) -> None:
    done = _shell(f"shipworthy {command} >/dev/full", cwd=first)

    assert (2, 1) == (done.returncode, done.stderr.count("\n")), done.stderr
    assert "the disk is full" in done.stderr


def test_a_reader_that_leaves_the_help_is_no_error(first: Path) -> None:
    left, right = os.pipe()
    os.close(left)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "shipworthy", "--help"], cwd=first, stdout=right, stderr=subprocess.PIPE
        )
    finally:
        os.close(right)

    assert (141, b"") == (done.returncode, done.stderr)


def test_a_name_that_is_not_utf_8_is_refused_before_anything_is_written(first: Path) -> None:
    done = _shell("shipworthy run --out $'runs\\xff'", cwd=first)

    assert (2, 1) == (done.returncode, done.stderr.count("\n")), done.stderr
    assert "runs\\udcff: this is not UTF-8" in done.stderr
    assert not [path for path in first.iterdir() if path.name.startswith("runs")]


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("SHIPWORTHY_PURPOSE", "tuning", "SHIPWORTHY_PURPOSE: 'tuning' is none of decide, tune"),
        ("SHIPWORTHY_ON", "daily", "SHIPWORTHY_ON: 'daily' is none of commit, "),
        ("SHIPWORTHY_HOME", "~no_such_user/here", "set SHIPWORTHY_HOME to a whole path"),
    ],
)
def test_a_wrong_setting_in_the_environment_is_refused(variable: str, value: str, says: str, first: Path) -> None:
    done = _shell("shipworthy run --quiet", cwd=first, **{variable: value})

    assert (2, True, 1) == (done.returncode, says in done.stderr, done.stderr.count("\n")), done.stderr
    assert not (first / "runs").exists()


@pytest.mark.parametrize("where", ["file", "file/below", "n" * 300])
@pytest.mark.parametrize("command", ["init {}", "run --quiet --out {}"])
def test_a_folder_that_cannot_be_made_is_one_sentence(
    command: str, where: str, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first / "file").write_text("")
    capsys.readouterr()

    code = main(command.format(where).split())

    assert (2, "", 1) == (code, *_said(capsys))


def _said(capsys: pytest.CaptureFixture[str]) -> tuple[str, int]:
    out, err = capsys.readouterr()
    return out, err.count("\n")


def test_init_that_fails_takes_its_folders_back(first: Path) -> None:
    done = _shell("ulimit -f 1; shipworthy init new", cwd=first)

    assert 2 == done.returncode, done.stderr
    assert not (first / "new").exists()


def test_a_command_to_copy_quotes_its_path(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--quiet", "--out", "it's mine"])

    assert "Next: open 'it'\"'\"'s mine/report.html'" in capsys.readouterr().out


def test_what_is_only_watched_does_not_bury_what_decides() -> None:
    watched = [f"WATCH slice {at}" for at in range(112)]

    shown, more = telling(["FAIL a", *watched, "passed: b"])

    assert ["FAIL a", "passed: b", *watched[:3]] == shown
    assert 109 == more


def test_a_report_of_a_cut_run_names_the_missing_example(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--quiet", "--out", "r"])
    rows = (first / "r" / "examples.jsonl").read_text().splitlines(keepends=True)
    (first / "r" / "examples.jsonl").write_text("".join(rows[:1]))
    capsys.readouterr()

    code = main(["report", "r", "-o", "cut.html"])

    err = capsys.readouterr().err
    assert (2, 1) == (code, err.count("\n"))
    assert "r/examples.jsonl: example '" in err
    assert not (first / "cut.html").exists()
