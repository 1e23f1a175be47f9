"""The protocol says what is wrong with it, where, and what was probably meant."""

import json

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy import protocol
from shipworthy.errors import ProtocolError

GOOD = """\
shipworthy: 1
name: tickets
on: [commit]
datasets:
  tickets: {path: tickets.jsonl, slices: [language]}
models:
  new: {role: candidate, path: new.jsonl}
  live: {role: production, path: live.jsonl}
metrics:
  accuracy: {dataset: tickets}
gates:
  - metric: accuracy
    baseline: live
"""
GATE = "    baseline: live\n"


def _error(text: str) -> str:
    with pytest.raises(ProtocolError) as caught:
        protocol.load(text, where="p.yaml")
    return str(caught.value)


def _said(text: str) -> str:
    try:
        protocol.load(text, where="p.yaml")
    except ProtocolError as error:
        return str(error)
    return "valid"


def test_a_gate_without_a_rule_leaves_the_margin_to_its_metric() -> None:
    gate = protocol.load(GOOD, where="p.yaml").gates[0]

    assert (None, None, "hard") == (gate.margin, gate.min_gain, gate.level)


def test_on_is_a_key_and_not_the_truth_value_of_yaml_1_1() -> None:
    assert ("commit",) == protocol.load(GOOD, where="p.yaml").on


def test_no_is_a_word() -> None:
    text = GOOD.replace("slices: [language]", "slices: [no]")

    assert ("no",) == protocol.load(text, where="p.yaml").datasets["tickets"].slices


@pytest.mark.parametrize(("written", "read"), [("2e-3", 0.002), ("1", 1.0), (".5", 0.5), ("0.020", 0.02)])
def test_numbers_are_read_as_yaml_1_2_writes_them(written: str, read: float) -> None:
    text = GOOD + f"    margin: {written}\n"

    assert read == protocol.load(text, where="p.yaml").gates[0].margin


def test_a_byte_order_mark_is_no_matter() -> None:
    text = protocol.decode(b"\xef\xbb\xbf" + GOOD.encode(), where="p.yaml")

    assert "tickets" == protocol.load(text, where="p.yaml").name


def test_windows_line_ends_are_no_matter() -> None:
    assert protocol.load(GOOD, where="a") == protocol.load(GOOD.replace("\n", "\r\n"), where="b")


def test_a_merge_key_takes_over_what_is_not_said() -> None:
    text = GOOD.replace("  tickets: {", "  tickets: &t {").replace(
        "models:\n", "  safety:\n    <<: *t\n    role: safety\nmodels:\n"
    )
    source = protocol.parse(text, where="p.yaml")

    assert ("tickets.jsonl", "safety") == (
        source.protocol.datasets["safety"].path,
        source.protocol.datasets["safety"].role,
    )
    assert "p.yaml:5:22" == source.line_of("datasets", "safety", "path")


def test_a_part_is_found_at_its_line_and_column() -> None:
    source = protocol.parse(GOOD, where="p.yaml")

    assert "p.yaml:13:15" == source.line_of("gates", 0, "baseline")


def test_a_default_is_found_where_it_belongs() -> None:
    source = protocol.parse(GOOD, where="p.yaml")

    assert "p.yaml:12:5" == source.line_of("gates", 0, "margin")


def test_trials_are_seeds_from_0_on() -> None:
    trials, seeds = (protocol.load(GOOD + more, where="p.yaml") for more in ("trials: 3\n", "seeds: [0, 1, 2]\n"))

    assert (0, 1, 2) == trials.seeds
    assert protocol.digest(seeds) == protocol.digest(trials)


def test_layout_and_comments_do_not_change_the_digest() -> None:
    one = protocol.load(GOOD, where="a")
    other = protocol.load(
        "# why\n" + GOOD.replace("on: [commit]", "on:\n- commit").replace("name: t", "name:   t"), where="b"
    )

    assert protocol.digest(one) == protocol.digest(other)


def test_a_changed_margin_changes_the_digest() -> None:
    one, other = (protocol.load(GOOD + f"    margin: {margin}\n", where="p") for margin in ("0.02", "0.03"))

    assert protocol.digest(one) != protocol.digest(other)


BAD = {
    "a misspelt key": ("    margn: 0.1\n", "p.yaml:14:5", "did you mean 'margin'?"),
    "a number where text is needed": (
        "    name: 5\n",
        "p.yaml:14:11",
        "must be text, not the number 5; put it in quotes",
    ),
    "text where a number is needed": ("    margin: two\n", "p.yaml:14:13", "'two' is no margin; it must be a number"),
    "yes where true is needed": ("    fail_fast: yes\n", "p.yaml:14:16", "must be true or false"),
    "a word where a list is needed": ("    slices: language\n", "p.yaml:14:13", "write [language]"),
    "nothing where a list is needed": ("    slices:\n", "p.yaml:14:12", "must be a list, not nothing"),
    "an unknown level": ("    level: harde\n", "p.yaml:14:12", "did you mean 'hard'?"),
    "a negative margin": ("    margin: -0.1\n", "p.yaml:14:13", "at least 0"),
    "not a number": ("    margin: .nan\n", "p.yaml:14:13", "finite"),
    "infinity": ("    margin: 1e999\n", "p.yaml:14:13", "finite"),
    "a key twice": (GATE, "p.yaml:14:5", "stands twice, first on line 13"),
    "a tab": ("\tmargin: 1\n", "p.yaml:14:1", "indent with spaces"),
    "two rules": ("    margin: 0.1\n    min_gain: 0.1\n", "p.yaml:15:15", "one rule"),
    "a limit with a baseline": ("    at_least: 0.1\n", "p.yaml:13:15", "remove 'baseline'"),
    "an unknown slice": ("    slices: [langage]\n", "p.yaml:14:14", "did you mean 'language'?"),
    "an unknown warning code": ("    require_absent: [survivor]\n", "p.yaml:14:22", "did you mean 'survivorship'?"),
    "the same gate again": (
        "  - metric: accuracy\n    baseline: live\n",
        "p.yaml:14:5",
        "gates[0] already says the same",
    ),
    "an unknown alias": ("    name: *n\n", "p.yaml:14:11", "undefined alias"),
    "a Python object": ("    name: !!python/name:os.system\n", "p.yaml:14:11", "the tag"),
    "a quote left open": ("    name: 'x\n", "p.yaml:15:1", "not valid YAML"),
    "a second document": ("---\na: 1\n", "p.yaml:14:1", "one document"),
    "a key that is a list": ("    ? [a]\n    : b\n", "p.yaml:14:7", "a key must be a word"),
    "a control character": ("    name: \x07\n", "p.yaml:14:11", "U+0007"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_in_a_gate_is_one_sentence_with_its_place(mistake: str) -> None:
    added, place, said = BAD[mistake]
    message = _error(GOOD + added)

    assert message.startswith(f"{place}: ") and said in message and "\n" not in message


WRONG = {
    "an empty file": (lambda good: "", "p.yaml:1:1", "the file is empty"),
    "comments alone": (lambda good: "# nothing\n", "p.yaml:1:1", "the file is empty"),
    "a list at the top": (lambda good: "- a\n- b\n", "p.yaml:1:1", "must be a mapping, not a list"),
    "a newer format": (lambda good: good.replace("shipworthy: 1", "shipworthy: 2"), "p.yaml:1:13", "known: 1"),
    "a missing key": (lambda good: good.replace("name: tickets\n", ""), "p.yaml:1:1", "needs the key 'name'"),
    "no gates": (lambda good: good[: good.index("gates:")] + "gates: []\n", "p.yaml:11:8", "gates is empty"),
    "an unknown metric": (
        lambda good: good.replace("metric: acc", "metric: ac"),
        "p.yaml:12:13",
        "line 10 declares 'accuracy', which no gate names; one of the two is misspelt",
    ),
    "an unknown dataset": (
        lambda good: good.replace("dataset: tickets", "dataset: ticket"),
        "p.yaml:10:23",
        "did you mean 'tickets'?",
    ),
    "an unknown baseline": (
        lambda good: good.replace("baseline: live", "baseline: life"),
        "p.yaml:13:15",
        "mean 'live'?",
    ),
    "the candidate as its own baseline": (
        lambda good: good.replace("baseline: live", "baseline: new"),
        "13:15",
        "known: live",
    ),
    "no baseline": (
        lambda good: good.replace(GATE, "    margin: 0.1\n"),
        "p.yaml:12:5",
        "needs the key 'baseline'; known: live",
    ),
    "no candidate": (lambda good: good.replace("candidate", "full"), "p.yaml:7:3", "no model has the role candidate"),
    "two candidates": (lambda good: good.replace("role: production", "role: candidate"), "p.yaml:8:16", "exactly one"),
    "an unknown role": (lambda good: good.replace("production", "prod"), "p.yaml:8:16", "did you mean 'production'?"),
    "a recorded model without a file": (
        lambda good: good.replace(", path: new.jsonl", ""),
        "p.yaml:7:8",
        "needs the key 'path'",
    ),
    "an API without an address": (
        lambda good: good.replace("path: new.jsonl", "backend: openai, model: m"),
        "p.yaml:7:8",
        "needs the key 'base_url'",
    ),
    "a trivial model without a strategy": (
        lambda good: good.replace("path: live.jsonl", "backend: trivial"),
        "p.yaml:8:9",
        "needs the key 'strategy'",
    ),
    "a misspelt backend": (
        lambda good: good.replace("path: new", "backend: opnai, path: new"),
        "7:35",
        "mean 'openai'?",
    ),
    "a published model without numbers": (lambda good: good.replace("production", "published"), "8:9", "needs numbers"),
    "a published model without this number": (
        lambda good: good.replace(
            "role: production, path: live.jsonl",
            "role: published, published: {f1: {value: 1, source: x}}",
        ).replace("metrics:\n", "metrics:\n  f1: {dataset: tickets}\n"),
        "p.yaml:14:15",
        "live publishes no 'accuracy'",
    ),
    "an unknown prompt": (
        lambda good: good.replace("slices:", "prompt: p, slices:"),
        "p.yaml:5:42",
        "none is declared",
    ),
    "a name of nothing": (lambda good: good.replace("name: tickets", "name: ' '"), "p.yaml:2:7", "name is empty"),
    "an empty key": (lambda good: good.replace("  new:", '  "":'), "p.yaml:7:3", "a key is empty"),
    "a key on two lines": (lambda good: good.replace("  new:", '  "n\\new":'), "p.yaml:7:3", "U+000A may not stand in"),
    "a key that turns the text": (lambda good: good.replace("  new:", '  "\\u202enew":'), "p.yaml:7:3", "U+202E"),
    "a NUL in a path": (lambda good: good.replace("new.jsonl", '"n\\0"'), "p.yaml:7", "U+0000 may not stand in"),
    "half a character": (lambda good: good.replace("name: tickets", 'name: "\\ud800"'), "p.yaml:2:7", "U+D800 may not"),
    "a seed of 20 digits": (lambda good: good + f"seeds: [{'9' * 19}]\n", "p.yaml:14:9", "is too large"),
    "a billion trials": (lambda good: good + "trials: 1000000000\n", "p.yaml:14:9", "must be at most 10000"),
    "a margin without measure": (
        lambda good: good.replace(GATE, "    baseline: live\n    margin: 1e300\n"),
        "p.yaml:14:13",
        "it is beyond 1e+100",
    ),
    "a release of what is blocked": (
        lambda good: good + "follow_ups: {block: [register]}\n",
        "p.yaml:14:22",
        "register makes a release",
    ),
    "a seed twice": (lambda good: good + "seeds: [1, 1]\n", "p.yaml:14:8", "stands 2 times"),
    "no seeds": (lambda good: good + "seeds: []\n", "p.yaml:14:8", "at least one"),
    "seeds and trials": (lambda good: good + "seeds: [1]\ntrials: 3\n", "p.yaml:15:9", "keep one"),
    "an alias bomb": (
        lambda good: (
            "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in ("ab", "bc", "cd", "de"))
        ),
        "p.yaml:1:24",
        "more than 20000 values",
    ),
    "an alias of itself": (lambda good: "a: &a [*a]\n", "p.yaml:1:4", "nested deeper"),
    "a merge with itself": (lambda good: "a: &a\n  <<: *a\n", "p.yaml", "an alias holds itself"),
    "a deep file": (lambda good: "[" * 3000, "p.yaml", "nested deeper"),
    "a huge file": (lambda good: "x" * 1_000_001, "p.yaml", "the limit is 1000000"),
    "a huge line": (lambda good: "x" * 900_000, "p.yaml:1:1", "must be a mapping"),
    "a huge key": (lambda good: f"{'x' * 1000}: 1\n", "p.yaml:1:1", "unknown key 'xxx"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_protocol_is_one_sentence_with_its_place(mistake: str) -> None:
    change, place, said = WRONG[mistake]
    message = _error(change(GOOD))

    assert place in message.split(": ", 1)[0] and said in message and "\n" not in message and len(message) < 400


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"name: caf\xe9\n", "p.yaml:1:10: byte 0xE9 is not UTF-8"),
        (b"a: 1\nname: \xff", "p.yaml:2:7: byte 0xFF is not UTF-8"),
        ("a: 1".encode("utf-16"), "p.yaml:1:1: the file is UTF-16"),
    ],
)
def test_bytes_that_are_not_utf_8_are_placed(raw: bytes, said: str) -> None:
    with pytest.raises(ProtocolError, match="UTF") as caught:
        protocol.decode(raw, where="p.yaml")

    assert str(caught.value).startswith(said)


def test_eleven_hard_gates_are_warned_about() -> None:
    gates = "".join(f"  - {{metric: accuracy, baseline: live, name: g{index}}}\n" for index in range(10))
    notes = protocol.parse(GOOD + gates, where="p.yaml").warnings

    assert [("many_hard_gates", 11)] == [(note.code, note.count) for note in notes]


def test_ten_hard_gates_are_not_warned_about() -> None:
    gates = "".join(f"  - {{metric: accuracy, baseline: live, name: g{index}}}\n" for index in range(9))

    assert () == protocol.parse(GOOD + gates, where="p.yaml").warnings


def test_the_schema_accepts_what_is_valid_and_refuses_a_misspelt_key() -> None:
    check = jsonschema.Draft202012Validator(protocol.schema())
    good = yaml.safe_load(GOOD.replace("on:", "'on':"))

    assert [] == list(check.iter_errors(good))
    assert list(check.iter_errors({**good, "gate": []}))


def test_every_key_of_the_schema_has_a_description() -> None:
    records = protocol.schema()["$defs"]
    silent = [
        f"{name}.{key}"
        for name, one in records.items()
        for key, said in one["properties"].items()
        if "description" not in said
    ]

    assert [] == silent


def test_the_reference_names_every_record_and_key() -> None:
    text = protocol.reference()
    records = protocol.schema()["$defs"]
    absent = [
        key for name, one in records.items() for key in (f"## {name}", *(f"| `{key}` |" for key in one["properties"]))
    ]

    assert [] == [key for key in absent if key not in text]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_either_a_protocol_or_one_sentence(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        protocol.load(text, where="p.yaml")

    assert "\n" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 40), st.text(alphabet=" \t\n:{}[]-*&!'\"#,ax1", max_size=6))
def test_any_edit_of_a_protocol_is_either_valid_or_one_sentence(start: int, length: int, put: str) -> None:
    message = _said(GOOD[:start] + put + GOOD[start + length :])

    assert "valid" == message or (message.startswith("p.yaml") and "\n" not in message)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["metric", "name", "x", "role"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["datasets", "models", "metrics", "gates", "seeds", "decisions", "on", "budget"]), json_values)
def test_any_shape_of_a_section_is_either_valid_or_one_sentence(section: str, value: object) -> None:
    good = json.loads(json.dumps(yaml.safe_load(GOOD.replace("on:", "'on':"))))
    message = _said(json.dumps({**good, section: value}))

    assert "valid" == message or (message.startswith("p.yaml:1") and "\n" not in message)


DATA = """\
data:
  files: [train.jsonl]
  against: [{against}]
  limits:
    leakage_certain: 0
    {limit}
"""


def test_limits_on_training_data_are_counts_or_shares() -> None:
    loaded = protocol.load(GOOD + DATA.format(against="tickets, other.jsonl", limit='truncated: "<1%"'), where="p.yaml")

    assert loaded.data is not None
    assert {"leakage_certain": 0, "truncated": "<1%"} == loaded.data.limits
    assert ("tickets", "other.jsonl") == loaded.data.against


@pytest.mark.parametrize(
    ("against", "limit", "said"),
    [
        ("tickets", "secrets: 0", "p.yaml:19:14: unknown limit 'secrets'; did you mean 'secret'"),
        ("tickets", "leakage_certian: 0", "did you mean 'leakage_certain'"),
        ("tickets", "secret: few", "p.yaml:19:13: the limit of secret must be a number or a percentage, not 'few'"),
        ("tickets", "secret: -1", "the limit of secret must be zero or more"),
        ("tickets", "secret: true", "data.limits.secret must be a number, not true"),
        ("tickts", "secret: 0", "p.yaml:16:13: unknown dataset 'tickts'; did you mean 'tickets'?"),
    ],
)
def test_a_mistake_in_the_limits_is_told_where_it_stands(against: str, limit: str, said: str) -> None:
    assert said in _error(GOOD + DATA.format(against=against, limit=limit))


@pytest.mark.parametrize("data", ["{files: [], limits: {secret: 0}}", "{files: [a.jsonl], limits: {}}"])
def test_training_data_without_files_or_limits_is_refused(data: str) -> None:
    assert "is empty; give at least one, or leave out `data`" in _error(f"{GOOD}data: {data}\n")
