"""Column rules: each kind kept and broken, missing cells, shares, examples with their rows, and what a file keeps."""

from pathlib import Path

import pytest

from shipworthy.data.column_rules import Rule, check, profile
from shipworthy.errors import BadInput

TABLE = """id,grade,score,note
1,a,0.5,hello
2,b,1.5,hi
3,c,2.5,
4,a,,hello there
5,z,9.5,hi
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    ("rule", "broken", "of"),
    [
        (Rule(column="id", kind="exists"), 0, 5),
        (Rule(column="gone", kind="exists"), 5, 5),
        (Rule(column="gone", kind="not_null"), 5, 5),
        (Rule(column="id", kind="unique"), 0, 5),
        (Rule(column="grade", kind="unique"), 2, 5),
        (Rule(column="score", kind="not_null"), 1, 5),
        (Rule(column="id", kind="type", type="integer"), 0, 5),
        (Rule(column="grade", kind="type", type="number"), 5, 5),
        (Rule(column="grade", kind="in_set", values=("a", "b", "c")), 1, 5),
        (Rule(column="id", kind="in_set", values=(1, 2, 3, 4)), 1, 5),
        (Rule(column="id", kind="in_set", values=("1",)), 5, 5),
        (Rule(column="score", kind="between", low=1.0, high=9.0), 2, 4),
        (Rule(column="score", kind="between", high=9.0), 1, 4),
        (Rule(column="note", kind="length", low=3.0), 2, 4),
        (Rule(column="note", kind="matches", pattern="^h(?!i)"), 2, 4),
    ],
)
def test_broken_cells_are_counted_among_those_that_are_there(table: Path, rule: Rule, broken: int, of: int) -> None:
    (found,) = check(table, [rule])

    assert (broken, of, "fail" if broken else "pass") == (found.broken, found.checked, found.outcome)


def test_a_share_of_exceptions_can_be_allowed(table: Path) -> None:
    rules = [Rule(column="grade", kind="in_set", values=("a", "b", "c"), mostly=share) for share in (0.8, 0.81)]

    assert ["pass", "fail"] == [one.outcome for one in check(table, rules)]


def test_the_first_broken_rows_are_shown(table: Path) -> None:
    (found,) = check(table, [Rule(column="score", kind="between", low=1.0, high=9.0)])

    assert ((1, "0.5"), (5, "9.5")) == found.examples
    assert "2 of 4 cells of 'score' break between: 1 to 9, first in row 1: '0.5'" == found.because


def test_a_file_keeps_its_own_profile(table: Path) -> None:
    rules = profile(table)

    assert {"pass"} == {one.outcome for one in check(table, rules)}
    assert Rule(column="score", kind="between", low=0.5, high=9.5) in rules
    assert Rule(column="id", kind="unique") in rules
    assert Rule(column="note", kind="not_null") not in rules


def test_few_labels_are_profiled_as_a_set(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("label\n" + "yes\nno\n" * 20)

    assert Rule(column="label", kind="in_set", values=("no", "yes")) in profile(path)


def test_a_limit_of_a_text_is_refused(table: Path) -> None:
    with pytest.raises(BadInput, match="cannot lie between two numbers"):
        check(table, [Rule(column="grade", kind="between", low=1.0)])


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="no regular expression"):
        Rule(column="a", kind="matches", pattern="(")


def test_true_and_false_in_a_text_file_are_booleans(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\ntrue,true\nFalse,no\n")
    found = check(tmp_path / "rows.csv", [Rule(column=column, kind="type", type="boolean") for column in "ab"])

    assert [0, 1] == [one.broken for one in found]


@pytest.mark.parametrize("kind", ["in_set", "between", "length", "matches", "type"])
def test_a_rule_without_what_it_needs_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="lacks what it needs"):
        Rule(column="a", kind=kind)  # type: ignore[arg-type]
