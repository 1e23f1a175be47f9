"""Limits, the review sample, and the three reports."""

import json
import re
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shipworthy.cli import main
from shipworthy.data.training import DataReport, Options, check, evaluate_limits, review_sample
from shipworthy.errors import BadInput, UnknownName
from shipworthy.web.data_report import render
from tests.data_checks.corpus import asked, clean_chat, said


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = Random("report")
    rows = [{"prompt": asked(rng), "completion": said(rng)} for _ in range(300)]
    rows[7]["completion"] = "<script>alert(1)</script> Write to jo@bücher.de or jo.b@shop.io."
    rows[9]["completion"] = ""
    path = tmp_path_factory.mktemp("report") / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report(path: Path) -> DataReport:
    return check([str(path)])


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [(1, "pass"), (0, "fail"), ("<1", "fail"), (0.01, "pass"), ("<1%", "pass"), ("0.1%", "fail"), (0.001, "fail")],
)
def test_a_limit_is_a_count_or_a_share(report: DataReport, limit: float | str, outcome: str) -> None:
    (found,) = evaluate_limits(report, {"empty_completion": limit})

    assert outcome == found.outcome


def test_a_measure_has_its_own_limit_and_what_was_not_measured_decides_nothing(report: DataReport) -> None:
    found = evaluate_limits(report, {"template_variants": 1, "truncated": "<1%", "bad_rows": 0})

    assert ["pass", "inconclusive", "pass"] == [one.outcome for one in found]
    assert "--tokenizer" in found[1].because


def test_wrong_limits_are_refused(report: DataReport) -> None:
    with pytest.raises(UnknownName, match="did you mean 'empty_completion'"):
        evaluate_limits(report, {"empty_completions": 1})
    with pytest.raises(BadInput, match="must be a number"):
        evaluate_limits(report, {"truncated": "little"})


def test_the_page_asks_nobody_and_escapes_what_rows_say(report: DataReport) -> None:
    page = render(report, "html", limits=evaluate_limits(report, {"secret": 0}))

    assert "<script" not in page and "&lt;script&gt;" not in page.split("<main")[0]
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert "Repair first" in page and "empty_completion" in page and "Length of prompts" in page


def test_markdown_and_json_carry_the_same_findings(report: DataReport) -> None:
    markdown, document = render(report, "md"), json.loads(render(report, "json"))

    assert all(f"`{found.code}`" in markdown for found in report.findings)
    assert [found.code for found in report.findings] == [found["code"] for found in document["report"]["findings"]]


def test_addresses_are_not_spread_by_the_report(report: DataReport) -> None:
    assert 1 == report.count("email_address")
    assert "jo.b@shop.io" not in next(f for f in report.findings if f.code == "email_address").examples[0].excerpt


def test_the_review_sample_is_a_tenth_of_a_small_set_and_always_the_same(path: Path) -> None:
    sample = review_sample([str(path)])

    assert 28 <= len(sample) <= 32
    assert sample == review_sample([str(path)])


def test_the_review_sample_has_every_label(tmp_path: Path) -> None:
    rng = Random("strata")
    rows = [{"text": asked(rng), "label": "rare" if i % 200 == 0 else "often"} for i in range(2_000)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    sample = review_sample([str(path)])

    assert 90 <= len(sample) <= 110
    assert any(", rare," in rating.stratum for rating in sample)


def test_the_command_writes_what_was_asked_and_its_code_is_the_answer(path: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("a.html", "a.md", "a.json")]
    sample = tmp_path / "rate.jsonl"
    code = main(["data", "check", str(path), "--quiet", *(f"-o{one}" for one in outputs), f"--review-sample={sample}"])

    assert 10 == code
    assert all(one.stat().st_size > 300 for one in [*outputs, sample])


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("-od.jsonl", "d.jsonl: such a file ends in .html, .md, .json"),
        ("-ono/d.html", "make it first"),
        ("--review-sample=s.html", "s.html: such a file ends in .jsonl, .json"),
    ],
)
def test_a_file_that_cannot_be_written_is_said_before_anything_is_read(
    option: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == main(["data", "check", "nowhere.jsonl", option])
    assert says in capsys.readouterr().err


def test_clean_rows_exit_zero_and_name_the_next_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = Random("clean")
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(clean_chat(rng)) + "\n" for _ in range(50)), encoding="utf-8")

    assert 0 == main(["data", "check", str(path), "--quiet"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("Next: shipworthy data split ")


def test_what_rows_say_moves_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "\x1b[31mMail jo.b@shop.io \u202e", "completion": "Yes."}) + "\n")
    main(["data", "check", str(path), "--quiet"])
    printed = capsys.readouterr().out

    assert not {"\x1b", "\u202e"} & set(printed)
    assert "\\u202e" in printed


def test_the_next_command_quotes_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a file; rm x.jsonl"
    path.write_text(json.dumps({"prompt": "Where is it?", "completion": "On its way."}) + "\n")
    main(["data", "check", str(path), "--quiet"])

    assert f"data split '{path}' --out split" in capsys.readouterr().out.splitlines()[-1]


def test_a_broken_limit_exits_10(path: Path) -> None:
    common = ["data", "check", str(path), "--quiet", "--only", "length"]

    assert 0 == main(common)
    assert 10 == main([*common, "--limit", "truncated=1%"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--only", "encodin"], "did you mean 'encoding'"),
        (["--limit", "truncated"], "NAME=VALUE"),
        (["-o", "report.pdf"], "report.pdf"),
        (["-o", "no/such/folder/a.html"], "make it first"),
        (["--tokenizer", "."], "no tokenizer.json"),
        (["--schema", "nothing.json"], "nothing.json"),
        (["--production", "nothing.jsonl"], "no such file"),
        (["--max-length", "0"], "1 or more"),
        (["--kind", "chats"], "unknown kind"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    words: list[str], says: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["data", "check", str(path), "--quiet", *words])
    said = capsys.readouterr().err

    assert 2 == code
    assert says in said and 1 == len(said.strip().splitlines())


def test_size_is_advised_for_the_goal(path: Path) -> None:
    few, enough = (check([str(path)], Options(goal=goal, only=("set",))) for goal in ("task", "style"))

    assert (300, 0) == (few.count("too_few_rows"), enough.count("too_few_rows"))


def test_a_set_unlike_production_is_told_from_one_that_is_alike(tmp_path: Path) -> None:
    rng = Random("production")
    train, alike, other = (tmp_path / name for name in ("train.jsonl", "alike.txt", "other.txt"))
    train.write_text("".join(json.dumps({"prompt": asked(rng), "completion": "x y"}) + "\n" for _ in range(300)))
    alike.write_text("\n".join(asked(rng) for _ in range(300)))
    other.write_text("\n".join(f"plz hlp w/ {word} asap" for word in (asked(rng).split()[-2] for _ in range(300))))
    near, far = (check([str(train)], Options(production=str(one), only=("set",))) for one in (alike, other))

    assert (0, 300) == (near.count("unlike_production"), far.count("unlike_production"))
    assert 0.4 < near.measures["production_auc"] < 0.6


def test_checking_loads_neither_numpy_nor_duckdb(path: Path) -> None:
    import subprocess

    words = ["data", "check", str(path), "--quiet", "--skip", "refusal"]  # its phrases stand beside the metrics
    heavy = {"numpy", "duckdb", "scipy", "jinja2", "jsonschema"}
    program = f"import sys; from shipworthy.cli import main; main({words}); print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "[]" == out.splitlines()[-1]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A split of 400 rows, stratified, with a copy of a test row put among the training rows afterwards."""
    rng = Random("split")
    folder = tmp_path_factory.mktemp("split")
    rows = [{"text": asked(rng), "label": "rare <b>" if i % 8 == 0 else "often"} for i in range(400)]
    (folder / "raw.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = ["data", "split", str(folder / "raw.jsonl"), "--out", str(folder / "parts"), "--test", "0.25"]
    assert 0 == main([*words, "--stratify", "label", "--quiet"])
    tests = (folder / "parts" / "test.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    with (folder / "parts" / "train.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(tests[0])
    return folder / "parts"


def _reports(parts: Path, folder: Path, *more: str) -> tuple[str, str, dict[str, Any]]:
    outputs = [folder / name for name in ("a.html", "a.md", "a.json")]
    main(["data", "check", str(parts / "train.jsonl"), "--quiet", *(f"-o{one}" for one in outputs), *more])
    page, markdown, document = (one.read_text(encoding="utf-8") for one in outputs)
    return page, markdown, json.loads(document)


def test_every_report_shows_the_balance_of_the_split_and_what_its_parts_detect(parts: Path, tmp_path: Path) -> None:
    page, markdown, document = _reports(parts, tmp_path)
    split = document["split"]
    margin = next(part for part in split["parts"] if part["name"] == "test")["detects"]["0.1"]
    said = f"rules out a loss of {100 * margin:.1f} points where 10% of the answers differ"

    assert json.loads((parts / "split.json").read_text(encoding="utf-8")) == split
    assert said in page and said in markdown
    assert "label = rare &lt;b&gt;" in page and "label = rare \\<b\\>" in markdown
    assert f"At most {split['balance']['off_by']:.1f} rows off the wanted shares" in " ".join(page.split())


def test_a_part_that_changed_since_the_split_is_said_to_have(parts: Path, tmp_path: Path) -> None:
    page, markdown, document = _reports(parts, tmp_path)
    (train,) = (part["rows"] for part in document["split"]["parts"] if part["name"] == "train")

    assert f"train.jsonl holds {train + 1} rows now, and {train} when it was written" in page
    assert f"holds {train + 1} rows now, and {train} when it was written" in markdown


def test_rows_that_are_no_part_of_a_split_have_no_section_on_it(path: Path, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes(path.read_bytes())
    (tmp_path / "split.json").write_text('{"somebody": "else"}')
    page, markdown, document = _reports(tmp_path, tmp_path)

    assert 'id="split"' not in page and "Split." not in markdown and "split" not in document


def test_a_copied_test_row_is_the_answer_and_what_differs_is_marked(parts: Path, tmp_path: Path) -> None:
    tests = tmp_path / "tests.jsonl"
    row = json.loads((parts / "test.jsonl").read_text(encoding="utf-8").splitlines()[0])
    tests.write_text(json.dumps({"text": row["text"]}) + "\n" + json.dumps({"text": row["text"] + " please"}) + "\n")
    page, markdown, document = _reports(parts, tmp_path, "--against", str(tests))

    assert {"certain": 1, "likely": 1, "look_at_it": 0} == document["report"]["leakage"][0]["tiers"]
    assert "<mark> please</mark>" in page
    assert all(
        "Rows that are to be tested on stand among the rows to be trained on." in one for one in (page, markdown)
    )
