"""What the history of a run says beside its verdict: earlier looks, an edited protocol, tuning, production."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shipworthy.errors import BadInput, Refused
from shipworthy.evaluation import Surroundings, run
from shipworthy.evaluation.prepare import Occasion
from shipworthy.evaluation.released import Answering, Released, identity_of
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Verdict
from shipworthy.store import RunFolder
from shipworthy.store.ledger import Ledger
from shipworthy.store.seals import Seal, looks, seal

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROTOCOL = """
shipworthy: 1
name: desk
datasets:
  d: {path: d.jsonl}
models:
  new: {role: candidate, path: new.jsonl}
  old: {role: production, path: old.jsonl}
metrics:
  exact_match: {dataset: d}
gates:
  - {metric: exact_match, baseline: old, margin: 0.1, name: no worse}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    rows = [{"id": str(i), "input": f"q{i}", "reference": f"a{i}"} for i in range(200)]
    (tmp_path / "d.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    for name, right in (("new", 180), ("newer", 185), ("old", 170)):
        lines = [{"example_id": str(i), "text": f"a{i}" if i < right else "?"} for i in range(200)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    (tmp_path / "p.yaml").write_text(PROTOCOL)
    return tmp_path


def judged(desk: Path, out: str, *, protocol: str = "p.yaml", tune: bool = False) -> Verdict:
    within = Surroundings(ledger=Ledger(desk / "home"), now=lambda: NOW)
    occasion = Occasion(purpose="tune" if tune else "decide")
    return run(desk / protocol, out=desk / out, within=within, occasion=occasion)


def messages(verdict: Verdict, code: str) -> list[str]:
    return [warning.message for warning in verdict.warnings if warning.code == code]


def sealed(desk: Path, budget: int) -> None:
    judged(desk, "first")
    sha256 = RunFolder.open(desk / "first").manifest.datasets["d"].sha256
    seal(Ledger(desk / "home"), Seal(name="exam", sha256=sha256, budget=budget), actor="me", now=NOW)


def test_the_first_look_costs_nothing_and_the_second_widens_what_the_gates_read(desk: Path) -> None:
    sealed(desk, budget=2)
    first, second = (messages(judged(desk, name), "sealed_looks") for name in ("a", "b"))

    assert ["look 1 of 2 at the sealed test set 'exam': nothing was chosen by it before"] == first
    assert 1 == len(second)
    assert second[0].startswith(
        "look 2 of 2 at the sealed test set 'exam': when all looks count, alpha 0.05 becomes 0.01"
    )
    assert "no worse still passes [+0.0" in second[0]


def test_a_tuning_run_never_opens_a_sealed_set_and_leaves_nothing_behind(desk: Path) -> None:
    sealed(desk, budget=2)

    with pytest.raises(Refused, match="may not be read by a tuning run"):
        judged(desk, "tuned", tune=True)
    assert not (desk / "tuned").exists()
    assert [] == looks(Ledger(desk / "home"), RunFolder.open(desk / "first").manifest.datasets["d"].sha256)


def test_a_tuning_run_on_open_data_says_what_it_is(desk: Path) -> None:
    verdict = judged(desk, "tuned", tune=True)

    assert ["this run was made for tuning; nothing is released from it"] == messages(verdict, "tuning_run")
    assert "tune" == RunFolder.open(desk / "tuned").manifest.settings["purpose"]


def test_a_protocol_that_was_edited_after_results_were_seen_is_marked(desk: Path) -> None:
    judged(desk, "before")
    (desk / "p.yaml").write_text(PROTOCOL.replace("margin: 0.1", "margin: 0.2"))
    run_id = RunFolder.open(desk / "before").manifest.run_id

    assert [f"the protocol was edited after the results of run {run_id} were there to be seen"] == messages(
        judged(desk, "after"), "protocol_edited"
    )


def test_another_candidate_or_another_description_is_no_edited_protocol(desk: Path) -> None:
    judged(desk, "before")
    other = PROTOCOL.replace("path: new.jsonl", "path: newer.jsonl").replace("name: desk", "name: desk\ndescription: x")
    (desk / "p.yaml").write_text(other)

    assert [] == messages(judged(desk, "after"), "protocol_edited")


def test_a_verdict_with_such_warnings_is_proved_by_judging_it_again(desk: Path) -> None:
    from shipworthy.evaluation import judge
    from shipworthy.registry import Registry

    sealed(desk, budget=3)
    judged(desk, "a")
    judged(desk, "b")

    assert [] == Registry(desk / "home", judge=judge).verify_run(RunFolder.open(desk / "b"))


RELEASED = PROTOCOL.replace("{role: production, path: old.jsonl}", "{role: production, backend: release}")


def test_without_anything_in_production_the_run_says_how_to_put_it_there(desk: Path) -> None:
    (desk / "p.yaml").write_text(RELEASED)

    with pytest.raises(
        BadInput, match="model 'old' is the release of 'desk' in production, and there is none; put one"
    ):
        judged(desk, "a")


def test_a_release_whose_weights_changed_since_is_not_what_is_in_production() -> None:
    spec = ModelSpec(role="production", backend="huggingface", path="w")
    release = Released(id="desk-1", spec=spec, folder="f", identity={"weights_sha256": "then"})
    model = Answering(spec=spec, folder=Path("f"), release=release)

    with pytest.raises(Refused, match="the weights of release desk-1 changed since it was released"):
        identity_of(model, {"weights_sha256": "now"})
    assert {"weights_sha256": "then", "release": "desk-1"} == identity_of(model, {"weights_sha256": "then"})
