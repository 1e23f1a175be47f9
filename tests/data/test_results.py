"""Results that somebody already has become evidence; what is wrong with them is named with its line and count."""

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.data.results import Query, Results, read
from shipworthy.errors import BadInput
from shipworthy.records import ABSENT, ANSWERED, FAILED

WIDE = "example_id,topic,new,old\n1,x,1,0\n2,x,1,1\n3,y,0,0\n"
TIDY = "example_id,model,value,topic\n1,new,1,x\n1,old,0,x\n2,new,1,x\n2,old,1,x\n3,new,0,y\n3,old,0,y\n"


def _read(folder: Path, content: str | bytes, name: str = "results.csv", **query: object) -> Results:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read([path], Query(**{"candidate": "new", "baseline": "old", **query}))  # type: ignore[arg-type]


def _values(results: Results, model: str, metric: str) -> list[float]:
    evidence = next(one for one in results.evidence if one.dataset == results.datasets[metric])
    return [float(value) for value in evidence.counts[model, metric][:, 0]]


def _error(folder: Path, content: str | bytes, name: str = "results.csv", **query: object) -> str:
    with pytest.raises(BadInput) as caught:
        _read(folder, content, name, **query)
    message = str(caught.value)
    assert message.startswith(str(folder)) and "\n" not in message
    return message.removeprefix(f"{folder}/")


def _as_jsonl(table: str) -> str:
    header, *rows = (line.split(",") for line in table.splitlines())
    return "".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows)


def _as_parquet(folder: Path, table: str) -> bytes:
    (folder / "made.csv").write_text(table)
    duckdb.sql(f"SELECT * FROM read_csv('{folder}/made.csv')").write_parquet(str(folder / "made.parquet"))
    return (folder / "made.parquet").read_bytes()


@pytest.mark.parametrize("table", [WIDE, TIDY])
@pytest.mark.parametrize("form", ["csv", "jsonl", "json", "parquet", "bom", "crlf", "semicolon", "misnamed"])
def test_every_form_of_a_table_gives_the_same_evidence(tmp_path: Path, table: str, form: str) -> None:
    contents: dict[str, tuple[str, str | bytes]] = {
        "csv": ("results.csv", table),
        "jsonl": ("results.jsonl", _as_jsonl(table)),
        "json": ("results.json", "[" + ",\n".join(_as_jsonl(table).splitlines()) + "]"),
        "parquet": ("results.parquet", _as_parquet(tmp_path, table)),
        "bom": ("results.csv", "\ufeff" + table),
        "crlf": ("results.csv", table.replace("\n", "\r\n")),
        "semicolon": ("results.csv", table.replace(",", ";")),
        "misnamed": ("results.txt", _as_jsonl(table)),
    }
    name, content = contents[form]
    results = _read(tmp_path, content, name, slices=("topic",))
    evidence = results.evidence[0]

    assert ["1", "2", "3"] == list(evidence.example_N)
    assert ([1, 1, 0], [0, 1, 0]) == (_values(results, "new", "value"), _values(results, "old", "value"))
    assert (("x", "y"), [0, 0, 1]) == (evidence.slices["topic"].names, evidence.slices["topic"].code_N.tolist())
    assert ("binary", "share", "higher") == (
        results.metrics["value"].kind,
        results.metrics["value"].unit,
        results.metrics["value"].better,
    )


def test_true_and_false_are_one_and_zero(tmp_path: Path) -> None:
    results = _read(tmp_path, "example_id,new,old\n1,True,false\n2,FALSE,true\n", metric="accuracy")

    assert ([1, 0], [0, 1]) == (_values(results, "new", "accuracy"), _values(results, "old", "accuracy"))


def test_fractions_make_a_mean(tmp_path: Path) -> None:
    metric = _read(tmp_path, "example_id,new,old\n1,0.5,0\n2,3,1\n").metrics["value"]

    assert ("mean", "points") == (metric.kind, metric.unit)


def test_two_id_columns_make_one_id(tmp_path: Path) -> None:
    content = "a,b,new,old\nx,1,1,1\nx/,1,1,1\nx,/1,1,1\n"

    assert ["x/1", "x\\//1", "x/\\/1"] == list(_read(tmp_path, content, id_columns=("a", "b")).evidence[0].example_N)


def test_seeds_of_one_example_are_one_cluster(tmp_path: Path) -> None:
    content = "example_id,seed,new,old\n1,0,1,0\n1,1,0,0\n2,0,1,1\n"
    evidence = _read(tmp_path, content).evidence[0]

    assert ([0, 1, 0], [0, 0, 1]) == (evidence.seed_N.tolist(), evidence.cluster_N.tolist())


def test_a_cluster_column_joins_examples(tmp_path: Path) -> None:
    content = "example_id,doc,new,old\n1,a,1,0\n2,b,0,0\n3,a,1,1\n4,,1,1\n"

    assert [0, 1, 0, 2] == _read(tmp_path, content, cluster="doc").evidence[0].cluster_N.tolist()


def test_the_same_input_under_two_ids_is_one_cluster(tmp_path: Path) -> None:
    content = "example_id,input,new,old\n1,Two plus two,1,0\n2,x,0,0\n3,two  plus two,1,1\n"
    results = _read(tmp_path, content)

    assert [0, 1, 0] == results.evidence[0].cluster_N.tolist()
    assert ("duplicate_examples", 1) in [(note.code, note.count) for note in results.warnings]


def test_rows_in_another_order_pair_the_same(tmp_path: Path) -> None:
    rows = TIDY.splitlines(keepends=True)
    results = _read(tmp_path, rows[0] + "".join(rows[:0:-1]), slices=("topic",))

    assert {"1": 1.0, "2": 1.0, "3": 0.0} == dict(
        zip(results.evidence[0].example_N, _values(results, "new", "value"), strict=True)
    )


def test_an_empty_cell_is_absent_and_counted_with_its_line(tmp_path: Path) -> None:
    results = _read(tmp_path, WIDE + "4,y,,1\n5,y,,1\n")

    assert [ANSWERED] * 3 + [ABSENT] * 2 == results.evidence[0].status["new"].tolist()
    (told,) = (note.message for note in results.warnings if note.code == "missing_examples")
    assert "new has no value for 2 of 5 examples" in told and told.endswith("results.csv:5")


def test_a_row_that_is_not_there_is_absent(tmp_path: Path) -> None:
    results = _read(tmp_path, TIDY + "4,old,1,y\n")

    assert [ANSWERED] * 3 + [ABSENT] == results.evidence[0].status["new"].tolist()
    assert any("for 1 of 4 examples, first '4'" in note.message for note in results.warnings)


def test_a_row_with_an_error_and_no_value_failed(tmp_path: Path) -> None:
    content = "example_id,model,value,error\n1,new,,timeout\n1,old,1,\n2,new,1,\n2,old,1,\n"
    evidence = _read(tmp_path, content).evidence[0]

    assert [FAILED, ANSWERED] == evidence.status["new"].tolist()
    assert [[0, 1], [1, 1]] == evidence.counts["new", "value"].tolist()


def test_a_failure_counts_as_the_worst_where_lower_is_better(tmp_path: Path) -> None:
    content = "example_id,model,wer,error\n1,new,,timeout\n1,old,0.7,\n2,new,0.2,\n2,old,0.1,\n"
    results = _read(tmp_path, content, metric="wer")

    assert ("lower", 1.0) == (results.metrics["wer"].better, _values(results, "new", "wer")[0])


def test_cost_and_latency_are_watched_and_not_judged(tmp_path: Path) -> None:
    content = "example_id,model,value,cost,latency_s\n1,new,1,.1,2\n1,old,0,.2,3\n2,new,1,.1,4\n2,old,1,.2,\n"
    results = _read(tmp_path, content)
    kinds = {name: (metric.kind, metric.better, metric.unit) for name, metric in results.metrics.items()}

    assert ("value",) == results.primary
    assert ("mean", "lower", "usd") == kinds["cost"] and ("quantile", "lower", "s") == kinds["latency_s"]
    assert ("results", "results/latency_s") == (results.datasets["cost"], results.datasets["latency_s"])


def test_every_label_of_the_metric_column_is_a_metric(tmp_path: Path) -> None:
    content = "example_id,model,metric,value\n" + "".join(
        f"1,{model},{metric},{value}\n" for model in ("new", "old") for metric, value in (("f1", 0.5), ("em", 1))
    )

    assert ("f1", "em") == _read(tmp_path, content).primary
    assert ("em",) == _read(tmp_path, content, metric="em").primary


def test_a_file_a_model_is_named_after_the_file(tmp_path: Path) -> None:
    for name, value in (("new", 1), ("old", 0)):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"example_id": "1", "value": value, "target": "a"}) + "\n")
    results = read([tmp_path / "new.jsonl", tmp_path / "old.jsonl"], Query(candidate="new", baseline="old"))

    assert ([1], [0]) == (_values(results, "new", "value"), _values(results, "old", "value"))


def test_gold_answers_that_differ_are_refused_with_both_places(tmp_path: Path) -> None:
    for name, gold in (("new", "a"), ("old", "b")):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"example_id": "1", "value": 1, "target": gold}) + "\n")

    with pytest.raises(
        BadInput, match=r"old.jsonl:1: the right answer of '1' is 'b' here and 'a' at .*new.jsonl:1 \(1 such"
    ):
        read([tmp_path / "new.jsonl", tmp_path / "old.jsonl"], Query(candidate="new", baseline="old"))


BAD = {
    "an empty file": ("", {}, "results.csv: the file is empty"),
    "a header alone": ("example_id,new,old\n", {}, "results.csv: the table has no rows"),
    "NaN": (WIDE + "4,x,nan,1\n5,x,NaN,1\n", {}, "results.csv:5: 'nan' in column 'new' is NaN, infinite or beyond"),
    "infinity": (WIDE + "4,x,inf,1\n", {}, "results.csv:5: 'inf' in column 'new' is NaN, infinite or beyond 1e100"),
    "a word": (
        WIDE + "4,x,1,good\n5,x,1,bad\n",
        {},
        "results.csv:5: 'good' in column 'old' is not a number (2 such rows)",
    ),
    "a value twice": (WIDE + "3,y,1,1\n", {}, "results.csv:5: 2 values stand twice: example '3', model 'new', seed 0"),
    "a tidy value twice": (TIDY + "3,new,1,y\n", {}, "results.csv:8: 1 value stands twice: example '3', model 'new'"),
    "nothing shared": ("example_id,model,value\n1,new,1\n2,old,1\n", {}, "the two models share no example"),
    "no value": ("example_id,new,old\n1,,\n2,,\n", {}, "no example"),
    "no id column": ("item,new,old\n1,1,1\n", {}, "no column 'example_id'; name what identifies an example with --id"),
    "an unknown id column": (WIDE, {"id_columns": ("exampel_id",)}, "did you mean 'example_id'?"),
    "an unknown slice": (WIDE, {"slices": ("topics",)}, "no slice column 'topics'; did you mean 'topic'?"),
    "an unknown cluster": (WIDE, {"cluster": "topics"}, "no cluster column 'topics'; did you mean 'topic'?"),
    "an unknown candidate": (WIDE, {"candidate": "nwe"}, "no candidate column 'nwe'; did you mean 'new'?"),
    "an unknown baseline": (WIDE, {"baseline": "odl"}, "no baseline column 'odl'; did you mean 'old'?"),
    "an unknown tidy model": (TIDY, {"candidate": "nwe"}, "no model 'nwe'; did you mean 'new'? known: new, old"),
    "an unknown metric": (
        "example_id,model,metric,value\n1,new,f1,1\n1,old,f1,1\n",
        {"metric": "f2"},
        "no metric 'f2'; did you mean 'f1'?",
    ),
    "no value column": ("example_id,model,score\n1,new,1\n1,old,1\n", {}, "no column 'value'; name the one"),
    "an empty id": ("example_id,new,old\n,1,1\n", {}, "results.csv:2: 'example_id' is empty (1 such rows)"),
    "an empty model": ("example_id,model,value\n1,,1\n1,old,1\n", {}, "results.csv:2: 'model' is empty"),
    "a seed that is a word": ("example_id,seed,new,old\n1,a,1,1\n", {}, "results.csv:2: a seed must be a whole number"),
    "a short row": (WIDE + "4\n", {}, "results.csv:5: 1 cells under 4 columns"),
    "a column twice": ("example_id,new,new\n1,1,1\n", {}, "results.csv:1: two columns are named 'new'"),
    "bytes that are Latin-1": (WIDE.encode() + b"caf\xe9,x,1,1\n", {}, "results.csv:5: byte 0xE9 is not UTF-8"),
    "two labels for one example": (
        TIDY + "4,new,1,x\n4,old,1,y\n",
        {"slices": ("topic",)},
        "results.csv:9: 'topic' is 'y' here",
    ),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_bad_table_is_one_sentence_with_its_place(tmp_path: Path, mistake: str) -> None:
    content, query, said = BAD[mistake]

    assert said in _error(tmp_path, content, **query)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"example_id": 1, "new": 1, "old": NaN}\n', "results.jsonl:1: NaN is not a value"),
        ('{"example_id": 1, "new": 1, "old": 1}\n{"exa\n', "results.jsonl:2: not valid JSON"),
        ('{"example_id": 1, "new": 1, "old": 1}\n[1]\n', "results.jsonl:2: a row must be a JSON object, not a list"),
        ('{"example_id": 1, "new": 1, "old": "x"}\n', "results.jsonl:1: 'x' in column 'old' is not a number"),
        ('{"example_id": 1, "new": 1, "old": [1]}\n', "results.jsonl:1: '[1]' in column 'old' is not a number"),
        ('{"example_id": 1, "new": 1, "old": 1e999}\n', "results.jsonl:1: 1e999 is too large"),
    ],
)
def test_bad_json_lines_are_one_sentence_with_their_place(tmp_path: Path, content: str, said: str) -> None:
    assert said in _error(tmp_path, content, "results.jsonl")


def test_a_model_against_itself_is_refused() -> None:
    with pytest.raises(BadInput, match="name two different models"):
        Query(candidate="a", baseline="a")


def test_a_folder_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no results that are known"):
        read([tmp_path], Query(candidate="a", baseline="b"))


def test_files_of_two_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(WIDE)
    (tmp_path / "b.jsonl").write_text('{"doc_id": 1, "doc_hash": "x", "acc": 1}\n')

    with pytest.raises(BadInput, match="different kinds"):
        read([tmp_path / "a.csv", tmp_path / "b.jsonl"], Query(candidate="new", baseline="old"))


@pytest.mark.parametrize(
    ("metric", "name", "value"),
    [(None, "win_rate", 0.75), ("preference", "preference", 0.75), ("score", "score", 1.75)],
)
def test_preferences_are_read_as_win_rates_unless_named_otherwise(
    tmp_path: Path, metric: str | None, name: str, value: float
) -> None:
    results = _read(tmp_path, "example_id,new,old\n1,1.5,1.5\n2,2,1\n", metric=metric)

    assert value == np.mean(_values(results, "new", name))
    assert ("preference_scale" in [note.code for note in results.warnings]) == (value < 1)


def test_whole_numbers_from_one_to_two_are_no_preferences(tmp_path: Path) -> None:
    assert [1, 2] == _values(_read(tmp_path, "example_id,new,old\n1,1,2\n2,2,1\n"), "new", "value")


def test_the_published_win_rates_are_met(shared_data: Path) -> None:
    path = shared_data / "alpacaeval2_preferences" / "preferences.csv"
    query = Query(candidate="claude-2", baseline="gpt4_1106_preview", id_columns=("item",))
    results = read([path], query)

    assert 0.17188 == pytest.approx(np.mean(_values(results, "claude-2", "win_rate")), abs=5e-6)
    assert 805 == len(results.evidence[0].example_N)


def test_the_published_accuracies_are_met(shared_data: Path) -> None:
    query = Query(
        candidate="gpt-4-1106-preview",
        baseline="mistralai/Mixtral-8x7B-Instruct-v0.1",
        id_columns=("subject", "idx"),
        metric="accuracy",
        slices=("subject",),
    )
    results = read([shared_data / "routellm_mmlu_paired" / "mmlu_paired.csv"], query)
    means = [
        round(float(np.mean(_values(results, model, "accuracy"))), 4) for model in (query.candidate, query.baseline)
    ]

    assert (14042, 57, [0.8058, 0.6808]) == (
        len(results.evidence[0].example_N),
        len(results.evidence[0].slices["subject"].names),
        means,
    )


cells = st.sampled_from([0.0, 1.0, 0.25, None])
tables = st.lists(st.tuples(cells, cells, st.sampled_from(["x", "y", ""])), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(rows=tables, order=st.randoms(use_true_random=False))
def test_tidy_and_wide_tell_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: Sequence[tuple[float | None, float | None, str]], order: object
) -> None:
    folder = tmp_path_factory.mktemp("results")
    rows = [*rows, (1.0, 0.5, "x")]
    wide = [
        {"example_id": index, "new": new, "old": old, "topic": topic} for index, (new, old, topic) in enumerate(rows)
    ]
    tidy = [
        {"example_id": row["example_id"], "model": model, "value": row[model], "topic": row["topic"]}
        for row in wide
        for model in ("new", "old")
    ]
    order.shuffle(tidy)  # type: ignore[attr-defined]
    found = [
        _read(folder, "".join(json.dumps(row) + "\n" for row in table), "results.jsonl", slices=("topic",))
        for table in (wide, tidy)
    ]
    told = [
        {
            (example, model): (evidence.status[model][unit], tuple(evidence.counts[model, "value"][unit]))
            for evidence in results.evidence
            for unit, example in enumerate(evidence.example_N)
            for model in ("new", "old")
        }
        for results in found
    ]

    assert told[0] == told[1]
