"""Finished runs for tests: made by the main job itself, on recorded answers."""

import json
from datetime import UTC, datetime
from pathlib import Path

from shipworthy.evaluation import main_job
from shipworthy.store import RunFolder
from shipworthy.store.ledger import Ledger

NOW = datetime(2026, 1, 1, tzinfo=UTC)
N = 200
RIGHT = {"promote": 180, "block": 100, "sign_off": 180}
PROTOCOL = """
shipworthy: 1
name: Support desk
datasets:
  tickets: {path: tickets.jsonl}
models:
  old: {role: production, path: old.jsonl}
  new: {role: candidate, path: new.jsonl}
metrics:
  exact: {dataset: tickets, metric: exact_match}
gates:
  - {metric: exact, margin: 0.1, baseline: old}
"""
SOFT = "  - {metric: exact, at_least: 0.99, level: soft}\n"


def finished(folder: Path, home: Path, *, verdict: str = "promote", run: str = "run") -> RunFolder:
    """A sealed run in `folder / run` whose verdict is `verdict`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": str(i), "input": f"question {i}", "reference": f"yes {i}"} for i in range(N)]
    (folder / "tickets.jsonl").write_text(_lines(rows))
    (folder / "old.jsonl").write_text(_lines(_answers(160)))
    (folder / "new.jsonl").write_text(_lines(_answers(RIGHT[verdict])))
    path = folder / "shipworthy.yaml"
    path.write_text(PROTOCOL + (SOFT if verdict == "sign_off" else ""))
    within = main_job.Surroundings(ledger=Ledger(home), now=lambda: NOW)
    decided = main_job.run(path, out=folder / run, within=within)
    assert decided.verdict == verdict, decided.reasons
    return RunFolder.open(folder / run)


def _answers(right: int) -> list[dict[str, str]]:
    return [{"example_id": str(i), "text": f"yes {i}" if i < right else "no"} for i in range(N)]


def _lines(rows: list[dict[str, str]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
