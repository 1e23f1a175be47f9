"""What reaches a terminal: no name, label or path of others acts on it, and no letter is too much for it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.cli._plain import plain

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
        (["compare", "r.csv", "--candidate", "a", "--baseline", "b", "--margin", "wide"], "'wide' is not a margin"),
        (["compare", "r.csv", "--candidate", "a", "--baseline", "b", "--margin", "1e300"], "'1e300' is not a margin"),
        (["validate", "--\x1b[31m"], "--\\x1b[31m"),
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
