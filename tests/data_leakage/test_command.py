"""`shipworthy data leakage`: exit codes, words, JSON, the cleaned file."""

import json
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.demo import world

TEXTS = list(dict.fromkeys(s.prompt.partition("\n")[2] for s in world.training_samples("ticket", 400, seed=9)))


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    train, test = tmp_path / "train.jsonl", tmp_path / "test.csv"
    train.write_text("".join(json.dumps({"prompt": text, "completion": "x"}) + "\n" for text in TEXTS[:200]))
    rows = [TEXTS[5].upper(), *TEXTS[300:330]]
    test.write_text("text,label,right\n" + "".join(f'"{text}",a,{int(k % 2 == 0)}\n' for k, text in enumerate(rows)))
    return str(train), str(test)


def test_a_leak_exits_10_and_is_shown_side_by_side(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["data", "leakage", *files, "--score", "right", "--quiet"])
    said = capsys.readouterr().out

    assert 10 == code
    assert "1 certain (3.23%)" in said
    assert f"{files[1]}:2: {TEXTS[5].upper()[:99]}" in said and f"{files[0]}:6: {TEXTS[5][:99]}" in said
    assert "on flagged rows 1 [" in said
    assert said.splitlines()[-1].startswith("Next: shipworthy data leakage ")


def test_the_cleaned_file_has_no_leak(files: tuple[str, str], tmp_path: Path) -> None:
    clean = str(tmp_path / "clean.jsonl")
    main(["data", "leakage", *files, "--clean", clean, "--quiet"])

    assert 0 == main(["data", "leakage", files[0], clean, "--quiet"])
    assert 30 == len(Path(clean).read_text().splitlines())


def test_json_is_one_document_with_places_and_texts(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", "leakage", *files, "--json", "--quiet"])
    match = json.loads(capsys.readouterr().out)["tests"][0]["matches"][0]

    assert ("certain", TEXTS[5], f"{files[1]}:2") == (match["tier"], match["left_text"], match["right_where"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--show", "-1"], "--show is -1; give 0 or more"),
        (["--text", "txt"], "no column 'txt'"),
        (["--score", "label"], "test.csv:2: 'label' is 'a', not a number"),
    ],
)
def test_a_wrong_column_is_one_sentence(
    words: list[str], said: str, files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["data", "leakage", *files, *words, "--quiet"])

    assert 2 == code
    assert said in capsys.readouterr().err
