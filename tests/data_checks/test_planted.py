"""Every kind of planted defect is found, and little else is: recall and precision at least .97 each."""

import json
from pathlib import Path
from random import Random

import pytest

from shipworthy.data.training import DataReport, Options, check, evaluate_limits
from shipworthy.data.training.checks import labels
from shipworthy.demo._vocabulary import INTENTS
from tests.data_checks import kinds
from tests.data_checks.corpus import CHAT, COMPANIONS, clean_chat, planted

LEAST = 0.97
MANY = 1_000_000


def lines(report: DataReport, code: str) -> set[int]:
    found = next((one for one in report.findings if one.code == code), None)
    return {int(place.where.rpartition(":")[2]) for place in found.examples} if found else set()


def scores(report: DataReport, where: dict[int, str], code: str) -> tuple[float, float]:
    """(recall, precision); companions are neither wanted nor held against it."""
    wanted = {line for line, planted_code in where.items() if planted_code == code}
    companions = {line for line, planted_code in where.items() if planted_code in COMPANIONS.get(code, ())}
    found = lines(report, code) - companions
    return len(found & wanted) / len(wanted), len(found & wanted) / max(1, len(found))


@pytest.fixture(scope="module")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataReport, dict[int, str]]:
    path, where = planted(tmp_path_factory.mktemp("planted"), "chat", CHAT, clean_chat, 1_500)
    return check([str(path)], Options(examples=MANY, max_characters=30_000)), where


@pytest.mark.parametrize("code", CHAT)
def test_defects_of_conversations_are_found(conversations: tuple[DataReport, dict[int, str]], code: str) -> None:
    recall, precision = scores(*conversations, code)

    assert LEAST <= recall
    assert LEAST <= precision


def test_clean_rows_have_no_finding_of_their_own(tmp_path: Path) -> None:
    path, _ = planted(tmp_path, "clean", {}, clean_chat, 800)

    assert () == check([str(path)]).findings


@pytest.mark.parametrize("sign", ["\0", "\n\0\n", "\x01", "\x7f"])
def test_a_control_character_is_found_even_where_it_is_what_parts_two_texts(sign: str, tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {i}?", "completion": f"A{sign if i == 3 else ' '}B"} for i in range(6)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    assert {4} == lines(check([str(path)], Options(only=("encoding",))), "control_character")


def test_a_row_repeated_in_its_own_batch_or_an_earlier_one_is_named_where_it_stands_again(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {i}?", "completion": "x" * 100} for i in range(6_000)]
    rows += [rows[5], rows[5_999], {"prompt": "New?", "completion": "y"}, rows[5]]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = check([str(path)], Options(only=("repeats",), examples=MANY))

    assert {6_001, 6_002, 6_004} == lines(report, "repeated_row")


# --- targets, contexts, pairs ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds")


@pytest.mark.parametrize("code", kinds.JSON)
def test_json_targets_are_held_to_their_schema(folder: Path, code: str) -> None:
    schema = folder / "schema.json"
    schema.write_text(json.dumps(kinds.SCHEMA), encoding="utf-8")
    path, where = planted(folder, "json", kinds.JSON, kinds.clean_json, 600)
    report = check([str(path)], Options(examples=MANY, schema=str(schema), skip=("repeats",)))

    assert (1.0, 1.0) == scores(report, where, code)


@pytest.mark.parametrize("code", kinds.SQL)
def test_sql_targets_must_run(folder: Path, code: str) -> None:
    path, where = planted(folder, "sql", kinds.SQL, kinds.clean_sql, 600)
    base = folder / "shop.sqlite"
    report = check([str(path)], Options(examples=MANY, database=str(base if base.exists() else kinds.database(folder))))

    assert (1.0, 1.0) == scores(report, where, code)


@pytest.mark.parametrize("code", kinds.RAG)
def test_answers_need_their_contexts(folder: Path, code: str) -> None:
    path, where = planted(folder, "rag", kinds.RAG, kinds.clean_rag, 400)

    assert (1.0, 1.0) == scores(check([str(path)], Options(examples=MANY)), where, code)


@pytest.mark.parametrize("code", kinds.PAIRS)
def test_sides_of_a_pair_must_differ(folder: Path, code: str) -> None:
    path, where = planted(folder, "pairs", kinds.PAIRS, kinds.clean_pair, 600)

    assert (1.0, 1.0) == scores(check([str(path)], Options(examples=MANY)), where, code)


def test_transcripts_must_share_their_prompt(folder: Path) -> None:
    path, where = planted(folder, "transcripts", kinds.TRANSCRIPTS, kinds.clean_transcript, 400)

    assert (1.0, 1.0) == scores(check([str(path)], Options(examples=MANY)), where, "prompts_differ")


def test_a_pair_that_stands_both_ways_round_is_found(folder: Path) -> None:
    path, wanted = kinds.reversed_pairs(folder)

    assert wanted == lines(check([str(path)], Options(examples=MANY)), "reversed_pair")


# --- labels ---


def _labels(folder: Path, rows: list[tuple[str, str]]) -> DataReport:
    path = folder / "labels.jsonl"
    path.write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows), encoding="utf-8")
    return check([str(path)], Options(examples=MANY))


def _tickets(n: int) -> list[tuple[str, str]]:
    rng = Random("labels")
    return [(kinds.labelled(rng, intent), intent) for intent in rng.choices(sorted(INTENTS), k=n)]


def test_wrong_labels_are_found(tmp_path: Path) -> None:
    rows, rng = _tickets(1_000), Random("wrong")
    wrong = set(rng.sample(range(len(rows)), 20))
    for i in wrong:
        rows[i] = (rows[i][0], rng.choice([one for one in sorted(INTENTS) if one != rows[i][1]]))
    found = lines(_labels(tmp_path, rows), "probable_label_error")

    assert LEAST <= len(found & {i + 1 for i in wrong}) / 20
    assert LEAST <= len(found & {i + 1 for i in wrong}) / len(found)


def test_one_text_with_two_labels_names_every_row_of_it(tmp_path: Path) -> None:
    rows = _tickets(500)
    doubled = [(text.upper(), "bug" if label != "bug" else "login") for text, label in rows[:20]]
    found = lines(_labels(tmp_path, rows + doubled), "conflicting_labels")

    assert {*range(1, 21), *range(501, 521)} == found


def test_contradictions_beyond_what_is_remembered_are_said_to_be_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "MOST_TEXTS", 300)
    rows = _tickets(5_000)
    other = {"bug": "login"}
    rows += [(text, other.get(label, "bug")) for text, label in (rows[0], rows[-1])]
    report = _labels(tmp_path, rows)

    assert 1 in lines(report, "conflicting_labels") and 5_001 in lines(report, "conflicting_labels")
    assert "conflicting_labels" in {one.check for one in report.skipped}
    assert "inconclusive" == evaluate_limits(report, {"conflicting_labels": 0})[0].outcome


def test_labels_without_end_are_no_classes_and_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MOST_LABELS", 200)
    report = _labels(tmp_path, [(f"How much is item {i}?", f"{i} euro") for i in range(4_000)])

    assert ["template_made"] == [one.code for one in report.findings]
    assert ["labels"] == [one.check for one in report.skipped if one.check == "labels"]


def test_spellings_of_one_label_are_joined(tmp_path: Path) -> None:
    rows = _tickets(500)
    spelled = [(text, (label.upper(), f" {label}", label.title())[i % 3]) for i, (text, label) in enumerate(rows[:20])]

    assert set(range(1, 21)) == lines(_labels(tmp_path, spelled + rows[20:]), "label_spelling")


def test_small_classes_are_named(tmp_path: Path) -> None:
    rng = Random("rare")
    rare = [(kinds.labelled(rng, "bug"), f"rare {'abcdefg'[i // 3]}") for i in range(20)]
    report = _labels(tmp_path, _tickets(500) + rare)

    assert set(range(501, 521)) == lines(report, "rare_class")
    assert 20 == report.count("class_imbalance")
