"""A sign-off stands for one result, one person, one reason, and ends."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from shipworthy.errors import BadInput, Refused
from shipworthy.evaluation.main_job import judge
from shipworthy.registry import Registry, SignOff, Wish, revoke, sign, standings
from shipworthy.registry.sign_off import key_path, load_key, sign_off_problems, valid_sign_off
from shipworthy.store import RunFolder, digests
from shipworthy.store.ledger import Ledger
from tests.registry.finished import NOW, finished

WEEK = Wish(name="Ada", reason="the gap is known", expires=NOW + timedelta(days=7))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return finished(tmp_path / "work", tmp_path / "home", verdict="sign_off")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "home")


def signed(run: RunFolder, ledger: Ledger, wish: Wish = WEEK) -> SignOff:
    with run:
        return sign(run, ledger, wish, key=load_key(run.path.parent / "key.pem"), now=NOW)


def test_a_signed_run_is_released_and_promoted_and_verified(run: RunFolder, ledger: Ledger, tmp_path: Path) -> None:
    one = signed(run, ledger)
    registry = Registry(tmp_path / "home", judge=judge)
    release = registry.create(run, actor="ada", now=NOW)
    registry.promote(release.id, actor="ada", now=NOW)

    assert one.id == release.sign_off
    assert one == valid_sign_off(run, ledger, now=NOW)
    assert [] == registry.verify()


def test_an_expired_sign_off_releases_nothing(run: RunFolder, ledger: Ledger, tmp_path: Path) -> None:
    signed(run, ledger)
    later = NOW + timedelta(days=8)

    with pytest.raises(Refused, match="that of Ada: it expired on 2026-01-08"):
        Registry(tmp_path / "home", judge=judge).create(run, actor="ada", now=later)


def test_a_release_whose_sign_off_was_revoked_is_not_promoted(run: RunFolder, ledger: Ledger, tmp_path: Path) -> None:
    signed(run, ledger)
    registry = Registry(tmp_path / "home", judge=judge)
    release = registry.create(run, actor="ada", now=NOW)
    revoke(run, ledger, actor="bob", reason="new facts", now=NOW)

    assert [False] == [one.valid for one in standings(run, ledger, now=NOW)]
    with pytest.raises(Refused, match="that of Ada: it was revoked"):
        registry.promote(release.id, actor="ada", now=NOW)


def test_what_was_revoked_cannot_be_revoked_again(run: RunFolder, ledger: Ledger) -> None:
    with pytest.raises(Refused, match="nothing to revoke"):
        revoke(run, ledger, actor="bob", reason="r", now=NOW)


@pytest.mark.parametrize(
    ("verdict", "said"), [("block", "no signature overrides a hard gate"), ("promote", "needs no")]
)
def test_only_a_verdict_that_asks_for_it_is_signed(tmp_path: Path, ledger: Ledger, verdict: str, said: str) -> None:
    other = finished(tmp_path / "other", tmp_path / "home", verdict=verdict)

    with pytest.raises(Refused, match=said):
        signed(other, ledger)


def test_a_signature_needs_a_name_a_reason_and_a_future(run: RunFolder, ledger: Ledger) -> None:
    for wish in (msgspec.structs.replace(WEEK, name=" "), msgspec.structs.replace(WEEK, reason="")):
        with pytest.raises(BadInput, match="needs a name and a reason"):
            signed(run, ledger, wish)
    with pytest.raises(Refused, match="would have expired already"):
        signed(run, ledger, msgspec.structs.replace(WEEK, expires=NOW))


def test_a_signature_written_by_hand_is_found_and_worth_nothing(run: RunFolder, ledger: Ledger) -> None:
    one = signed(run, ledger)
    forged = msgspec.structs.replace(one, id="f" * 12, name="Eve")
    (run.path / "sign_offs" / f"{forged.id}.json").write_bytes(digests.canonical(forged))

    assert ["Ada"] == [s.sign_off.name for s in standings(run, ledger, now=NOW)]
    assert ["is not in the ledger: nobody gave this sign-off here"] == [
        problem.because for problem in sign_off_problems(run, ledger)
    ]


def test_a_signature_that_does_not_fit_its_words_is_invalid_though_the_ledger_knows_it(
    run: RunFolder, ledger: Ledger
) -> None:
    one = signed(run, ledger)
    forged = msgspec.structs.replace(one, id="f" * 12, expires="2036-01-01T00:00:00+00:00")
    content = digests.canonical(forged)
    (run.path / "sign_offs" / f"{forged.id}.json").write_bytes(content)
    ledger.append(
        "sign_off.given", one.run_id, "eve", {"id": forged.id, "file_sha256": digests.of_bytes(content)}, now=NOW
    )

    assert {"": True, "its signature does not fit what it says": False} == {
        s.because: s.valid for s in standings(run, ledger, now=NOW)
    }


def test_a_signature_for_another_run_is_worth_nothing_here(run: RunFolder, ledger: Ledger, tmp_path: Path) -> None:
    one = signed(run, ledger)
    other = finished(tmp_path / "other", tmp_path / "home", verdict="sign_off")
    content = digests.canonical(one)
    other.write_text(f"sign_offs/{one.id}.json", content.decode())
    other.close()
    payload = {"id": one.id, "file_sha256": digests.of_bytes(content)}
    ledger.append("sign_off.given", other.manifest.run_id, "eve", payload, now=NOW)

    assert ["it was given for another protocol, evidence or verdict"] == [
        s.because for s in standings(other, ledger, now=NOW)
    ]


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = key_path({"SHIPWORTHY_KEY": str(tmp_path / "keys" / "k.pem")})
    keys = [load_key(path).public_key().public_bytes_raw() for _ in range(2)]

    assert keys[0] == keys[1]
    assert 0o600 == path.stat().st_mode & 0o777
    assert Path("/c/shipworthy/key.pem") == key_path({"XDG_CONFIG_HOME": "/c"})


def test_a_key_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    load_key(tmp_path / "open.pem")
    (tmp_path / "open.pem").chmod(0o644)
    (tmp_path / "broken.pem").write_text("no key")
    (tmp_path / "broken.pem").chmod(0o600)

    with pytest.raises(BadInput, match="chmod 600"):
        load_key(tmp_path / "open.pem")
    with pytest.raises(BadInput, match="not an ed25519 key"):
        load_key(tmp_path / "broken.pem")
