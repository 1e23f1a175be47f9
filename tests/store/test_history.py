"""A protocol that was rewritten after its results were seen is told apart."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from shipworthy.store.history import edited_after_results, protocol_history
from shipworthy.store.ledger import Ledger
from shipworthy.store.run_seal import SEALED, RunSeal

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def ran(ledger: Ledger, run: str, sha: str, *, name: str = "p", path: str = "p.yaml") -> None:
    seal = RunSeal(
        run_id=run,
        path="",
        protocol_name=name,
        protocol_path=path,
        protocol_sha256=sha,
        candidate="c",
        verdict="block",
        datasets={},
        files={},
    )
    later = NOW + timedelta(minutes=len(ledger.entries()))
    ledger.append(SEALED, run, "a", msgspec.to_builtins(seal), now=later)


def test_the_first_version_is_clean_and_every_later_one_is_marked(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for run, sha in [("r1", "one"), ("r2", "two"), ("r3", "one"), ("r4", "two")]:
        ran(ledger, run, sha)
    versions = protocol_history(ledger, "p")

    assert [("one", "r1", 2, None), ("two", "r2", 2, "r1")] == [
        (one.sha256, one.first_run, one.runs, one.after_results_of) for one in versions
    ]
    assert [] == protocol_history(ledger, "other")


def test_an_edit_is_known_before_the_edited_protocol_runs(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    before = edited_after_results(ledger, name="p", path="p.yaml", sha256="one")
    ran(ledger, "r1", "one")

    assert before is None
    assert edited_after_results(ledger, name="p", path="p.yaml", sha256="one") is None
    assert "r1" == edited_after_results(ledger, name="p", path="p.yaml", sha256="two")
    assert edited_after_results(ledger, name="q", path="q.yaml", sha256="two") is None


def test_renaming_the_protocol_or_its_file_hides_no_edit(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ran(ledger, "r1", "one")

    assert "r1" == edited_after_results(ledger, name="renamed", path="p.yaml", sha256="two")
    assert "r1" == edited_after_results(ledger, name="p", path="moved.yaml", sha256="two")
