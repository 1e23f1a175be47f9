"""The first five minutes of somebody without torch: init, validate, run, report, gate, release."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shipworthy.cli import main
from tests.cli.conftest import Shipworthy


def test_init_then_run_blocks_the_candidate_that_lost_its_refusals(first: Path, shipworthy: Shipworthy) -> None:
    done = shipworthy("run", "--out", "runs/a", cwd=first)

    assert 10 == done.returncode
    assert done.stdout.startswith("BLOCK")
    assert "FAIL" in done.stdout.splitlines()[2] and "refusal" in done.stdout.splitlines()[2]
    assert done.stdout.splitlines()[-1].startswith("Next: ")


def test_run_prints_one_json_document_of_the_contract(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    main(["run", "--json"])

    verdict = json.loads(capsys.readouterr().out)
    assert "block" == verdict["verdict"]
    assert {"verdict", "reasons", "metrics", "coverage", "warnings"} == set(verdict)
    promised = (
        "metric slice n clusters candidate baseline gain method p_worse p_better effect outcome margin n_needed because"
    )
    assert all(set(promised.split()) <= set(finding) for finding in verdict["metrics"])


def test_a_run_leaves_the_files_of_the_contract(first: Path) -> None:
    main(["run", "--out", "runs/a", "--quiet"])

    left = {path.name for path in (first / "runs/a").iterdir()}
    assert {
        "manifest.json",
        "responses.jsonl",
        "evidence.parquet",
        "verdict.json",
        "report.html",
        "report.md",
        "junit.xml",
    } <= left


def test_validate_names_what_each_gate_can_detect(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    code = main(["validate"])

    text = capsys.readouterr().out
    assert 0 == code
    assert "120 examples find" in text and "needs" in text


def test_validate_counts_rows_without_a_cluster_each_and_repeated_questions_once() -> None:
    from shipworthy.cli.validate import _size
    from shipworthy.records import Example, Message

    asked = ["one", "two", "three", "three", "four"]
    documents = ["a", "a", None, None, None]
    rows = [
        Example(id=str(i), dataset="d", messages=(Message(role="user", content=text),), cluster=document)
        for i, (text, document) in enumerate(zip(asked, documents, strict=True))
    ]
    size = _size(list(rows))

    assert (5, 3, 1) == (size.n, size.clusters, size.repeats)


def test_validate_writes_nothing(first: Path) -> None:
    before = sorted(path for path in first.rglob("*"))
    main(["validate"])

    assert before == sorted(path for path in first.rglob("*"))


def test_a_blocked_run_is_not_promoted(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--out", "runs/a", "--quiet"])
    capsys.readouterr()

    assert 2 == main(["release", "promote", "runs/a"])
    assert "block" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_init_writes_the_workflow_that_gates_a_pull_request(kind: str, tmp_path: Path) -> None:
    import yaml

    main(["init", str(tmp_path / "x"), "--ci", kind, "--quiet"])
    name = {"github": ".github/workflows/shipworthy.yml", "gitlab": ".gitlab-ci.yml"}[kind]

    text = (tmp_path / "x" / name).read_text()
    assert isinstance(yaml.safe_load(text), dict)
    assert "shipworthy run" in text and "report.md" in text


def test_ctrl_c_says_how_to_go_on_and_resume_gives_the_same_verdict(first: Path) -> None:
    from tests import mock_openai

    main(["run", "--out", "runs/whole", "--quiet"])
    with mock_openai.endpoint(latency_s=0.02) as endpoint:
        protocol = (first / "shipworthy.yaml").read_text()
        served = f"backend: openai\n    base_url: {endpoint.base_url}\n    model: echo\n    options: {{concurrency: 4}}"
        (first / "served.yaml").write_text(
            protocol.replace("backend: recorded\n    path: responses/candidate.jsonl", served, 1)
        )
        words = [sys.executable, "-m", "shipworthy", "run", "served.yaml", "--out", "runs/cut", "--quiet"]
        running = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ})
        responses = first / "runs/cut/responses.jsonl"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not (responses.exists() and responses.read_bytes().count(b"echo") > 10):
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
        assert 130 == running.returncode
        assert "--resume" in err
        resumed = subprocess.run([*words, "--resume"], capture_output=True, text=True)
        asked = endpoint.stats()

    assert 10 == resumed.returncode
    assert 200 <= sum(asked["prompts"].values()) <= 204 if "prompts" in asked else True


def test_validate_plans_refusals_by_their_own_disagreement(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["validate"])
    said = capsys.readouterr().out

    assert 0 == code
    assert "refusal: 80 examples find 0.0611 with 80% power; the margin of 0.02 needs 425" in said


def test_validate_plans_with_what_a_finished_run_showed(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = main(["run", "--out", "runs/one", "--quiet"])
    capsys.readouterr()
    validated = main(["validate", "--from", "runs/one", "--json"])
    planning = json.loads(capsys.readouterr().out)["planning"]

    assert (10, 0) == (ran, validated)
    assert {"ticket_match", "refusal"} == set(planning["metrics"])
    assert 0.02 < planning["metrics"]["refusal"]["disagreement"] < 0.25


def test_validate_says_how_many_ratings_people_must_give(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("shipworthy.yaml").read_text(encoding="utf-8")
    Path("shipworthy.yaml").write_text(text.replace("role: production", "role: human"), encoding="utf-8")
    code = main(["validate"])

    assert 0 == code
    assert "human production: 2,401 ratings know a share to +-0.02" in capsys.readouterr().out
