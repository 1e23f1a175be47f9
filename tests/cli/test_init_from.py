"""`init --from`: what somebody has becomes a protocol that validates, runs, and decides as `compare` does."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shipworthy.cli import main
from shipworthy.data.results import LoggedRun, LoggedSample, write_eval

FIXTURES = Path(__file__).parent.parent / "data" / "fixtures"
Told = tuple[int, str, str]
Say = Callable[..., Told]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command in a folder of its own; gives its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHIPWORTHY_HOME", str(tmp_path / "home"))

    def run(*words: str) -> Told:
        capsys.readouterr()
        code = main(list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return run


def _scores(n: int, share: float, seed: int) -> list[int]:
    chance = random.Random(seed)
    return [int(chance.random() < share) for _ in range(n)]


NEW, OLD = _scores(400, 0.9, 1), _scores(400, 0.6, 2)


def _json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def _lines(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _wide(home: Path) -> list[Path]:
    rows = "".join(f"{at},{'xy'[at % 2]},{new},{old}\n" for at, (new, old) in enumerate(zip(NEW, OLD, strict=True)))
    (home / "results.csv").write_text(f"example_id,topic,new,old\n{rows}")
    return [home / "results.csv"]


def _tidy(home: Path) -> list[Path]:
    rows = [
        {"example_id": at, "model": model, "metric": metric, "value": value * scale, "input": f"question {at}"}
        for model, values in (("new", NEW), ("old", OLD))
        for at, value in enumerate(values)
        for metric, scale in (("accuracy", 1), ("f1", 0.5))
    ]
    return [_lines(home / "tidy.jsonl", rows)]


def _promptfoo(home: Path) -> list[Path]:
    rows = [
        {
            "provider": {"id": f"x:{model}", "label": model},
            "prompt": {"raw": f"q{at}", "label": "q"},
            "vars": {"q": f"q{at}"},
            "testCase": {"vars": {"q": f"q{at}"}},
            "response": {"output": "a"},
            "success": bool(value),
            "failureReason": 0 if value else 1,
            "score": value,
            "namedScores": {},
            "testIdx": at,
        }
        for model, values in (("new", NEW), ("old", OLD))
        for at, value in enumerate(values)
    ]
    return [_json(home / "output.json", {"results": {"version": 3, "prompts": [], "results": rows}})]


def _lm_eval(home: Path) -> list[Path]:
    paths = []
    for model, values in (("new", NEW), ("old", OLD)):
        samples = [
            {
                "doc_id": at,
                "doc": {"question": f"q{at}"},
                "target": "A",
                "arguments": [[f"q{at}", "A"]],
                "resps": [["A"]],
                "filtered_resps": ["A"],
                "metrics": ["acc"],
                "doc_hash": f"d{at}",
                "prompt_hash": f"p{at}",
                "target_hash": "t",
                "acc": float(value),
            }
            for at, value in enumerate(values)
        ]
        paths.append(_lines(home / model / "samples_quiz.jsonl", samples).parent)
    return paths


def _inspect(home: Path) -> list[Path]:
    paths = []
    for model, values in (("new", NEW), ("old", OLD)):
        samples = tuple(
            LoggedSample(id=str(at), input=f"q{at}", target="A", output="A", scores={"match": float(value)})
            for at, value in enumerate(values)
        )
        path = home / f"{model}.eval"
        write_eval(path, LoggedRun(task="quiz", model=model, created="2024-01-01T00:00:00+00:00", samples=samples))
        paths.append(path)
    return paths


def _openai(home: Path) -> list[Path]:
    paths = []
    for model, values in (("new", NEW), ("old", OLD)):
        events = [
            {"run_id": "r", "event_id": at, "sample_id": f"t.{at}", "type": "match", "data": {"correct": bool(value)}}
            for at, value in enumerate(values)
        ]
        spec = {"completion_fns": [model], "eval_name": "t", "run_id": "r"}
        paths.append(_lines(home / f"{model}.jsonl", [{"spec": spec}, *events, {"final_report": {}}]))
    return paths


KINDS = {
    "a wide table": _wide,
    "a tidy table": _tidy,
    "a promptfoo output": _promptfoo,
    "lm-eval samples": _lm_eval,
    "inspect logs": _inspect,
    "OpenAI evals": _openai,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_somebody_has_becomes_a_verdict(tmp_path: Path, say: Say, kind: str) -> None:
    paths = [str(path) for path in KINDS[kind](tmp_path)]
    code, out, err = say("init", "mine", "--from", *paths)

    assert (0, "") == (code, err)
    assert "taken: " in out and "guessed: 'new' is the candidate and 'old' in production, by their names" in out
    assert "Next: cd mine && shipworthy validate && shipworthy run" == out.splitlines()[-1]
    assert 0 == say("validate", "mine/shipworthy.yaml")[0]

    code, out, _ = say("run", "mine/shipworthy.yaml", "--out", "runs/a", "--json")
    ran = json.loads(out)
    compared = json.loads(say("compare", *paths, "--candidate", "new", "--baseline", "old", "--json")[1])
    assert (0, "promote") == (code, ran["verdict"])
    whole = [one for one in ran["metrics"] if one["slice"] is None]
    assert [one["gain"] for one in compared["metrics"] if one["slice"] is None] == [one["gain"] for one in whole]


def test_the_protocol_says_what_it_took_and_guessed(tmp_path: Path, say: Say) -> None:
    say("init", "mine", "--from", str(_wide(tmp_path)[0]), "--metric", "accuracy")
    text = (tmp_path / "mine" / "shipworthy.yaml").read_text()

    assert "# taken: wide table in" in text and "400 examples, metrics accuracy" in text
    assert "# guessed: the columns topic are slices" in text and 'slices: ["slice_topic"]' in text
    assert "# guessed: the margins" in text


def test_without_a_name_the_folder_is_named_after_the_source(tmp_path: Path, say: Say) -> None:
    code, out, _ = say("init", "--from", str(_wide(tmp_path)[0]))

    assert 0 == code and (tmp_path / "shipworthy-results" / "shipworthy.yaml").is_file()
    assert "cd shipworthy-results" in out


def test_nothing_is_overwritten(tmp_path: Path, say: Say) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    code, _, err = say("init", "mine", "--from", str(_wide(tmp_path)[0]))

    assert 2 == code and "nothing is overwritten; name a new folder" in err
    assert ["notes.txt"] == [path.name for path in (tmp_path / "mine").iterdir()]


def test_names_that_do_not_say_who_ships_are_asked_about(tmp_path: Path, say: Say) -> None:
    rows = "".join(f"{at},1,0,1\n" for at in range(30))
    (tmp_path / "r.csv").write_text(f"example_id,alpha,beta,gamma\n{rows}")
    code, _, err = say("init", "mine", "--from", "r.csv")

    assert 2 == code and "The models are alpha, beta, gamma; say --candidate and --baseline" in err
    assert not (tmp_path / "mine").exists()
    code, out, _ = say("init", "mine", "--from", "r.csv", "--candidate", "alpha", "--baseline", "beta")
    assert 0 == code and "not carried over: model 'gamma'" in out


def test_a_direction_that_nobody_knows_is_asked_for(tmp_path: Path, say: Say) -> None:
    path = str(_wide(tmp_path)[0])
    code, _, err = say("init", "mine", "--from", path, "--metric", "zeal")

    assert 2 == code and "--better" in err
    assert 0 == say("init", "mine", "--from", path, "--metric", "zeal", "--better", "lower")[0]
    assert '"better": "lower"' in (tmp_path / "mine" / "shipworthy.yaml").read_text()
    assert 10 == say("run", "mine/shipworthy.yaml", "--out", "runs/a")[0]


def test_repeats_failures_and_gaps_are_carried_over(tmp_path: Path, say: Say) -> None:
    shutil.copy(FIXTURES / "promptfoo.json", tmp_path)
    code, out, _ = say("init", "mine", "--from", "promptfoo.json")
    rows = [json.loads(line) for line in (tmp_path / "mine" / "data" / "results.jsonl").read_text().splitlines()]
    answers = (tmp_path / "mine" / "responses" / "new.jsonl").read_text()

    assert 0 == code and "not carried over: latency_s, which `compare` watches" in out
    assert 8 == len(rows) and 4 == len({row["cluster"] for row in rows})
    assert 2 == answers.count('"error"')  # Peru, twice
    assert 12 == say("run", "mine/shipworthy.yaml", "--out", "runs/a")[0]


def test_the_run_of_a_protocol_becomes_a_protocol_again(tmp_path: Path, say: Say) -> None:
    say("init", "first")
    say("run", "first/shipworthy.yaml", "--out", "runs/a")
    code, out, _ = say("init", "again", "--from", "runs/a")

    assert 0 == code and "its metrics and gates as locked" not in out and "metrics and gates as locked" in out
    assert 0 == say("validate", "again/shipworthy.yaml")[0]
    one = json.loads((tmp_path / "runs" / "a" / "verdict.json").read_text())
    code, out, _ = say("run", "again/shipworthy.yaml", "--out", "runs/b", "--json")
    other = json.loads(out)
    assert (10, one["verdict"]) == (code, other["verdict"])
    assert [finding["candidate"] for finding in one["metrics"]] == [
        finding["candidate"] for finding in other["metrics"]
    ]


def test_another_model_of_the_run_can_be_the_candidate(tmp_path: Path, say: Say) -> None:
    say("init", "first")
    say("run", "first/shipworthy.yaml", "--out", "runs/a")

    assert 0 == say("init", "again", "--from", "runs/a", "--candidate", "production")[0]
    assert 0 == say("validate", "again/shipworthy.yaml")[0]
    assert say("run", "again/shipworthy.yaml", "--out", "runs/b")[0] in (0, 10, 11, 12)
    code, _, err = say("init", "third", "--from", "runs/a", "--candidate", "nobody")
    assert 2 == code and "no model 'nobody'; the run has candidate, production, majority" in err


CONFIGURATION = """
prompts:
  - "Say {{word}} and nothing but {braces}"
  - file://other.txt
providers:
  - id: openai:chat:echo
    label: new
    config: {apiBaseUrl: "BASE", temperature: 0, functions: []}
  - id: openai:wrong
    label: old
    config: {apiBaseUrl: "BASE"}
  - anthropic:messages:claude
defaultTest:
  assert:
    - {type: not-contains, value: sorry}
tests:
"""


def _configuration(home: Path, base_url: str) -> Path:
    tests = "".join(
        f"  - vars: {{word: w{at}}}\n    assert:\n"
        "      - {type: icontains, value: 'SAY {{word}}'}\n      - {type: llm-rubric, value: kind}\n"
        for at in range(60)
    )
    path = home / "promptfooconfig.yaml"
    path.write_text(CONFIGURATION.replace("BASE", base_url) + tests)
    return path


@pytest.mark.processes
def test_a_promptfoo_configuration_becomes_endpoints(tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.mock_openai import endpoint

    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with endpoint() as mock:
        path = _configuration(tmp_path, mock.base_url)
        code, out, _ = say("init", "mine", "--from", str(path))
        text = (tmp_path / "mine" / "shipworthy.yaml").read_text()

        assert 0 == code
        assert "not carried over: provider 'anthropic:messages:claude': it has no OpenAI-compatible endpoint" in out
        assert "not carried over: assertion 'llm-rubric' (60 times)" in out
        assert "option 'functions' of provider 'openai:chat:echo'" in out and "it stands in a file or in code" in out
        assert 'template: "Say {word} and nothing but {{braces}}"' in text and 'api_key_env: "OPENAI_API_KEY"' in text
        assert 0 == say("validate", "mine/shipworthy.yaml")[0]
        code, out, _ = say("run", "mine/shipworthy.yaml", "--out", "runs/a", "--json")

    found = json.loads(out)["metrics"][0]
    assert (0, "assertions", 60, 1.0) == (code, found["metric"], found["n"], found["candidate"]["value"])
    assert 0.4 < found["baseline"]["value"] < 0.9


def test_a_configuration_of_which_nothing_can_be_carried_over_is_refused(tmp_path: Path, say: Say) -> None:
    (tmp_path / "c.yaml").write_text("prompts: ['{{q}}']\nproviders: [file://mine.py]\ntests: [{vars: {q: a}}]\n")
    code, _, err = say("init", "mine", "--from", "c.yaml")

    assert 2 == code and "none of its providers has an OpenAI-compatible endpoint (provider 'file://mine.py'" in err


def test_a_single_provider_is_gated_by_a_limit(tmp_path: Path, say: Say) -> None:
    (tmp_path / "c.yaml").write_text(
        "prompts: ['{{q}}']\nproviders: [ollama:chat:llama3]\n"
        "tests: [{vars: {q: a}, assert: [{type: equals, value: a}]}]\n"
    )
    code, out, _ = say("init", "mine", "--from", "c.yaml")

    assert 0 == code and "the only provider is the candidate, so a limit gates it" in out
    assert "at_least: 0.9" in (tmp_path / "mine" / "shipworthy.yaml").read_text()
    assert 0 == say("validate", "mine/shipworthy.yaml")[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("init", "mine", "--from", "nowhere.csv"), "no such file"),
        (("init", "mine", "--candidate", "new"), "--candidate says something about what --from names"),
        (
            ("init", "mine", "--from", "r.csv", "--candidate", "new", "--baseline", "nobody"),
            "no baseline column 'nobody'",
        ),
        (("init", "mine", "--from", "history.csv"), "this is an export of W&B charts"),
    ],
)
def test_what_cannot_be_begun_from_is_one_sentence(tmp_path: Path, say: Say, words: tuple[str, ...], said: str) -> None:
    shutil.copy(_wide(tmp_path)[0], tmp_path / "r.csv")
    (tmp_path / "history.csv").write_text("_step,_runtime,_timestamp,loss\n0,1,2,.5\n")
    code, _, err = say(*words)

    assert 2 == code and said in err and 1 == len(err.strip().splitlines())
    assert not (tmp_path / "mine").exists()


def test_the_choices_are_one_document_of_json(tmp_path: Path, say: Say) -> None:
    _, out, _ = say("init", "mine", "--from", str(_wide(tmp_path)[0]), "--json")
    told = json.loads(out)

    assert {"directory", "files", "taken", "guessed", "left", "next"} == set(told)
    assert "shipworthy.yaml" in told["files"]


def test_two_protocols_from_files_of_one_name_are_two_protocols_and_no_release(say: Say, tmp_path: Path) -> None:
    _wide(tmp_path)
    for folder in ("one", "two"):
        say("init", folder, "--from", "results.csv", "--candidate", "new", "--baseline", "old", "--metric", "accuracy")
    first = say("run", "one/shipworthy.yaml", "--out", "r1")
    second = say("run", "two/shipworthy.yaml", "--out", "r2", "--json")

    assert (0, 0) == (first[0], second[0])
    assert "release promote" not in first[1] and "Next: open r1/report.html" in first[1]
    assert "protocol_edited" not in [note["code"] for note in json.loads(second[1])["warnings"]]
