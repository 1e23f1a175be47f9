"""pandera: its JSON in, its JSON out, and the live package where it is installed."""

import json
from pathlib import Path
from typing import Any

import pytest

from shipworthy.data.column_rules import Rule, check
from shipworthy.errors import BadInput, MissingExtra
from shipworthy.integrations import pandera

RULES = (
    Rule(column="a", kind="exists"),
    Rule(column="a", kind="type", type="integer"),
    Rule(column="a", kind="not_null"),
    Rule(column="a", kind="unique"),
    Rule(column="a", kind="in_set", values=(1, 2)),
    Rule(column="a", kind="between", low=1.0, high=5.0),
    Rule(column="t", kind="exists"),
    Rule(column="t", kind="length", low=1.0, high=9.0),
    Rule(column="t", kind="matches", pattern="^x"),
)
WRITTEN = {  # by pandera 0.35
    "schema_type": "dataframe",
    "api": "pandas",
    "columns": {
        "a": {
            "dtype": "int64",
            "unique": True,
            "greater_than_or_equal_to": 1,
            "less_than": 9,
            "isin": [1, 2],
            "in_range": {"min_value": 0, "max_value": 5, "include_min": True, "include_max": True},
        },
        "t": {
            "dtype": "string[python]",
            "required": False,
            "nullable": True,
            "str_length": {"min_value": 1, "max_value": 9, "exact_value": None},
            "str_matches": "^x",
            "str_contains": {"pattern": "x", "raise_warning": True},
        },
        "f": {"dtype": "float64", "in_range": {"min_value": 0, "max_value": 5, "include_max": False}},
        "l": {"dtype": "complex128", "nullable": True, "str_length": 3, "not_equal_to": 3, "greater_than": 1},
    },
    "strict": True,
}


def test_rules_survive_the_way_out_and_back(tmp_path: Path) -> None:
    pandera.write(tmp_path / "schema.json", RULES)
    found = pandera.read(tmp_path / "schema.json")

    assert set(RULES) == set(found.rules)
    assert () == found.warnings


def test_a_schema_as_pandera_writes_it_is_read() -> None:
    found = pandera.from_dict(WRITTEN)

    assert {
        Rule(column="a", kind="exists"),
        Rule(column="a", kind="type", type="integer"),
        Rule(column="a", kind="not_null"),
        Rule(column="a", kind="unique"),
        Rule(column="a", kind="between", low=1.0),
        Rule(column="a", kind="between", high=8.0),
        Rule(column="a", kind="in_set", values=(1, 2)),
        Rule(column="a", kind="between", low=0.0, high=5.0),
        Rule(column="t", kind="type", type="text"),
        Rule(column="t", kind="length", low=1.0, high=9.0),
        Rule(column="t", kind="matches", pattern=r"\A(?:^x)"),
        Rule(column="f", kind="exists"),
        Rule(column="f", kind="type", type="number"),
        Rule(column="f", kind="not_null"),
        Rule(column="l", kind="exists"),
        Rule(column="l", kind="length", low=3.0, high=3.0),
    } == set(found.rules)


def test_every_check_that_is_left_out_is_told() -> None:
    said = " ".join(warning.message for warning in pandera.from_dict(WRITTEN).warnings)

    for name in ("'str_contains' of 't'", "'in_range' of 'f'", "'not_equal_to' of 'l'", "'greater_than' of 'l'"):
        assert name in said
    assert "'complex128'" in said


def test_a_schema_in_yaml_is_read(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text("columns:\n  a:\n    dtype: int64\n    nullable: true\n    isin:\n    - 1\n")

    assert Rule(column="a", kind="in_set", values=(1,)) in pandera.read(tmp_path / "schema.yaml").rules


@pytest.mark.parametrize("content", ["a: [", "[]", "columns: 3", "columns: {a: 3}", "columns: {a: {dtype: [1]}}"])
def test_a_file_that_is_no_schema_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "schema.yaml").write_text(content)

    with pytest.raises(BadInput, match=r"neither JSON nor YAML|needs an object of columns"):
        pandera.read(tmp_path / "schema.yaml")


@pytest.mark.parametrize(
    "rules",
    [
        [Rule(column="a", kind="unique", mostly=0.9)],
        [Rule(column="a", kind="matches", pattern="x"), Rule(column="a", kind="matches", pattern="y")],
    ],
)
def test_what_pandera_cannot_say_is_refused(rules: list[Rule]) -> None:
    with pytest.raises(BadInput, match="pandera"):
        pandera.to_dict(rules)


def test_the_live_package_reads_what_is_written_and_finds_the_same(tmp_path: Path) -> None:
    package = pytest.importorskip("pandera.pandas")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2, 7], "t": ["xa", "xb", "yc"]})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    ours = [one.rule.column for one in check(tmp_path / "rows.csv", RULES) if one.outcome == "fail"]

    with pytest.raises(package.errors.SchemaErrors) as caught:
        pandera.as_schema(RULES).validate(frame, lazy=True)

    assert sorted(ours) == sorted(caught.value.failure_cases["column"])
    written: dict[str, Any] = json.loads(pandera.as_schema(RULES).to_json())
    assert set(RULES) == set(pandera.from_dict(written).rules)


def test_without_the_package_a_live_schema_names_what_to_install() -> None:
    try:
        import pandera.io as _  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtra, match="pip install 'pandera"):
            pandera.as_schema(RULES)
    else:
        assert {"a", "t"} == set(pandera.as_schema(RULES).columns)
