"""Drift of rows that come in clusters: whole users are dealt out, and what looks like users is said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shipworthy.cli import main
from shipworthy.data.drift import DriftQuery, compare
from shipworthy.errors import BadInput
from shipworthy.stats.drift.types import Look

KINDS = {
    ("amount", "missing"),
    ("amount", "numeric"),
    ("level", "numeric"),
    ("region", "categorical"),
    ("text", "length"),
    ("text", "vocabulary"),
    ("text", "classifier"),
    ("vector", "embedding"),
    ("vector", "novelty"),
    ("vector", "classifier"),
    ("rows", "rows"),
}


def _rows(seed: int, users: range, key: str = "user_id", shift: float = 0.0) -> list[dict[str, Any]]:
    """Ten rows a user, nine tenths of whose variance lies between users."""
    rng = np.random.default_rng(seed)
    made = []
    for user in users:
        own = rng.normal(0, 0.95, 3)
        for _ in range(10):
            amount, level, other = own + rng.normal(shift, 0.3, 3)
            words = " ".join(f"w{int(v * 2)}" for v in (amount, level, other, *rng.normal(0, 1, 3)))
            made.append(
                {
                    key: f"u{user}",
                    "amount": None if rng.random() < 0.05 else float(amount),
                    "level": float(level),
                    "region": "abcdefgh"[int(np.clip(other * 2 + 4, 0, 7))],
                    "text": words + f" end {rng.integers(900)}",
                    "vector": [float(v) for v in own + rng.normal(shift, 0.3, 3)],
                }
            )
    return made


def _files(folder: Path, now: list[dict[str, Any]], key: str = "user_id") -> tuple[Path, Path]:
    for name, rows in (("before", _rows(1, range(100), key)), ("now", now)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "before.jsonl", folder / "now.jsonl"


def _drifted(found: Look) -> set[tuple[str, str]]:
    return {(one.column, one.kind) for one in found.findings if one.drifted}


@pytest.mark.parametrize("users", [range(100, 160), range(50, 110)])
def test_other_users_of_the_same_kind_are_no_drift_by_cluster(tmp_path: Path, users: range) -> None:
    found = compare(*_files(tmp_path, _rows(2, users)), DriftQuery(cluster="user_id"))

    assert KINDS == {(one.column, one.kind) for one in found.findings}
    assert set() == _drifted(found)
    assert all(one.test.startswith("cluster_") for one in found.findings)


def test_users_who_changed_are_found_by_cluster(tmp_path: Path) -> None:
    found = compare(*_files(tmp_path, _rows(2, range(100, 200), shift=1.5)), DriftQuery(cluster="user_id"))

    assert _drifted(found) >= KINDS - {("amount", "missing"), ("text", "length")}


@pytest.mark.parametrize("key", ["user_id", "sessionId", "customer", "Conversation ID"])
def test_rows_that_look_like_clusters_are_said_where_no_cluster_is_named(tmp_path: Path, key: str) -> None:
    files = _files(tmp_path, _rows(2, range(100, 200), key), key)

    assert ["clustered_rows"] == [one.code for one in compare(*files, DriftQuery(columns=("level",))).warnings]
    assert "clustered_rows" not in {
        one.code for one in compare(*files, DriftQuery(columns=("level",), cluster=key)).warnings
    }


@pytest.mark.parametrize("key", ["colour", "grouping", "userland"])
def test_other_columns_that_repeat_are_not_suspected(tmp_path: Path, key: str) -> None:
    files = _files(tmp_path, _rows(2, range(100, 200), key), key)

    assert "clustered_rows" not in {one.code for one in compare(*files, DriftQuery(columns=("level",))).warnings}


def test_a_row_without_a_cluster_or_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    now = _rows(2, range(100, 120))
    now[3]["user_id"] = None
    files = _files(tmp_path, now)

    with pytest.raises(BadInput, match=r"now\.jsonl.*1 rows have no 'user_id'"):
        compare(*files, DriftQuery(cluster="user_id"))
    with pytest.raises(BadInput, match="no cluster column 'usr'"):
        compare(*files, DriftQuery(cluster="usr"))


def test_too_few_clusters_are_not_tested(tmp_path: Path) -> None:
    found = compare(*_files(tmp_path, _rows(2, range(100, 109))), DriftQuery(cluster="user_id"))

    assert "inconclusive" == found.outcome
    assert {None} == {one.p for one in found.findings}
    assert {"few_clusters"} == {warning.code for one in found.findings for warning in one.warnings}


def test_slices_are_dealt_out_by_cluster_too(tmp_path: Path) -> None:
    query = DriftQuery(cluster="user_id", columns=("amount", "level"), slices=("region",))

    found = compare(*_files(tmp_path, _rows(2, range(100, 200))), query)

    assert set() == _drifted(found)
    assert any(one.slice for one in found.findings)


def test_the_command_names_the_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, now = map(str, _files(tmp_path, _rows(2, range(100, 200))))

    assert 10 == main(["data", "drift", before, now, "--column", "level"])
    assert "--cluster user_id" in capsys.readouterr().out
    assert main(["data", "drift", before, now, "--column", "level", "--cluster", "user_id"]) in (0, 12)
