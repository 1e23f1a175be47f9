"""The example of the recipe page is a recipe, and the page has a row for every key."""

import re
from pathlib import Path

from shipworthy import training
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "reference" / "recipe.md").read_text(encoding="utf-8")


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(re.findall(r"```yaml\n(.*?)```", PAGE, re.S)[0])

    recipe = training.read_recipe(tmp_path / "recipe.yaml")

    assert ("lora", 2.0, 2e-4, 16) == (recipe.method, recipe.epochs, recipe.learning_rate, recipe.rank)
    assert str(tmp_path / "models/base") == recipe.base


def test_every_key_has_a_row_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", PAGE, re.M))

    assert set(training.Recipe.__struct_fields__) <= rows.keys()
    assert all(len(rows[key]) > 5 for key in training.Recipe.__struct_fields__)
