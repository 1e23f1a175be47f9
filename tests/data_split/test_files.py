"""`data split FILE --out DIR`: files whole or not at all, exit codes, words."""

import json
from pathlib import Path
from typing import Any

import pytest

from shipworthy.cli import main
from shipworthy.demo import world

TEXTS = list(dict.fromkeys(s.prompt.partition("\n")[2] for s in world.training_samples("ticket", 900, seed=8)))


def _rows(n: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"r{k}",
            "input": TEXTS[k],
            "reference": "x",
            "label": "abc"[k % 3],
            "user": f"u{k // 3}",
            "at": f"2025-01-{1 + k % 28:02}",
        }
        for k in range(n)
    ]


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return _write(tmp_path / "data.jsonl", _rows(600))


def test_every_row_is_in_one_part_and_users_are_in_one_only(data: Path, tmp_path: Path) -> None:
    code = main(
        ["data", "split", str(data), "--out", str(tmp_path / "out"), "--group", "user", "--validation", ".1", "--quiet"]
    )
    parts = {name: _read(tmp_path / "out" / f"{name}.jsonl") for name in ("train", "validation", "test")}
    users = [{row["user"] for row in rows} for rows in parts.values()]

    assert 0 == code
    assert sorted(row["id"] for row in _rows(600)) == sorted(row["id"] for rows in parts.values() for row in rows)
    assert not (users[0] & users[1] or users[0] & users[2] or users[1] & users[2])


def test_the_report_says_balance_power_lineage_and_the_next_command(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "split", str(data), "--out", str(tmp_path / "out"), "--stratify", "label", "--balance", "exact"]
    main([*words, "--no-near", "--quiet"])
    said = capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "split.json").read_text())

    assert "label=a: 200 rows" in said
    assert "rules out a loss of" in said and "(n=75, power 80 %)" in said
    assert f"Next: shipworthy data seal {tmp_path / 'out' / 'test.jsonl'} --budget 5" == said.splitlines()[-1]
    assert 1 > report["balance"]["worst_stratum"]
    assert 600 == report["source"]["version"]["rows"]


def test_json_is_one_document(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", "split", str(data), "--out", str(tmp_path / "out"), "--folds", "3", "--json", "--quiet"])

    assert {"fold-1", "fold-2", "fold-3"} == {part["name"] for part in json.loads(capsys.readouterr().out)["parts"]}


def test_copies_go_to_one_side(tmp_path: Path) -> None:
    rows = _rows(200)
    copies = [{**row, "id": f"{row['id']}-again", "input": f" {row['input'].upper()}"} for row in rows]
    main(["data", "split", str(_write(tmp_path / "d.jsonl", rows + copies)), "--out", str(tmp_path / "o"), "--quiet"])
    tested = {row["id"] for row in _read(tmp_path / "o" / "test.jsonl")}

    assert tested
    assert all(f"{name}-again" in tested for name in tested if not name.endswith("-again"))
    assert all(name.removesuffix("-again") in tested for name in tested)


def test_a_synthetic_copy_goes_where_its_source_goes(tmp_path: Path) -> None:
    rows = _rows(150)
    made = [
        {"id": f"{row['id']}~typo", "source_id": row["id"], "input": f"{k} {TEXTS[-k - 1]}", "synthetic": "template"}
        for k, row in enumerate(rows)
    ]
    main(["data", "split", str(_write(tmp_path / "d.jsonl", rows + made)), "--out", str(tmp_path / "o"), "--quiet"])
    tested = {row["id"] for row in _read(tmp_path / "o" / "test.jsonl")}

    assert tested and all((f"{row['id']}~typo" in tested) == (row["id"] in tested) for row in rows)


def test_a_later_split_keeps_the_earlier_one(tmp_path: Path) -> None:
    rows = _rows(500)
    first = _write(tmp_path / "first.jsonl", rows[:300])
    words = ["--balance", "exact", "--stratify", "label", "--quiet"]
    main(["data", "split", str(first), "--out", str(tmp_path / "one"), *words])
    both = _write(tmp_path / "all.jsonl", rows[::-1])
    code = main(["data", "split", str(both), "--out", str(tmp_path / "two"), "--keep", str(tmp_path / "one"), *words])
    before = {row["id"] for row in _read(tmp_path / "one" / "test.jsonl")}
    after = {row["id"] for row in _read(tmp_path / "two" / "test.jsonl")}

    assert 0 == code
    assert before == after & {row["id"] for row in rows[:300]}


def test_few_shot_subsets_are_nested(data: Path, tmp_path: Path) -> None:
    main(
        [
            "data",
            "split",
            str(data),
            "--out",
            str(tmp_path / "o"),
            "--stratify",
            "label",
            "--few-shot",
            "1,5",
            "--quiet",
        ]
    )
    one, five = ({row["id"] for row in _read(tmp_path / "o" / f"train.{k}-shot.jsonl")} for k in (1, 5))

    assert (3, 15) == (len(one), len(five))
    assert one <= five


def test_a_stress_set_is_marked_synthetic(data: Path, tmp_path: Path) -> None:
    main(["data", "split", str(data), "--out", str(tmp_path / "o"), "--stress", "typo", "--quiet"])
    stress, tested = _read(tmp_path / "o" / "stress.jsonl"), _read(tmp_path / "o" / "test.jsonl")

    assert {"template"} == {row["synthetic"] for row in stress}
    assert {row["source_id"] for row in stress} <= {row["id"] for row in tested}


def test_a_split_in_time_tests_the_latest_rows(data: Path, tmp_path: Path) -> None:
    main(
        [
            "data",
            "split",
            str(data),
            "--out",
            str(tmp_path / "o"),
            "--time",
            "at",
            "--gap",
            "2d",
            "--no-near",
            "--quiet",
        ]
    )
    last = max(row["at"] for row in _read(tmp_path / "o" / "train.jsonl"))
    first = min(row["at"] for row in _read(tmp_path / "o" / "test.jsonl"))

    assert int(last[-2:]) + 2 < int(first[-2:])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--test", "2"], "--test:"),
        (["--stratify", "lable"], "no column 'lable'"),
        (["--gap", "soon"], "--gap wants a time"),
        (["--few-shot", "many"], "--few-shot wants numbers"),
        (["--time", "label"], "data.jsonl:1: 'label' is 'a', neither"),
        (["--test", ".0001"], "leave the part 'test' empty"),
        (["--keep", "nowhere"], "no split.json here"),
        (["--text", "txt"], "no column 'txt'"),
        (["--stress", "typos"], "unknown perturbation 'typos'"),
        (["--folds", "1"], "at least 2 parts"),
        (["--time", "at", "--since", "tomorrow"], "'tomorrow', neither a number nor an ISO 8601 time"),
        (["--time", "at", "--since", "nan"], "'nan', neither a number"),
        (["--few-shot", "2", "--label", "lable"], "no column 'lable'"),
    ],
)
def test_a_wrong_wish_is_one_sentence_and_leaves_nothing(
    words: list[str], said: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["data", "split", str(data), "--out", str(tmp_path / "out"), "--quiet", *words])
    error = capsys.readouterr().err

    assert 2 == code
    assert said in error and 1 == error.count("\n")
    assert ["data.jsonl"] == [path.name for path in tmp_path.iterdir()]


def test_a_folder_with_something_in_it_is_not_touched(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    code = main(["data", "split", str(data), "--out", str(tmp_path / "out"), "--quiet"])

    assert 2 == code and "choose another --out" in capsys.readouterr().err
    assert ["mine"] == [path.name for path in (tmp_path / "out").iterdir()]
