"""A row that a recording lacks costs its model what a failed answer costs, also where that depends on the row."""

import json
from pathlib import Path

import pytest

from shipworthy import cli


@pytest.mark.parametrize("metric", ["bleu", "chrf", "rouge1"])
def test_a_candidate_without_half_of_its_answers_does_not_pass_as_if_they_were_no_rows(
    metric: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    texts = [f"the quick brown fox {at % 9} jumps over the lazy dog and sleeps under tree {at}" for at in range(120)]
    _write("q.jsonl", [{"id": f"e{at}", "input": f"say {at}", "reference": text} for at, text in enumerate(texts)])
    _write("old.jsonl", [{"example_id": f"e{at}", "text": text} for at, text in enumerate(texts)])
    _write("new.jsonl", [{"example_id": f"e{at}", "text": text} for at, text in enumerate(texts) if at % 2])
    protocol = {
        "shipworthy": 1,
        "name": "gaps",
        "datasets": {"q": {"path": "q.jsonl"}},
        "models": {
            "new": {"role": "candidate", "path": "new.jsonl"},
            "old": {"role": "production", "path": "old.jsonl"},
        },
        "metrics": {metric: {"dataset": "q"}},
        "gates": [{"metric": metric, "baseline": "old"}],
        "decisions": {"missing": "wrong"},
    }
    Path("shipworthy.yaml").write_text(json.dumps(protocol))

    code = cli.main(["run", "--out", "run", "--quiet", "--json"])

    found = json.loads(capsys.readouterr().out)["metrics"][0]
    assert 10 == code
    assert found["candidate"]["value"] < 0.8 * found["baseline"]["value"]


def _write(name: str, rows: list[dict[str, str]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
