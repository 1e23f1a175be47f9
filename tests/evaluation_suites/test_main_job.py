"""Suites in the main job: real answers, a cache, a sealed ledger, the same judgement again."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shipworthy import data
from shipworthy.cli import main
from shipworthy.demo import story
from shipworthy.errors import Refused
from shipworthy.evaluation import Occasion, Surroundings, judge, run
from shipworthy.evaluation.prepare import read_protocol
from shipworthy.store import RunFolder
from shipworthy.store.cache import Cache
from shipworthy.store.ledger import Ledger
from shipworthy.store.run_seal import check_run
from shipworthy.store.seals import Seal, looks, seal

PROTOCOL = """
shipworthy: 1
name: suites
datasets:
  d: {path: d.jsonl, on: [weekly]}
models:
  new: {role: candidate, MODEL}
  old: {role: production, MODEL}
suites:
  unit: {suite: unit, on: [commit], options: {checks: [tokenizer, arithmetic]}}
  typos: {suite: robustness, of: d, on: [nightly], options: {kinds: [punctuation]}}
metrics:
  unit_ok: {dataset: unit, metric: assertions}
  right: {dataset: typos, metric: exact_match}
  drop: {dataset: typos}
gates:
  - {metric: unit_ok, at_least: 0.9}
  - {metric: right, baseline: old, margin: 0.1, slices: [variant]}
  - {metric: drop, at_most: 0.5}
"""


def protocol_in(folder: Path, model: str) -> Path:
    rows = [
        {"id": f"q{at}", "input": f"What is {at} plus 3?", "reference": str(at + 3)} for at in range(11, 131)
    ]  # fewer show no spread
    (folder / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "p.yaml").write_text(PROTOCOL.replace("MODEL", model))
    return folder / "p.yaml"


@pytest.mark.train
def test_a_run_with_suites_is_sealed_cached_and_judged_again(tmp_path: Path) -> None:
    shutil.copytree(story.MODEL, tmp_path / "base")
    path = protocol_in(tmp_path, "backend: huggingface, path: base, options: {max_new_tokens: 8}")
    ledger, commit = Ledger(tmp_path / "home"), Occasion(when="commit")
    with Cache(tmp_path / "home") as cache:
        within = Surroundings(ledger=ledger, cache=cache)
        first = run(path, out=tmp_path / "one", within=within, occasion=commit)
        again = run(path, out=tmp_path / "two", within=within, occasion=commit)

    assert first.verdict == again.verdict == "promote"
    with RunFolder.open(tmp_path / "two") as folder:
        assert again == judge(folder)
        assert [] == list(check_run(folder, ledger))
        assert {True} == {one.extra.get("cached") for one in folder.responses()}
    with pytest.raises(Refused, match="was begun --on commit and cannot go on for nightly"):
        run(path, out=tmp_path / "two", resume=True, within=within, occasion=Occasion(when="nightly"))


def test_a_suite_of_a_sealed_set_is_a_look_at_it(tmp_path: Path) -> None:
    path = _nightly(tmp_path)
    ledger, nightly = Ledger(tmp_path / "home"), Occasion(when="nightly")
    sha256 = data.digest(data.read("d", read_protocol(path).datasets["d"], folder=tmp_path))
    seal(ledger, Seal(name="d", sha256=sha256, budget=1), actor="me", now=datetime.now(UTC))
    run(path, out=tmp_path / "one", within=Surroundings(ledger=ledger), occasion=nightly)

    assert 1 == len(looks(ledger, sha256))
    with RunFolder.open(tmp_path / "one") as folder:
        assert {"typos"} == {one.dataset for one in folder.examples()}
        assert [] == list(check_run(folder, ledger))
    with pytest.raises(Refused, match="whole budget"):
        run(path, out=tmp_path / "two", within=Surroundings(ledger=ledger), occasion=nightly)


def test_a_suite_made_of_a_file_that_data_seal_sealed_is_a_look_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run reads the file only to make another dataset of it."""
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    path = _nightly(tmp_path)
    assert 0 == main(["data", "seal", str(tmp_path / "d.jsonl"), "--budget", "1"])
    first = main(["run", str(path), "--out", str(tmp_path / "one"), "--on", "nightly"])
    capsys.readouterr()

    assert (first, 2) == (0, main(["run", str(path), "--out", str(tmp_path / "two"), "--on", "nightly"]))
    assert "its whole budget" in capsys.readouterr().err


def test_a_changed_source_of_a_suite_is_seen_when_a_run_goes_on(tmp_path: Path) -> None:
    path = _nightly(tmp_path)
    run(path, out=tmp_path / "run", occasion=Occasion(when="nightly"))
    rows = (tmp_path / "d.jsonl").read_text()
    (tmp_path / "d.jsonl").write_text(rows.replace('"reference": "14"', '"reference": "14", "source": "new"'))

    with pytest.raises(Refused, match="'typos' changed since the run"):
        run(path, out=tmp_path / "run", occasion=Occasion(when="nightly"), resume=True)


def test_a_run_goes_on_for_what_it_was_begun_for_without_being_told_again(tmp_path: Path) -> None:
    path = _nightly(tmp_path)
    run(path, out=tmp_path / "run", occasion=Occasion(when="nightly"))

    assert "promote" == run(path, out=tmp_path / "run", resume=True).verdict
    with RunFolder.open(tmp_path / "run") as folder:
        assert {"typos"} == {one.dataset for one in folder.examples()}


@pytest.mark.parametrize(
    ("begun", "then", "says"),
    [
        (["--on", "nightly"], ["--on", "weekly"], "was begun --on nightly and cannot go on for weekly"),
        ([], ["--on", "nightly"], "was begun without --on and cannot go on for nightly"),
    ],
)
def test_another_occasion_than_a_run_was_begun_for_is_one_sentence(
    begun: list[str],
    then: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))
    command = ["run", str(_nightly(tmp_path)), "--out", str(tmp_path / "run")]
    main([*command, *begun])
    before = (tmp_path / "run" / "manifest.json").read_bytes()
    capsys.readouterr()

    assert 2 == main([*command, "--resume", *then])
    assert says in capsys.readouterr().err
    assert before == (tmp_path / "run" / "manifest.json").read_bytes()


def _nightly(folder: Path) -> Path:
    """The protocol with recorded answers and without the suite that looks at the models themselves."""
    path = protocol_in(folder, "path: said.jsonl")
    gone = ("  unit:", "  unit_ok:", "  - {metric: unit_ok")
    lines = [line for line in path.read_text().splitlines() if not line.startswith(gone)]
    path.write_text("\n".join(lines))
    asked = [("d", ""), ("typos", ""), ("typos", "~punctuation")]
    answers = [
        {"example_id": f"q{at}{end}", "dataset": name, "text": str(at + 3)}
        for at in range(11, 131)
        for name, end in asked
    ]
    (folder / "said.jsonl").write_text("\n".join(map(json.dumps, answers)))
    return path
