"""Drift over files: each kind of column, slices, missing cells, several formats, and one sentence for bad input."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from shipworthy.data import _drift_tests
from shipworthy.data._drift_source import opened_one
from shipworthy.data.drift import DriftQuery, compare, examine
from shipworthy.errors import BadInput
from shipworthy.stats.drift.types import Drift, Look
from shipworthy.store.zstd import zstd

TOPICS = ["my parcel is late again", "the invoice shows a wrong sum", "how do I reset the password", "please refund me"]
NEW_TOPIC = "can I pay with a crypto wallet"


def _rows(seed: int, n: int = 600, *, amount: float = 0.0, new_topic: float = 0.0, gone: float = 0.02) -> list[Any]:
    rng = np.random.default_rng(seed)
    topics = np.where(rng.random(n) < new_topic, NEW_TOPIC, rng.choice(TOPICS, n))
    return [
        {
            "id": f"row-{seed}-{i}",
            "amount": float(rng.normal(amount, 1)),
            "score": None if rng.random() < gone else float(rng.normal()),
            "stars": int(rng.integers(1, 6)),
            "region": str(rng.choice(["north", "south"])),
            "text": f"{topics[i]} {' '.join(rng.choice(list('abcdefgh'), 3))} {i}",
            "vector": (rng.normal(size=4) + (5 if topics[i] == NEW_TOPIC else 0)).round(4).tolist(),
        }
        for i in range(n)
    ]


def _jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _as(path: Path, kind: str) -> Path:
    out = path.with_suffix(f".{kind}")
    options = {"csv": "(HEADER)", "parquet": "(FORMAT parquet)"}[kind]
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * EXCLUDE (vector) FROM read_json('{path}')) TO '{out}' {options}")
    return out


def _by(found: Look) -> dict[tuple[str, str], Drift]:
    return {(one.column, one.kind): one for one in found.findings if one.slice is None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("drift")
    _jsonl(made / "reference.jsonl", _rows(1))
    _jsonl(made / "same.jsonl", _rows(2))
    _jsonl(made / "moved.jsonl", _rows(3, amount=0.5, new_topic=0.2, gone=0.2))
    return made


def test_every_kind_of_column_is_tested_and_ids_are_not(folder: Path) -> None:
    found = compare(folder / "reference.jsonl", folder / "same.jsonl")

    assert [
        ("amount", "numeric"),
        ("score", "missing"),
        ("score", "numeric"),
        ("stars", "numeric"),
        ("region", "categorical"),
        ("text", "length"),
        ("text", "vocabulary"),
        ("text", "classifier"),
        ("vector", "embedding"),
        ("vector", "novelty"),
        ("vector", "classifier"),
        ("rows", "rows"),
    ] == [(one.column, one.kind) for one in found.findings]
    assert ["not_compared"] == [warning.code for warning in found.warnings]
    assert not any(one.drifted for one in found.findings)


def test_what_moved_is_found_and_what_did_not_is_not(folder: Path) -> None:
    found = compare(folder / "reference.jsonl", folder / "moved.jsonl")
    drifted = {(one.column, one.kind) for one in found.findings if one.drifted}

    assert "fail" == found.outcome
    assert drifted >= {
        ("amount", "numeric"),
        ("score", "missing"),
        ("text", "vocabulary"),
        ("text", "classifier"),
        ("vector", "embedding"),
        ("vector", "novelty"),
        ("rows", "rows"),
    }
    assert not drifted & {("score", "numeric"), ("stars", "numeric"), ("region", "categorical")}
    assert "'crypto'" in _by(found)["text", "vocabulary"].because


def test_a_file_beside_itself_has_not_drifted(folder: Path) -> None:
    found = compare(folder / "reference.jsonl", folder / "reference.jsonl")

    assert not any(one.drifted for one in found.findings)


def test_the_same_files_and_seed_give_the_same_look(folder: Path) -> None:
    files = folder / "reference.jsonl", folder / "moved.jsonl"

    assert compare(*files) == compare(*files)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_formats_give_the_same_answer(folder: Path, kind: str) -> None:
    query = DriftQuery(columns=("amount", "score", "stars", "region"))
    lines = compare(folder / "reference.jsonl", folder / "moved.jsonl", query)
    other = compare(_as(folder / "reference.jsonl", kind), _as(folder / "moved.jsonl", kind), query)

    assert [one.effect.value for one in lines.findings] == pytest.approx([one.effect.value for one in other.findings])


def test_rows_beyond_memory_are_counted_with_nearly_the_same_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = folder / "reference.jsonl", folder / "moved.jsonl"
    held = _by(compare(*files))
    monkeypatch.setattr(_drift_tests, "_WHOLE", 100)

    counted = _by(compare(*files))

    assert held.keys() == counted.keys()
    for cell in [("amount", "numeric"), ("score", "missing"), ("stars", "numeric"), ("text", "length")]:
        assert held[cell].effect.value == pytest.approx(counted[cell].effect.value, abs=0.01)
        assert held[cell].drifted == counted[cell].drifted


def test_a_slice_that_moved_is_found_where_the_whole_hides_it(tmp_path: Path) -> None:
    before, now = _rows(1, 1_000), _rows(2, 1_000)
    for row in now:
        row["amount"] += {"north": 0.6, "south": -0.6}[row["region"]] * (row["stars"] == 1)
    files = _jsonl(tmp_path / "a.jsonl", before), _jsonl(tmp_path / "b.jsonl", now)
    found = compare(*files, DriftQuery(columns=("amount",), slices=("region", "stars")))

    assert {"region": "north"} in [one.slice for one in found.findings]
    assert 1 + 2 + 5 == len(found.findings)


def test_a_column_that_is_gone_has_drifted(tmp_path: Path) -> None:
    now = [{key: value for key, value in row.items() if key != "amount"} for row in _rows(2, 100)]
    found = compare(_jsonl(tmp_path / "a.jsonl", _rows(1, 100)), _jsonl(tmp_path / "b.jsonl", now))
    gone = _by(found)["amount", "missing"]

    assert gone.drifted
    assert 1.0 == gone.effect.value


def test_numbers_that_became_words_are_compared_as_labels(tmp_path: Path) -> None:
    before = [{"grade": i % 5} for i in range(100)]
    now = [{"grade": "ABCDE"[i % 5]} for i in range(100)]
    found = compare(_jsonl(tmp_path / "a.jsonl", before), _jsonl(tmp_path / "b.jsonl", now))

    assert [("grade", "categorical", True)] == [(one.column, one.kind, one.drifted) for one in found.findings]


def test_a_conversation_is_compared_by_the_text_of_its_turns(tmp_path: Path) -> None:
    def chats(text: str) -> list[Any]:
        return [{"messages": [{"role": "user", "content": f"{text} number {i}"}]} for i in range(80)]

    found = compare(
        _jsonl(tmp_path / "a.jsonl", chats("where is parcel")), _jsonl(tmp_path / "b.jsonl", chats("I want to cancel"))
    )

    assert _by(found)["messages", "vocabulary"].drifted


def test_few_rows_are_inconclusive(tmp_path: Path) -> None:
    files = _jsonl(tmp_path / "a.jsonl", _rows(1, 10)), _jsonl(tmp_path / "b.jsonl", _rows(2, 10))

    assert "inconclusive" == compare(*files).outcome


def test_names_with_quotes_are_columns_like_others(tmp_path: Path) -> None:
    def rows(seed: int) -> list[Any]:
        rng = np.random.default_rng(seed)
        return [{'a "b" c\'s': float(rng.normal()), "d'e": str(rng.choice(["x'y", 'z"']))} for _ in range(60)]

    files = _jsonl(tmp_path / "it's a.jsonl", rows(1)), _jsonl(tmp_path / "b.jsonl", rows(2))
    found = compare(*files, DriftQuery(slices=("d'e",)))

    assert 2 + 2 == len(found.findings)


def test_infinite_and_missing_numbers_count_as_missing(tmp_path: Path) -> None:
    for name, seed in (("a.csv", 1), ("b.csv", 2)):
        values = np.random.default_rng(seed).normal(size=50).round(3).tolist()
        (tmp_path / name).write_text("\n".join(["x", *map(str, values), "inf", "-inf", "nan"]) + "\n")
    found = compare(tmp_path / "a.csv", tmp_path / "b.csv")

    assert [("missing", 53), ("numeric", 50)] == [(one.kind, one.n_current) for one in found.findings]


def test_a_column_that_is_mostly_missing_does_not_empty_the_rows(tmp_path: Path) -> None:
    rows = [[{**row, "extra": 1.5 if i == 0 else None} for i, row in enumerate(_rows(seed))] for seed in (1, 2)]
    found = _by(compare(_jsonl(tmp_path / "a.jsonl", rows[0]), _jsonl(tmp_path / "b.jsonl", rows[1])))

    assert found["rows", "rows"].n_current > 500
    assert found["extra", "numeric"].p is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "no such file"),
        ("empty.csv", b"", "the file is empty"),
        ("header.csv", b"a,b\n", "the file has no rows"),
        ("broken.jsonl", b'{"a": 1}\n{"a": \n', "not valid JSON"),
        ("latin.csv", b"a,b\n1,caf\xe9\n2,x\n", "not UTF-8"),
        ("short.parquet", b"PAR1abc", "not a whole Parquet file"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "3 cells under 2 columns"),
        ("numbers.jsonl", b"3\n4\n", "must be a JSON object"),
        ("object.json", b'{\n"rows": [{"a": 1}], "b": [{"a": 2}]}', "its rows seem to be under 'rows' or 'b'"),
        ("twice.csv", b"a,a\n1,2\n", "two columns are named 'a'"),
        ("packed.csv", b"\x1f\x8b\x08\x00abc", "the packed file breaks off"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    good = tmp_path / "good.csv"
    good.write_text("a,b\n" + "1,2\n" * 30)
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(BadInput, match=said) as caught:
        compare(good, tmp_path / name)

    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    "query", [DriftQuery(columns=("amonut",)), DriftQuery(kinds={"amonut": "skip"}), DriftQuery(slices=("amonut",))]
)
def test_an_unknown_column_is_refused(folder: Path, query: DriftQuery) -> None:
    with pytest.raises(BadInput, match="'amonut'"):
        compare(folder / "reference.jsonl", folder / "same.jsonl", query)


def test_a_kind_that_a_column_cannot_be_is_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="text"):
        compare(folder / "reference.jsonl", folder / "same.jsonl", DriftQuery(kinds={"text": "numeric"}))


def test_embeddings_of_two_models_are_refused(tmp_path: Path) -> None:
    rows = [[{"v": [1.0] * width} for _ in range(30)] for width in (3, 4)]

    with pytest.raises(BadInput, match="embed both with one model"):
        compare(_jsonl(tmp_path / "a.jsonl", rows[0]), _jsonl(tmp_path / "b.jsonl", rows[1]))


# --- What a side may be ----------------------------------------------------------------------------------------------


def _counted(found: Look) -> list[Any]:
    """What does not depend on which rows are drawn."""
    kinds = ("numeric", "categorical", "missing", "length")
    return [(one.column, one.kind, one.statistic, one.n_current) for one in found.findings if one.kind in kinds]


def test_packed_files_folders_and_patterns_say_what_the_plain_file_says(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "moved.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[:250])))
    (tmp_path / "rows" / "b.jsonl.zst").write_bytes(zstd.compress(b"".join(lines[250:])))
    plain = compare(folder / "reference.jsonl", folder / "moved.jsonl")
    whole = compare(folder / "reference.jsonl", tmp_path / "rows")

    assert _counted(plain) == _counted(whole)
    assert {key: one.drifted for key, one in _by(plain).items()} == {
        key: one.drifted for key, one in _by(whole).items()
    }
    assert whole == compare(folder / "reference.jsonl", f"{tmp_path}/rows/*.jsonl.*")


def test_files_of_several_formats_are_one_side_by_the_names_of_their_columns(tmp_path: Path) -> None:
    (tmp_path / "now").mkdir()
    (tmp_path / "now" / "a.csv").write_text("stars,plan\n" + "4,pro\n" * 60)
    (tmp_path / "now" / "b.jsonl").write_text('{"plan": "free", "stars": 2}\n' * 60)
    (tmp_path / "ref.csv").write_text("plan,stars\n" + "pro,4\nfree,2\n" * 60)
    found = examine(tmp_path / "ref.csv", tmp_path / "now")

    assert (120, 2) == (found.current.rows, found.current.files)
    assert {0.0} == {one.effect.value for one in found.look.findings}


def test_a_broken_row_of_a_packed_file_is_named_by_the_file_that_the_user_gave(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "now.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"amount": 1}\n{"amount": \n{"amount": 3}\n'))

    with pytest.raises(BadInput, match=r"now\.jsonl\.gz:2"):
        compare(folder / "reference.jsonl", packed)


def test_a_folder_without_data_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no data file"):
        compare(folder / "reference.jsonl", tmp_path)
    with pytest.raises(BadInput, match="no file matches"):
        compare(folder / "reference.jsonl", f"{tmp_path}/*.csv")


def _turns(text: str, kind: str) -> dict[str, Any]:
    return {
        "chat": {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "yes"}]},
        "sharegpt": {"conversations": [{"from": "human", "value": text}, {"from": "gpt", "value": "yes"}]},
        "openai_preference": {
            "input": {"messages": [{"role": "user", "content": text}]},
            "preferred_output": [{"role": "assistant", "content": "yes"}],
            "non_preferred_output": [{"role": "assistant", "content": "no"}],
        },
        "trl": {"prompt": text, "chosen": {"role": "assistant", "content": text}, "rejected": "no"},
    }[kind]


@pytest.mark.parametrize(
    ("kind", "column"),
    [("chat", "messages"), ("sharegpt", "conversations"), ("openai_preference", "input"), ("trl", "chosen")],
)
def test_the_words_of_a_conversation_are_compared_whatever_its_format(kind: str, column: str, tmp_path: Path) -> None:
    before = _jsonl(tmp_path / "before.jsonl", [_turns(row["text"], kind) for row in _rows(1, 300)])
    now = _jsonl(tmp_path / "now.jsonl", [_turns(row["text"], kind) for row in _rows(2, 300, new_topic=0.4)])
    found = _by(compare(before, now))

    assert found[column, "vocabulary"].drifted
    assert "'crypto'" in found[column, "vocabulary"].because or "'wallet'" in found[column, "vocabulary"].because


@pytest.mark.parametrize(
    "fields", [{"default_value": "x"}, {"inner": {"value": "x"}}, [{"inner": [{"content": "x"}]}], {"messages": "x"}]
)
def test_fields_that_only_look_like_a_conversation_are_left_out(fields: Any, tmp_path: Path) -> None:
    found = compare(*[_jsonl(tmp_path / "a.jsonl", [{"stars": i % 5, "made": fields} for i in range(80)])] * 2)

    assert {"stars"} == {one.column for one in found.findings}
    assert ["not_compared"] == [one.code for one in found.warnings]


@pytest.mark.parametrize("now", [{"from": "human", "value": "Where is parcel %d?"}, "Where is parcel %d?", 5])
def test_a_text_column_that_took_another_form_is_compared_as_it_is_written(now: object, tmp_path: Path) -> None:
    forms = [{"role": "user", "content": "Where is parcel %d?"}, now]
    one, other = (
        _jsonl(
            tmp_path / f"{side}.jsonl",
            [json.loads(json.dumps({"said": form}).replace("%d", str(i))) for i in range(80)],
        )
        for side, form in enumerate(forms)
    )

    for before, after in ((one, other), (other, one)):
        assert _by(compare(before, after))["said", "vocabulary"].drifted


def test_public_preference_and_tool_call_files_are_compared_with_themselves(shared_data: Path) -> None:
    for name in ("dpo_en_demo.json", "kto_en_demo.json", "glaive_toolcall_en_demo.json"):
        path = shared_data / "llamafactory_demo_formats" / name
        found = examine(path, path)

        assert found.reference.kind is not None
        assert {"classifier", "length", "vocabulary"} <= {one.kind for one in found.look.findings}
        assert "fail" != found.look.outcome


# --- What a page shows -----------------------------------------------------------------------------------------------


def test_a_shape_holds_every_row_that_has_a_value(folder: Path) -> None:
    found = examine(folder / "reference.jsonl", folder / "moved.jsonl", DriftQuery(slices=("region",)))
    sizes = {(one.column, one.kind, str(one.slice)): (one.n_reference, one.n_current) for one in found.look.findings}

    assert found.shapes
    for shape in found.shapes:
        assert sizes[shape.column, shape.kind, str(shape.slice)] == (sum(shape.reference), sum(shape.current))
        assert len(shape.labels) == len(shape.reference) == len(shape.current) <= 12
    assert "amount" == found.shapes[0].column  # what drifted comes first


def test_the_shape_of_a_label_column_by_hand(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("plan\n" + "free\n" * 60 + "pro\n" * 40)
    (tmp_path / "b.csv").write_text("plan\n" + "free\n" * 20 + "team\n" * 30)
    (shape,) = examine(tmp_path / "a.csv", tmp_path / "b.csv").shapes

    assert ("free", "team", "pro") == shape.labels
    assert ((60, 0, 40), (20, 30, 0)) == (shape.reference, shape.current)


def test_a_shape_of_numbers_has_equal_bins_and_keeps_what_lies_far_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "".join(f"{value}\n" for value in range(1_001)))
    (tmp_path / "b.csv").write_text("x\n" + "".join(f"{value}\n" for value in [*range(1_000), 10**9]))
    (shape,) = examine(tmp_path / "a.csv", tmp_path / "b.csv", DriftQuery(kinds={"x": "numeric"})).shapes

    assert 12 == len(shape.labels)
    assert (1_001, 1_001) == (sum(shape.reference), sum(shape.current))
    assert shape.labels[0].startswith("below") and shape.labels[-1].endswith("and above")
    assert max(shape.reference) - min(shape.reference) <= 20


@pytest.mark.parametrize("farthest", [1e30, 1e300, 1.7e308])
def test_a_shape_of_numbers_holds_one_that_no_whole_number_can_be(farthest: float, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "".join(f"{value}\n" for value in range(1_001)))
    (tmp_path / "b.csv").write_text("x\n" + "".join(f"{value}\n" for value in [*range(1_000), farthest]))
    (shape,) = examine(tmp_path / "a.csv", tmp_path / "b.csv", DriftQuery(kinds={"x": "numeric"})).shapes

    assert (1_001, 1_001) == (sum(shape.reference), sum(shape.current))


def test_a_shape_of_numbers_spans_all_that_a_number_can_be(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "".join(f"{(value - 100) * 1e306}\n" for value in range(200)))
    (shape,) = examine(tmp_path / "a.csv", tmp_path / "a.csv", DriftQuery(kinds={"x": "numeric"})).shapes

    assert 200 == sum(shape.reference)
    assert max(shape.reference) - min(shape.reference) <= 4


@pytest.mark.parametrize("nothing", ["NULL", "'inf'"])
def test_a_shape_is_drawn_of_a_column_that_lost_all_its_numbers(nothing: str, tmp_path: Path) -> None:
    for name, value in (("full", "i % 40"), ("empty", nothing)):
        duckdb.execute(
            f"COPY (SELECT ({value})::DOUBLE AS x FROM range(200) t(i)) TO '{tmp_path / name}.parquet' (FORMAT parquet)"
        )
    (lost,) = examine(tmp_path / "full.parquet", tmp_path / "empty.parquet").shapes
    (came,) = examine(tmp_path / "empty.parquet", tmp_path / "full.parquet").shapes

    assert (200, 0) == (sum(lost.reference), sum(lost.current))
    assert (0, 200) == (sum(came.reference), sum(came.current))


# --- What users try --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("region", "'region' holds '(north|south)', which is no number"),
        ("text", "'text' holds '.*', which is no number"),
    ],
)
def test_words_that_are_called_numbers_are_one_sentence(kind: str, says: str, folder: Path) -> None:
    with pytest.raises(BadInput, match=says):
        compare(folder / "reference.jsonl", folder / "same.jsonl", DriftQuery(kinds={kind: "numeric"}))


def test_numbers_that_are_written_as_words_may_be_called_numbers(tmp_path: Path) -> None:
    path = _jsonl(tmp_path / "a.jsonl", [{"x": f"{at}.5"} for at in range(100)])

    assert ["numeric"] == [one.kind for one in compare(path, path, DriftQuery(kinds={"x": "numeric"})).findings]


def test_an_empty_list_has_no_rows_and_an_empty_name_is_no_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("[]")

    with pytest.raises(BadInput, match=r"none\.json: the file has no rows"):
        compare(folder / "reference.jsonl", tmp_path / "none.json")
    with pytest.raises(BadInput, match="name of a side is empty"):
        compare(folder / "reference.jsonl", "")


def test_embeddings_too_large_to_be_squared_are_compared_as_others_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sides = [rng.normal(shift, 1, (120, 4)) for shift in (0, 1)]
    small, large = (
        [
            _jsonl(tmp_path / f"{scale}-{at}.jsonl", [{"v": (row * scale).tolist()} for row in side])
            for at, side in enumerate(sides)
        ]
        for scale in (1.0, 1e200)
    )
    plain, grown = (_by(compare(*files)) for files in (small, large))

    assert {key: one.drifted for key, one in plain.items()} == {key: one.drifted for key, one in grown.items()}
    assert plain["v", "embedding"].effect.value == pytest.approx(grown["v", "embedding"].effect.value, rel=1e-3)


def test_ctrl_c_in_the_midst_of_a_query_is_an_interruption_and_no_internal_error(folder: Path) -> None:
    """duckdb reports it as a RuntimeError of these words, which are raised here so that nothing depends on timing."""
    with pytest.raises(KeyboardInterrupt), opened_one(folder / "same.jsonl"):
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="else"), opened_one(folder / "same.jsonl"):
        raise RuntimeError("something else")


def test_one_changed_column_of_sixty_is_found_and_no_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for name in ("a", "b"):
        rows = rng.integers(1, 6, (2_000, 60))
        if name == "b":
            rows[:, 17] = 5
        _jsonl(tmp_path / f"{name}.jsonl", [{f"c{i}": int(v) for i, v in enumerate(row)} for row in rows])

    found = compare(tmp_path / "a.jsonl", tmp_path / "b.jsonl")

    assert ["c17"] == [one.column for one in found.findings if one.drifted]


def test_more_tests_than_draws_can_tell_apart_are_warned_of(folder: Path) -> None:
    files = folder / "reference.jsonl", folder / "same.jsonl"

    many = compare(*files, DriftQuery(columns=("stars",), alpha=1e-4))

    assert ["too_many_tests"] == [warning.code for warning in many.warnings]
    assert () == compare(*files, DriftQuery(columns=("stars",))).warnings
