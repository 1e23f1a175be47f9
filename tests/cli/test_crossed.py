"""Two crossed columns of clusters, from a table, and through a protocol, its run and the judge of the finished run."""

import json
from pathlib import Path

import numpy as np
import pytest

from shipworthy.cli import main
from shipworthy.store import evidence as parquet

USERS, DOCUMENTS = 24, 30


def _rows() -> list[dict[str, object]]:
    rng = np.random.default_rng(4)
    hard = rng.normal(size=DOCUMENTS)
    return [
        {
            "id": f"{user}-{document}",
            "input": f"user {user} asks about document {document}",
            "reference": "yes",
            "user": f"u{user}",
            "document": f"d{document}",
            "new": "yes" if rng.normal() > hard[document] else "no",
            "old": "yes" if rng.normal() > -hard[document] else "no",
        }
        for user in range(USERS)
        for document in range(DOCUMENTS)
    ]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    lines = ["id,user,document,new,old"]
    for row in _rows():
        new, old = (int(row[model] == "yes") for model in ("new", "old"))
        lines.append(f"{row['id']},{row['user']},{row['document']},{new},{old}")
    (tmp_path / "scores.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "scores.csv"


def _compared(capsys: pytest.CaptureFixture[str], table: Path, *words: str) -> dict[str, object]:
    main(["compare", str(table), "--candidate", "new", "--baseline", "old", "--id", "id", "--json", *words])
    told: dict[str, object] = json.loads(capsys.readouterr().out)["metrics"][0]
    return told


def _width(told: dict[str, object]) -> float:
    gain = told["gain"]
    assert isinstance(gain, dict)
    return float(gain["high"] - gain["low"])


@pytest.mark.parametrize("words", [["--cluster", "user,document"], ["--cluster", "user", "--cluster", "document"]])
def test_compare_takes_two_crossed_columns(table: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    alone, both = _compared(capsys, table, "--cluster", "user"), _compared(capsys, table, *words)

    assert ("cr1_t", "two_way_t", USERS) == (alone["method"], both["method"], both["clusters"])
    assert _width(both) > 1.5 * _width(alone)


def test_a_column_within_the_other_leaves_the_coarser(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone, both = (_compared(capsys, table, "--cluster", way) for way in ("user", "id,user"))

    assert ("cr1_t", _width(alone)) == (both["method"], _width(both))


@pytest.mark.parametrize(
    ("way", "told"), [("user,document,id", "one column or two"), ("user,documents", "no cluster column 'documents'")]
)
def test_bad_columns_are_refused(table: Path, capsys: pytest.CaptureFixture[str], way: str, told: str) -> None:
    code = main(["compare", str(table), "--candidate", "new", "--baseline", "old", "--id", "id", "--cluster", way])

    assert 2 == code
    assert told in capsys.readouterr().err


@pytest.fixture
def protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    rows = _rows()
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for model in ("new", "old"):
        answers = ({"example_id": row["id"], "text": row[model]} for row in rows)
        (tmp_path / f"{model}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in answers))
    path = tmp_path / "shipworthy.yaml"
    path.write_text(
        """
shipworthy: 1
name: crossed
datasets: {test: {path: rows.jsonl, cluster: [user, document]}}
models:
  new: {role: candidate, path: new.jsonl}
  old: {role: production, path: old.jsonl}
metrics: {exact_match: {dataset: test}, macro_f1: {dataset: test, options: {labels: ["yes", "no"]}}}
gates:
  - {metric: exact_match, baseline: old, margin: 0.02}
  - {metric: macro_f1, baseline: old, margin: 0.02, level: soft}
decisions: {beat_trivial: false}
follow_ups: {promote: []}
"""
    )
    return path


def test_a_run_keeps_both_ways_and_is_judged_again_by_both(protocol: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(protocol)]) in (0, 11)
    code = main(["run", str(protocol), "--out", "run"])
    (kept,) = parquet.read(Path("run/evidence.parquet"))
    capsys.readouterr()
    again = main(["gate", "run", "--json"])
    told = json.loads(capsys.readouterr().out)

    assert kept.crossed is not None and ("user", "document") == kept.crossed.ways
    assert (USERS, DOCUMENTS) == (len(np.unique(kept.cluster_N)), len(np.unique(kept.crossed.code_N)))
    gates = {one["metric"]: one for one in told["metrics"] if one["slice"] is None}
    assert (code, "two_way_t") == (again, gates["exact_match"]["method"])
    assert "inconclusive" == gates["macro_f1"]["outcome"]
    assert "declare `cluster: user` alone" in str(gates["macro_f1"])


def test_two_runs_with_crossed_clusters_compare_by_both(protocol: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", str(protocol), "--out", "run"])
    capsys.readouterr()
    main(["compare", "run", "--candidate", "new", "--baseline", "old", "--json"])
    told = json.loads(capsys.readouterr().out)["metrics"]

    assert "two_way_t" in {one["method"] for one in told if one["metric"] == "exact_match"}


def test_evidence_alone_with_crossed_clusters_is_not_read_as_one_way(
    protocol: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["run", str(protocol), "--out", "run"])
    Path("alone.parquet").write_bytes(Path("run/evidence.parquet").read_bytes())
    code = main(["compare", "alone.parquet", "--candidate", "new", "--baseline", "old"])

    assert 2 == code
    assert "clusters are crossed (user, document); give the run's folder" in capsys.readouterr().err
