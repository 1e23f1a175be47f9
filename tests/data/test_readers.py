"""Every format that `compare` reads has a row in the reference, a test on a file, and is known by content."""

import ast
from pathlib import Path

import pytest

from shipworthy.data.results import Query, read, readers_page
from shipworthy.data.results._read import formats
from shipworthy.errors import BadInput

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("name", formats())
def test_the_test_that_a_row_names_exists(name: str) -> None:
    file, _, test = formats()[name].test.partition("::")
    tree = ast.parse((ROOT / file).read_text())

    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_format_is_a_row_that_answers_every_question() -> None:
    page = readers_page()
    rows = [line for line in page.splitlines() if line.startswith("| **")]

    assert [one.title for one in formats().values()] == [row.split("**")[1] for row in rows]
    assert all(9 == len(row.strip("|").split(" | ")) - row.count(" | |") + 1 for row in rows)
    assert page == (ROOT / "docs" / "reference" / "readers.md").read_text(), "run `make docs`"


NO_EXAMPLES = {
    "wandb-history.jsonl": (
        '{"_step": 0, "_runtime": 1, "_timestamp": 2, "loss": 0.5}\n' * 2,
        "this is a W&B history: one row",
    ),
    "history.csv": ("_step,_runtime,_timestamp,loss\n0,1,2,.5\n", "this is an export of W&B charts"),
    "wandb_export.csv": (
        '"Step","cool-sun-1 - loss","cool-sun-1 - loss__MIN","cool-sun-1 - loss__MAX"\n0,1,1,1\n',
        "this is an export of W&B charts",
    ),
    "wandb-summary.json": (
        '{"loss": 0.4, "_step": 1, "_runtime": 2, "_wandb": {"runtime": 1}}',
        "this is a W&B summary",
    ),
    "run.wandb": (":W&B\x00\x01", "this is a W&B transaction log"),
    "board.csv": ("Wall time,Step,Value\n1,2,3\n", "this is a log of TensorBoard"),
    "trainer_state.json": ('{"best_metric": null, "log_history": [{"loss": 1, "step": 1}]}', "Hugging Face trainer"),
    "loss": ("1700000000000 0.5 0\n1700000000001 0.4 1\n", "this is a metric of MLflow"),
    "metrics.json": ('{"accuracy": 0.9, "f1": 0.8}', "averages and no examples"),
    "shipworthy.yaml": ("# mine\nshipworthy: 1\nname: x\n", "this is a protocol, not results"),
}


@pytest.mark.parametrize("name", NO_EXAMPLES)
def test_what_holds_no_examples_is_told_by_name(tmp_path: Path, name: str) -> None:
    content, said = NO_EXAMPLES[name]
    (tmp_path / "x").write_text(content)

    with pytest.raises(BadInput, match=said):
        read([tmp_path / "x"], Query(candidate="new", baseline="old"))


def test_a_table_with_a_column_of_steps_is_still_a_table(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("example_id,Step,Value,new,old\n1,0,0,1,0\n2,0,0,1,1\n")

    assert "wide table" == read([tmp_path / "x.csv"], Query(candidate="new", baseline="old")).source
