"""Answers that were recorded earlier."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from shipworthy import models
from shipworthy.errors import BadInput
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Message, Prompt, Response

HI = (Message(role="user", content="hi"),)


def write(folder: Path, *lines: dict[str, Any] | str, name: str = "r.jsonl") -> None:
    rows = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / name).write_text("\n".join(rows), encoding="utf-8")


def answer(folder: Path, *ids: str, seed: int = 0, dataset: str = "d", **spec: Any) -> list[Response]:
    async def all_of_them() -> list[Response]:
        backend = models.load("m", ModelSpec(**{"role": "candidate", "path": "r.jsonl", **spec}), folder=folder)
        asked = [Prompt(example_id=one, dataset=dataset, messages=HI) for one in ids]
        return [response async for response in backend.answer(asked, seed=seed)]

    return asyncio.run(all_of_them())


def test_what_was_recorded_comes_back(tmp_path: Path) -> None:
    write(
        tmp_path, {"example_id": "a", "text": "ä", "latency_s": 0.5, "input_tokens": 3, "output_tokens": 4, "note": 7}
    )
    (got,) = answer(tmp_path, "a", usd_per_million_input=1.0, usd_per_million_output=1.0)

    assert ("ä", 0.5, 3, 4, 7e-6, {"note": 7}) == (
        got.text,
        got.latency_s,
        got.input_tokens,
        got.output_tokens,
        got.cost_usd,
        got.extra,
    )


def test_an_answer_that_is_not_there_is_an_error_of_its_prompt(tmp_path: Path) -> None:
    write(tmp_path, {"example_id": "a", "text": "x"}, {"example_id": "c", "error": "too long"})

    assert [None, "unanswered: r.jsonl records no answer to it", "too long"] == [
        response.error for response in answer(tmp_path, "a", "b", "c")
    ]


def test_a_line_without_a_seed_answers_every_seed_and_one_with_a_seed_its_own(tmp_path: Path) -> None:
    write(tmp_path, {"example_id": "a", "text": "any"}, {"example_id": "a", "text": "five", "seed": 5})

    assert ["any", "five"] == [answer(tmp_path, "a", seed=seed)[0].text for seed in (0, 5)]


def test_a_number_as_example_id_is_that_number_as_text(tmp_path: Path) -> None:
    write(tmp_path, {"example_id": 7, "text": "x"})

    assert ["x"] == [response.text for response in answer(tmp_path, "7")]


def test_the_answers_of_one_model_are_taken_from_a_run_folder(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    lines = [{"example_id": "a", "dataset": "d", "model": model, "text": model, "seed": 0} for model in ("old", "new")]
    write(tmp_path, *lines, name="run/responses.jsonl")

    assert ["old"] == [r.text for r in answer(tmp_path, "a", path="run", options={"model": "old"})]
    with pytest.raises(BadInput, match="holds the answers of new, old; choose one"):
        answer(tmp_path, "a", path="run")
    with pytest.raises(BadInput, match="no answer of model 'newer'; it has: new, old"):
        answer(tmp_path, "a", path="run", options={"model": "newer"})


def test_an_answer_outweighs_the_error_that_was_retried(tmp_path: Path) -> None:
    for order in (1, -1):
        write(tmp_path, *[{"example_id": "a", "error": "HTTP 500"}, {"example_id": "a", "text": "x"}][::order])

        assert ["x"] == [response.text for response in answer(tmp_path, "a")]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["{"], r"r\.jsonl:1: not a recorded response"),
        (['{"example_id": "a", "text": "x"}', "[]"], r"r\.jsonl:2: not a recorded response"),
        (['{"text": "x"}'], "missing required field `example_id`"),
        (['{"example_id": "a"}'], "needs either a text or an error"),
        (['{"example_id": "a", "text": "x", "error": "y"}'], "needs either a text or an error"),
        (['{"example_id": "a", "text": 7}'], "Expected `str"),
        (['{"example_id": "a", "text": "x", "latency_s": NaN}'], "not a recorded response"),
        (['{"example_id": "a", "text": "x"}'] * 2, r"r\.jsonl:2: example 'a' was answered before, at .*r\.jsonl:1"),
    ],
)
def test_a_broken_recording_is_named_with_its_line(tmp_path: Path, lines: list[str], said: str) -> None:
    write(tmp_path, *lines)
    with pytest.raises(BadInput, match=said):
        answer(tmp_path, "a")


def test_a_recording_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"recorded responses cannot be read: no such file or directory"):
        answer(tmp_path, "a")


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b'{"example_id": "a", "text": "\xe4"}\n')
    with pytest.raises(BadInput, match=r"r\.jsonl:1: not a recorded response"):
        answer(tmp_path, "a")


def test_an_id_of_two_datasets_needs_its_dataset(tmp_path: Path) -> None:
    write(tmp_path, {"example_id": "a", "text": "x"})
    examples = [Example(id="a", dataset=name, messages=HI) for name in ("d", "e")]
    spec = ModelSpec(role="candidate", path="r.jsonl")
    with pytest.raises(BadInput, match=r"r\.jsonl:1: example 'a' stands in several datasets; say which one: `dataset`"):
        models.load("m", spec, folder=tmp_path, examples=examples)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b'\xef\xbb\xbf{"example_id": "a", "text": "x"}\r\n\r\n')

    assert ["x"] == [response.text for response in answer(tmp_path, "a")]
