"""Only what the evidence promotes is released, and what was released can be taken back."""

from datetime import timedelta
from pathlib import Path

import pytest

from shipworthy.errors import BadInput, IntegrityError, Refused
from shipworthy.evaluation.main_job import judge
from shipworthy.registry import Registry
from shipworthy.store import RunFolder
from tests.registry.finished import NOW, finished


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "home", judge=judge)


def run(tmp_path: Path, number: int, verdict: str = "promote") -> RunFolder:
    return finished(tmp_path / f"work-{number}", tmp_path / "home", verdict=verdict)


def in_production(registry: Registry, tmp_path: Path, number: int) -> str:
    id = registry.create(run(tmp_path, number), actor="ada", now=NOW).id
    registry.promote(id, actor="ada", now=NOW)
    return id


def test_a_promoted_run_becomes_a_release_with_every_digest(registry: Registry, tmp_path: Path) -> None:
    made = run(tmp_path, 1)
    release = registry.create(made, actor="ada", now=NOW)

    assert ("support-desk-1", "promote", "new", "ada") == (
        release.id,
        release.decision,
        release.candidate,
        release.created_by,
    )
    assert made.manifest.protocol_sha256 == release.protocol_sha256
    assert {"evidence.parquet", "examples.jsonl", "manifest.json", "responses.jsonl", "verdict.json"} == {
        *release.files
    }
    assert release == registry.show(release.id)
    assert [] == registry.verify()


def test_the_same_run_is_the_same_release(registry: Registry, tmp_path: Path) -> None:
    made = run(tmp_path, 1)
    ids = [registry.create(made, actor="ada", now=NOW + timedelta(hours=hour)).id for hour in (0, 1)]

    assert ["support-desk-1"] * 2 == ids
    assert 1 == len(registry.releases())


@pytest.mark.parametrize(("verdict", "said"), [("block", "is block, so it is not released"), ("sign_off", "sign-off")])
def test_what_the_verdict_does_not_promote_is_not_released(
    registry: Registry, tmp_path: Path, verdict: str, said: str
) -> None:
    with pytest.raises(Refused, match=said):
        registry.create(run(tmp_path, 1, verdict), actor="ada", now=NOW)

    assert [] == registry.releases()


def test_a_run_that_was_never_sealed_here_is_not_released(registry: Registry, tmp_path: Path) -> None:
    elsewhere = finished(tmp_path / "work", tmp_path / "another-home")

    with pytest.raises(IntegrityError, match="is not in the ledger"):
        registry.create(elsewhere, actor="ada", now=NOW)


def test_promote_and_rollback_move_production_and_say_so_in_the_ledger(registry: Registry, tmp_path: Path) -> None:
    ids = [in_production(registry, tmp_path, number) for number in (1, 2, 3)]
    seen = [registry.production("support-desk")]
    for _ in range(2):
        registry.rollback("support-desk", reason="slow", actor="ada", now=NOW)
        seen.append(registry.production("support-desk"))

    assert ids[::-1] == seen
    assert ["support-desk-1"] == [one.id for one in registry.releases() if one.in_production]
    assert ["slow", "slow"] == [e.payload["reason"] for e in registry.ledger.entries(kind="release.rolled_back")]
    with pytest.raises(Refused, match="was in production before support-desk-1"):
        registry.rollback("support-desk", reason="slow", actor="ada", now=NOW)


def test_a_release_names_the_one_it_replaces(registry: Registry, tmp_path: Path) -> None:
    first = in_production(registry, tmp_path, 1)
    second = registry.create(run(tmp_path, 2), actor="ada", now=NOW)

    assert first == second.previous


def test_what_is_in_production_is_not_promoted_again(registry: Registry, tmp_path: Path) -> None:
    id = in_production(registry, tmp_path, 1)

    with pytest.raises(Refused, match="in production already"):
        registry.promote(id, actor="ada", now=NOW)


def test_a_rollback_works_when_the_old_run_folder_is_gone(registry: Registry, tmp_path: Path) -> None:
    first, _ = [in_production(registry, tmp_path, number) for number in (1, 2)]
    (tmp_path / "work-1").rename(tmp_path / "moved")
    back = registry.rollback("support-desk", reason="errors", actor="ada", now=NOW)

    assert first == back.id
    assert ["the run folder is missing; put it back where it was"] == [one.because for one in registry.verify(first)]


def test_a_rollback_needs_a_reason_and_something_to_go_back_to(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="needs a reason"):
        registry.rollback("support-desk", reason=" ", actor="ada", now=NOW)
    with pytest.raises(Refused, match="was in production before"):
        registry.rollback("support-desk", reason="errors", actor="ada", now=NOW)


def test_an_unknown_release_is_one_sentence(registry: Registry) -> None:
    with pytest.raises(BadInput, match="there is no release 'x' here"):
        registry.show("x")
