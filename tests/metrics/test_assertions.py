"""Golden sets."""

import pytest

from shipworthy.errors import BadInput


@pytest.mark.parametrize(
    ("asserted", "text", "passes"),
    [
        ({"contains": "refund"}, "Your refund is on its way", 1),
        ({"contains": ["refund", "days"]}, "Your refund is on its way", 0),
        ({"contains": "REFUND", "ignore_case": True}, "Your refund", 1),
        ({"contains_any": ["a", "z"]}, "xyz", 1),
        ({"not_contains": "sorry"}, "all good", 1),
        ({"not_contains": ["sorry", "good"]}, "all good", 0),
        ({"regex": r"^\d+$"}, "42", 1),
        ({"not_regex": r"\d"}, "42", 0),
        ({"equals": 42}, " 42 ", 1),
        ({"equals": ["yes", "no"]}, "no", 1),
        ({"equals": "yes"}, "no", 0),
        ({"equals": ""}, "", 1),
        ({"starts_with": "Dear", "ends_with": "."}, "Dear you.", 1),
        ({"json": {"path": "a[1].b", "equals": 3}}, '{"a": [0, {"b": 3}]}', 1),
        ({"json": [{"path": "a", "equals": True}]}, '```json\n{"a": 1}\n```', 0),
        ({"is_json": False}, "plain", 1),
        ({"max_length": 4}, "größe", 0),
        ({"max_length": 5, "min_length": 5}, "größe", 1),
    ],
)
def test_an_answer_passes_when_everything_asserted_holds(observe, asserted, text, passes):
    assert (float(passes), 1.0) == observe("assertions", None, text, {}, {"assert": asserted})
    assert (float(passes), 1.0) == observe("assertions", asserted, text)


@pytest.mark.parametrize(
    ("asserted", "says"),
    [
        ({"contain": "x"}, "unknown field `contain`"),
        ({}, "asserts nothing"),
        ({"regex": "("}, "not a regular expression"),
        ({"json": {"path": "a[", "equals": 1}}, "not a path into JSON"),
        ("plain text", "has no assertions"),
    ],
)
def test_an_example_that_asserts_nonsense_is_named_with_its_line(observe, asserted, says):
    with pytest.raises(BadInput, match=r"rows\.jsonl:7") as raised:
        observe("assertions", asserted, "x")

    assert says in str(raised.value)
