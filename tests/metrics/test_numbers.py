"""Numbers of answers: read as declared, or not at all."""

# ruff: noqa: E501  tables of cases

from fractions import Fraction
from typing import Any

import pytest

from shipworthy import metrics
from shipworthy.errors import BadInput
from shipworthy.metrics.numbers import NumberOptions

READ: list[tuple[str, Any]] = [
    ("18", 18), ("The answer is 18.", 18), ("so 3 + 4 = 7", 7), ("first 5, then 9\n#### 18", 18), ("1,000", 1000),
    ("$1,234,567.89 in all", Fraction("1234567.89")), ("-5", -5), ("\u22125", -5), ("\u20135 degrees", -5), ("-$5", -5),
    ("$-5", -5), ("6.5", Fraction("6.5")), (".5", Fraction("0.5")), ("5%", 5), ("5 kg", 5), ("5kg", 5), ("1e3", 1000),
    ("1.5E-3", Fraction("0.0015")), ("1.5 × 10^3", 1500), ("2*10**2", 200), ("10\u00b3", None), ("2 × 10\u207b\u00b2", Fraction("0.02")),
    ("3/4", Fraction(3, 4)), ("3 million", 3_000_000), ("５", 5), ("x = -0.25", Fraction("-0.25")), ("**42**", 42), ("0", 0),
    ("the 3rd of 8", 8), ("GPT-4 says 12", 12), ("10-3=7", 7), ("+5", 5), ("(-5)", -5), ("1,000.", 1000),
    ("", None), ("seven", None), ("1,5", None), ("1 000", None), ("1\u202f000", None), ("10,00", None), ("1.2.3", None),
    ("3-5", None), ("2024-05-01", None), ("10:30", None), ("5k", None), ("5\u00bd", None), ("1/0", None), ("1e999999", None),
    ("#### none", None), ("B2", None), ("2**10", None), ("2^10", None), ("5\u00b2", None), ("1'000", None), ("12,345,6", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number"), READ)
def test_a_number_is_read_as_declared_or_not_at_all(text: str, number: Any) -> None:
    assert number == NumberOptions().read(text)


@pytest.mark.parametrize(
    ("options", "text", "number"),
    [
        ({"thousands": "point", "decimal": "comma"}, "1.000,5", Fraction("1000.5")),
        ({"thousands": "point", "decimal": "comma"}, "1,000.5", None),
        ({"thousands": "space", "decimal": "comma"}, "1\u202f000,5", Fraction("1000.5")),
        ({"thousands": "space"}, "12 000 000", 12_000_000),
        ({"thousands": "apostrophe"}, "1\u2019000", 1000),
        ({"thousands": "none"}, "1,000", None),
        ({"counts": "only"}, "5 or 6", None),
        ({"counts": "only"}, "5, that is 5.0", 5),
        ({"counts": "only"}, "5 of 1,5", None),
        ({"marker": None}, "#### 18 of 20", 20),
        ({"marker": "Answer:"}, "9 first. Answer: 18", 18),
        ({"percent": "share"}, "5 %", Fraction("0.05")),
    ],
)
def test_options_say_how_numbers_are_written(options: dict[str, Any], text: str, number: Any) -> None:
    assert number == NumberOptions(**options).read(text)


@pytest.mark.parametrize(
    ("reference", "text", "options", "right"),
    [
        (18, "18.0", {}, 1.0), ("5 + 13 = 18\n#### 18", "so 18", {}, 1.0), (0.1, "0.1", {}, 1.0), ([3, "4"], "4", {}, 1.0),
        (18, "1.8e1", {}, 1.0), (5, "-5", {}, 0.0), (1, "1,000", {}, 0.0), (100, "101", {"relative": 0.01}, 1.0),
        (100, "101.01", {"relative": 0.01}, 0.0), (0, "0.05", {"absolute": 0.1}, 1.0), (5, "no idea", {}, 0.0),
        (0.05, "5%", {"percent": "share"}, 1.0), ("$1,000", "1000 dollars", {}, 1.0),
    ],
)  # fmt: skip
def test_an_answer_is_right_within_the_tolerance(
    observe: Any, reference: Any, text: str, options: dict[str, Any], right: float
) -> None:
    assert (right, 1.0) == observe("number_match", reference, text, options)


@pytest.mark.parametrize("reference", ["Paris", "1,5", True, [], [5, None], {"a": 5}])
def test_a_reference_without_a_number_is_refused(observe: Any, reference: Any) -> None:
    with pytest.raises(BadInput, match=r"rows\.jsonl:7"):
        observe("number_match", reference, "5")


def test_one_sign_cannot_mean_both() -> None:
    with pytest.raises(BadInput, match="different signs"):
        metrics.build("n", "number_match", {"thousands": "comma", "decimal": "comma"})


@pytest.mark.parametrize(
    ("fold", "one", "other"),
    [
        ({"unicode": "NFC"}, "café", "cafe\u0301"), ({"unicode": "NFKC"}, "ﬁve ５", "five 5"), ({"width": True}, "ＡＢＣ", "ABC"),
        ({"case": True}, "Straße", "STRASSE"), ({"punctuation": True}, "a、b!", "ab"), ({"whitespace": True}, "a \n b", "a b"),
        ({"width": True}, "ｱ", "ア"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["exact_match", "token_f1"])
def test_folding_is_declared_once_for_texts(
    observe: Any, kind: str, fold: dict[str, Any], one: str, other: str
) -> None:
    assert (1.0, 1.0) == observe(kind, one, other, {"fold": fold})
    assert (1.0, 1.0) == observe(kind, other, one, {"fold": fold})


def test_width_alone_leaves_other_forms_apart(observe: Any) -> None:
    assert (0.0, 1.0) == observe("exact_match", "ﬁve", "five", {"fold": {"width": True}})
