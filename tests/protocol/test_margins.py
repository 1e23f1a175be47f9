"""The forms in which a margin may be written, and where a wrong one is refused."""

import pytest

from shipworthy import protocol
from shipworthy.errors import BadInput, ProtocolError
from shipworthy.protocol.limits import parsed
from shipworthy.protocol.margins import Amount, amount
from tests.protocol.test_load import GOOD


@pytest.mark.parametrize(
    ("written", "value", "form"),
    [
        (0.02, 0.02, "unit"),
        ("0.02", 0.02, "unit"),
        ("2 points", 2.0, "points"),
        ("1 point", 1.0, "points"),
        ("1.5pts", 1.5, "points"),
        ("5%", 5.0, "percent"),
        (" 5 % ", 5.0, "percent"),
        ("-1 points", -1.0, "points"),
    ],
)
def test_a_margin_is_a_number_points_or_percent(written: float | str, value: float, form: str) -> None:
    assert (value, form) == ((found := amount(written)).value, found.form)


@pytest.mark.parametrize("written", ["much", "5 dogs", "2 points of 3", "", "%", "1,5", "nan", "1e101"])
def test_anything_else_is_no_margin(written: str) -> None:
    with pytest.raises(BadInput):
        amount(written)


def test_an_amount_says_itself_as_it_may_be_written() -> None:
    amounts = [Amount(value=2, form=form) for form in ("unit", "points", "percent")]

    assert amounts == [amount(str(one)) for one in amounts]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("margin: 2 dogs", "margin: '2 dogs' is no margin"),
        ("margin: -2 points", "margin must be at least 0, not -2 points"),
        ("margin: 0.02\n    slice_margin: 5%", "slice_margin must be in the metric's unit, as the whole is, not 5%"),
        ("margin: 5%\n    slice_margin: 0.05", "slice_margin must be in percent like the limit of the whole, not 0.05"),
        ("margin: [2]", "must be a number"),
    ],
)
def test_a_margin_that_is_none_is_refused_where_it_stands(rule: str, said: str) -> None:
    with pytest.raises(ProtocolError, match=r"p\.yaml:\d+:\d+: ") as refused:
        protocol.load(f"{GOOD}    {rule}\n", where="p.yaml")

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("secret", "<0"),
        ("secret", "150%"),
        ("secret", 2.5),
        ("leakage_certain", 1.5),
        ("production_auc", 98),
        ("chosen_longer", 60),
    ],
)
def test_a_limit_on_training_data_that_nothing_can_break_or_keep_is_refused(name: str, limit: float | str) -> None:
    with pytest.raises(BadInput, match=f"the limit of {name} cannot be"):
        parsed(name, limit)


@pytest.mark.parametrize(("name", "limit"), [("tokens", 2.5), ("class_ratio", 3.5), ("secret", 2), ("secret", "100%")])
def test_a_limit_on_training_data_that_decides_something_is_read(name: str, limit: float | str) -> None:
    assert parsed(name, limit)[0] > 0
