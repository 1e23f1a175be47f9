"""What a split cannot keep apart it counts, and nothing is called clean above it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from shipworthy.cli import main
from shipworthy.data.split import read_split
from shipworthy.data.training import Options, check
from shipworthy.web.data_report import render
from tests.data_checks.corpus import asked, said

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "data.md"


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _guide(folder: Path) -> Path:
    """The rows of the guide's own example."""
    script = re.search(r"<<'PYTHON'\n(.*?)\nPYTHON", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert script is not None
    subprocess.run([sys.executable, "-c", script[1]], cwd=folder, check=True)
    return folder / "raw.jsonl"


def _prose(folder: Path) -> Path:
    rng = Random("prose")
    return _write(
        folder / "raw.jsonl", [{"prompt": asked(rng) + " " + said(rng), "completion": "ok"} for _ in range(300)]
    )


def _slots(folder: Path) -> Path:
    """Templates whose slots are words alone."""
    things = [f"{a} {b}" for a in ("red", "blue", "green", "black") for b in ("router", "tablet", "camera", "watch")]
    rows = [
        {
            "prompt": f"Please tell me in one sentence how I can send the {one} back to the {shop} shop today",
            "completion": one,
        }
        for one in things
        for shop in ("first", "second", "third", "fourth", "fifth", "sixth")
    ]
    return _write(folder / "raw.jsonl", rows)


def _split(folder: Path, *more: str) -> dict[str, int]:
    assert 0 == main(["data", "split", str(folder / "raw.jsonl"), "--out", str(folder / "parts"), *more])
    return read_split(folder / "parts").twins


def test_the_guide_shows_what_its_example_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _guide(tmp_path)
    twins = _split(tmp_path)
    note = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("Note: "))

    assert {"test": 63} == twins
    assert note in GUIDE.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("made", [_slots, _guide])
def test_near_twins_across_the_cut_are_counted(made: Callable[[Path], Path], tmp_path: Path) -> None:
    made(tmp_path)
    twins = _split(tmp_path, "--validation", "0.2")
    have = {part.name: part.rows for part in read_split(tmp_path / "parts").parts}

    assert {"test": have["test"], "validation": have["validation"]} == twins


def test_folds_are_counted_by_the_first(tmp_path: Path) -> None:
    _slots(tmp_path)

    assert ["fold-1"] == list(_split(tmp_path, "--folds", "4"))


def test_rows_of_their_own_have_no_twins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _prose(tmp_path)

    assert {} == _split(tmp_path)
    assert "near twin" not in capsys.readouterr().out


def test_a_group_of_each_template_leaves_none(tmp_path: Path) -> None:
    path = _guide(tmp_path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    _write(path, [{**row, "intent": json.loads(row["completion"])["intent"]} for row in rows])

    assert {} == _split(tmp_path, "--group", "intent", "--test", "0.3")


# --- The check ---


@pytest.mark.parametrize(("made", "named"), [(_guide, True), (_prose, False)])
def test_a_set_made_from_templates_is_named(made: Callable[[Path], Path], named: bool, tmp_path: Path) -> None:
    report = check([str(made(tmp_path))], Options(only=("template_made",)))

    assert named == ("template_made" in {one.code for one in report.findings})


def test_the_same_row_again_is_no_template(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "raw.jsonl", [{"prompt": f"Question {'abc'[at % 3]} 7?", "completion": "x"} for at in range(90)]
    )

    assert () == check([str(path)], Options(only=("template_made",))).findings


def test_nothing_is_clean_above_near_twins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _guide(tmp_path)
    _split(tmp_path)
    page = tmp_path / "check.html"
    parts = tmp_path / "parts"
    words = ["data", "check", str(parts / "train.jsonl"), "--against", str(parts / "test.jsonl")]
    code = main([*words, "--skip", "template_made", "-o", str(page), "-o", str(page.with_suffix(".md"))])
    shown = capsys.readouterr().out + page.read_text("utf-8") + page.with_suffix(".md").read_text("utf-8")

    assert 0 == code
    assert "63 look_at_it" in shown
    assert re.search(r"\bclean\b", shown, re.IGNORECASE) is None


def test_a_report_without_matches_is_clean(tmp_path: Path) -> None:
    report = check([str(_prose(tmp_path))], Options(only=("repeats",)))

    assert "CLEAN" in render(report, "md")
    assert () == msgspec.structs.replace(report, leakage=()).findings
