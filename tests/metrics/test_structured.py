"""JSON answers: validity, fields, schemas."""

import pytest

from shipworthy import metrics
from shipworthy.errors import BadInput

TICKET = {"intent": "refund", "priority": 2}


@pytest.mark.parametrize("text", ["NaN", "[1,]", "{'a': 1}", "", "{} {}", "[" * 100_000, "Infinity"])
def test_what_is_not_json_is_not_valid(observe, text):
    assert (0.0, 1.0) == observe("json_valid", None, text)


@pytest.mark.parametrize("text", ["null", "3", ' {"a": "ü"} ', '"\\ud800"', "[" * 50 + "]" * 50])
def test_json_is_valid(observe, text):
    assert (1.0, 1.0) == observe("json_valid", None, text)


def test_a_code_fence_counts_only_where_it_is_allowed(observe):
    fenced = '```json\n{"a": 1}\n```'

    assert (0.0, 1.0) == observe("json_valid", None, fenced)
    assert (1.0, 1.0) == observe("json_valid", None, fenced, {"where": "fenced"})
    assert (1.0, 1.0) == observe("json_valid", None, 'Sure! {"a": 1} Bye', {"where": "anywhere", "type": "object"})
    assert (0.0, 1.0) == observe("json_valid", None, "[1]", {"type": "object"})


def test_all_fields_must_be_right_and_the_share_counts_each(observe):
    half = '{"intent": "refund", "priority": 3}'

    assert (0.0, 1.0) == observe("json_match", TICKET, half)
    assert (0.5, 1.0) == observe("json_fields", TICKET, half)
    assert (1.0, 1.0) == observe("json_match", TICKET, '{"priority": 2.0, "intent": "refund", "note": ""}')


def test_true_is_not_one_and_missing_is_not_null(observe):
    assert (0.0, 1.0) == observe("json_match", {"a": 1}, '{"a": true}')
    assert (0.0, 1.0) == observe("json_match", {"a": None}, "{}")
    assert (1.0, 1.0) == observe("json_match", {"a": None}, '{"a": null}')


def test_named_fields_and_paths_restrict_the_comparison(observe):
    gold = {"items": [{"name": "cup", "n": 1}], "note": "x"}
    answer = '{"items": [{"name": "CUP", "n": 2}]}'

    assert (1.0, 1.0) == observe("json_match", gold, answer, {"fields": ["items[0].name"], "ignore_case": True})
    assert (0.5, 1.0) == observe(
        "json_fields", gold, answer, {"fields": ["items[0].name", "items[0].n"], "ignore_case": True}
    )


def test_further_keys_can_be_refused(observe):
    assert (0.0, 1.0) == observe("json_match", {"a": 1}, '{"a": 1, "b": 2}', {"extra_keys": "refuse"})
    assert (1.0, 1.0) == observe("json_fields", {"a": 1}, '{"a": 1, "b": 2}', {"extra_keys": "allow"})


def test_the_reference_may_be_json_text(observe):
    assert (1.0, 1.0) == observe("json_match", '{"a": [1, 2]}', '{"a": [1, 2]}')


def test_a_reference_without_the_named_field_is_bad_input(observe):
    with pytest.raises(BadInput, match="has no field 'b'"):
        observe("json_match", {"a": 1}, "{}", {"fields": ["b"]})
    with pytest.raises(BadInput, match="not a JSON object"):
        observe("json_match", "text", "{}")


def test_a_schema_in_the_options_judges_every_answer(observe):
    schema = {"type": "object", "required": ["d"], "properties": {"d": {"type": "string", "format": "date-time"}}}

    assert (1.0, 1.0) == observe("schema_valid", None, '{"d": "2024-02-29T12:00:00Z"}', {"schema": schema})
    assert (0.0, 1.0) == observe("schema_valid", None, '{"d": "2023-02-29T12:00:00Z"}', {"schema": schema})
    assert (0.0, 1.0) == observe("schema_valid", None, '{"d": "2024-01-01T12:00:00"}', {"schema": schema})
    assert (1.0, 1.0) == observe("schema_valid", None, '{"d": "soon"}', {"schema": schema, "formats": False})
    assert (0.0, 1.0) == observe("schema_valid", None, "no JSON", {"schema": schema})


def test_each_example_may_bring_its_schema(observe):
    assert (1.0, 1.0) == observe("schema_valid", {"type": "integer"}, "3")
    assert (0.0, 1.0) == observe("schema_valid", None, "3", {"field": "s"}, {"s": '{"type": "string"}'})


def test_a_schema_that_is_none_is_refused_before_the_run():
    with pytest.raises(BadInput, match="not a valid JSON Schema"):
        metrics.build("s", "schema_valid", {"schema": {"type": "objekt"}})


def test_a_reference_outside_the_schema_is_refused_and_nothing_is_fetched(observe):
    with pytest.raises(BadInput, match="which is not part of it"):
        observe("schema_valid", {"$ref": "http://127.0.0.1:9/x.json"}, "3")


CUT = [
    '{"items":[{"a":1},',
    '{"answer":{"a":1}',
    'Sure: [{"a": 1}, {"a": 2',
    '{items: [{"a": 1}',
    '{"note": "}", "x": {"a": 1}',
    '```json\n{"x": {"a": 1},\n```',
]
BROKEN = ['{"x": {"a": 1},}', '[{"a": 1},]', "{'x': {\"a\": 1}}", '{"x": 1, "x": {"a": 1}}']


@pytest.mark.parametrize("text", [*CUT, *BROKEN])
def test_a_part_of_a_broken_or_cut_off_value_is_no_value(observe, text):
    schema = {"schema": {"type": "object"}, "where": "anywhere"}

    assert (0.0, 1.0) == observe("json_valid", None, text, {"where": "anywhere"})
    assert (0.0, 1.0) == observe("json_match", {"a": 1}, text, {"where": "anywhere"})
    assert (0.0, 1.0) == observe("schema_valid", None, text, schema)


@pytest.mark.parametrize(
    "text",
    [
        'The set {x > 0} is meant, so {"a": 1}',
        'Sorry :[ but {"a": 1}',
        '{{"a": 1}}',
        'First {"a": 1,} or rather {"a": 1}',
        'As [Smith] wrote: {"a": 1} {"b"',
    ],
)
def test_a_bracket_of_the_sentence_hides_no_value(observe, text):
    assert (1.0, 1.0) == observe("json_match", {"a": 1}, text, {"where": "anywhere"})


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": 2, "a": 1}', '[{"a": 1, "b": {"c": 1, "c": 1}}]'])
def test_a_key_that_stands_twice_is_no_json(observe, text):
    assert (0.0, 1.0) == observe("json_valid", None, text)
    assert (0.0, 1.0) == observe("json_match", {"a": 1}, text)
    assert (0.0, 1.0) == observe("json_fields", {"a": 1}, text)


def test_a_reference_whose_key_stands_twice_is_bad_input(observe):
    with pytest.raises(BadInput, match="not a JSON object"):
        observe("json_match", '{"a": 1, "a": 2}', '{"a": 2}')
