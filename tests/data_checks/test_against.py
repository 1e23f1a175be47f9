"""Training files beside test sets, in the checks, their limits, and the three reports."""

import json
from pathlib import Path
from random import Random

import pytest

from shipworthy.cli import main
from shipworthy.data.training._catalogue import CATALOGUE
from shipworthy.protocol.limits import DEFECTS
from shipworthy.web.data_report import MOST_PAIRS
from tests.data_checks.corpus import asked, said

LEAKED = 4


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Training rows, a test set that holds four of them in capitals, and one that holds none."""
    folder, rng = tmp_path_factory.mktemp("against"), Random("against")
    questions = [f"{asked(rng)} {asked(rng)}" for _ in range(160)]
    train = [{"prompt": question, "completion": said(rng)} for question in questions[:80]]
    leaked = [{"id": at, "input": question.upper()} for at, question in enumerate(questions[:LEAKED])]
    clean = [{"id": at, "input": f"{question} zq{at}"} for at, question in enumerate(questions[80:], LEAKED)]
    for name, rows in (("train", train), ("leaky", leaked + clean), ("clean", clean)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder / "train.jsonl", folder / "leaky.jsonl", folder / "clean.jsonl"


def test_every_defect_can_be_named_by_a_limit() -> None:
    assert set(CATALOGUE) == set(DEFECTS)


def test_copies_of_test_rows_stop_the_check(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    train, leaky, _ = map(str, files)
    code = main(["data", "check", train, "--only", "privacy", "--against", leaky, "--limit", "leakage_certain=3"])
    text = capsys.readouterr().out

    assert 10 == code
    assert f"{LEAKED} certain" in text
    assert f"{LEAKED} test rows copied" in text
    assert f"{train}:1" in text
    assert f"{leaky}:1" in text
    assert "leakage_certain is 4, at most 3 is allowed" in text


def test_without_copies_nothing_stops_it(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    train, _, clean = map(str, files)
    code = main(["data", "check", train, "--only", "privacy", "--against", clean, "--limit", "leakage_certain=0%"])

    assert 0 == code
    assert "leakage_certain is 0.00%, at most 0.00% is allowed" in capsys.readouterr().out


def test_a_limit_on_leakage_without_a_test_set_says_what_it_needs(
    files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["data", "check", str(files[0]), "--only", "privacy", "--limit", "leakage_likely=0"])

    assert 10 == code
    assert "give --against" in capsys.readouterr().out


def test_the_reports_show_the_pairs_side_by_side(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    train, leaky, clean = map(str, files)
    pages = {kind: tmp_path / f"r.{kind}" for kind in ("html", "md", "json")}
    outputs = [word for page in pages.values() for word in ("-o", str(page))]
    main(["data", "check", train, "--only", "privacy", "--against", leaky, "--against", clean, *outputs])
    told = json.loads(pages["json"].read_text())["report"]["leakage"]
    html, markdown = pages["html"].read_text(), pages["md"].read_text()

    assert [LEAKED, 0] == [one["tiers"]["certain"] for one in told]
    first = told[0]["pairs"][0]
    assert first["test_text"].lower() == first["train_text"].lower()
    assert '<section id="leakage"' in html
    assert MOST_PAIRS >= html.count('data-label="Training row"') >= LEAKED
    assert f"{train}:1<" in html
    assert "Repair first" in html
    assert f"{LEAKED} rows stand in the training data" in html
    assert "| | Test row | Training row |" in markdown
