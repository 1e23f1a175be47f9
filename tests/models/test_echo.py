"""Options and references scored over completions that echo their prompt."""

import asyncio
import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from shipworthy import models
from shipworthy.demo import story
from shipworthy.errors import BackendError, BadInput
from shipworthy.evaluation import run
from shipworthy.models._echo import Echo, Scoring
from shipworthy.models._retry import Failure
from shipworthy.models._wire import Answer
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Message, Prompt, Response

Start = Callable[..., Any]
QUIZ = {
    "q1": ("The colour of snow is", ["white", "ultramarine", "of a kind"]),
    "q2": ("Two plus two makes", ["four", "nothingness"]),
    "q3": ("Grass is", ["green", "purplish"]),
}


def _row(id: str, *, dataset: str = "quiz", **fields: Any) -> Example:
    question, options = QUIZ[id]
    turn = Message(role="user", content=question)
    return Example(
        id=id,
        dataset=dataset,
        messages=(turn,),
        reference=options[0],
        fields={"input": question, "choices": options} | fields,
    )


ROWS = [_row(id) for id in QUIZ]


def answers(base_url: str, rows: list[Example], **options: Any) -> dict[str, Response]:
    settings = {"api": "completions", "mode": "choices", "join": " ", **options}
    spec = ModelSpec(role="candidate", backend="openai", base_url=base_url, model="m", options=settings)
    asked = [Prompt(example_id=row.id, dataset=row.dataset, messages=row.messages) for row in rows]

    async def all_of_them() -> dict[str, Response]:
        backend = models.load("m", spec, folder=Path(), examples=rows)
        try:
            return {response.example_id: response async for response in backend.answer(asked, seed=0)}
        finally:
            await backend.close()

    return asyncio.run(all_of_them())


def test_the_likeliest_option_is_the_answer_with_every_options_log_probability(start: Start) -> None:
    found = answers(start().base_url, ROWS)

    assert {"q1": "white", "q2": "four", "q3": "green"} == {id: one.text for id, one in found.items()}
    assert {"white": -0.6, "ultramarine": -1.2, "of a kind": -1.0} == pytest.approx(found["q1"].extra["logprobs"])
    assert 1.0 == pytest.approx(sum(found["q1"].extra["probabilities"].values()))
    assert found["q1"].extra["probabilities"]["white"] == found["q1"].extra["confidence"]


def test_a_choice_can_be_made_by_the_mean_a_token_and_be_named_by_its_letter(start: Start) -> None:
    found = answers(start().base_url, ROWS, choose_by="tokens", answer_as="letter")

    assert "C" == found["q1"].text  # "of a kind" costs a third of 1.0 a token


def test_one_row_is_one_request_that_generates_nothing_to_speak_of(start: Start) -> None:
    endpoint = start()
    answers(endpoint.base_url, ROWS)
    last = endpoint.stats()["last"]

    assert 3 == endpoint.stats()["requests"]
    assert (True, 1, 1, 0) == (last["echo"], last["logprobs"], last["max_tokens"], last["temperature"])
    assert "stream" not in last


def test_the_likelihood_of_a_reference_is_that_of_its_tokens(start: Start) -> None:
    found = answers(start().base_url, ROWS, mode={"quiz": "likelihood"})

    assert ("white", 0.6, 1, True) == (
        found["q1"].text, pytest.approx(found["q1"].extra["nll"]), found["q1"].extra["tokens"],
        found["q1"].extra["greedy"],
    )  # fmt: skip


def test_datasets_without_a_mode_are_generated(start: Start) -> None:
    rows = [*ROWS, _row("q1", dataset="free")]
    spec_rows = answers(start().base_url, rows[3:], mode={"quiz": "choices"})

    assert "The colour of snow is" == spec_rows["q1"].text


def test_a_row_without_options_is_a_failure_of_that_row_and_asks_nothing(start: Start) -> None:
    endpoint = start()
    found = answers(endpoint.base_url, [_row("q1", choices=None), _row("q2")])

    assert "the row has no list of options in its column 'choices'" == found["q1"].error
    assert "four" == found["q2"].text
    assert 1 == endpoint.stats()["requests"]


@pytest.mark.parametrize(("mode", "said"), [("deaf", "backend: huggingface"), ("404", "told to say 404")])
def test_a_server_without_echo_is_one_sentence_and_no_answer(start: Start, mode: str, said: str) -> None:
    with pytest.raises(BackendError, match=f"gives no answers: .*{said}"):
        answers(start(mode=mode).base_url, ROWS)


def test_a_run_on_a_server_without_echo_leaves_nothing_behind(start: Start, tmp_path: Path) -> None:
    rows = [{"id": row.id, "input": row.fields["input"], "reference": row.reference} | row.fields for row in ROWS]
    (tmp_path / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = "{api: completions, mode: choices, join: ' '}"
    (tmp_path / "p.yaml").write_text(f"""
shipworthy: 1
name: quiz
datasets: {{quiz: {{path: quiz.jsonl}}}}
models: {{new: {{role: candidate, backend: openai, base_url: '{{url}}', model: m, options: {options}}}}}
metrics: {{accuracy: {{dataset: quiz}}}}
gates: [{{metric: accuracy, at_least: 0.1}}]
""")
    text = (tmp_path / "p.yaml").read_text()
    (tmp_path / "p.yaml").write_text(text.replace("{url}", start(mode="deaf").base_url))
    with pytest.raises(BackendError, match="it gives no log-probabilities of the prompt"):
        run(tmp_path / "p.yaml", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "p.yaml").write_text(text.replace("{url}", start().base_url))

    assert 1.0 == run(tmp_path / "p.yaml", out=tmp_path / "out").metrics[0].candidate.value


def test_chat_completions_cannot_score() -> None:
    with pytest.raises(BadInput, match="add `api: completions`"):
        answers("http://127.0.0.1:1/v1", ROWS, api="chat")


def test_other_options_are_another_identity() -> None:
    one, other = (Echo(Scoring(mode="choices"), [row]).identity for row in (_row("q1"), _row("q1", choices=["a"])))

    assert one != other
    assert {} == Echo(Scoring(), ROWS).identity


def _read(logprobs: list[list[float | None]], usage: dict[str, int] | None = None) -> Answer | Failure:
    return _read_body(json.dumps({**_body(logprobs), "usage": usage}))


def _body(logprobs: list[list[float | None]]) -> dict[str, Any]:
    return {"choices": [{"index": at, "logprobs": {"token_logprobs": one}} for at, one in enumerate(logprobs)]}


def _read_body(body: str) -> Answer | Failure:
    echo = Echo(Scoring(mode="choices", join=" "), [_row("q2")])
    asked = echo.asked(Prompt(example_id="q2", dataset="quiz", messages=_row("q2").messages))
    assert not isinstance(asked, str) and asked is not None
    return echo.read(asked, body.encode(), 0.1)


def test_a_server_that_writes_no_token_behind_the_prompt_is_read_by_its_counts() -> None:
    found = _read([[None, -1.0], [None, -1.0, -2.0], [None, -1.0, -3.0]], {"prompt_tokens": 8})

    assert isinstance(found, Answer)
    assert {"four": -2.0, "nothingness": -3.0} == found.extra["logprobs"]


def test_a_token_across_the_seam_is_scored_whole() -> None:
    found = _read([[None, -1.0, -9.0], [None, -2.0, -9.0], [None, -1.0, -3.0, -9.0]])

    assert isinstance(found, Answer)
    assert {"four": -2.0, "nothingness": -3.0} == found.extra["logprobs"]


@pytest.mark.parametrize(
    ("logprobs", "usage", "says"),
    [
        ([[None, -1.0]], None, "it answers 1 of 3 prompts"),
        ([[None, -1, -9], [None, -1, -2, -9], [None, -1, -3, -9]], {"prompt_tokens": 5}, "no log-probabilities of"),
        ([[None, -1, -9], [None, -1, None, -9], [None, -1, -3, -9]], None, "no log-probability for a token"),
    ],
)
def test_what_cannot_be_read_is_a_failure(logprobs: Any, usage: Any, says: str) -> None:
    found = _read(logprobs, usage)

    assert isinstance(found, Failure) and says in found.message


@pytest.mark.parametrize(
    "odd",
    [{"usage": {"prompt_tokens": 8.5}}, {"model": 3}, {"system_fingerprint": []}, {"usage": "9"}],
)
def test_a_side_field_that_nobody_needs_takes_no_score_with_it(odd: dict[str, Any]) -> None:
    plain = _body([[None, -1.0, -9.0], [None, -1.0, -2.0, -9.0], [None, -1.0, -3.0, -9.0]])

    found = _read_body("\ufeff" + json.dumps({**plain, **odd}))

    assert isinstance(found, Answer)
    assert {"four": -2.0, "nothingness": -3.0} == found.extra["logprobs"]


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ([{"index": "x", "logprobs": None}] * 3, "completion"),
        ([{"logprobs": {"token_logprobs": [None, "a", "b"]}, "index": at} for at in range(3)], "no log-probability"),
        ("none", "it answers 0 of 3 prompts"),
    ],
)
def test_what_the_scores_hang_on_is_never_guessed(choices: Any, says: str) -> None:
    found = _read_body(json.dumps({"choices": choices, "model": 3}))

    assert isinstance(found, Failure) and says in found.message


# --- Beside local weights ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The demo's model behind completions, scored by one plain pass a prompt."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(story.MODEL)
    network = transformers.AutoModelForCausalLM.from_pretrained(story.MODEL, dtype="float32").eval()
    loop = asyncio.new_event_loop()
    began = threading.Event()
    port: list[int] = []

    async def completions(request: web.Request) -> web.Response:
        body = await request.json()
        listed = [_logprobs(network, tokenizer(text)["input_ids"]) for text in body["prompt"]]
        choices = [
            {"index": at, "text": "", "logprobs": {"token_logprobs": [*values, -0.5]}}
            for at, values in enumerate(listed)
        ]
        usage = {"prompt_tokens": sum(map(len, listed)), "completion_tokens": len(listed)}
        return web.json_response({"choices": choices, "usage": usage})

    stopped = asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.add_routes([web.post("/v1/completions", completions)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.append(runner.addresses[0][1])
        began.set()
        await stopped.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert began.wait(60)
    yield f"http://127.0.0.1:{port[0]}/v1"
    loop.call_soon_threadsafe(stopped.set)
    thread.join(60)
    loop.close()


def _logprobs(network: Any, ids: list[int]) -> list[float | None]:
    import torch

    with torch.inference_mode():
        table = torch.log_softmax(network(input_ids=torch.tensor([ids])).logits[0].float(), -1)
    return [None, *(float(table[at, token]) for at, token in enumerate(ids[1:]))]


@pytest.mark.parametrize("mode", ["choices", "likelihood"])
def test_scores_of_an_endpoint_are_those_of_its_weights(served: str, mode: str) -> None:
    options = {"mode": mode, "join": " "}
    local = ModelSpec(
        role="candidate", backend="huggingface", path=str(story.MODEL), options={"template": False, **options}
    )
    asked = [Prompt(example_id=row.id, dataset=row.dataset, messages=row.messages) for row in ROWS]

    async def of_weights() -> dict[str, Response]:
        backend = models.load("w", local, folder=Path(), examples=ROWS)
        return {one.example_id: one async for one in backend.answer(asked, seed=0)}

    by_weights, by_echo = asyncio.run(of_weights()), answers(served, ROWS, **options)
    key = "logprobs" if mode == "choices" else "nll"

    assert {id: one.text for id, one in by_weights.items()} == {id: one.text for id, one in by_echo.items()}
    for id, one in by_weights.items():
        assert one.extra[key] == pytest.approx(by_echo[id].extra[key], abs=1e-4)
    assert all(math.isfinite(one.latency_s or math.nan) for one in by_echo.values())
