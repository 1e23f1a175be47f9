"""`shipworthy watch`, `shipworthy suite` and `shipworthy run --on`, from the command line."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.store import RunFolder

PROTOCOL = """
shipworthy: 1
name: commands
datasets:
  golden: {path: d.jsonl, role: golden}
  night: {path: d.jsonl, on: [nightly]}
models:
  new: {role: candidate, path: NEW}
  old: {role: production, path: old.jsonl}
suites:
  typos: {suite: robustness, of: golden, on: [weekly], options: {kinds: [typo]}}
  again: {suite: regression, of: golden, on: [commit]}
metrics:
  gold: {dataset: golden, metric: exact_match}
  dark: {dataset: night, metric: exact_match}
  drop: {dataset: typos}
  again_ok: {dataset: again, metric: exact_match}
gates:
  - {metric: gold, baseline: old, margin: 0.1}
  - {metric: dark, at_least: 0.9}
  - {metric: drop, at_most: 0.9}
  - {metric: again_ok, at_least: 0.9}
follow_ups: {block: [save_failures], promote: []}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    rows = [
        {"id": f"q{at}", "input": f"Which parcel is number {at}?", "reference": f"parcel {at}"} for at in range(120)
    ]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for name, right in (("good", 120), ("bad", 40), ("old", 112)):
        said = [(f"q{at}", f"parcel {at}" if at < right else "?") for at in range(120)]
        asked = {"golden": said, "night": said, "again": said}
        asked["typos"] = [*said, *((f"{id}~typo", text) for id, text in said)]
        lines = [
            {"dataset": dataset, "example_id": id, "text": text}
            for dataset, answers in asked.items()
            for id, text in answers
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def promised(folder: Path, model: str) -> str:
    (folder / "p.yaml").write_text(PROTOCOL.replace("NEW", f"{model}.jsonl"))
    return "p.yaml"


def measured(run: str) -> set[str]:
    with RunFolder.open(Path(run)) as found:
        return set(found.manifest.protocol["metrics"])


@pytest.mark.parametrize(
    ("when", "expected"),
    [("commit", {"gold"}), ("nightly", {"gold", "dark"}), ("weekly", {"gold", "drop"}), ("checkpoint", {"gold"})],
)
def test_a_run_on_an_occasion_measures_what_is_for_it(folder: Path, when: str, expected: set[str]) -> None:
    assert 0 == main(["run", promised(folder, "good"), "--on", when, "--out", "r", "--quiet"])
    assert expected == measured("r")


def test_a_run_on_no_occasion_measures_everything_that_has_rows(folder: Path) -> None:
    assert 0 == main(["run", promised(folder, "good"), "--out", "r", "--quiet"])
    assert {"gold", "dark", "drop"} == measured("r")


def test_what_was_lost_on_one_day_is_a_case_on_the_next(folder: Path) -> None:
    bad, good = promised(folder, "bad"), "good"

    assert 10 == main(["run", bad, "--on", "commit", "--out", "runs/1", "--quiet"])
    assert 0 == main(["run", promised(folder, good), "--on", "commit", "--out", "runs/2", "--quiet"])
    with RunFolder.open(Path("runs/2")) as found:
        assert {"gold", "again_ok"} == set(found.manifest.protocol["metrics"])
        assert 0 < sum(one.dataset == "again" for one in found.examples()) <= 80


def test_a_golden_set_is_compared_across_versions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", promised(folder, "bad"), "--on", "checkpoint", "--out", "one", "--quiet"])
    main(["run", promised(folder, "good"), "--on", "checkpoint", "--out", "two", "--quiet"])
    capsys.readouterr()

    assert 0 == main(["suite", "history", "one", "two", "--metric", "gold"])
    said = capsys.readouterr().out
    assert "one: 40 of 120 cases pass\ntwo: 120 of 120 cases pass" in said
    assert 80 == said.count("FAIL → pass")


def test_the_rows_of_a_suite_can_be_written_and_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["suite", "rows", "typos", promised(folder, "good"), "-o", "rows.jsonl"])
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]

    assert ["q0", "q0~typo"] == [row["id"] for row in rows[:2]]
    assert 2 == main(["suite", "rows", "nothing", "p.yaml"])
    assert "it has: typos, again" in capsys.readouterr().err


def test_every_suite_is_listed_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["suite", "list", "--json"])
    said = json.loads(capsys.readouterr().out)

    assert {"golden", "regression", "unit", "integration", "safety", "robustness", "stress", "few_shot"} < set(said)
    assert all(said.values())


def test_nothing_to_watch_is_said_and_is_no_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()

    assert 0 == main(["watch", "out", "--protocol", promised(folder, "good"), "--once"])
    assert "No new checkpoint below out" in capsys.readouterr().out
    assert 2 == main(["watch", "nowhere", "--protocol", "p.yaml", "--once"])


@pytest.mark.parametrize("port", [[], ["--port", "0"]])
def test_ctrl_c_ends_watching_cleanly(folder: Path, port: list[str]) -> None:
    Path("out").mkdir()
    command = [sys.executable, "-m", "shipworthy", "watch", "out", "--protocol", promised(folder, "good"), *port]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert watcher.stdout is not None
    if port:
        url = re.search(r"http://127\.0\.0\.1:\d+", watcher.stdout.readline())
        assert url is not None
        with urllib.request.urlopen(f"{url[0]}/health") as response:
            assert {"status": "ok"} == json.load(response)
    else:
        assert watcher.stderr is not None and "Watching out" in watcher.stderr.readline()
    watcher.send_signal(signal.SIGINT)
    _, error = watcher.communicate(timeout=20)

    assert (0, True) == (watcher.returncode, "stopped" in error)
    assert "Traceback" not in error
