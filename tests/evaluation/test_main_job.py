"""The main job, whole: a protocol file in, a verdict and a run folder out."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from shipworthy.errors import BackendError, BadInput, Refused
from shipworthy.evaluation import Progress, Surroundings, judge, run
from shipworthy.evaluation.prepare import refuse_changes
from shipworthy.models._noise import seed_of
from shipworthy.records import Message, Prompt
from shipworthy.registry import judged_again
from shipworthy.store import RunFolder
from shipworthy.store.ledger import Ledger
from shipworthy.store.run_seal import check_run
from shipworthy.store.seals import Seal, looks, seal

Start = Callable[..., Any]
ROWS = 60

RECORDED = """
shipworthy: 1
name: recorded
datasets:
  d: {path: d.jsonl}
models:
  new: {role: candidate, path: new.jsonl}
  old: {role: production, path: old.jsonl}
metrics:
  exact_match: {dataset: d}
gates:
  - {metric: exact_match, baseline: old, margin: 0.1}
"""
OVER_HTTP = """
shipworthy: 1
name: over-http
datasets:
  d: {{path: d.jsonl}}
models:
  new: {{role: candidate, backend: openai, base_url: "{url}", model: echo, options: {options}}}
  old: {{role: production, backend: openai, base_url: "{url}", model: wrong, options: {options}}}
  majority: {{role: trivial, backend: trivial, strategy: majority}}
metrics:
  exact_match: {{dataset: d}}
gates:
  - {{metric: exact_match, baseline: old, margin: 0.1}}
seeds: [0, 1]
"""
SCRIPT = """
import sys
from pathlib import Path
from shipworthy.evaluation import run
out = Path(sys.argv[2])
print(run(Path(sys.argv[1]), out=out, resume=(out / "manifest.json").exists()).verdict)
"""


ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from shipworthy.evaluation import Surroundings, run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
no_more = lambda _: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
run(Path(sys.argv[1]), out=Path(sys.argv[2]), within=Surroundings(report=no_more))
"""


def write_rows(folder: Path) -> None:
    rows = [json.dumps({"id": at, "input": f"question {at}", "reference": f"question {at}"}) for at in range(ROWS)]
    (folder / "d.jsonl").write_text("\n".join(rows))


def write_answers(folder: Path, name: str, right: int, answered: int = ROWS) -> None:
    lines = [json.dumps({"example_id": at, "text": f"question {at}" if at < right else "?"}) for at in range(answered)]
    (folder / f"{name}.jsonl").write_text("\n".join(lines))


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    write_rows(tmp_path)
    write_answers(tmp_path, "new", right=58)
    write_answers(tmp_path, "old", right=50)
    (tmp_path / "p.yaml").write_text(RECORDED)
    return tmp_path / "p.yaml"


def over_http(folder: Path, url: str, options: str = "{concurrency: 4, max_retries: 0}") -> Path:
    write_rows(folder)
    (folder / "p.yaml").write_text(OVER_HTTP.format(url=url, options=options))
    return folder / "p.yaml"


def test_a_better_candidate_is_promoted_and_everything_is_written_down(recorded: Path) -> None:
    out = recorded.parent / "run"
    verdict = run(recorded, out=out)

    assert "promote" == verdict.verdict
    with RunFolder.open(out) as folder:
        assert "complete" == folder.manifest.status
        assert verdict == folder.verdict() == judge(folder)
        assert 2 * ROWS == sum(1 for _ in folder.responses())
        assert ROWS == sum(1 for _ in folder.examples()) == folder.manifest.datasets["d"].n
        assert {"new": "candidate", "old": "production"} == {n: m.role for n, m in folder.manifest.models.items()}


def test_a_worse_candidate_is_blocked(recorded: Path) -> None:
    write_answers(recorded.parent, "new", right=20)

    assert "block" == run(recorded, out=recorded.parent / "run").verdict


@pytest.mark.parametrize(("policy", "expected"), [("fail", "inconclusive"), ("wrong", "block")])
def test_rows_that_a_recording_lacks_are_ruled_by_the_policy(recorded: Path, policy: str, expected: str) -> None:
    write_answers(recorded.parent, "new", right=ROWS, answered=30)
    recorded.write_text(RECORDED + f"decisions: {{missing: {policy}}}\n")
    verdict = run(recorded, out=recorded.parent / "run")

    assert expected == verdict.verdict
    assert (30, ROWS) == (verdict.coverage.candidate, verdict.coverage.baseline)
    assert {"foreign_ids", "missing_examples"} <= {warning.code for warning in verdict.warnings}


def renumbered(path: Path, by: int, more: int = 0) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [{**line, "example_id": line["example_id"] + by} for line in lines]
    lines += [{"example_id": f"x{at}", "text": "?"} for at in range(more)]
    path.write_text("\n".join(map(json.dumps, lines)))


@pytest.mark.parametrize("start", [0, 1], ids=["rows from 0", "rows without ids"])
@pytest.mark.parametrize("name", ["new", "old"])
def test_recorded_ids_that_are_shifted_by_one_are_refused(recorded: Path, start: int, name: str) -> None:
    rows = recorded.parent / "d.jsonl"
    if start == 1:
        plain = [{k: v for k, v in json.loads(line).items() if k != "id"} for line in rows.read_text().splitlines()]
        rows.write_text("\n".join(map(json.dumps, plain)))
        for model in ("new", "old"):
            renumbered(recorded.parent / f"{model}.jsonl", 1)
    assert "promote" == run(recorded, out=recorded.parent / "right").verdict
    renumbered(recorded.parent / f"{name}.jsonl", -1 if start else 1)

    with pytest.raises(BadInput, match=f"the answers of {name} seem shifted by one: d counts its rows from {start}"):
        run(recorded, out=recorded.parent / "run")


def test_recorded_ids_that_match_nothing_are_named_where_nothing_lacks(recorded: Path) -> None:
    renumbered(recorded.parent / "old.jsonl", 0, more=30)
    verdict = run(recorded, out=recorded.parent / "run")
    (told,) = [warning for warning in verdict.warnings if warning.code == "foreign_ids"]

    assert ("promote", 30) == (verdict.verdict, told.count)
    assert "30 recorded ids match no example ('x0', 'x1', 'x2', …)" in told.message


@pytest.mark.parametrize(("error", "refused"), [("9", True), ("0.6", True), ("0.05", False)])
def test_a_standard_error_that_no_share_can_have_is_refused(recorded: Path, error: str, refused: bool) -> None:
    number = f"{{exact_match: {{value: 0.9, source: a paper, n: 1000, standard_error: {error}}}}}"
    recorded.write_text(
        recorded.read_text().replace("models:", f"models:\n  paper: {{role: published, published: {number}}}", 1)
    )

    if refused:
        with pytest.raises(BadInput, match=f"{error} cannot be its standard error: .* at most 0.5"):
            run(recorded, out=recorded.parent / "run")
    else:
        assert "promote" == run(recorded, out=recorded.parent / "run").verdict


def test_a_baseline_that_lacks_rows_makes_nobody_better(recorded: Path) -> None:
    write_answers(recorded.parent, "old", right=50, answered=5)
    verdict = run(recorded, out=recorded.parent / "run")

    assert "inconclusive" == verdict.verdict
    with RunFolder.open(recorded.parent / "run") as folder:
        assert verdict == judged_again(folder, judge)


def test_seeds_that_were_recorded_and_are_not_asked_for_are_named(recorded: Path) -> None:
    lines = [{"example_id": at, "text": f"question {at}", "seed": seed} for at in range(ROWS) for seed in (0, 1, 2)]
    (recorded.parent / "new.jsonl").write_text("\n".join(map(json.dumps, lines)))
    verdict = run(recorded, out=recorded.parent / "run")

    assert any("seeds 1, 2 are recorded and not asked for" in warning.message for warning in verdict.warnings)


def test_an_error_that_was_recorded_stays_a_failure(recorded: Path) -> None:
    lines = [{"example_id": at, "error": "timeout"} if at >= 30 else {"example_id": at, "text": f"question {at}"}
             for at in range(ROWS)]  # fmt: skip
    (recorded.parent / "new.jsonl").write_text("\n".join(map(json.dumps, lines)))

    assert "block" == run(recorded, out=recorded.parent / "run").verdict


@pytest.mark.parametrize(("text", "seen"), [("question 1", True), (None, False)])
def test_one_answer_to_every_row_is_noticed_and_constant_scores_are_not(
    recorded: Path, text: str | None, seen: bool
) -> None:
    lines = [{"example_id": at, "text": text or f"wrong {at}"} for at in range(ROWS)]
    (recorded.parent / "new.jsonl").write_text("\n".join(map(json.dumps, lines)))
    verdict = run(recorded, out=recorded.parent / "run")

    assert seen == ("constant_output" in [warning.code for warning in verdict.warnings])


def test_the_same_run_twice_gives_the_same_verdict(recorded: Path) -> None:
    first, again = (run(recorded, out=recorded.parent / name) for name in ("a", "b"))

    assert first == again


def test_a_run_is_never_overwritten(recorded: Path) -> None:
    run(recorded, out=recorded.parent / "run")
    with pytest.raises(BadInput, match="a run lies here already; continue it with --resume"):
        run(recorded, out=recorded.parent / "run")


def test_a_finished_run_is_sealed_in_the_ledger(recorded: Path) -> None:
    ledger, out = Ledger(recorded.parent / "home"), recorded.parent / "run"
    run(recorded, out=out, within=Surroundings(ledger=ledger, now=lambda: datetime(2026, 1, 2, tzinfo=UTC)))

    assert ["run.sealed"] == [entry.kind for entry in ledger.entries()]
    with RunFolder.open(out) as folder:
        assert [] == check_run(folder, ledger)
    (out / "evidence.parquet").write_bytes(b"x")
    with RunFolder.open(out) as folder:
        assert [] != check_run(folder, ledger)


def test_a_sealed_test_set_is_looked_at_once_a_run_and_refused_when_it_is_used_up(recorded: Path) -> None:
    ledger, folder = Ledger(recorded.parent / "home"), recorded.parent
    within = Surroundings(ledger=ledger)
    run(recorded, out=folder / "first", within=within)
    sha256 = RunFolder.open(folder / "first").manifest.datasets["d"].sha256
    seal(ledger, Seal(name="d", sha256=sha256, budget=1), actor="me", now=datetime.now(UTC))
    run(recorded, out=folder / "second", within=within)
    run(recorded, out=folder / "second", resume=True, within=within)
    with pytest.raises(Refused, match="looked at 1 times, its whole budget"):
        run(recorded, out=folder / "third", within=within)

    assert not (folder / "third").exists()
    assert 1 == len(looks(ledger, sha256))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "p.yaml").write_text(RECORDED.replace("0.1", "0.2")), "the protocol changed"),
        (
            lambda folder: (folder / "d.jsonl").write_text('{"id": 1, "input": "x", "reference": "y"}'),
            "dataset 'd' changed",
        ),
        (lambda folder: write_answers(folder, "new", right=60), "model 'new' is not what it was"),
    ],
)
def test_resume_refuses_what_is_not_what_was_locked(
    recorded: Path, change: Callable[[Path], object], said: str
) -> None:
    run(recorded, out=recorded.parent / "run")
    before = {path.name: path.read_bytes() for path in (recorded.parent / "run").iterdir()}
    change(recorded.parent)
    with pytest.raises(Refused, match=said):
        run(recorded, out=recorded.parent / "run", resume=True)

    assert before == {path.name: path.read_bytes() for path in (recorded.parent / "run").iterdir()}


def test_a_comment_in_the_protocol_may_change(recorded: Path) -> None:
    first = run(recorded, out=recorded.parent / "run")
    recorded.write_text(f"# a comment\n{RECORDED}")

    assert first == run(recorded, out=recorded.parent / "run", resume=True)


def test_resume_needs_a_run(recorded: Path) -> None:
    with pytest.raises(BadInput, match="no run lies here"):
        run(recorded, out=recorded.parent / "run", resume=True)

    assert not (recorded.parent / "run").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"d.jsonl": ""}, "the file is empty"),
        ({"d.jsonl": '{"id": 1, "input": "x"}'}, "reference"),
        ({"new.jsonl": "{"}, r"new\.jsonl:1: not a recorded response"),
        ({"p.yaml": RECORDED.replace("margin", "margn")}, "did you mean 'margin'"),
        ({"p.yaml": RECORDED.replace("exact_match", "exact_mach")}, "exact_match"),
        ({"p.yaml": RECORDED.replace("path: new.jsonl", "path: nowhere.jsonl")}, "nowhere.jsonl"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(recorded: Path, change: dict[str, str], said: str) -> None:
    for name, content in change.items():
        (recorded.parent / name).write_text(content)
    with pytest.raises((BadInput, LookupError), match=said):
        run(recorded, out=recorded.parent / "run")

    assert not (recorded.parent / "run").exists()


def test_a_protocol_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the protocol cannot be read: no such file or directory"):
        run(tmp_path / "p.yaml", out=tmp_path / "run")


# --- Over HTTP ---


def test_a_protocol_over_http_is_judged_like_any_other(tmp_path: Path, start: Start) -> None:
    seen: list[Progress] = []
    protocol = over_http(tmp_path, start().base_url)

    assert "promote" == run(protocol, out=tmp_path / "run", within=Surroundings(report=seen.append)).verdict
    assert (6 * ROWS, 6 * ROWS) == (seen[-1].done, seen[-1].total)


def test_an_endpoint_that_is_down_from_the_start_leaves_nothing(tmp_path: Path, mock_openai: ModuleType) -> None:
    protocol = over_http(tmp_path, f"http://127.0.0.1:{mock_openai.free_port()}/v1")
    began = time.monotonic()
    with pytest.raises(BackendError, match="cannot connect"):
        run(protocol, out=tmp_path / "run")

    assert not (tmp_path / "run").exists()
    assert time.monotonic() - began < 10


def test_files_that_lay_in_the_folder_before_stay_when_an_endpoint_is_down(
    tmp_path: Path, mock_openai: ModuleType
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("x")
    protocol = over_http(tmp_path, f"http://127.0.0.1:{mock_openai.free_port()}/v1")
    with pytest.raises(BackendError):
        run(protocol, out=tmp_path / "run")

    assert ["mine.txt"] == [path.name for path in (tmp_path / "run").iterdir()]


def test_a_run_begun_while_one_seed_was_sent_for_all_rows_goes_on(tmp_path: Path, start: Start) -> None:
    """Its answers are draws of the same model; a paid run is not thrown away for how the rest is drawn."""
    run(over_http(tmp_path, start().base_url), out=tmp_path / "run")
    with RunFolder.open(tmp_path / "run") as folder:
        now = folder.manifest
    assert "seed and example" == now.models["new"].identity["noise"]

    def with_identity(**change: str) -> Any:
        kept = {key: value for key, value in now.models["new"].identity.items() if key != "noise"}
        model = msgspec.structs.replace(now.models["new"], identity={**kept, **change})
        return msgspec.structs.replace(now, models={**now.models, "new": model})

    refuse_changes(with_identity(), now)
    for locked, then in ((now, with_identity()), (with_identity(model="other"), now)):
        with pytest.raises(Refused, match="model 'new' is not what it was"):
            refuse_changes(locked, then)


def test_an_endpoint_that_dies_half_way_is_inconclusive_and_can_be_resumed(tmp_path: Path, start: Start) -> None:
    endpoint = start(dead_after=50)
    protocol, out, ledger = over_http(tmp_path, endpoint.base_url), tmp_path / "run", Ledger(tmp_path / "home")
    verdict = run(protocol, out=out, within=Surroundings(ledger=ledger))

    assert "inconclusive" == verdict.verdict
    assert "the run is incomplete" in verdict.reasons[0] and "stopped answering" in verdict.reasons[0]
    assert "--resume" in verdict.reasons[-1]
    assert () == verdict.metrics
    assert ("incomplete", "run.incomplete") == (RunFolder.open(out).manifest.status, ledger.entries()[-1].kind)
    assert verdict == RunFolder.open(out).verdict()
    with pytest.raises(BackendError, match="what was answered is kept, continue with: shipworthy run --resume"):
        run(protocol, out=out, resume=True)
    again = start(port=endpoint.port)

    assert "promote" == run(protocol, out=out, resume=True, within=Surroundings(ledger=ledger)).verdict
    assert 4 * ROWS - 50 == sum(again.stats()["answered"].values())
    assert ("complete", "run.sealed") == (RunFolder.open(out).manifest.status, ledger.entries()[-1].kind)


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path, start: Start) -> None:
    endpoint = start(latency_s=0.02)
    protocol, out = over_http(tmp_path, endpoint.base_url), tmp_path / "run"
    process = begin(protocol, out)
    wait_for(out, 20)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)

    assert "KeyboardInterrupt: interrupted; what was answered is saved, continue with: shipworthy run --resume" in said
    assert "incomplete" == RunFolder.open(out).manifest.status
    assert "promote" == run(protocol, out=out, resume=True).verdict


def test_a_disk_that_fills_up_names_the_answers_and_how_to_go_on(tmp_path: Path, start: Start) -> None:
    """From the first progress report on no file may grow, the manifest with its status included."""
    endpoint = start(latency_s=0.02)
    protocol, out = over_http(tmp_path, endpoint.base_url), tmp_path / "run"
    full = begin(protocol, out, ON_A_FULL_DISK)
    _, said = full.communicate(timeout=60)

    assert "responses.jsonl: the file may not grow any further" in said
    assert "what was answered is kept, continue with: shipworthy run --resume" in said
    assert 0 < len(answered_lines(out)) < 4 * ROWS
    assert "promote" == run(protocol, out=out, resume=True).verdict


def test_a_folder_that_vanishes_during_a_run_is_one_sentence(tmp_path: Path, start: Start) -> None:
    protocol, out = over_http(tmp_path, start(latency_s=0.005).base_url), tmp_path / "run"
    with pytest.raises(BadInput, match="No such file or directory"):
        run(protocol, out=out, within=Surroundings(report=lambda _: shutil.rmtree(out, ignore_errors=True)))


def test_a_budget_that_ends_is_inconclusive(tmp_path: Path, start: Start) -> None:
    protocol = over_http(tmp_path, start().base_url)
    protocol.write_text(protocol.read_text() + "budget: {max_requests: 30}\n")
    verdict = run(protocol, out=tmp_path / "run")

    assert "inconclusive" == verdict.verdict
    assert "budget.max_requests 30 is used up" in verdict.reasons[0]


def test_a_cost_budget_needs_prices(tmp_path: Path, start: Start) -> None:
    protocol = over_http(tmp_path, start().base_url)
    protocol.write_text(protocol.read_text() + "budget: {max_cost_usd: 1}\n")
    with pytest.raises(BadInput, match="needs to know what model 'new' costs"):
        run(protocol, out=tmp_path / "run")


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_that_was_killed_again_and_again_ends_like_an_undisturbed_one(
    tmp_path: Path, start: Start, kills: int
) -> None:
    endpoint = start(latency_s=0.02)
    protocol = over_http(tmp_path, endpoint.base_url)
    undisturbed = run(protocol, out=tmp_path / "whole")
    before = endpoint.stats()["answered"]
    out, rng = tmp_path / "killed", random.Random(3)
    written: set[str] = set()
    for kill in range(kills):
        process = begin(protocol, out)
        wait_for(out, len(written) + rng.randrange(2, 165 // kills))
        time.sleep(rng.random() * 0.02)
        process.kill()
        process.communicate()
        at_kill = endpoint.stats()["answered"]
        written = answered_lines(out)
        assert len(written) > 0, kill
    process = begin(protocol, out)
    said, _ = process.communicate(timeout=60)

    after = endpoint.stats()["answered"]
    assert f"{undisturbed.verdict}\n" == said
    with RunFolder.open(tmp_path / "whole") as whole, RunFolder.open(out) as killed:
        assert whole.verdict() == killed.verdict()
        assert len(whole.evidence()) == len(killed.evidence())
    assert {key: at_kill[key] for key in written} == {key: after[key] for key in written}
    in_flight = kills * 2 * 4
    assert sum(after.values()) - sum(before.values()) <= 4 * ROWS + in_flight


def begin(protocol: Path, out: Path, script: str = SCRIPT) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", script, str(protocol), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(out: Path, lines: int) -> None:
    """Until so many responses are on disk."""
    log = out / "responses.jsonl"
    deadline = time.monotonic() + 30
    while not (log.exists() and log.read_bytes().count(b"\n") >= lines):
        assert time.monotonic() < deadline
        time.sleep(0.002)


def answered_lines(out: Path) -> set[str]:
    """What stands in the log of a killed run, in the words of the endpoint's statistics."""
    names = {"new": "echo", "old": "wrong"}
    lines = (out / "responses.jsonl").read_bytes().split(b"\n")[:-1]
    rows = [row for row in map(json.loads, lines) if row["model"] in names and row.get("text") is not None]
    return {f"{names[row['model']]}/{_sent(row)}/question {row['example_id']}" for row in rows}


def _sent(row: dict[str, Any]) -> int:
    """The seed that went out with the question: no temperature is set, so each example has its own."""
    asked = Prompt(example_id=row["example_id"], dataset=row["dataset"], messages=(Message(role="user", content="?"),))
    return seed_of(row.get("seed", 0), asked)
