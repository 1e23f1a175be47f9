from pathlib import Path

import pytest

from shipworthy.errors import BadInput
from shipworthy.training import read_recipe

GOOD = "base: models/base\nmethod: lora\ndata: [train.jsonl]\noutput: out\n"


def _file(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_bytes(text.encode())
    return path


def test_paths_of_a_recipe_are_taken_from_its_own_folder(tmp_path: Path) -> None:
    recipe = read_recipe(_file(tmp_path, GOOD + "replay: [old.jsonl]\n"))

    assert str(tmp_path / "models/base") == recipe.base
    assert (str(tmp_path / "train.jsonl"),) == recipe.data
    assert (str(tmp_path / "old.jsonl"),) == recipe.replay
    assert str(tmp_path / "out") == recipe.output


def test_an_absolute_path_stays_what_it_is(tmp_path: Path) -> None:
    recipe = read_recipe(_file(tmp_path, GOOD.replace("models/base", str(tmp_path / "elsewhere"))))

    assert str(tmp_path / "elsewhere") == recipe.base


def test_a_byte_order_mark_and_crlf_are_read(tmp_path: Path) -> None:
    assert "lora" == read_recipe(_file(tmp_path, "\ufeff" + GOOD.replace("\n", "\r\n"))).method


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (GOOD + "lerning_rate: 0.1\n", 5, "did you mean 'learning_rate'?"),
        (GOOD + "zzz: 1\n", 5, "known keys: base, method"),
        (GOOD.replace("lora", "lara"), 2, "lara"),
        (GOOD + "epochs: 0\n", 5, "must be above 0"),
        (GOOD + "epochs: .nan\n", 5, "must be above 0"),
        (GOOD + "rank: many\n", 5, "Expected `int`"),
        (GOOD.replace("[train.jsonl]", "[]"), 3, "names no file"),
        (GOOD.replace("method: lora\n", ""), 1, "missing required field `method`"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = _file(tmp_path, text)

    with pytest.raises(BadInput, match=f"recipe.yaml:{line}: ") as caught:
        read_recipe(path)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text", "a: [1\n", "\x00"])
def test_what_is_not_a_mapping_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"recipe\.yaml") as caught:
        read_recipe(_file(tmp_path, text))

    assert "\n" not in str(caught.value)


def test_a_folder_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(BadInput, match="cannot be read"):
            read_recipe(path)
