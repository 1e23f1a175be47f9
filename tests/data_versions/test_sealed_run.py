"""What `data seal` seals is what a run of any protocol looks at."""

import json
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.errors import Refused
from shipworthy.evaluation.main_job import Surroundings, run
from shipworthy.store.ledger import Ledger
from shipworthy.store.seals import looks

PROTOCOL = """
shipworthy: 1
name: {name}
datasets:
  {dataset}: {{path: rows.jsonl, input: question, reference: answer}}
models:
  new: {{role: candidate, path: answers.jsonl}}
  old: {{role: production, path: answers.jsonl}}
metrics:
  exact_match: {{dataset: {dataset}}}
gates:
  - {{metric: exact_match, baseline: old, margin: 0.1, name: no worse}}
"""


def _protocol(folder: Path, name: str, dataset: str) -> Path:
    answers = ({"example_id": str(k), "text": str(k % 3)} for k in range(60))
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    (folder / f"{name}.yaml").write_text(PROTOCOL.format(name=name, dataset=dataset))
    return folder / f"{name}.yaml"


def test_a_sealed_file_is_refused_past_its_budget_under_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    rows = ({"id": str(k), "question": f"what is {k} modulo 3?", "answer": str(k % 3)} for k in range(60))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    main(["data", "seal", str(tmp_path / "rows.jsonl"), "--budget", "1", "--name", "exam", "--json"])
    sha256 = json.loads(capsys.readouterr().out)["sha256"]
    within = Surroundings(ledger=Ledger(tmp_path / "home"))
    run(_protocol(tmp_path, "first", "test"), out=tmp_path / "one", within=within)

    assert 1 == len(looks(Ledger(tmp_path / "home"), sha256))
    with pytest.raises(Refused, match="the sealed test set 'exam' was looked at 1 times, its whole budget"):
        run(_protocol(tmp_path, "second", "renamed"), out=tmp_path / "two", within=within)
    assert not (tmp_path / "two").exists()
