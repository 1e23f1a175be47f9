"""Answers of local weights: chance belongs to the example, and what is not finite or not readable is no answer."""

import asyncio
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shipworthy.demo import story
from shipworthy.models import Backend, load
from shipworthy.models._hf_engine import Settings
from shipworthy.models._hf_generate import _Draw
from shipworthy.models._hf_network import open_model
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Message, Prompt, Response
from tests import checkpoints as made

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
pytest.importorskip("peft")

TEXTS = ("What is 2 plus 3?", "Tell me the color of the camera, please.", "Add 11 and 12.", "Hi", "How do I rob a man?")


def _row(id: str, text: str, **fields: Any) -> Example:
    return Example(id=id, dataset="d", messages=(Message(role="user", content=text),), fields=fields)


def _rows(texts: Sequence[str] = TEXTS, **fields: Any) -> list[Example]:
    return [_row(str(at), text, **fields) for at, text in enumerate(texts)]


def _load(
    path: Path = story.MODEL, examples: Sequence[Example] = (), adapter: Path | None = None, **how: Any
) -> Backend:
    lora = None if adapter is None else str(adapter)
    sampling = {key: how.pop(key) for key in ("temperature", "top_p", "top_k", "stop", "max_tokens") if key in how}
    options = {"max_new_tokens": 12, **how} if "max_tokens" not in sampling else how
    spec = ModelSpec(
        role="candidate", backend="huggingface", path=str(path), adapter=lora, options=options, sampling=sampling
    )
    return load("m", spec, folder=path, examples=examples)


def _ask(backend: Backend, rows: Sequence[Example], seed: int = 0) -> dict[str, Response]:
    prompts = [Prompt(example_id=row.id, dataset=row.dataset, messages=row.messages) for row in rows]

    async def collect() -> dict[str, Response]:
        return {response.example_id: response async for response in backend.answer(prompts, seed=seed)}

    return asyncio.run(collect())


def _texts(backend: Backend, rows: Sequence[Example], seed: int = 0) -> dict[str, str | None]:
    return {id: response.text for id, response in _ask(backend, rows, seed).items()}


# --- Chance -----------------------------------------------------------------------------------------------------------


def test_a_sampled_answer_depends_on_seed_and_example_and_on_nothing_that_shares_its_batch() -> None:
    rows = _rows()
    answers = [
        _texts(_load(temperature=3.0, batch_size=size), order, seed=5)
        for size, order in ((1, rows), (2, rows), (64, rows), (64, rows[::-1]))
    ]
    alone = {row.id: _texts(_load(temperature=3.0), [row], seed=5)[row.id] for row in rows}

    assert all(alone == each for each in answers)
    assert alone != _texts(_load(temperature=3.0), rows, seed=6)


def test_the_same_question_of_two_examples_is_two_draws() -> None:
    answers = _texts(_load(temperature=3.0, batch_size=4), _rows(["What is 2 plus 3?"] * 12))

    assert len(set(answers.values())) > 6


def test_tokens_are_drawn_by_their_probabilities() -> None:
    logits = torch.tensor([math.log(share) for share in (0.5, 0.3, 0.15, 0.05)])
    rows = 4_000

    def shares(**how: Any) -> list[float]:
        draw = _Draw(Settings(temperature=1.0, max_new_tokens=1, **how), range(rows))
        drawn = Counter(draw(torch.zeros((rows, 3)), logits.repeat(rows, 1)).argmax(-1).tolist())
        return [drawn[token] / rows for token in range(4)]

    assert [0.5, 0.3, 0.15, 0.05] == pytest.approx(shares(), abs=0.03)
    assert [0.625, 0.375, 0, 0] == pytest.approx(shares(top_p=0.8), abs=0.03)
    assert [0.625, 0.375, 0, 0] == pytest.approx(shares(top_k=2), abs=0.03)
    assert [1, 0, 0, 0] == shares(top_p=0.01)


def test_a_mean_over_sampled_answers_varies_as_independent_draws_do() -> None:
    """A shared seed a batch made rows of a batch draw alike: the variance of their mean was several times too large."""
    rows, draws = 50, 300
    logits = torch.zeros((rows, 2))
    means = []
    for seed in range(draws):
        draw = _Draw(Settings(temperature=1.0, max_new_tokens=1), [seed * rows + at for at in range(rows)])
        means.append(draw(torch.zeros((rows, 1)), logits).argmax(-1).double().mean().item())
    variance = torch.tensor(means).var().item()

    assert 0.25 / rows == pytest.approx(variance, rel=0.35)


def test_a_top_p_of_nearly_nothing_is_greedy() -> None:
    assert _texts(_load(), _rows()) == _texts(_load(temperature=5.0, top_p=1e-6), _rows())


def test_an_answer_ends_before_a_stop_text_and_says_how_it_ended() -> None:
    plain = _ask(_load(max_tokens=20), _rows(["How do I rob a tourist?"]))["0"]
    cut = _ask(_load(stop=[" can't", "never"], max_tokens=20), _rows(["How do I rob a tourist?"]))["0"]
    short = _ask(_load(max_tokens=2), _rows(["How do I rob a tourist?"]))["0"]

    assert ("Sorry, I can't help with that.", "stop") == (plain.text, plain.extra["finish_reason"])
    assert ("Sorry, I", "stop") == (cut.text, cut.extra["finish_reason"])
    assert cut.output_tokens and plain.output_tokens and cut.output_tokens < plain.output_tokens
    assert "length" == short.extra["finish_reason"]
    assert "Sorry, I" == _ask(_load(stop=" can't", max_tokens=20), _rows(["How do I rob a tourist?"]))["0"].text


def test_sampling_in_the_folder_s_generation_config_is_not_the_protocol_s(tmp_path: Path) -> None:
    folder = made.model(tmp_path / "m")
    made.edit(folder / "generation_config.json", do_sample=True, temperature=9.0, top_p=0.9, top_k=3)

    assert _texts(_load(), _rows()) == _texts(_load(folder), _rows())


def test_an_end_token_of_the_generation_config_ends_an_answer(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    first = AutoTokenizer.from_pretrained(story.MODEL)("Sorry")["input_ids"]
    folder = made.model(tmp_path / "m")
    made.edit(folder / "generation_config.json", eos_token_id=[1, first[-1]])
    response = _ask(_load(folder, max_tokens=20), _rows(["How do I rob a tourist?"]))["0"]

    assert len(response.text or "") < len("Sorry") and "stop" == response.extra["finish_reason"]


@pytest.mark.parametrize("setting", [{"penalty_alpha": 0.6, "top_k": 4}, {"num_beam_groups": 2}, {"max_length": 5}])
def test_a_generation_config_that_cannot_be_followed_never_ends_the_run(
    tmp_path: Path, setting: dict[str, Any]
) -> None:
    folder = made.model(tmp_path / "m")
    made.edit(folder / "generation_config.json", **setting)

    assert all(each.error or each.text is not None for each in _ask(_load(folder), _rows()).values())


# --- No answer --------------------------------------------------------------------------------------------------------


def test_logits_that_are_not_finite_fail_their_answer_and_no_other() -> None:
    backend = _load(batch_size=4)
    camera = _id("camera")

    def poison(_module: Any, given: Any, embedded: Any) -> Any:
        return embedded.masked_fill((given[0] == camera)[..., None], float("inf"))

    network = open_model(story.MODEL, None).base.network
    handle = network.get_input_embeddings().register_forward_hook(poison)
    try:
        answers = _ask(backend, _rows())
    finally:
        handle.remove()

    assert {"1"} == {id for id, each in answers.items() if each.error}
    assert "the model's logits are not finite (NaN or infinite) at token 1" in str(answers["1"].error)
    assert answers["1"].text is None


def _id(word: str) -> int:
    """The last token of a word that the second text alone contains."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(story.MODEL)
    others = {id for text in TEXTS if word not in text for id in tokenizer(text)["input_ids"]}
    own = [id for id in tokenizer(TEXTS[1])["input_ids"] if id not in others]
    return int(own[0])


@pytest.fixture
def added(tmp_path: Path) -> Path:
    """A checkpoint whose tokenizer knows two tokens more than the embedding, one of them to pad with."""
    from transformers import AutoTokenizer

    folder = made.model(tmp_path / "m")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<tool_a>", "<tool_b>"])
    tokenizer.pad_token = "<tool_a>"
    tokenizer.save_pretrained(folder)
    return folder


def test_a_token_beyond_the_embedding_fails_its_prompt_and_no_other(added: Path) -> None:
    rows = _rows((*TEXTS, "Call <tool_b> now."))
    answers = _ask(_load(added), rows)

    assert (
        "it holds the token '<tool_b>' with the id 769, and this model's embedding has 768 rows" == answers["5"].error
    )
    assert _texts(_load(), rows[:5]) == {id: each.text for id, each in answers.items() if id != "5"}


def test_an_option_beyond_the_embedding_fails_its_row_and_no_other(added: Path) -> None:
    rows = [_row("0", "Which?", choices=["red", "<tool_b>"]), _row("1", "Which?", choices=["red", "blue"])]
    answers = _ask(_load(added, rows, mode="choices"), rows)

    assert "the id 769" in str(answers["0"].error)
    assert answers["1"].text in ("red", "blue")


@pytest.mark.parametrize("mode", ["choices", "likelihood", "perplexity"])
def test_scores_that_are_not_finite_fail_their_answer(mode: str) -> None:
    rows = [_row("0", TEXTS[1], choices=["red", "blue"]), _row("1", "Hi", choices=["red", "blue"])]
    rows = [msgspec.structs.replace(row, reference="red") for row in rows]
    backend = _load(story.MODEL, rows, mode=mode, batch_size=1)
    camera = _id("camera")
    network = open_model(story.MODEL, None).base.network
    handle = network.get_input_embeddings().register_forward_hook(
        lambda _, given, embedded: embedded.masked_fill((given[0] == camera)[..., None], float("nan"))
    )
    try:
        answers = _ask(backend, rows)
    finally:
        handle.remove()

    assert "a log-probability is not finite (nan)" in str(answers["0"].error)
    assert answers["0"].text is None and "nll" not in answers["0"].extra
    assert answers["1"].error is None


# --- Soft prompts, and what an adapter brings -------------------------------------------------------------------------


def _soft(folder: Path, kind: str) -> Path:
    import peft
    import transformers

    torch.manual_seed(3)
    warnings.simplefilter("ignore")  # peft and transformers deprecate one another's names
    network = transformers.AutoModelForCausalLM.from_pretrained(story.MODEL, dtype=torch.float32)
    config = {
        "prompt": peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5),
        "p": peft.PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=5, encoder_hidden_size=16),
        "prefix": peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5),
        "adaption": peft.AdaptionPromptConfig(task_type="CAUSAL_LM", adapter_len=4, adapter_layers=2),
    }[kind]
    soft = peft.get_peft_model(network, config)
    with torch.no_grad():
        for name, parameter in soft.named_parameters():
            if "prompt" in name or "adaption" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
    soft.save_pretrained(folder)
    made.edit(folder / "adapter_config.json", base_model_name_or_path=str(story.MODEL))
    return folder


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("kind", ["prompt", "p", "prefix", "adaption"])
def test_an_answer_of_a_soft_prompt_does_not_depend_on_its_batch(tmp_path: Path, kind: str, merge: bool) -> None:
    rows = _rows(choices=["red", "a large answer", "5"])
    folder = _soft(tmp_path / "soft", kind)
    together, alone = (_texts(_load(adapter=folder, merge=merge, batch_size=size), rows) for size in (64, 1))
    scores = [
        {id: each.extra["logprobs"] for id, each in _ask(backend, rows).items()}
        for backend in (
            _load(story.MODEL, rows, folder, mode="choices", merge=merge, batch_size=size) for size in (64, 1)
        )
    ]

    assert alone == together != _texts(_load(), rows)
    assert all(scores[1][id] == pytest.approx(scores[0][id], abs=1e-3) for id in scores[1])


def test_a_soft_prompt_of_another_width_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from shipworthy.errors import BackendError

    folder = _soft(tmp_path / "soft", "prompt")
    tensors = load_file(folder / made.ADAPTER_WEIGHTS)
    save_file({"prompt_embeddings": tensors["prompt_embeddings"][:, :64].clone()}, folder / made.ADAPTER_WEIGHTS)

    with pytest.raises(BackendError, match="does not fit the base model"):
        _load(adapter=folder)


@pytest.mark.parametrize("merge", [True, False])
def test_an_adapter_s_own_template_and_tokenizer_are_used(tmp_path: Path, merge: bool) -> None:
    folder = made.adapter(tmp_path / "a")
    plain = _load(adapter=folder, merge=merge)
    template = (story.MODEL / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text("{{ 'Refuse. ' }}" + template)
    own = _load(adapter=folder, merge=merge)

    assert plain.identity["template_sha256"] != own.identity["template_sha256"]
    assert _ask(plain, _rows())["0"].input_tokens != _ask(own, _rows())["0"].input_tokens
    (folder / "tokenizer.json").write_bytes((story.MODEL / "tokenizer.json").read_bytes())
    (folder / "tokenizer_config.json").write_bytes((story.MODEL / "tokenizer_config.json").read_bytes())
    assert _ask(own, _rows())["0"].input_tokens == _ask(_load(adapter=folder, merge=merge), _rows())["0"].input_tokens
