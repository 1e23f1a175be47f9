"""Metrics that need I/O in the main job: scored once, gated, judged again from the evidence, resumed."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from shipworthy.errors import BackendError, BadInput
from shipworthy.evaluation import judge, run
from shipworthy.store import RunFolder
from tests import mock_openai

N = 40


def folder(path: Path, metric: str, *, options: str, extra: str = "", unlike: int = 0) -> Path:
    """A protocol over N rows; the candidate answers the reference, the baseline differs in the first `unlike` rows."""
    rows = [{"id": str(i), "input": f"question {i}", "reference": f"SELECT {i}"} for i in range(N)]
    lines(path / "d.jsonl", rows)
    lines(path / "new.jsonl", [{"example_id": row["id"], "text": row["reference"]} for row in rows])
    old = [f"SELECT {i if i >= unlike else -1}" for i in range(N)]
    lines(path / "old.jsonl", [{"example_id": row["id"], "text": text} for row, text in zip(rows, old, strict=True)])
    protocol = f"""
shipworthy: 1
name: scored
datasets:
  d: {{path: d.jsonl}}
models:
  new: {{role: candidate, path: new.jsonl}}
  old: {{role: production, path: old.jsonl}}
metrics:
  quality: {{dataset: d, metric: {metric}, options: {options}}}
gates:
  - {{metric: quality, baseline: old, margin: 0.1}}
{extra}
"""
    (path / "p.yaml").write_text(protocol)
    return path / "p.yaml"


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def sqlite_in(path: Path) -> None:
    connection = sqlite3.connect(path / "d.sqlite")
    connection.execute("CREATE TABLE t (n INTEGER)")
    connection.commit()
    connection.close()


def test_sql_is_executed_judged_and_judged_again(tmp_path: Path) -> None:
    sqlite_in(tmp_path)
    verdict = run(folder(tmp_path, "sql_match", options="{database: d.sqlite}", unlike=10), out=tmp_path / "out")
    finding = verdict.metrics[0]

    assert ("promote", 1.0, 0.75, "tango") == (
        verdict.verdict,
        finding.candidate.value,
        finding.baseline and finding.baseline.value,
        finding.method,
    )
    assert verdict.metrics == judge(RunFolder.open(tmp_path / "out")).metrics
    assert "quality" in RunFolder.open(tmp_path / "out").manifest.settings["scorers"]
    assert N + 10 == len((tmp_path / "out" / "scores.jsonl").read_text().splitlines())


def test_broken_gold_is_told_before_a_model_is_asked(tmp_path: Path) -> None:
    sqlite_in(tmp_path)
    path = folder(tmp_path, "sql_match", options="{database: d.sqlite}")
    rows = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    rows[3]["reference"] = "SELECT gone FROM t"
    lines(tmp_path / "d.jsonl", rows)
    with pytest.raises(BadInput, match=r"d\.jsonl:4: 1 of 40 gold queries do not run"):
        run(path, out=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_broken_gold_that_is_left_out_has_no_weight_and_is_told(tmp_path: Path) -> None:
    sqlite_in(tmp_path)
    path = folder(tmp_path, "sql_match", options="{database: d.sqlite, leave_out_broken_gold: true}")
    rows = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    rows[3]["reference"] = "SELECT gone FROM t"
    lines(tmp_path / "d.jsonl", rows)
    verdict = run(path, out=tmp_path / "out")

    assert 1.0 == verdict.metrics[0].candidate.value
    assert {"broken_gold"} <= {warning.code for warning in verdict.warnings}


def test_a_judge_of_the_protocol_spends_from_its_budget_and_the_run_goes_on_later(tmp_path: Path) -> None:
    with mock_openai.endpoint() as endpoint:
        options = f"{{judge: {{base_url: '{endpoint.base_url}', model: echo}}, against: old}}"
        path = folder(tmp_path, "judge_pairwise", options=options, extra="budget: {max_requests: 20}", unlike=N)
        short = run(path, out=tmp_path / "out")

        before_the_run = 1
        assert ("inconclusive", 20) == (short.verdict, endpoint.stats()["requests"] - before_the_run)
        assert "30 scores of quality are missing: budget.max_requests 20 is used up" in short.reasons[0]
        assert "incomplete" == RunFolder.open(tmp_path / "out").manifest.status


def test_a_judge_that_dies_half_way_is_asked_the_rest_on_resume(tmp_path: Path) -> None:
    port = mock_openai.free_port()
    options = f"{{judge: {{base_url: 'http://127.0.0.1:{port}/v1', model: echo}}, against: old}}"
    path = folder(tmp_path, "judge_pairwise", options=options, unlike=N)
    with mock_openai.endpoint(port=port, dead_after=31):
        first = outcome(path, tmp_path / "out")
    kept = len((tmp_path / "out" / "scores.jsonl").read_text().splitlines())
    with mock_openai.endpoint(port=port) as endpoint:
        verdict = run(path, out=tmp_path / "out", resume=True)
        asked = endpoint.stats()["answered"]

    assert "inconclusive" in first or "shipworthy run --resume" in first
    assert 0 < kept
    assert 0.5 == verdict.metrics[0].candidate.value  # the echo's last word is the prompt's own example of a tie
    assert sum(asked.values()) <= 2 * N


@pytest.mark.parametrize("mode", ["404", "html", "500", "hang"])
def test_a_judge_that_gives_no_answers_stops_the_run_before_a_model_is_asked(tmp_path: Path, mode: str) -> None:
    with mock_openai.endpoint(mode=mode) as dead, mock_openai.endpoint() as model:
        options = f"{{judge: {{base_url: '{dead.base_url}', model: m, options: {{start_s: 1}}}}}}"
        path = folder(tmp_path, "judge_score", options=options)
        asked = f"backend: openai, base_url: '{model.base_url}', model: echo"
        path.write_text(path.read_text().replace("path: new.jsonl", asked))
        with pytest.raises(BackendError, match=r"model 'judge of quality' at .* gives no answers"):
            run(path, out=tmp_path / "out")

        assert 0 == model.stats()["requests"]
    assert not (tmp_path / "out").exists()


def test_a_judge_where_nobody_listens_stops_the_run_at_once(tmp_path: Path) -> None:
    options = f"{{judge: {{base_url: 'http://127.0.0.1:{mock_openai.free_port()}/v1', model: m}}}}"
    with pytest.raises(BackendError, match="cannot connect"):
        run(folder(tmp_path, "judge_score", options=options), out=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_classifier_where_nobody_listens_stops_the_run_too(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{mock_openai.free_port()}/analyze"
    options = f"{{classifiers: [{{kind: http, url: '{url}', tries: 1}}]}}"
    with pytest.raises(BackendError, match=f"the classifier at {url} gives no scores"):
        run(folder(tmp_path, "toxicity", options=options), out=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def outcome(path: Path, out: Path) -> str:
    """The verdict, or the sentence that the run stopped with."""
    try:
        return run(path, out=out).verdict
    except BackendError as error:
        return str(error)


JUDGED = 'judge: {base_url: "http://127.0.0.1:9/v1", model: m}'


@pytest.mark.parametrize(
    ("metric", "options", "label", "said"),
    [
        ("judge_score", "rubric: Be right, low: 1, high: 10", "good", "'good' in column 'h' .* '3' .* a number on"),
        ("judge_pairwise", "against: old", "ours", "'ours' in column 'h' .* '3' .* write 1"),
        ("attack_success", "", "yes", "'yes' in column 'h' .* '3' .* write complied, partly or refused"),
        ("attack_success", "", None, "no example of 'd' has a label in a column 'h'"),
    ],
)
def test_a_label_that_people_cannot_give_is_refused_before_a_judge_is_paid(
    tmp_path: Path, metric: str, options: str, label: str | None, said: str
) -> None:
    path = folder(tmp_path, metric, options=f"{{{JUDGED}, human: h, {options}}}")
    rows = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    rows[3]["h"] = label
    lines(tmp_path / "d.jsonl", rows)

    with pytest.raises(BadInput, match=said):
        run(path, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("isolated")
def test_code_is_executed_in_a_run(tmp_path: Path) -> None:
    path = folder(tmp_path, "code_pass", options="{tests: test}")
    rows = [{"id": str(i), "input": "q", "reference": "x", "test": f"assert x == {i}"} for i in range(N)]
    lines(tmp_path / "d.jsonl", rows)
    lines(tmp_path / "new.jsonl", [{"example_id": str(i), "text": f"x = {i}"} for i in range(N)])
    lines(tmp_path / "old.jsonl", [{"example_id": str(i), "text": f"x = {i % 20}"} for i in range(N)])
    finding = run(path, out=tmp_path / "out").metrics[0]

    assert (1.0, 0.5) == (finding.candidate.value, finding.baseline and finding.baseline.value)


@pytest.mark.parametrize(
    ("metric", "options", "says"),
    [
        ("code_pass", "{k: 3}", "metric 'quality': 1 seeds are too few .*at least k=3 trials"),
        (
            "judge_pairwise",
            "{judge: {base_url: 'http://127.0.0.1:1/v1', model: m}, against: older}",
            "compares with 'older', which is no model that answers; known: new, old",
        ),
        ("sql_match", "{database: gone.sqlite}", "gone.sqlite: no such database"),
        ("judge_score", "{}", "missing required field `judge`"),
    ],
)
def test_what_cannot_work_is_refused_before_a_model_is_asked(
    tmp_path: Path, metric: str, options: str, says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        run(folder(tmp_path, metric, options=options), out=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_failed_answer_to_broken_gold_has_no_weight_either(tmp_path: Path) -> None:
    sqlite_in(tmp_path)
    path = folder(tmp_path, "sql_match", options="{database: d.sqlite, leave_out_broken_gold: true}")
    rows = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    rows[3]["reference"] = "SELECT gone FROM t"
    lines(tmp_path / "d.jsonl", rows)
    answers = [json.loads(line) for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    lines(
        tmp_path / "new.jsonl",
        [{"example_id": one["example_id"], "error": "timeout"} if at == 3 else one for at, one in enumerate(answers)],
    )
    finding = run(path, out=tmp_path / "out").metrics[0]

    assert (1.0, len(rows) - 1, "tango") == (finding.candidate.value, finding.n, finding.method)
