"""Logs of other tools as recorded answers. The shapes are those of lm_eval 0.4 and of inspect_ai's log version 2."""

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pytest

from shipworthy.errors import BadInput
from shipworthy.models import load
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Message, Prompt, Response


def _answers(path: Path, *ids: str, seed: int = 0) -> dict[str, Response]:
    import asyncio

    async def collect() -> list[Response]:
        backend = load("m", ModelSpec(role="candidate", path=path.name), folder=path.parent)
        prompts = [Prompt(example_id=id, dataset="d", messages=(Message(role="user", content="?"),)) for id in ids]
        return [response async for response in backend.answer(prompts, seed=seed)]

    return {response.example_id: response for response in asyncio.run(collect())}


def _written(path: Path, *samples: dict[str, Any]) -> Path:
    path.write_text("\n".join(map(json.dumps, samples)), encoding="utf-8")
    return path


def _sample(doc_id: int, filtered: list[Any], **others: Any) -> dict[str, Any]:
    return {"doc_id": doc_id, "doc": {}, "target": "x", "resps": [], "filtered_resps": filtered, **others}


def test_generated_answers_of_lm_eval_are_taken_by_document(tmp_path: Path) -> None:
    path = _written(tmp_path / "samples_t.jsonl", _sample(0, ["yes"]), _sample(1, ["no"]))

    assert ["yes", "no", None] == [_answers(path, "0", "1", "2")[id].text for id in ("0", "1", "2")]


def test_a_score_that_is_no_number_keeps_no_answer_from_being_read(tmp_path: Path) -> None:
    path = _written(tmp_path / "samples_t.jsonl", _sample(0, ["yes"], acc=math.nan), _sample(1, ["no"], acc=1.0))

    assert ["yes", "no"] == [_answers(path, "0", "1")[id].text for id in ("0", "1")]


def test_options_that_are_all_infinitely_unlikely_are_no_choice(tmp_path: Path) -> None:
    pairs = [[-math.inf, False], [-math.inf, False]]
    response = _answers(_written(tmp_path / "s.jsonl", _sample(0, pairs)), "0")["0"]

    assert response.text is None
    assert "no option of this sample is likelier" in str(response.error)


def test_of_several_filters_the_first_counts(tmp_path: Path) -> None:
    rows = [_sample(0, [said], filter=name) for name, said in (("strict", "4"), ("flexible", "44"))]

    assert "4" == _answers(_written(tmp_path / "samples_t.jsonl", *rows), "0")["0"].text


@pytest.mark.parametrize("pairs", [[[-2.0, False], [-1.0, True]], [["-2.0", "False"], ["-1.0", "True"]]])
def test_the_likeliest_option_of_lm_eval_is_the_answer(tmp_path: Path, pairs: list[Any]) -> None:
    arguments = {f"gen_args_{at}": {"arg_0": "Q", "arg_1": f" {text}"} for at, text in enumerate(["red", "blue"])}
    response = _answers(_written(tmp_path / "s.jsonl", _sample(0, pairs, arguments=arguments)), "0")["0"]

    assert "blue" == response.text
    assert {"red": -2.0, "blue": -1.0} == response.extra["logprobs"]
    assert 1 / (1 + math.exp(-1)) == pytest.approx(response.extra["confidence"])


def test_a_sample_of_lm_eval_without_an_answer_is_placed(tmp_path: Path) -> None:
    path = _written(tmp_path / "s.jsonl", _sample(0, ["a"]), _sample(1, []))
    with pytest.raises(BadInput, match=r"s\.jsonl:2: .*no answer"):
        _answers(path, "0")


def _inspected(id: str, text: str | None, epoch: int = 1) -> dict[str, Any]:
    message = {"role": "assistant", "content": [{"type": "text", "text": text}]}
    choices = [] if text is None else [{"message": message, "stop_reason": "stop"}]
    usage = {"input_tokens": 3, "output_tokens": 1}
    error = None if text is not None else {"message": "timed out"}
    output = {"model": "gpt", "choices": choices, "usage": usage, "time": 0.5}
    return {"id": id, "epoch": epoch, "output": output, "error": error}


@pytest.fixture(params=["log.eval", "log.json"])
def inspected(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same log in both of inspect's formats."""
    samples = [_inspected("a", "yes"), _inspected("b", None)]
    path: Path = tmp_path / request.param
    if path.suffix == ".json":
        path.write_text(json.dumps({"version": 2, "eval": {"model": "gpt"}, "samples": samples}, indent=1))
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", "{}")
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    return path


def test_answers_of_inspect_come_with_usage_and_an_errored_sample_is_a_failure(inspected: Path) -> None:
    found = _answers(inspected, "a", "b", seed=7)

    assert ("yes", 3, 1, 0.5) == (
        found["a"].text,
        found["a"].input_tokens,
        found["a"].output_tokens,
        found["a"].latency_s,
    )
    assert "unanswered: timed out" == found["b"].error


def test_epochs_of_inspect_are_seeds(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    samples = [_inspected("a", f"said {epoch}", epoch) for epoch in (1, 2)]
    path.write_text(json.dumps({"version": 2, "eval": {"model": "gpt"}, "samples": samples}))

    assert ["said 1", "said 2"] == [_answers(path, "a", seed=seed)["a"].text for seed in (0, 1)]


def test_a_file_that_only_looks_like_an_archive_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "log.eval"
    path.write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(BadInput, match="not a whole") as caught:
        _answers(path, "a")

    assert "\n" not in str(caught.value)
