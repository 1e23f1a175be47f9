"""Numbers and rules as a reader sees them."""

from types import ModuleType

import pytest

from shipworthy.records import Interval
from shipworthy.web._format import interval, number, printable, quantity, rule, size


@pytest.mark.parametrize(
    ("expected", "value", "unit"),
    [
        ("80.6%", 0.8058, "share"),
        ("0.0%", 0.0, "share"),
        ("100.0%", 1.0, "share"),
        ("0.420 s", 0.42, "s"),
        ("12.50 s", 12.5, "s"),
        ("0.00012 USD", 0.00012, "usd"),
        ("0 USD", 0.0, "usd"),
        ("1,234 tokens", 1234.4, "tokens"),
        ("31.4 pts", 31.41, "points"),
        ("2.72", 2.718, ""),
        ("–", None, "share"),
    ],
)
def test_a_value_is_printed_in_its_unit(expected: str, value: float | None, unit: str) -> None:
    assert expected == quantity(value, unit)


def test_a_gain_of_shares_is_signed_and_in_points() -> None:
    shown = Interval(value=-0.021, low=-0.041, high=0.002)

    assert "−2.1 pts [−4.1, +0.2]" == interval(shown, "share", difference=True)


def test_a_loss_that_rounds_to_zero_carries_no_minus() -> None:
    assert "+0.0" == number(-0.0001, "share", signed=True)


def test_refused_limits_are_said_to_be_missing() -> None:
    assert "80.0% [no interval]" == interval(Interval(value=0.8, low=None, high=None), "share")


def test_an_open_side_of_an_interval_is_infinite() -> None:
    assert "0.900 s [0.800, ∞]" == interval(Interval(value=0.9, low=0.8, high=None), "s")


def test_clusters_are_named_only_where_they_differ_from_examples(pages: ModuleType) -> None:
    assert ("1,000", "1,000 in 60 clusters") == (size(pages.finding()), size(pages.finding(clusters=60)))


@pytest.mark.parametrize(
    ("expected", "kind", "margin", "unit"),
    [
        ("may lose at most 2.0 pts to production", "non_inferior", 0.02, "share"),
        ("must gain more than 1.0 pts over production", "superior", 0.01, "share"),
        ("must be at least 95.0%", "at_least", 0.95, "share"),
        ("must be at most 1.50 s", "at_most", 1.5, "s"),
    ],
)
def test_a_rule_is_said_in_words(expected: str, kind: str, margin: float, unit: str, pages: ModuleType) -> None:
    assert expected == rule(pages.finding(rule=kind, margin=margin, unit=unit))


def test_what_no_file_can_carry_is_replaced() -> None:
    assert "a\ufffdb\ufffdc\nd" == printable("a\x00b\ud800c\nd")
