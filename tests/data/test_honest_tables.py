"""Tables that an honest newcomer has, and that were judged although they are no comparison as they stand."""

from pathlib import Path

import pytest

from shipworthy.data.results import Query, Results, read
from shipworthy.errors import BadInput

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
