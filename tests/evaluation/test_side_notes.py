"""What answers say beside their text is counted and told."""

from typing import Any

import pytest

from shipworthy.evaluation.side_notes import SideNotes
from shipworthy.models.recorded import UNRECORDED
from shipworthy.records import Message, Prompt, Response


def prompts(*texts: str) -> list[Prompt]:
    return [
        Prompt(example_id=str(at), dataset="d", messages=(Message(role="user", content=text),))
        for at, text in enumerate(texts)
    ]


def response(at: int = 0, *, error: str | None = None, input_tokens: int | None = None, **extra: Any) -> Response:
    text = None if error else "8"
    return Response(
        example_id=str(at), dataset="d", model="m", text=text, error=error, input_tokens=input_tokens, extra=extra
    )


def told(*responses: Response, asked: str = "big", texts: tuple[str, ...] = ("a",)) -> dict[str, int]:
    notes = SideNotes({"m": asked}, prompts(*texts))
    assert list(responses) == list(notes.through(responses))
    return {warning.code: warning.count for warning in notes.warnings()}


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ({"finish_reason": "length"}, "answers_cut"),
        ({"finish_reason": "content_filter"}, "answers_filtered"),
        ({"stream": "whole"}, "stream_ignored"),
        ({"stream": "unasked"}, "stream_unasked"),
    ],
)
def test_each_is_counted(extra: dict[str, Any], code: str) -> None:
    assert {code: 2, "failed_answers": 1} == told(response(0, **extra), response(1), response(2, error="no", **extra))


def test_ordinary_answers_say_nothing() -> None:
    assert {} == told(response(finish_reason="stop", reported_model="big", input_tokens=1))


def test_the_last_response_to_a_prompt_counts() -> None:
    assert {} == told(response(error="cut", finish_reason="length"), response(finish_reason="stop"))


def test_a_model_that_changes_within_a_run_is_told_with_its_names() -> None:
    notes = SideNotes({"m": "big"}, [])
    seen = [response(0, reported_model="big"), response(1, reported_model="big"), response(2, reported_model="small")]
    list(notes.through(seen))
    (warning,) = notes.warnings()

    assert ("model_switched", 1) == (warning.code, warning.count)
    assert "'big' (2), 'small' (1)" in warning.message


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4", "gpt-4-0613"),
        ("gpt-4o-latest", "gpt-4o"),
        ("openai/Big", "big"),
        ("/models/big.gguf", "big"),
    ],
)
def test_another_way_to_write_a_name_is_the_same_model(asked: str, answered: str) -> None:
    assert {} == told(response(reported_model=answered), asked=asked)


@pytest.mark.parametrize(
    ("asked", "answered"), [("gpt-4o", "gpt-4o-mini"), ("gpt-4", "gpt-4.1"), ("llama-8", "llama-8b"), ("a", "b")]
)
def test_another_model_is_told(asked: str, answered: str) -> None:
    assert {"model_differs": 1} == told(response(reported_model=answered), asked=asked)


def test_a_prompt_that_can_hardly_have_been_read_whole_is_told() -> None:
    long = "nine words of six letters or so make this " * 20

    assert {"prompts_cut": 1} == told(response(input_tokens=16), texts=(long,))
    assert {} == told(response(input_tokens=180), texts=(long,))
    assert {} == told(response(input_tokens=16), texts=(long[:100] + " " * 2_000,))
    assert {} == told(response(), texts=(long,))


def test_thoughts_are_taken_off_answers_and_not_off_failures() -> None:
    found = told(
        response(0, thoughts="stripped"), response(1, error="it ends within its thoughts", thoughts="stripped")
    )

    assert {"reasoning_stripped": 1, "failed_answers": 1} == found


def test_failed_answers_are_told_with_their_first_error_and_forgotten_once_answered() -> None:
    notes = SideNotes({}, prompts("a"))
    list(notes.through([response(0, error="503"), response(1, error="context length"), response(0)]))

    (warning,) = notes.warnings()
    assert ("failed_answers", 1, "m") == (warning.code, warning.count, warning.ungated)
    assert warning.message.endswith("first: 1: context length")


def test_a_row_that_a_recording_lacks_is_a_gap_and_no_failure() -> None:
    assert {} == told(response(0, error="no row", **{UNRECORDED: True}))
