"""Great Expectations: its JSON in, its JSON out, and the live package where it is installed."""

import json
from pathlib import Path
from typing import Any

import pytest

from shipworthy.data.column_rules import Rule, check
from shipworthy.errors import BadInput, MissingExtra
from shipworthy.integrations import great_expectations

RULES = (
    Rule(column="a", kind="exists"),
    Rule(column="a", kind="not_null", mostly=0.9),
    Rule(column="a", kind="unique"),
    Rule(column="a", kind="type", type="integer"),
    Rule(column="a", kind="in_set", values=(1, 2)),
    Rule(column="a", kind="between", low=1.0, high=5.0),
    Rule(column="t", kind="length", low=1.0, high=9.0),
    Rule(column="t", kind="matches", pattern="^x"),
)


def _suite(*expectations: Any) -> dict[str, Any]:
    return {"name": "s", "expectations": list(expectations), "meta": {}}


def test_rules_survive_the_way_out_and_back(tmp_path: Path) -> None:
    great_expectations.write(tmp_path / "suite.json", RULES, name="orders")

    assert (RULES, ()) == great_expectations.read(tmp_path / "suite.json")


def test_an_expectation_that_is_no_column_rule_is_told_and_left_out() -> None:
    found = great_expectations.from_dict(
        _suite(
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}},
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "a", "min_value": 1, "strict_min": True},
            },
            {"type": "expect_column_values_to_be_unique", "kwargs": {}},
            {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "a", "regex": "("}},
            {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "a", "type_": "complex"}},
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a", "row_condition": "b > 1"}},
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}, "severity": "critical"},
        )
    )

    assert (Rule(column="a", kind="not_null"),) == found.rules
    assert 6 == len(found.warnings)
    assert all("is left out: " in warning.message for warning in found.warnings)


def test_a_suite_of_before_version_1_is_read() -> None:
    old = _suite({"expectation_type": "expect_column_to_exist", "kwargs": {"column": "a"}})

    assert (Rule(column="a", kind="exists"),) == great_expectations.from_dict(old).rules


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "needs a list under 'expectations'"),
        ('{"expectations": 3}', "needs a list"),
        ('{"expectations": [3]}', "expectation 1 has no 'type'"),
        ('{"expectations": [{"type": "expect_column_to_exist", "kwargs": []}]}', None),
        ('{"expectations": [{"type": "expect_column_to_exist", "kwargs": [1]}]}', "needs an object under 'kwargs'"),
    ],
)
def test_a_file_that_is_no_suite_is_refused(tmp_path: Path, content: str, said: str | None) -> None:
    (tmp_path / "suite.json").write_text(content)

    if said is None:
        assert 1 == len(great_expectations.read(tmp_path / "suite.json").warnings)
        return
    with pytest.raises(BadInput, match=said):
        great_expectations.read(tmp_path / "suite.json")


def test_an_imported_suite_judges_a_file_without_the_package(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,t\n1,xa\n2,xb\n7,yc\n")
    found = check(tmp_path / "rows.csv", great_expectations.from_dict(_suite(*_like(RULES))).rules)

    assert ["pass", "pass", "pass", "pass", "fail", "fail", "pass", "fail"] == [one.outcome for one in found]


def _like(rules: tuple[Rule, ...]) -> list[Any]:
    suite: list[Any] = json.loads(json.dumps(great_expectations.to_dict(rules, name="s")))["expectations"]
    return suite


def test_the_live_package_reads_what_is_written_and_finds_the_same(tmp_path: Path) -> None:
    package = pytest.importorskip("great_expectations")
    pandas = pytest.importorskip("pandas")
    context = package.get_context(mode="ephemeral")
    frame = pandas.DataFrame({"a": [1, 2, 7], "t": ["xa", "xb", "yc"]})
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    suite = great_expectations.as_suite(RULES, name="orders")
    theirs = batch.get_batch({"dataframe": frame}).validate(suite)
    frame.to_csv(tmp_path / "rows.csv", index=False)

    ours = check(tmp_path / "rows.csv", RULES)

    assert [one.success for one in theirs.results] == [one.outcome == "pass" for one in ours]
    assert (RULES, ()) == great_expectations.from_dict(suite.to_json_dict())


def test_without_the_package_a_live_suite_names_what_to_install() -> None:
    try:
        import great_expectations as _  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtra, match="pip install great_expectations"):
            great_expectations.as_suite(RULES, name="s")
    else:
        assert great_expectations.as_suite(RULES, name="s").name == "s"
