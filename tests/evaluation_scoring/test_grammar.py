"""Answers that must follow a grammar."""

import json
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring import Context, Loaded, load
from tests.evaluation_scoring.conftest import item, scored

ORDER = """start: item ("," item)*
item: NUMBER "x" WORD
%import common.INT -> NUMBER
%import common.WORD
%import common.WS
%ignore WS
"""
AMBIGUOUS = 'start: a\na: a a | "x"\n'


def _made(folder: Path, **options: object) -> Loaded:
    made = load("grammar_match", options, dataset="d", context=Context(name="m", folder=folder))
    assert made is not None
    return made


def _counts(made: Loaded, *answers: str) -> list[float]:
    found = scored(made.scorer, [item(text, key=str(at)) for at, text in enumerate(answers)])
    return [found[str(at)].counts[0] for at in range(len(answers))]  # type: ignore[index]


@pytest.mark.parametrize("parser", ["earley", "lalr"])
def test_an_answer_matches_when_the_grammar_derives_all_of_it(tmp_path, parser):
    made = _made(tmp_path, grammar=ORDER, parser=parser)

    assert [1, 1, 0, 0, 0] == _counts(made, "2 x apple, 10 x pear", " 1 x egg\n", "2 apple", "2 x apple,", "")


def test_a_score_says_where_the_answer_leaves_the_grammar(tmp_path):
    made = _made(tmp_path, grammar=ORDER)
    found = scored(made.scorer, [item("2 x apple; 3 x pear", key="a"), item("2 x", key="b")])

    assert "line 1 column 10" in found["a"].detail["why"]
    assert "it ends too early" == found["b"].detail["why"]


def test_white_space_around_an_answer_counts_where_it_is_not_stripped(tmp_path):
    made = _made(tmp_path, grammar='start: "yes" | "no"', strip=False)

    assert [1, 0] == _counts(made, "yes", "yes\n")


def test_a_grammar_comes_from_a_file_beside_the_protocol(tmp_path):
    (tmp_path / "order.lark").write_text(ORDER)

    assert [1] == _counts(_made(tmp_path, file="order.lark"), "2 x apple")


def test_another_grammar_is_another_identity(tmp_path):
    one, same, other = (_made(tmp_path, grammar=text).scorer.identity for text in (ORDER, ORDER, ORDER + "\n"))

    assert one == same
    assert one != other


def test_an_answer_that_takes_too_long_does_not_match_and_the_next_is_parsed(tmp_path):
    made = _made(tmp_path, grammar=AMBIGUOUS, limit_s=2.0)
    found = scored(made.scorer, [item("x" * 3_000, key="long"), item("xx", key="short")])

    assert ((0.0, 1.0), "stopped_parse") == (found["long"].counts, found["long"].note)
    assert (1.0, 1.0) == found["short"].counts


@pytest.mark.parametrize(
    ("grammar", "place"),
    [
        ("start: item\n\nfoo bar: item\n", "bad.lark:3: "),
        ("start: (\n", "bad.lark:1: "),
        ("start: A\n  | missing\nA: /a/\n", "bad.lark:2: "),
        ("start: A\nA: /[/\n", "bad.lark"),
        ("begin: /a/\n", "bad.lark"),
        ("start: /a/\n%import .other.B\n", "bad.lark:2: "),
        ("", "bad.lark"),
    ],
)
def test_a_bad_grammar_is_one_sentence_with_file_and_line(tmp_path, grammar, place):
    (tmp_path / "bad.lark").write_text(grammar)
    with pytest.raises(BadInput) as caught:
        _made(tmp_path, file="bad.lark")

    assert str(caught.value).startswith(str(tmp_path / place))
    assert "metric 'm' (grammar_match): not a grammar: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_ambiguous_grammar_is_refused_by_lalr(tmp_path):
    with pytest.raises(BadInput, match=r"not a grammar: .*collision"):
        _made(tmp_path, grammar='start: a | b\na: "x"\nb: "x"\n', parser="lalr")


def test_a_grammar_is_given_once(tmp_path):
    with pytest.raises(BadInput, match="either a `grammar` or the `file`"):
        _made(tmp_path, grammar=ORDER, file="order.lark")


def test_validate_names_the_line_of_a_bad_grammar_before_a_model_is_asked(tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "1", "input": "Order?", "reference": "2 x apple"}) + "\n")
    (tmp_path / "order.lark").write_text("start: item\n\nitem WORD\n")
    (tmp_path / "shipworthy.yaml").write_text(
        "shipworthy: 1\nname: orders\ndatasets: {orders: {path: rows.jsonl}}\n"
        "models: {new: {role: candidate, backend: recorded, path: answers.jsonl}}\n"
        "metrics: {form: {dataset: orders, metric: grammar_match, options: {file: order.lark}}}\n"
        "gates: [{metric: form, at_least: 0.9}]\n"
    )
    code = main(["validate", str(tmp_path / "shipworthy.yaml")])

    assert 2 == code
    assert f"{tmp_path / 'order.lark'}:3: metric 'form'" in capsys.readouterr().err
