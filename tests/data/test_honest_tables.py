"""Tables that an honest newcomer has, and that were judged although they are no comparison as they stand."""

from pathlib import Path

import pytest

from shipworthy.data.results import Query, Results, read
from shipworthy.errors import BadInput
from shipworthy.records import ANSWERED, FAILED

ASK = {"candidate": "new", "baseline": "old"}


def _read(folder: Path, files: dict[str, str], **query: object) -> Results:
    paths = []
    for name, content in files.items():
        paths.append(folder / name)
        paths[-1].write_text(content)
    return read(paths, Query(**{**ASK, **query}))  # type: ignore[arg-type]


def _refused(folder: Path, files: dict[str, str], **query: object) -> str:
    with pytest.raises(BadInput) as caught:
        _read(folder, files, **query)
    return str(caught.value)


def _wide(*pairs: tuple[object, object], head: str = "example_id,new,old") -> dict[str, str]:
    return {"t.csv": "\n".join([head, *(f"{at},{new},{old}" for at, (new, old) in enumerate(pairs))]) + "\n"}


# --- scales ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", "exact_match", "eval_f1", "toxicity", "Accuracy"])
def test_a_share_against_a_percent_is_refused(tmp_path: Path, metric: str) -> None:
    files = {
        "new.csv": f"example_id,{metric}\n0,100\n1,0\n2,100\n",
        "old.csv": f"example_id,{metric}\n0,1\n1,1\n2,0\n",
    }
    assert "'new' holds values" in (said := _refused(tmp_path, files, metric=metric))
    assert "up to 100, 'old' up to 1: one looks like percent" in said
    assert "--scale" not in said


def test_nameless_values_on_two_scales_are_refused_unless_said_to_be_plain(tmp_path: Path) -> None:
    files = _wide((70, 0.9), (50, 0.8), (90, 0.4))
    assert "'new' holds values of 'value' up to 90, 'old' up to 0.9" in _refused(tmp_path, files)
    assert _read(tmp_path, files, scale="plain").primary == ("value",)


@pytest.mark.parametrize("metric", ["latency_s", "perplexity", "cost", "edit_distance", "loss"])
def test_what_has_no_upper_end_may_lie_far_apart(tmp_path: Path, metric: str) -> None:
    assert _read(tmp_path, _wide((70, 0.9), (50, 0.8)), metric=metric).primary == (metric,)


def test_two_models_in_percent_are_on_one_scale(tmp_path: Path) -> None:
    assert _read(tmp_path, _wide((100, 0), (0, 100)), metric="accuracy").primary == ("accuracy",)


def test_a_model_that_scores_nothing_at_all_has_no_scale_of_its_own(tmp_path: Path) -> None:
    assert _read(tmp_path, _wide((100, 0), (100, 0)), metric="accuracy").primary == ("accuracy",)


@pytest.mark.parametrize(("value", "shown"), [(670, "670"), (-3, "-3")])
def test_a_share_beyond_percent_is_refused(tmp_path: Path, value: int, shown: str) -> None:
    assert f"'new' holds {shown} as 'accuracy'" in _refused(tmp_path, _wide((value, 50), (60, 70)), metric="accuracy")


# --- inputs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["question", "prompt", "messages", "Input", "query"])
def test_rows_of_two_test_sets_are_no_pairs_though_they_share_numbers(tmp_path: Path, column: str) -> None:
    files = {
        name: f"example_id,{column},accuracy\n0,{kind} question 0,1\n1,{kind} question 1,0\n"
        for name, kind in (("new.csv", "easy"), ("old.csv", "hard"))
    }
    said = _refused(tmp_path, files, metric="accuracy")
    assert "old.csv:2: '0' has another input than at" in said
    assert "'hard question 0' here and 'easy question 0' there (2 such examples)" in said
    assert _read(tmp_path, files, metric="accuracy", unpaired=True).primary == ("accuracy",)


def test_a_tidy_table_whose_rows_asked_something_else_is_refused(tmp_path: Path) -> None:
    rows = "0,new,1,one plus one\n0,old,1,one plus two\n1,new,1,two\n1,old,1,two\n"
    assert "has another input than" in _refused(tmp_path, {"t.csv": f"example_id,model,value,prompt\n{rows}"})


def test_blanks_and_case_make_no_other_input_and_a_gap_tells_nothing(tmp_path: Path) -> None:
    rows = "0,new,1,One  plus one\n0,old,1,one plus one\n1,new,1,two\n1,old,1,\n"
    assert _read(tmp_path, {"t.csv": f"example_id,model,value,prompt\n{rows}"}).primary == ("value",)


def test_a_column_without_a_name_is_called_what_it_is(tmp_path: Path) -> None:
    said = _refused(tmp_path, _wide((1, 0), (0, 1), head=",new,old"))
    assert "'Unnamed: 0' is the first column, without a name (a pandas index?)" in said
    assert len(_read(tmp_path, _wide((1, 0), (0, 1), head=",new,old"), id_columns=("Unnamed: 0",)).evidence) == 1


# --- margins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "values", "margin"),
    [
        ("accuracy", (100, 0), 2.0),
        ("accuracy", (1, 0), 0.02),
        ("rougeL", (41.5, 20.0), 2.0),
        ("cost", (0.01, 0.02), 0.001),
        ("latency_s", (1.5, 2.5), 0.2),
        ("latency_ms", (1500, 2500), 200.0),
        ("output_tokens", (120, 250), 10.0),
        ("bleu", (31.0, 20.0), 1.0),
        ("bleu", (0.31, 0.20), 0.01),
        ("perplexity", (12.0, 20.0), 0.1),
    ],
)
def test_a_margin_that_nobody_named_is_the_metrics_own(
    tmp_path: Path, metric: str, values: tuple[float, float], margin: float
) -> None:
    found = _read(tmp_path, _wide(values, values[::-1]), metric=metric)
    assert found.metrics[metric].margin == pytest.approx(margin)


def test_a_side_column_of_cost_is_watched_at_its_own_margin(tmp_path: Path) -> None:
    rows = "0,new,1,0.01\n0,old,1,0.001\n1,new,1,0.01\n1,old,1,0.001\n"
    found = _read(tmp_path, {"t.csv": f"example_id,model,value,cost\n{rows}"})
    assert "cost" not in found.primary
    assert found.metrics["cost"].margin == 0.001


# --- repeats and errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["trial", "run", "epoch", "Attempt", "seed"])
@pytest.mark.parametrize("cells", [("0", "1"), ("a", "b")])
def test_a_trial_in_the_id_is_no_example_of_its_own(tmp_path: Path, column: str, cells: tuple[str, str]) -> None:
    if column == "seed" and cells == ("a", "b"):
        cells = ("7", "8")
    rows = "".join(f"{at},{cell},1,0\n" for at in range(3) for cell in cells)
    found = _read(tmp_path, {"t.csv": f"example_id,{column},new,old\n{rows}"}, id_columns=("example_id", column))
    one = found.evidence[0]
    assert len(one.example_N) == 6
    assert len(set(one.cluster_N.tolist())) == 3
    assert set(one.example_N) == {"0", "1", "2"}


def test_parts_of_an_id_that_are_no_trials_name_examples(tmp_path: Path) -> None:
    files = {"t.csv": "task,item,new,old\na,0,1,0\na,1,1,0\nb,0,1,0\n"}
    assert len(set(_read(tmp_path, files, id_columns=("task", "item")).evidence[0].cluster_N.tolist())) == 3


@pytest.mark.parametrize("said", ["timeout", "true", "1"])
def test_an_error_counts_though_a_value_stands_beside_it(tmp_path: Path, said: str) -> None:
    rows = f"0,new,1,{said}\n0,old,1,\n1,new,1,\n1,old,1,\n"
    found = _read(tmp_path, {"t.csv": f"example_id,model,value,error\n{rows}"})
    assert found.evidence[0].status["new"].tolist() == [FAILED, ANSWERED]
    note = next(one for one in found.warnings if one.code == "error_with_value")
    assert note.message.startswith("1 rows hold an error and a value, first at")
    assert "t.csv:2" in note.message


@pytest.mark.parametrize("said", ["false", "None", "0", "nan"])
def test_no_error_is_none(tmp_path: Path, said: str) -> None:
    rows = f"0,new,1,{said}\n0,old,1,{said}\n"
    found = _read(tmp_path, {"t.csv": f"example_id,model,value,error\n{rows}"})
    assert found.evidence[0].status["new"].tolist() == [ANSWERED]


def test_a_column_of_error_rates_can_be_judged(tmp_path: Path) -> None:
    found = _read(tmp_path, {"t.csv": "example_id,model,error\n0,new,0.5\n0,old,0.25\n"}, metric="error")
    assert found.evidence[0].counts["new", "error"][0, 0] == 0.5


def test_an_error_of_a_wide_table_has_no_owner(tmp_path: Path) -> None:
    files = {"t.csv": "example_id,new,old,error\n0,1,0,\n1,0,1,timeout\n"}
    assert "t.csv:3: this row holds an error, and nothing says whose" in _refused(tmp_path, files)


# --- what the names of columns say -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "old", "metric", "better"),
    [
        ("wer_new", "wer_old", "wer", "lower"),
        ("latency_new", "latency_old", "latency", "lower"),
        ("new_accuracy", "old_accuracy", "accuracy", "higher"),
        ("gpt4.ft.error_rate", "gpt4.error_rate", "error_rate", "lower"),
        ("llama-8b toxicity", "qwen-7b toxicity", "toxicity", "lower"),
    ],
)
def test_the_names_of_the_columns_say_what_they_hold(
    tmp_path: Path, new: str, old: str, metric: str, better: str
) -> None:
    files = _wide((0.25, 0.5), (0.5, 0.25), head=f"example_id,{new},{old}")
    found = _read(tmp_path, files, candidate=new, baseline=old)
    assert found.primary == (metric,)
    assert found.metrics[metric].better == better
    assert "metric_by_columns" in {one.code for one in found.warnings}


def test_a_metric_of_unknown_direction_in_the_columns_names_is_asked_for(tmp_path: Path) -> None:
    files = _wide((0.25, 0.5), head="example_id,refusal_rate_new,refusal_rate_old")
    ask = {"candidate": "refusal_rate_new", "baseline": "refusal_rate_old"}
    assert "which direction of 'refusal_rate' is better" in _refused(tmp_path, files, **ask)


@pytest.mark.parametrize(
    ("new", "old"), [("model_a", "model_b"), ("new", "old"), ("gpt-4o-mini", "gpt-4o"), ("qwen-7b", "llama-7b")]
)
def test_names_of_models_name_no_metric(tmp_path: Path, new: str, old: str) -> None:
    files = _wide((0.25, 0.5), (0.5, 0.25), head=f"example_id,{new},{old}")
    assert _read(tmp_path, files, candidate=new, baseline=old).primary == ("value",)


# --- what to do ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "todo"),
    [
        ("pass", "write 1 and 0"),
        ("Yes", "write 1 and 0"),
        ("89.8%", "without the sign"),
        ('"0,75"', "a point for the decimal comma"),
        ('"1,500"', "without the thousands separator"),
        ("N/A", "leave the cell empty"),
    ],
)
def test_a_cell_that_is_no_number_is_told_what_to_be(tmp_path: Path, cell: str, todo: str) -> None:
    assert todo in _refused(tmp_path, _wide((cell, 1), (1, 1)))


def test_columns_that_differ_in_case_or_blanks_are_told(tmp_path: Path) -> None:
    files = {"t.csv": "Example_ID,Model,Score\n0,new,1\n0,old,1\n"}
    assert "rename 'Example_ID' to 'example_id', 'Model' to 'model'" in _refused(tmp_path, files)


@pytest.mark.parametrize("head", ["winner", "model_a,model_b,winner"])
def test_a_table_of_winners_is_told_how_to_become_one(tmp_path: Path, head: str) -> None:
    files = {"t.csv": f"example_id,{head}\n0,{'x,' * head.count(',')}new\n"}
    assert "1 to the winner, 0 to the other" in _refused(tmp_path, files)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("0,new,1,acc,1\n0,old,2,acc,1\n", "their examples are the same, their seeds are not (such as 1 and 2)"),
        ("0,new,1,Accuracy,1\n0,old,1,accuracy,1\n", "'accuracy' is a metric of its own: write both alike"),
        ("001,new,1,acc,1\n1,old,1,acc,1\n", "such as '001' and '1'; the same numbers, written otherwise"),
        ("1.0,new,1,acc,1\n1,old,1,acc,1\n", "such as '1.0' and '1'; the same numbers, written otherwise"),
        ("a,new,1,acc,1\nb,old,1,acc,1\n", "such as 'a' and 'b'; check the ids"),
        ("0,new,1,acc,1\n0,old,1,acc,1\n0,new,1,em,1\n", "in 'em', which only 'new' has; choose with --metric"),
    ],
)
def test_why_no_example_is_shared_is_told(tmp_path: Path, rows: str, said: str) -> None:
    assert said in _refused(tmp_path, {"t.csv": f"example_id,model,seed,metric,value\n{rows}"})


def test_two_weeks_of_one_model_are_named_by_their_files(tmp_path: Path) -> None:
    for week, score in (("week-47", 1), ("week-48", 0)):
        (tmp_path / f"{week}.csv").write_text(f"example_id,model,accuracy\n0,mine,{score}\n1,mine,1\n")
    paths = [tmp_path / "week-48.csv", tmp_path / "week-47.csv"]
    found = read(paths, Query(candidate="week-48", baseline="week-47", metric="accuracy"))
    assert found.evidence[0].counts["week-48", "accuracy"][:, 0].tolist() == [0.0, 1.0]
    with pytest.raises(BadInput, match="no model 'week-49'"):
        read(paths, Query(candidate="week-49", baseline="mine", metric="accuracy"))
