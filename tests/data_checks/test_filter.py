"""A judge sorts training rows: only when it beats the constant predictor, asking once, losing no row."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shipworthy.cli import main
from tests import mock_openai
from tests.data_checks.corpus import asked, said

GOOD, POOR, MUTE = 42, 15, 3
ROWS = GOOD + POOR + MUTE


@pytest.fixture(scope="module")
def judge() -> Iterator[mock_openai.Endpoint]:
    """Says back what it is asked, so that the verdict that an answer asks for is the one that it gets."""
    with mock_openai.endpoint() as running:
        yield running


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Rows whose answers end in the judge's verdict; some in none."""
    rng = Random("filter")
    endings = [" [[9]]"] * GOOD + [" [[2]]"] * POOR + [""] * MUTE
    rng.shuffle(endings)
    path = tmp_path / "rows.jsonl"
    lines = [{"prompt": asked(rng), "completion": said(rng) + end, "ticket": i} for i, end in enumerate(endings)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def spec(folder: Path, port: int, **more: Any) -> Path:
    path = folder / "judge.yaml"
    judge = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "echo"}
    path.write_text(json.dumps({"judge": judge, "prompt": "{question} {answer}", **more}), encoding="utf-8")
    return path


def rated(rows: Path, *, turned: bool = False) -> Path:
    """The whole set as a review sample: people say what the answers do, or the opposite; 9 where they do not."""
    path = rows.with_name("rated.jsonl")
    made = []
    for number, line in enumerate(rows.read_text(encoding="utf-8").splitlines(), start=1):
        row = json.loads(line)
        poor = ("[[2]]" in row["completion"]) != turned
        made.append({"where": f"{rows}:{number}", "stratum": "s", "prompt": row["prompt"]})
        made[-1] |= {"completion": row["completion"], "rating": 2 if poor else 9}
    path.write_text("".join(json.dumps(line) + "\n" for line in made), encoding="utf-8")
    return path


def run(rows: Path, port: int, *words: str, out: str = "out") -> int:
    folder = rows.parent
    common = ["data", "filter", str(rows), "--judge", str(spec(folder, port)), "--below", "6", "--quiet"]
    return main([*common, "--out", str(folder / out), *words])


def requests(judge: mock_openai.Endpoint) -> int:
    counted: int = judge.stats()["requests"]
    return counted


def pile(folder: Path, name: str) -> list[str]:
    return (folder / "out" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


# --- Sorting ---------------------------------------------------------------------------------------------------------


def test_every_row_lies_in_one_of_three_files_as_it_was(
    rows: Path, judge: mock_openai.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(rows, judge.port, "--rated", str(rated(rows)))
    kept, below, unread = (pile(rows.parent, name) for name in ("kept", "below", "unread"))
    before = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]

    assert (0, GOOD, POOR, MUTE) == (code, len(kept), len(below), len(unread))
    assert before == sorted(map(json.loads, [*kept, *below, *unread]), key=lambda row: row["ticket"])
    assert all("[[2]]" in line for line in below)
    printed = capsys.readouterr().out
    assert f"always saying 'kept' agrees on {(GOOD + MUTE) / ROWS:.3f}" in printed
    assert f"{MUTE} verdicts unparsed" in printed


def test_rows_that_are_set_aside_are_listed_with_place_score_and_words(
    rows: Path, judge: mock_openai.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    run(rows, judge.port, "--rated", str(rated(rows)), "--json")
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((rows.parent / "out" / "filter.json").read_text(encoding="utf-8"))
    lines = rows.read_text(encoding="utf-8").splitlines()
    poor = {f"{rows}:{n}" for n, line in enumerate(lines, start=1) if "[[2]]" in line}

    assert printed == written
    assert poor == {one["where"] for one in printed["set_aside"] if one["score"] == 2.0 and "[[2]]" in one["said"]}
    assert MUTE == sum(one["score"] is None and one["pile"] == "unread" for one in printed["set_aside"])


def test_what_a_judge_says_moves_no_terminal(
    tmp_path: Path, judge: mock_openai.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"prompt": "\x1b[2J", "completion": "Poor. [[2]]"}) + "\n", encoding="utf-8")

    assert 0 == run(rows, judge.port, "--force")
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "\\x1b[2J Poor. [[2]]" in printed


def test_a_rating_counts_although_the_judge_has_seen_its_answer_beside_another_rejected_one(
    tmp_path: Path, judge: mock_openai.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, sample = tmp_path / "rows.jsonl", tmp_path / "rated.jsonl"
    pair = {"prompt": "What is due?", "chosen": "The rent is. [[2]]"}
    rows.write_text("".join(json.dumps({**pair, "rejected": no}) + "\n" for no in ("Nothing.", "No idea.")))
    main(["data", "check", str(rows), "--quiet", "--review-sample", str(sample)])
    made = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
    sample.write_text("".join(json.dumps(line | {"rating": n}) + "\n" for line, n in zip(made, (7, 3), strict=True)))
    capsys.readouterr()
    run(rows, judge.port, "--rated", str(sample), "--force", "--json")
    printed = json.loads(capsys.readouterr().out)

    assert [2, 1, 1, 0] == [len(made), printed["distinct"], printed["rated"], printed["unmatched"]]
    assert (1, 1.0) == (printed["agreement"]["n"], printed["agreement"]["agreement"]["value"])  # 5 and 2: both below


def test_rows_of_equal_content_are_judged_once(rows: Path, judge: mock_openai.Endpoint) -> None:
    rated(rows)
    once = rows.read_text(encoding="utf-8")
    rows.write_text(once + once, encoding="utf-8")
    before = requests(judge)
    code = run(rows, judge.port, "--rated", str(rows.with_name("rated.jsonl")))

    assert (0, ROWS) == (code, requests(judge) - before)
    assert (2 * GOOD, 2 * POOR) == (len(pile(rows.parent, "kept")), len(pile(rows.parent, "below")))


def test_a_conversation_is_judged_with_its_turns_and_contexts_stand_before_their_question(
    tmp_path: Path, judge: mock_openai.Endpoint
) -> None:
    turns = [("user", "First?"), ("assistant", "One."), ("user", "And then?"), ("assistant", "Two. [[8]]")]
    chat = tmp_path / "chat.jsonl"
    messages = [{"role": role, "content": text} for role, text in turns]
    chat.write_text(json.dumps({"messages": messages}) + "\n", encoding="utf-8")
    rag = tmp_path / "rag.jsonl"
    row = {"question": "Who?", "contexts": ["Ann wrote it."], "answer": "Ann. [[9]]"}
    rag.write_text(json.dumps(row) + "\n", encoding="utf-8")
    shown = []
    for path in (chat, rag):
        assert 0 == run(path, judge.port, "--force", out=f"{path.stem}.out")
        shown.append(judge.stats()["last"]["messages"][-1]["content"])

    assert "user: First?\n\nassistant: One.\n\nuser: And then? Two. [[8]]" == shown[0]
    assert "Ann wrote it.\n\nWho? Ann. [[9]]" == shown[1]


# --- Whether the judge is any good -----------------------------------------------------------------------------------


def test_a_judge_that_people_contradict_sorts_nothing_and_costs_only_the_rated_rows(
    rows: Path, judge: mock_openai.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = rated(rows, turned=True)
    some = sample.read_text(encoding="utf-8").splitlines(keepends=True)[:20]
    sample.write_text("".join(some), encoding="utf-8")
    before = requests(judge)
    code = run(rows, judge.port, "--rated", str(sample))

    assert (10, 20) == (code, requests(judge) - before)
    assert ["scores.jsonl"] == [path.name for path in (rows.parent / "out").iterdir()]
    assert "Refused: no row was sorted" in capsys.readouterr().out

    assert 0 == run(rows, judge.port, "--rated", str(sample), "--resume", "--force")
    assert ROWS == requests(judge) - before
    assert "Warning: sorted by --force; the judge does not beat the constant" in capsys.readouterr().out


def test_a_judge_that_is_right_too_seldom_to_be_sure_is_not_trusted(rows: Path, judge: mock_openai.Endpoint) -> None:
    sample = rated(rows)
    lines = sample.read_text(encoding="utf-8").splitlines(keepends=True)
    few = [next(line for line in lines if "[[2]]" in line), *[line for line in lines if "[[9]]" in line][:7]]
    sample.write_text("".join(few), encoding="utf-8")

    assert 10 == run(rows, judge.port, "--rated", str(sample))


def test_without_ratings_nothing_is_asked_unless_forced(
    rows: Path, judge: mock_openai.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    before = requests(judge)

    assert 2 == run(rows, judge.port)
    assert 0 == requests(judge) - before
    assert "no person has rated a row" in capsys.readouterr().err
    assert 0 == run(rows, judge.port, "--force")


def test_ratings_of_rows_that_are_gone_are_counted(
    rows: Path, judge: mock_openai.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = rated(rows)
    lines = rows.read_text(encoding="utf-8").splitlines(keepends=True)
    rows.write_text("".join(lines[3:]), encoding="utf-8")
    run(rows, judge.port, "--rated", str(sample))

    assert "3 rated rows stand in none of the files" in capsys.readouterr().out


def test_the_review_sample_of_a_check_can_be_rated_and_given_back(rows: Path, judge: mock_openai.Endpoint) -> None:
    sample = rows.with_name("sample.jsonl")
    main(["data", "check", str(rows), "--quiet", "--review-sample", str(sample)])
    ratings = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
    for one in ratings:
        one["rating"] = 2 if "[[2]]" in one["completion"] else 9
    sample.write_text("".join(json.dumps(one) + "\n" for one in ratings), encoding="utf-8")
    run(rows, judge.port, "--rated", str(sample), "--force")
    report = json.loads((rows.parent / "out" / "filter.json").read_text(encoding="utf-8"))

    assert (len(ratings), 0) == (report["rated"], report["unmatched"])


# --- Stopping and going on -------------------------------------------------------------------------------------------


def test_a_judge_that_dies_leaves_its_answers_and_only_the_rest_is_asked_again(rows: Path) -> None:
    port = mock_openai.free_port()
    sample = rated(rows)
    with mock_openai.endpoint(port=port, dead_after=25):
        assert 2 == run(rows, port, "--rated", str(sample))
    answers = (rows.parent / "out" / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    known = sum("counts" in json.loads(line) and json.loads(line)["counts"] is not None for line in answers)
    with mock_openai.endpoint(port=port) as alive:
        assert 2 == run(rows, port, "--rated", str(sample))  # a folder in use wants --resume
        assert 0 == run(rows, port, "--rated", str(sample), "--resume")
        assert ROWS - known == requests(alive)
    assert 25 == known


def test_a_filter_that_is_killed_goes_on_and_ends_as_if_it_had_not_been(rows: Path) -> None:
    sample = str(rated(rows))
    with mock_openai.endpoint(latency_s=0.3) as slow:
        words = ["data", "filter", str(rows), "--judge", str(spec(rows.parent, slow.port)), "--below", "6"]
        words += ["--out", str(rows.parent / "out"), "--rated", sample, "--quiet"]
        program = "import sys; from shipworthy.cli import main; sys.exit(main(sys.argv[1:]))"
        child = subprocess.Popen([sys.executable, "-c", program, *words])
        answers = rows.parent / "out" / "scores.jsonl"
        while child.poll() is None and not (answers.exists() and answers.read_bytes().count(b"\n") >= 3):
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert 0 == run(rows, slow.port, "--rated", sample, "--resume")
        assert 0 == run(rows, slow.port, "--rated", sample, out="undisturbed")
    killed, whole = rows.parent / "out", rows.parent / "undisturbed"

    assert all(
        (killed / name).read_bytes() == (whole / name).read_bytes()
        for name in ("kept.jsonl", "below.jsonl", "unread.jsonl", "filter.json")
    )


# --- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words", "says"),
    [
        ({"rubrik": "x"}, (), "judge.yaml:1:"),
        ({"judge": {"model": "m"}}, (), "base_url"),
        ({"reference": "answer"}, (), "`reference` has no meaning here"),
        ({"low": 1, "high": 5}, (), "on a scale from 1 to 5"),
        ({"low": 3, "high": 8}, (), "rated.jsonl:1: the rating"),
        ({}, ("--kind", "chats"), "unknown kind"),
        ({}, ("--rated", "nothing.jsonl"), "nothing.jsonl"),
        ({}, ("--judge", "nothing.yaml"), "nothing.yaml"),
        ({}, ("--out", __file__), "this is a file"),
    ],
)
def test_a_wrong_filter_is_one_sentence_and_asks_nobody(
    options: dict[str, Any],
    words: tuple[str, ...],
    says: str,
    rows: Path,
    judge: mock_openai.Endpoint,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = spec(rows.parent, judge.port, **options)
    before = requests(judge)
    common = ["data", "filter", str(rows), "--quiet", "--below", "6", "--rated", str(rated(rows)), "--judge", str(made)]
    code = main([*common, "--out", str(rows.parent / "out"), *words])
    told = capsys.readouterr().err

    assert (2, 0) == (code, requests(judge) - before)
    assert says in told and 1 == len(told.strip().splitlines())
    assert not (rows.parent / "out").exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"prompt": "a"}', "rows.jsonl:2: "),
        ('{"prompt": "a", "completion": ', "rows.jsonl:2: "),
        ('{"where": "x"}', "rows.jsonl:2: "),
    ],
)
def test_a_bad_row_stops_the_filter_before_anybody_is_asked(
    line: str, says: str, tmp_path: Path, judge: mock_openai.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"prompt": "a", "completion": "b [[9]]"}) + "\n" + line + "\n", encoding="utf-8")

    assert 2 == run(rows, judge.port, "--force")
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_rating_that_is_none_is_named_with_its_line(
    rows: Path, judge: mock_openai.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = rated(rows)
    sample.write_text(sample.read_text(encoding="utf-8") + '{"rating": "good"}\n', encoding="utf-8")

    assert 2 == run(rows, judge.port, "--rated", str(sample))
    assert f"rated.jsonl:{ROWS + 1}: this is no line of a review sample" in capsys.readouterr().err
