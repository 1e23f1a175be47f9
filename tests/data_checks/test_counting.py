"""Every check counts rows: a row once however often it has a defect, and never what two rows have together."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from shipworthy.data.training import DataReport, Options, Reader, Row, check, check_rows, evaluate_limits
from shipworthy.data.training._catalogue import CATALOGUE
from shipworthy.data.training.batch import Batch
from shipworthy.data.training.checks import length, targets
from shipworthy.errors import BadInput
from tests.data_checks import kinds
from tests.data_checks.corpus import CHAT, asked, chat, clean_chat, planted, said

MANY = 1_000_000
SYSTEMS = ["You answer for a shop.", "You answer for a shop", "you answer, for a shop!"]
OF_THE_SET = frozenset(
    {
        *("too_few_rows", "too_many_rows", "unlike_production", "pad_is_stop_token"),
        *("constant_completion", "boilerplate", "template_made", "length_bias", "thumb_imbalance"),
        *("class_imbalance", "rare_class", "label_spelling"),
    }
)
"""Defects that are told as one number of rows; all others name their places."""
FROM_OTHERS = OF_THE_SET | {
    *("length_outlier", "too_short", "looks_cut_off", "language_mix", "mixed_templates", "system_variants"),
    *("repeated_row", "reversed_pair", "conflicting_labels", "probable_label_error", "target_keys", "target_not_json"),
    *("byte_order_mark", "language_switch"),
}
"""Defects that a row has beside others, or for which a batch of English is passed over; the rest a row has alone."""


def _write(path: Path, rows: Sequence[Any]) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return str(path)


def _often(value: Any) -> Any:
    """Every text of a row three times over: what stands once in it stands thrice."""
    match value:
        case str():
            return "\n".join([value] * 3)
        case list():
            return [_often(item) for item in value]
        case dict():
            keep = ("role", "name", "type", "id", "tool_call_id", "arguments", "parameters")
            return {key: item if key in keep else _often(item) for key, item in value.items()}
    return value


def _labelled(rng: Random) -> list[dict[str, str]]:
    rows = [{"text": f"{asked(rng)} {at}", "label": f"class {at % 3}"} for at in range(120)]
    rows += [{"text": "the same text", "label": f"class {at % 3}"} for at in range(9)]
    rows += [
        {"text": asked(rng), "label": label} for label in ("Class 1", "CLASS-1", "class_2", "rare", "rare", "rarer")
    ]
    return rows + [{"text": asked(rng) + str(at), "label": "class 0"} for at in range(90)]


def _shares(rng: Random) -> list[dict[str, str]]:
    """Rows that share the opening, the end, or both; and a short or broken-off one here and there."""
    frame = "This is the very same long opening of every answer, {} and this is the very same long end, indeed."
    said_N = [frame.format(f"number {at} " * 4) for at in range(60)]
    said_N += [frame.format(said(rng))[:-20] + f" or {at}" for at in range(30)] + ["Hi"] * 3
    return [{"prompt": f"Question {at}: {asked(rng)}?", "completion": text} for at, text in enumerate(said_N)]


def _files(folder: Path) -> Iterator[tuple[list[str], Options]]:
    rng = Random("counting")
    spoiled, _ = planted(folder, "chat", CHAT, clean_chat, 400)
    rows = [
        json.loads(line)
        for line in spoiled.read_text("utf-8").splitlines()
        if line.startswith('{"messages": [{"role') and '"messages": [{"role": "user", "role"' not in line
    ]
    schema = _write(folder / "schema.json", [kinds.SCHEMA])
    yield [str(spoiled)], Options(max_characters=30_000, goal="task")
    yield [_write(folder / "often.jsonl", [_often(row) for row in rows])], Options(max_characters=60_000)
    yield [str(planted(folder, "json", kinds.JSON, kinds.clean_json, 300)[0])], Options(schema=schema)
    base = str(kinds.database(folder))
    yield [str(planted(folder, "sql", kinds.SQL, kinds.clean_sql, 300)[0])], Options(database=base)
    yield [str(planted(folder, "sql2", kinds.SQL, kinds.clean_sql, 300)[0])], Options()
    yield [str(planted(folder, "rag", kinds.RAG, kinds.clean_rag, 300)[0])], Options()
    yield [str(planted(folder, "pairs", kinds.PAIRS, kinds.clean_pair, 300)[0])], Options()
    yield [str(planted(folder, "transcripts", kinds.TRANSCRIPTS, kinds.clean_transcript, 100)[0])], Options()
    yield [str(kinds.reversed_pairs(folder)[0])], Options()
    yield [_write(folder / "labels.jsonl", _labelled(rng))], Options()
    yield [_write(folder / "shares.jsonl", _shares(rng))], Options()
    yield [_write(folder / "bom.jsonl", ['\ufeff{"prompt": "\ufeffA?", "completion": "B."}'])], Options()
    yield [_write(folder / "one.jsonl", [{"prompt": f"Q {at}", "completion": "yes"} for at in range(80)])], Options()
    yield (
        [_write(folder / "many.jsonl", [{"prompt": f"Q {at}", "completion": f"{at}"} for at in range(10_001)])],
        Options(),
    )
    thumbs = [{"prompt": asked(rng), "completion": said(rng), "label": at % 20 > 0} for at in range(100)]
    yield [_write(folder / "thumbs.jsonl", thumbs)], Options()
    longer = [{"prompt": asked(rng), "chosen": said(rng, 3), "rejected": said(rng, 1)} for _ in range(60)]
    yield [_write(folder / "longer.jsonl", longer)], Options()
    spelled = [chat(("system", system), ("user", asked(rng)), ("assistant", said(rng))) for system in SYSTEMS * 9]
    yield [_write(folder / "systems.jsonl", spelled)], Options(goal="domain")
    inputs = _write(folder / "production.txt", [f"zebra quagga {at} okapi" for at in range(60)])
    yield [str(spoiled)], Options(production=inputs, only=("unlike_production",))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[DataReport]:
    folder = tmp_path_factory.mktemp("counting")
    return [check(paths, msgspec.structs.replace(options, examples=MANY)) for paths, options in _files(folder)]


WITH_A_TOKENIZER = frozenset(code for code, defect in CATALOGUE.items() if defect.group == "template")


@pytest.mark.parametrize("code", [code for code in CATALOGUE if code not in WITH_A_TOKENIZER - {"double_bos"}])
def test_a_row_counts_once(reports: list[DataReport], code: str) -> None:
    found = [(report, one) for report in reports for one in report.findings if one.code == code]

    assert found, f"no input shows {code}"
    for report, one in found:
        assert 0 < one.count <= report.rows + report.bad
        assert one.share == one.count / (report.rows + report.bad)
        assert code in OF_THE_SET or one.count == len({place.where for place in one.examples})


def test_what_two_rows_have_together_is_no_defect_of_one(tmp_path: Path) -> None:
    """Each planted row is cut in two; alone or beside the other, a half has the same defects."""
    path, _ = planted(tmp_path, "halves", CHAT, clean_chat, 1)
    whole = [batch.row(at) for batch in Reader([str(path)]) if isinstance(batch, Batch) for at in range(len(batch))]
    short = [(row, row.completion) for row in whole if row.completion and len(row.completion) < 400]
    cut = [(row, text, at) for row, text in short[::9] for at in range(0, len(text), 11)]
    halves = [
        Row(kind="prompt_completion", path="f", line=0, prompt=row.prompt[-40:], completion=part)
        for row, text, at in cut
        for part in (text[:at], text[at:])
    ]
    together = check_rows(halves, Options(examples=0))
    alone = check_rows(
        [msgspec.structs.replace(row, path=str(at)) for at, row in enumerate(halves)], Options(examples=0)
    )

    assert _of_rows(together) == _of_rows(alone)
    assert len(_of_rows(alone)) > 12


def _of_rows(report: DataReport) -> dict[str, int]:
    return {one.code: one.count for one in report.findings if one.code not in FROM_OTHERS}


@pytest.mark.parametrize("answer", ["yes", "no!", "Paris", "straße", "so\nso"])
def test_the_same_short_answer_in_row_after_row_is_no_loop(answer: str) -> None:
    rows = [
        Row(kind="prompt_completion", path="f", line=at, prompt=f"Question {at}?", completion=answer) for at in range(9)
    ]

    assert "loop" not in {one.code for one in check_rows(rows).findings}


def test_a_loop_within_a_row_is_found_between_rows_of_one_word() -> None:
    texts = ["yes", "yes", "well yes yes\nyes, yes", "yes", "yes"]
    rows = [
        Row(kind="prompt_completion", path="f", line=at, prompt=f"Q {at}?", completion=one)
        for at, one in enumerate(texts)
    ]
    report = check_rows(rows, Options(only=("loop",)))

    assert ["f:2"] == [place.where for one in report.findings for place in one.examples]


@pytest.mark.parametrize("n", [60, 3_000])
def test_rows_that_share_opening_and_end_count_once(n: int) -> None:
    frame = "This is the very same long opening of every answer, word for word, always: {} and the very same long end."
    both = [frame.format(f"item {at} weighs {at * 13} grams") for at in range(n // 3)]
    begun = [text[:-30] + f"or not, said nobody of number {at}" for at, text in enumerate(both)]
    other = [f"{at} {'abcdefghij'[at % 10] * 5} {said(Random(at), 3)}" for at in range(n // 3)]
    report = _answers([*both, *begun, *other])
    found = {one.code: one for one in report.findings}["boilerplate"]

    assert 2 * (n // 3) == found.count
    assert "fail" == evaluate_limits(report, {"boilerplate": "60%"})[0].outcome
    assert "pass" == evaluate_limits(report, {"boilerplate": "70%"})[0].outcome


def _answers(texts: Sequence[str], **options: Any) -> DataReport:
    rows = (
        Row(kind="prompt_completion", path="f", line=at, prompt=f"Q {at}?", completion=one)
        for at, one in enumerate(texts)
    )
    return check_rows(rows, Options(**options))


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        (
            "too_short",
            ["a whole sentence of usual length, which ends here." + str(at) for at in range(2_000)] + ["ab"] * 1_000,
        ),
        (
            "length_outlier",
            [f"Short answer {at}." for at in range(2_000)] + [f"{at} " * 600 + "." for at in range(1_000, 2_000)],
        ),
    ],
)
def test_rows_beyond_those_that_are_kept_as_places_count_too(code: str, texts: list[str]) -> None:
    report = _answers(texts)
    found = {one.code: one for one in report.findings}[code]

    assert length.LONGEST_KEPT < 1_000 == found.count
    assert "fail" == evaluate_limits(report, {code: "<20%"})[0].outcome


def test_targets_of_more_shapes_than_are_remembered_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_TRACKED_SHAPES", 3)
    texts = ['{"a": 1}'] * 100 + [f'{{"b{at}": 1}}' for at in range(10)]
    found = {one.code: one for one in _answers(texts).findings}["target_keys"]

    assert 10 == found.count


@pytest.mark.parametrize(
    ("name", "limit"),
    [("chosen_longer", 60), ("production_auc", "80"), ("refusal", "150%"), ("truncated", "101%")],
)
def test_a_limit_that_nothing_can_break_is_refused(name: str, limit: float | str) -> None:
    with pytest.raises(BadInput, match="never above 100%"):
        evaluate_limits(_answers(["Fine."] * 3), {name: limit})
