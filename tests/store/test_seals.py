"""A sealed test set is looked at as often as was promised, and the ledger shows every look."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from shipworthy.errors import Refused
from shipworthy.store import seals
from shipworthy.store.ledger import Ledger
from shipworthy.store.seals import Look, Purpose, Seal

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = "a" * 64


def sealed(folder: Path, budget: int = 2) -> Ledger:
    ledger = Ledger(folder)
    seals.seal(ledger, Seal(name="exam", sha256=ROWS, budget=budget), actor="ada", now=NOW)
    return ledger


def look(run_id: str, purpose: Purpose = "evaluation") -> Look:
    return Look(run_id=run_id, who="ada", why="predeploy", protocol_sha256="p" * 64, purpose=purpose)


def test_each_look_is_written_down_and_counted(tmp_path: Path) -> None:
    ledger = sealed(tmp_path)
    left = [seals.look(ledger, ROWS, look(run), now=NOW) for run in ("r1", "r2")]

    assert [1, 0] == left
    assert ["r1", "r2"] == [one.run_id for one in seals.looks(ledger, ROWS)]


def test_past_the_budget_the_look_is_refused_and_the_refusal_written_down(tmp_path: Path) -> None:
    ledger = sealed(tmp_path, budget=1)
    seals.look(ledger, ROWS, look("r1"), now=NOW)

    with pytest.raises(Refused, match="'exam' was looked at 1 times, its whole budget"):
        seals.look(ledger, ROWS, look("r2"), now=NOW)

    assert ["r1"] == [one.run_id for one in seals.looks(ledger, ROWS)]
    assert ["r2"] == [entry.payload["run_id"] for entry in ledger.entries(kind="data.look_refused")]


def test_a_resumed_run_looks_once(tmp_path: Path) -> None:
    ledger = sealed(tmp_path, budget=1)
    left = [seals.look(ledger, ROWS, look("r1"), now=NOW) for _ in range(3)]

    assert [0, 0, 0] == left
    assert 1 == len(seals.looks(ledger, ROWS))


def test_tuning_does_not_look_even_within_the_budget(tmp_path: Path) -> None:
    ledger = sealed(tmp_path)

    with pytest.raises(Refused, match="may not be read by a tuning run"):
        seals.look(ledger, ROWS, look("r1", "tuning"), now=NOW)

    assert [] == seals.looks(ledger, ROWS)


def test_the_same_rows_are_not_sealed_again_to_get_a_new_budget(tmp_path: Path) -> None:
    ledger = sealed(tmp_path)

    with pytest.raises(Refused, match="sealed already as 'exam' with a budget of 2"):
        seals.seal(ledger, Seal(name="other", sha256=ROWS, budget=99), actor="eve", now=NOW)


def test_data_that_nobody_sealed_is_free_and_leaves_no_trace(tmp_path: Path) -> None:
    ledger = sealed(tmp_path)
    seals.look(ledger, "b" * 64, look("r1"), now=NOW)

    assert 1 == len(ledger.entries())


def test_a_budget_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        sealed(tmp_path, budget=0)
