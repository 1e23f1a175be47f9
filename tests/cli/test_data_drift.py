"""`shipworthy data drift`: exit codes, words, JSON, and one sentence for a wrong option."""

import json
from pathlib import Path

import numpy as np
import pytest

from shipworthy.cli import main


def _csv(path: Path, mean: float, n: int = 8_000) -> Path:
    values = np.random.default_rng([int(mean * 10), n]).normal(mean, 1, n)
    path.write_text("amount,region\n" + "".join(f"{x:.4f},{'ns'[i % 2]}\n" for i, x in enumerate(values)))
    return path


@pytest.fixture
def reference(tmp_path: Path) -> str:
    return str(_csv(tmp_path / "reference.csv", 0.0))


def test_rows_that_did_not_change_exit_0(reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["data", "drift", reference, str(_csv(tmp_path / "same.csv", 0.0, 8_001))])
    said = capsys.readouterr().out.splitlines()

    assert 0 == code
    assert "NO DRIFT" == said[0]
    assert said[-1].startswith("Next: ")


def test_a_shift_exits_10_and_names_the_column(
    reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["data", "drift", reference, str(_csv(tmp_path / "moved.csv", 0.3))])
    said = capsys.readouterr().out

    assert 10 == code
    assert "DRIFT   amount (numeric), n 8,000 and 8,000: KS distance 0.1" in said


def test_few_rows_exit_12(reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["data", "drift", reference, str(_csv(tmp_path / "few.csv", 0.0, 30))])

    assert 12 == code
    assert "INCONCLUSIVE" in capsys.readouterr().out


def test_json_holds_the_whole_look(reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["data", "drift", "--json", reference, str(_csv(tmp_path / "moved.csv", 0.3))])
    found = json.loads(capsys.readouterr().out)

    assert 10 == code
    assert "fail" == found["outcome"]
    assert {"amount", "region"} == {one["column"] for one in found["findings"]}


def test_a_floor_says_what_matters(reference: str, tmp_path: Path) -> None:
    moved = str(_csv(tmp_path / "moved.csv", 0.3))

    assert 0 == main(["data", "drift", "--quiet", reference, moved, "--floor", "numeric=0.5"])


def test_a_column_can_be_left_out(reference: str, tmp_path: Path) -> None:
    moved = str(_csv(tmp_path / "moved.csv", 0.3))

    assert 0 == main(["data", "drift", reference, moved, "--kind", "amount=skip"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kind", "amount"], "needs a name, '=' and a value"),
        (["--kind", "amount=wide"], "unknown 'wide'; known: numeric"),
        (["--floor", "numeric=much"], "the size must be a number"),
        (["--floor", "numeric=nan"], "effects lie between 0 and 1"),
        (["--floor", "amount=0.1"], "unknown 'amount'"),
        (["--alpha", "0"], "above 0"),
        (["--alpha", "nan"], "above 0"),
        (["--slice", "country"], "no slice column 'country'; known: amount, region"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_2(
    reference: str, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["data", "drift", reference, reference, *options])
    error = capsys.readouterr().err

    assert 2 == code
    assert said in error
    assert 1 == len(error.strip().splitlines())


def test_three_reports_say_what_drifted_in_each_slice(reference: str, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("d.html", "d.md", "d.json")]
    words = ["data", "drift", reference, str(_csv(tmp_path / "moved.csv", 0.3)), "--slice", "region"]
    code = main([*words, *(f"-o{one}" for one in outputs)])
    page, markdown, document = (one.read_text(encoding="utf-8") for one in outputs)
    found = json.loads(document)

    assert 10 == code
    assert "<script" not in page and "region = n" in page and "amount (numeric) where region = s" in page
    assert "## DRIFT" in markdown and "| **drift** | amount (numeric) where region = n |" in markdown
    assert ("fail", 8_000) == (found["outcome"], found["current"]["rows"])
    assert {None, "n", "s"} == {one["slice"] and one["slice"]["region"] for one in found["shapes"]}


def test_the_printed_json_is_that_of_the_report(
    reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "drift", reference, str(_csv(tmp_path / "same.csv", 0.0, 8_001)), "--json"]

    assert 0 == main([*words, "-o", str(tmp_path / "d.json")])
    assert (tmp_path / "d.json").read_text(encoding="utf-8") == capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "says"), [("d.pdf", "ends in .html, .md, .json"), ("no/d.html", "make it first"), (".", "ends in")]
)
def test_a_report_that_cannot_be_written_is_said_before_anything_is_read(
    name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == main(["data", "drift", "nowhere.csv", "nowhere.csv", "-o", name])
    assert says in capsys.readouterr().err


def test_a_seed_below_zero_is_one_sentence(reference: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(["data", "drift", reference, reference, "--seed", "-5"])
    assert "--seed is -5; give 0 or more" in capsys.readouterr().err


def test_a_page_of_very_many_columns_shows_some_and_counts_the_rest(tmp_path: Path) -> None:
    names = ",".join(f"c{at}" for at in range(130))
    path = tmp_path / "wide.csv"
    path.write_text(names + "\n" + "\n".join(",".join(str(row * at % 7) for at in range(130)) for row in range(30)))
    main(["data", "drift", str(path), str(path), "-o", str(tmp_path / "d.html"), "-o", str(tmp_path / "d.json")])
    page = (tmp_path / "d.html").read_text(encoding="utf-8")
    tests = len(json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))["findings"])

    assert 130 <= tests
    assert 100 == page.count('<tr role="row" class="inconclusive">')
    assert f"and {tests - 100} more tests, all of them in the JSON report" in page
