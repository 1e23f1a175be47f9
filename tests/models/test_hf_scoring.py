"""Scores of a local model: what the backend does with them on a small function, and that they are right on weights."""

import asyncio
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shipworthy import metrics
from shipworthy.demo import story
from shipworthy.models import Backend
from shipworthy.models._hf import HuggingFaceBackend
from shipworthy.models._hf_engine import Completion, Engine, Settings
from shipworthy.models._hf_network import open_model
from shipworthy.models._hf_scoring import Scorer, ScoringBackend
from shipworthy.models._likelihood import Score, Sequel
from shipworthy.models.huggingface import load
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Message, Prompt, Response

COLORS = ["black", "a rather unusual green", "white", "blue"]


def _row(id: str, text: str, *, dataset: str = "d", reference: Any = None, **fields: Any) -> Example:
    return Example(
        id=id, dataset=dataset, messages=(Message(role="user", content=text),), reference=reference, fields=fields
    )


def _ask(backend: Backend, rows: Sequence[Example], seed: int = 0) -> dict[str, Response]:
    prompts = [Prompt(example_id=row.id, dataset=row.dataset, messages=row.messages) for row in rows]

    async def collect() -> dict[str, Response]:
        return {response.example_id: response async for response in backend.answer(prompts, seed=seed)}

    return asyncio.run(collect())


def _by_letters(groups: Sequence[Sequence[Sequel]]) -> list[list[Score]]:
    """Each scored `a` costs half a nat, any other letter one."""
    halves = [[[0.5 if id == ord("a") else 1.0 for id in s.ids[s.start :]] for s in group] for group in groups]
    return [[Score(-sum(costs), len(costs), False) for costs in group] for group in halves]


def _small(rows: Sequence[Example], *, context: int = 40, **settings: Any) -> ScoringBackend:
    engine = Engine(
        render=lambda messages: messages[-1].content,
        count=len,
        generate=lambda texts, seed: [Completion(text="said", input_tokens=1, output_tokens=1) for _ in texts],
        context=500,
    )
    scorer = Scorer(
        render=lambda messages: f"<{messages[-1].content}>",
        finished=lambda messages: f"<{messages[0].content}>{messages[-1].content}.",
        encode=lambda texts: [[ord(letter) for letter in text] for text in texts],
        score=_by_letters,
        context=context,
        opener=0,
    )
    chosen = Settings(**settings)
    return ScoringBackend(HuggingFaceBackend(engine, {"name": "small"}, chosen), scorer, chosen, rows)


def test_the_likeliest_option_is_the_answer_and_its_probability_the_confidence() -> None:
    row = _row("1", "q", choices=["aaa", "bb", "c"])
    response = _ask(_small([row], mode="choices"), [row])["1"]

    assert "c" == response.text
    assert {"aaa": -1.5, "bb": -2.0, "c": -1.0} == response.extra["logprobs"]
    assert 1.0 == pytest.approx(sum(response.extra["probabilities"].values()))
    assert response.extra["probabilities"]["c"] == response.extra["confidence"]


@pytest.mark.parametrize(("answer_as", "said"), [("text", "aaa"), ("index", "0"), ("letter", "A")])
def test_the_choice_by_bytes_is_named_as_the_protocol_wants(answer_as: str, said: str) -> None:
    row = _row("1", "q", choices=["aaa", "bb", "c"])
    response = _ask(_small([row], mode="choices", choose_by="bytes", answer_as=answer_as), [row])["1"]

    assert said == response.text
    assert said in response.extra["probabilities"]


def test_options_can_be_the_same_for_every_row() -> None:
    row = _row("1", "q")

    assert "yes" == _ask(_small([row], mode="choices", choices=("maybe", "yes")), [row])["1"].text


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (_row("1", "q"), "the row has no list of options in its column 'choices'"),
        (_row("1", "q", choices="a"), "the row has no list of options in its column 'choices'"),
        (_row("1", "q", choices=["a", "a"]), "an option of the row is empty, or two are the same"),
        (_row("1", "q" * 50, choices=["a", "b"]), "it has 52 tokens; this model reads 40 at once"),
    ],
)
def test_what_cannot_be_scored_is_an_error_and_the_rest_is_scored(row: Example, said: str) -> None:
    good = _row("2", "q", choices=["a", "b"])
    responses = _ask(_small([row, good], mode="choices"), [row, good])

    assert said == responses["1"].error
    assert "a" == responses["2"].text


def test_the_likelihood_of_the_reference_includes_the_end_of_its_turn() -> None:
    row = _row("1", "q", reference="aab")
    response = _ask(_small([row], mode="likelihood"), [row])["1"]

    assert ("aab", 3.0, 4) == (response.text, response.extra["nll"], response.extra["tokens"])


def test_a_row_without_a_reference_has_no_likelihood() -> None:
    row = _row("1", "q")

    assert "no reference" in (_ask(_small([row], mode="likelihood"), [row])["1"].error or "")


@pytest.mark.parametrize("stride", [0, 3])
def test_perplexity_scores_every_token_of_a_text_longer_than_the_context(stride: int) -> None:
    row = _row("1", "a" * 100)
    response = _ask(_small([row], mode="perplexity", context=7, stride=stride), [row])["1"]

    assert (50.0, 100, 100) == (response.extra["nll"], response.extra["tokens"], response.extra["bytes"])


def test_each_dataset_can_have_its_own_mode() -> None:
    rows = [_row("1", "q", choices=["a", "b"]), _row("2", "q", dataset="chat"), _row("3", "ab", dataset="text")]
    responses = _ask(_small(rows, mode={"d": "choices", "text": "perplexity"}), rows)

    assert ["a", "said", ""] == [responses[id].text for id in ("1", "2", "3")]


def test_other_options_make_another_identity_so_that_no_cached_answer_is_used() -> None:
    rows = [[_row("1", "q", choices=options)] for options in (["a", "b"], ["a", "c"])]
    first, second = (dict(_small(some, mode="choices").identity) for some in rows)

    assert first != second
    assert first == dict(_small(rows[0], mode="choices").identity)


# --- On weights -------------------------------------------------------------------------------------------------------

QUESTIONS = [
    _row("0", "Tell me the color of the camera.", choices=COLORS, reference="The camera is black."),
    _row("1", "What is 2 plus 3?", choices=["5", "6", "2 plus 3 is 5", "55"], reference="5"),
    _row("2", "Why?", choices=["Because.", "I do not know, and nobody does."], reference="Because."),
]


def _load(folder: Path = story.MODEL.parent, rows: Sequence[Example] = QUESTIONS, **spec: Any) -> Backend:
    values = {"role": "candidate", "backend": "huggingface", "path": story.MODEL.name} | spec
    return load("mine", ModelSpec(**values), folder=folder, examples=rows, environ={})


def _one_by_one(texts: Sequence[tuple[str, str]]) -> list[float]:
    """What lm-eval computes: each pair alone, the whole logits, the log-softmax of all of them."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(story.MODEL)
    network = transformers.AutoModelForCausalLM.from_pretrained(story.MODEL, dtype=torch.float32).eval()
    found = []
    for before, after in texts:
        begin, whole = tokenizer(before)["input_ids"], tokenizer(before + after)["input_ids"]
        with torch.inference_mode():
            logprobs = torch.log_softmax(network(torch.tensor([whole[:-1]])).logits[0].float(), -1)
        found.append(sum(logprobs[at - 1, whole[at]].item() for at in range(len(begin), len(whole))))
    return found


@pytest.mark.train
@pytest.mark.parametrize("header", ["", "You answer questions about cameras, shortly and well. " * 6])
def test_log_probabilities_are_those_of_each_option_scored_alone(header: str) -> None:
    pytest.importorskip("transformers")
    rows = [_row(row.id, header + row.messages[0].content, **row.fields) for row in QUESTIONS]
    responses = _ask(_load(rows=rows, options={"mode": "choices"}), rows)
    pairs = [
        (f"<|user|>{row.messages[0].content}<|end|><|assistant|>", choice)
        for row in rows
        for choice in row.fields["choices"]
    ]
    ours = [responses[row.id].extra["logprobs"][choice] for row in rows for choice in row.fields["choices"]]

    assert _one_by_one(pairs) == pytest.approx(ours, abs=1e-4)


@pytest.mark.train
def test_a_tree_is_chosen_and_the_identity_says_so() -> None:
    pytest.importorskip("transformers")
    identity = _load(options={"mode": "choices"}).identity

    assert "tree, log-softmax float32" == identity["scoring"]
    assert ("float32", "none") == (identity["dtype"], identity["quantised"])


@pytest.mark.train
def test_a_network_that_ignores_positions_is_scored_plainly() -> None:
    torch = pytest.importorskip("torch")
    import transformers

    from shipworthy.models._hf_scores import way_for

    class Deaf(torch.nn.Module):  # type: ignore[misc,name-defined]
        """Hears no positions: a tree's branches would follow one another."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = transformers.AutoModelForCausalLM.from_pretrained(story.MODEL, dtype=torch.float32).eval()
            self.device, self.dtype = self.inner.device, self.inner.dtype
            self.get_input_embeddings = self.inner.get_input_embeddings

        def forward(self, position_ids: object = None, **given: object) -> object:
            return self.inner(**given)

    assert "plain" == way_for(Deaf(), "float32")[1]


@pytest.mark.train
def test_perplexity_of_the_demo_model_is_that_of_its_whole_text() -> None:
    pytest.importorskip("transformers")
    row = _row("t", "The camera is black and the phone is white. Tell me the color of the camera.")
    response = _ask(_load(rows=[row], options={"mode": "perplexity"}), [row])["t"]
    metric = metrics.build("ppl", "perplexity", {})
    value = float(metric.summarize(np.array(metric.observe(row, response))))
    (expected,) = _one_by_one([("<|end|>", row.messages[0].content)])

    assert math.exp(-expected / response.extra["tokens"]) == pytest.approx(value, rel=1e-4)


@pytest.mark.train
def test_the_likelihood_of_a_reference_ends_with_its_turn() -> None:
    pytest.importorskip("transformers")
    response = _ask(_load(options={"mode": "likelihood"}), QUESTIONS)["1"]
    (expected,) = _one_by_one([("<|user|>What is 2 plus 3?<|end|><|assistant|>", "5<|end|>")])

    assert -expected == pytest.approx(response.extra["nll"], abs=1e-4)


@pytest.mark.train
def test_a_model_without_a_template_is_scored_on_plain_text(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    shutil.copytree(story.MODEL, tmp_path / "base")
    (tmp_path / "base" / "chat_template.jinja").unlink()
    options = {"mode": "choices", "template": False, "join": " "}
    response = _ask(_load(tmp_path, path="base", options=options), QUESTIONS)["1"]
    (expected,) = _one_by_one([("What is 2 plus 3?", " 55")])

    assert expected == pytest.approx(response.extra["logprobs"]["55"], abs=1e-4)


# --- One base, several adapters ---------------------------------------------------------------------------------------


@pytest.mark.train
def test_models_that_keep_their_adapters_apart_hold_one_base_in_memory() -> None:
    pytest.importorskip("peft")
    base, adapted, again = (
        open_model(story.MODEL, lora, merge=False)
        for lora in (None, story.PRODUCTION_ADAPTER, story.PRODUCTION_ADAPTER)
    )
    with base.network() as one:
        first = one
    with adapted.network() as other:
        assert first is other

    assert base.base is adapted.base is again.base
    assert (None, adapted.adapter) == (base.adapter, again.adapter)


@pytest.mark.train
def test_models_on_one_base_answer_as_if_each_were_alone() -> None:
    pytest.importorskip("peft")
    shared = {"options": {"mode": "choices", "merge": False}}
    with_adapter = {"adapter": story.PRODUCTION_ADAPTER.name}
    alone = [_ask(_load(**shared, **extra), QUESTIONS) for extra in ({}, with_adapter)]
    base, adapted = _load(**shared), _load(**shared, **with_adapter)
    together = [_ask(backend, QUESTIONS) for backend in (base, adapted)]
    again = _ask(base, QUESTIONS)

    assert _numbers(alone[0]) == pytest.approx(_numbers(together[0]), abs=1e-4)
    assert _numbers(alone[1]) == pytest.approx(_numbers(together[1]), abs=1e-4)
    assert _numbers(together[0]) == pytest.approx(_numbers(again), abs=1e-4)
    assert _numbers(alone[0]) != pytest.approx(_numbers(alone[1]), abs=1e-2)


@pytest.mark.train
def test_a_merged_adapter_leaves_the_base_as_it_was() -> None:
    pytest.importorskip("peft")
    base = _load(options={"mode": "choices"})
    before = _numbers(_ask(base, QUESTIONS))
    merged = _load(options={"mode": "choices"}, adapter=story.PRODUCTION_ADAPTER.name)
    apart = _load(options={"mode": "choices", "merge": False}, adapter=story.PRODUCTION_ADAPTER.name)

    assert before == _numbers(_ask(base, QUESTIONS))
    assert _numbers(_ask(merged, QUESTIONS)) == pytest.approx(_numbers(_ask(apart, QUESTIONS)), abs=1e-3)


@pytest.mark.train
def test_quantised_weights_without_bitsandbytes_name_the_extra() -> None:
    pytest.importorskip("transformers")
    import importlib.util

    from shipworthy.errors import MissingExtra

    if importlib.util.find_spec("bitsandbytes"):
        pytest.skip("bitsandbytes is installed")
    with pytest.raises(MissingExtra, match=r"shipworthy\[qlora\]"):
        _load(options={"quantised": "4bit"})


def _numbers(responses: dict[str, Response]) -> list[float]:
    return [value for id in sorted(responses) for value in responses[id].extra["logprobs"].values()]
