"""Every changed byte is found by `verify`, and nothing changed is judged, released or promoted."""

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from shipworthy.errors import ShipworthyError
from shipworthy.evaluation.main_job import judge
from shipworthy.registry import Registry, Wish, sign
from shipworthy.registry.release import encode, release_path
from shipworthy.registry.sign_off import load_key, sign_off_problems
from shipworthy.store import RunFolder, digests
from shipworthy.store.ledger import Ledger
from shipworthy.store.run_seal import check_run, require_intact, seal_run
from tests.registry.finished import NOW, finished

ID = "support-desk-1"


@pytest.fixture(scope="module")
def signed_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, a signed run and its release."""
    root = tmp_path_factory.mktemp("signed")
    with finished(root / "work", root / "home", verdict="sign_off") as run:
        wish = Wish(name="Ada", reason="known gap", expires=NOW + timedelta(days=30))
        sign(run, Ledger(root / "home"), wish, key=load_key(root / "key.pem"), now=NOW)
    Registry(root / "home", judge=judge).create(run, actor="ada", now=NOW)
    return root


def registry_of(root: Path) -> Registry:
    return Registry(root / "home", judge=judge)


FILES = {
    "ledger": "home/ledger.sqlite",
    "head": "home/ledger.head",
    "release": f"home/releases/{ID}.json",
    "evidence": "work/run/evidence.parquet",
    "responses": "work/run/responses.jsonl",
    "examples": "work/run/examples.jsonl",
    "manifest": "work/run/manifest.json",
    "verdict": "work/run/verdict.json",
    "seal": "work/run/seal.json",
    "sign_off": "work/run/sign_offs/*.json",
}


@pytest.mark.parametrize("file", FILES)
def test_every_one_of_100_single_byte_mutations_is_found(signed_release: Path, file: str) -> None:
    path = next(signed_release.glob(FILES[file]))
    whole, rng = path.read_bytes(), random.Random(file)
    missed = []
    try:
        for _ in range(100):
            at, flip = rng.randrange(len(whole)), rng.randrange(1, 256)
            path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
            if not registry_of(signed_release).verify():
                missed.append((at, flip))
    finally:
        path.write_bytes(whole)

    assert [] == missed
    assert [] == registry_of(signed_release).verify()


@pytest.mark.parametrize("file", [file for file in FILES if file != "release"])
def test_a_changed_run_is_neither_judged_nor_signed_nor_released_nor_promoted(signed_release: Path, file: str) -> None:
    path = next(signed_release.glob(FILES[file]))
    whole, rng = path.read_bytes(), random.Random(file)
    at = rng.randrange(len(whole))
    ledger, registry = Ledger(signed_release / "home"), registry_of(signed_release)
    wish = Wish(name="Eve", reason="r", expires=NOW + timedelta(days=1))

    def opened() -> RunFolder:
        return RunFolder.open(signed_release / "work/run")

    actions: list[Callable[[], object]] = [
        lambda: require_intact(opened(), ledger, more=sign_off_problems),
        lambda: registry.create(opened(), actor="eve", now=NOW),
        lambda: registry.promote(ID, actor="eve", now=NOW),
    ]
    if file != "sign_off":
        actions.append(lambda: sign(opened(), ledger, wish, key=load_key(signed_release / "key.pem"), now=NOW))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    try:
        for action in actions:
            with pytest.raises(ShipworthyError):
                action()
    finally:
        path.write_bytes(whole)

    assert [] == registry.verify()


# --- An edited score, with more and more of the traces covered -----------------------------------------------------


@pytest.fixture
def copied(signed_release: Path, tmp_path: Path) -> Path:
    """A release that a test may destroy, made from a promoted run."""
    finished(tmp_path / "work", tmp_path / "home")
    registry_of(tmp_path).create(RunFolder.open(tmp_path / "work/run"), actor="ada", now=NOW)
    return tmp_path


def edit_score(root: Path) -> RunFolder:
    run = RunFolder.open(root / "work/run")
    (one,) = run.evidence()
    counts = {key: values.copy() for key, values in one.counts.items()}
    counts["new", "exact"][-1] = (1.0, 1.0)
    run.write_evidence([replace(one, counts=counts)])
    run.close()
    return run


def rewrite_release(root: Path) -> str:
    run, release = RunFolder.open(root / "work/run"), registry_of(root).show(ID)
    sha256 = digests.of_file(run.path / "evidence.parquet")
    files = {**release.files, "evidence.parquet": sha256}
    content = encode(msgspec.structs.replace(release, evidence_sha256=sha256, files=files))
    release_path(root / "home", ID).write_bytes(content)
    return digests.of_bytes(content)


def test_an_edited_score_is_found(copied: Path) -> None:
    edit_score(copied)

    assert registry_of(copied).verify()
    assert check_run(RunFolder.open(copied / "work/run"), Ledger(copied / "home"))


def test_an_edited_score_with_its_hash_recomputed_in_the_release_is_found(copied: Path) -> None:
    edit_score(copied)
    rewrite_release(copied)
    problems = registry_of(copied).verify()

    assert ["changed after the release was made"] == [one.because for one in problems]


def test_an_edited_score_whose_run_is_sealed_again_is_found_by_judging_it_again(copied: Path) -> None:
    with edit_score(copied) as run:
        seal_run(run, Ledger(copied / "home"), actor="eve", now=NOW)

    assert ["is not what its evidence and protocol give when they are judged again"] == [
        one.because for one in registry_of(copied).verify_run(run)
    ]
    assert registry_of(copied).verify(ID)


def rechain(root: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Forge the whole ledger: every payload changed at will, every hash and the head made to fit."""
    old = Ledger(root / "home").entries()
    shutil.move(root / "home/ledger.sqlite", root / "old.sqlite")
    (root / "home/ledger.head").unlink()
    forged = Ledger(root / "home")
    for entry in old:
        payload = dict(entry.payload)
        change(payload)
        forged.append(entry.kind, entry.subject, entry.actor, payload, now=NOW)


def test_a_forged_ledger_is_found_by_what_the_release_and_the_run_remember_of_it(copied: Path) -> None:
    edit_score(copied)
    sha256 = rewrite_release(copied)
    evidence = digests.of_file(copied / "work/run/evidence.parquet")

    def change(payload: dict[str, object]) -> None:
        if isinstance(files := payload.get("files"), dict):
            files["evidence.parquet"] = evidence
        if "sha256" in payload:
            payload["sha256"] = sha256

    rechain(copied, change)
    registry = registry_of(copied)

    assert registry.ledger.verify() is None
    assert ["the ledger no longer holds what it held when support-desk-1 was made"] == [
        one.because for one in registry.verify()
    ]
    assert any("names an entry" in one.because for one in registry.verify_run(RunFolder.open(copied / "work/run")))


def test_a_ledger_cut_together_with_its_head_is_found(copied: Path) -> None:
    sealed = Ledger(copied / "home").entries()[0]
    for name in ("ledger.sqlite", "ledger.head"):
        (copied / "home" / name).unlink()
    ledger = Ledger(copied / "home")
    ledger.append(sealed.kind, sealed.subject, sealed.actor, sealed.payload, now=NOW)

    assert ledger.verify() is None
    assert ["is not in the ledger"] == [one.because for one in registry_of(copied).verify(ID)]
    assert ["is not in the ledger: nobody made this release here"] == [
        one.because for one in registry_of(copied).verify()
    ]


@pytest.mark.parametrize("name", ["evidence.parquet", "responses.jsonl", "verdict.json", "seal.json", "manifest.json"])
def test_a_missing_file_is_found(copied: Path, name: str) -> None:
    (copied / "work/run" / name).unlink()

    assert registry_of(copied).verify()


def test_rendered_reports_may_come_and_go(copied: Path) -> None:
    for name in ("report.html", "report.md", "junit.xml"):
        (copied / "work/run" / name).write_text("rendered")

    assert [] == registry_of(copied).verify()
