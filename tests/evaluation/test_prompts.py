"""From a row to a conversation."""

from typing import Any

import pytest

from shipworthy.errors import BadInput
from shipworthy.evaluation.prompts import digest, render
from shipworthy.protocol.types import DatasetSpec, GateSpec, MetricSpec, ModelSpec, PromptSpec, Protocol
from shipworthy.records import Example, Message

USER = Message(role="user", content="hello {name}")


def protocol(template: str | None = None, system: str | None = None) -> Protocol:
    prompts = {} if template is None else {"p": PromptSpec(template=template, system=system)}
    return Protocol(
        shipworthy=1,
        name="t",
        datasets={"d": DatasetSpec(path="d.jsonl", prompt="p" if prompts else None)},
        models={"m": ModelSpec(role="candidate")},
        metrics={"exact_match": MetricSpec(dataset="d")},
        gates=(GateSpec(metric="exact_match", at_least=0.5),),
        prompts=prompts,
    )


def asked(template: str | None = None, system: str | None = None, **example: Any) -> list[tuple[str, str]]:
    row = Example(**{"id": "1", "dataset": "d", "messages": (USER,), "where": "d.jsonl:4", **example})
    (prompt,) = render(protocol(template, system), [row])
    return [(turn.role, turn.content) for turn in prompt.messages]


def test_without_a_prompt_the_input_is_asked_as_it_is() -> None:
    assert [("user", "hello {name}")] == asked()


def test_columns_fill_the_template_and_the_system_turn_stands_first() -> None:
    fields = {"topic": "ships", "n": 3, "tags": ["a", "é"]}

    assert [("system", "Be {brief}."), ("user", 'ships 3 ["a","é"] {x} hello {name}')] == asked(
        "{topic} {n} {tags} {{x}} {input}", "Be {brief}.", fields=fields
    )


def test_a_row_without_an_input_is_asked_by_its_template_alone() -> None:
    assert [("user", "about ships")] == asked("about {topic}", messages=(), fields={"topic": "ships"})


def test_in_a_conversation_the_template_fills_the_last_user_turn() -> None:
    turns = tuple(Message(role=role, content=role) for role in ("user", "assistant", "user", "tool"))  # type: ignore[arg-type]

    assert [
        ("system", "s"),
        ("user", "user"),
        ("assistant", "assistant"),
        ("user", ">user"),
        ("tool", "tool"),
    ] == asked(">{input}", "s", messages=turns)


def test_a_conversation_keeps_its_own_system_turn() -> None:
    turns = (Message(role="system", content="mine"), USER)

    assert [("system", "mine"), ("user", "hello {name}")] == asked("{input}", "other", messages=turns)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (
            "{topc}",
            r"d\.jsonl:4: prompt 'p' asks for \{topc\}, and this row has no column 'topc'; it has: input, topic",
        ),
        ("{empty}", r"this row has an empty column 'empty'"),
        ("{topic.__class__}", r"no column 'topic.__class__'"),
        ("{topic[0]}", r"no column 'topic\[0\]'"),
        ('{"intent": 1}', r"is no column; write \{column\}, or \{\{ and \}\}"),
        ("{topic!r}", r"\{topic!r\} is no column"),
        ("{topic:>9}", r"\{topic:>9\} is no column"),
        ("{}", r"\{\} is no column"),
        ("{topic", r"prompt 'p' is no template"),
        ("topic}", r"prompt 'p' is no template"),
    ],
)
def test_a_template_that_does_not_fit_its_rows_is_one_sentence(template: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        asked(template, fields={"topic": "ships"} | ({"empty": None} if template == "{empty}" else {}))

    assert "\n" not in str(raised.value)


def test_the_digest_is_of_the_whole_conversation() -> None:
    one, other = (
        render(protocol("{input}", system), [Example(id="1", dataset="d", messages=(USER,))])[0]
        for system in ("a", "b")
    )

    assert digest(one) != digest(other)
    assert 64 == len(digest(one))


def test_prompts_can_be_looked_at_in_any_order_and_again() -> None:
    rows = [Example(id=str(at), dataset="d", messages=(USER,), fields={"n": at}) for at in range(4)]
    prompts = render(protocol("{n}"), rows)
    whole = list(prompts)

    assert ["0", "1", "2", "3"] == [prompt.messages[0].content for prompt in whole]
    assert (whole[3], whole[1:3], 4) == (prompts[-1], prompts[1:3], len(prompts))


def test_a_row_that_no_template_fits_is_refused_before_any_prompt_is_looked_at() -> None:
    rows = [Example(id=str(at), dataset="d", messages=(USER,), fields={"n": at} if at else {}) for at in (1, 0)]
    with pytest.raises(BadInput, match="this row has no column 'n'"):
        render(protocol("{n}"), rows)
