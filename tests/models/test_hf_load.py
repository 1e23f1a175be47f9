"""What was loaded is what lies there: everything else is one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from shipworthy.demo import story
from shipworthy.errors import BackendError
from shipworthy.models._hf_files import adapter_folder, files_digest, model_folder
from shipworthy.models._hf_load import quiet
from shipworthy.models._hf_network import open_model
from shipworthy.models._sentences import TextClassifier
from tests import checkpoints as made

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
pytest.importorskip("peft")

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 1906904\n"


def _refused(model: Path, adapter: Path | None = None, **how: Any) -> str:
    with pytest.raises(BackendError) as caught:
        open_model(model_folder(model), adapter_folder(adapter) if adapter else None, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "config", "said"),
    [
        (made.without(".layers.2."), {}, "9 tensors without weights here (model.layers.2.input_layernorm.weight"),
        (made.renamed("", "_orig_mod."), {}, "without a place in the model (_orig_mod.model.embed_tokens.weight"),
        (made.renamed("model.", "module.model."), {}, "without a place in the model (module.model.embed_tokens"),
        (None, {"tie_word_embeddings": False}, "1 tensor without weights here (lm_head.weight)"),
        (made.plus("model.layers.9.mlp.up_proj.weight", 4, 4), {}, "(model.layers.9.mlp.up_proj.weight)"),
        (made.plus("v_head.summary.weight", 1, 128), {}, "(v_head.summary.weight)"),
        (None, {"num_hidden_layers": 3}, "9 tensors without a place in the model (model.layers.3.input_layernorm"),
        (None, {"num_hidden_layers": 5}, "9 tensors without weights here (model.layers.4.input_layernorm"),
        (None, {"vocab_size": 800}, "model.embed_tokens.weight [768, 128], not [800, 128]"),
        (None, {"attention_bias": True}, "without weights here (model.layers.0.self_attn.k_proj.bias"),
        (made.filled("layers.0.mlp.up", float("nan")), {}, "layers.0.mlp.up_proj.weight holds values that are not fin"),
        (made.filled("layers.3.mlp.up", float("inf")), {}, "layers.3.mlp.up_proj.weight holds values that are not fin"),
        (None, {"model_type": "llama99"}, "does not know the model_type 'llama99'"),
        (None, {"num_attention_heads": 5}, "not a multiple of the number of attention heads (5)"),
    ],
)
def test_weights_that_are_not_wholly_the_model_of_the_config_are_named(
    tmp_path: Path, change: Any, config: dict[str, Any], said: str
) -> None:
    assert said in _refused(made.model(tmp_path / "m", change, **config))


def test_a_weight_too_large_for_the_asked_precision_is_named(tmp_path: Path) -> None:
    folder = made.model(tmp_path / "m", made.filled("layers.1.mlp.up", 1e5))

    assert "layers.1.mlp.up_proj.weight holds values that are not finite" in _refused(folder, dtype="float16")
    assert open_model(folder, None, dtype="bfloat16")


def _with(folder: Path, name: str, content: bytes | None) -> Path:
    file = folder / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if content is None else content)
    return folder


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.safetensors", POINTER.encode(), "model.safetensors: is a Git LFS pointer"),
        ("tokenizer.json", POINTER.encode(), "tokenizer.json: is a Git LFS pointer"),
        ("model.safetensors", None, "model.safetensors: is cut short"),
        ("model.safetensors", b"", "model.safetensors: is no file of weights"),
        ("model.safetensors", b"<html>404</html>" * 9, "model.safetensors: is cut short"),
        ("tokenizer.json", None, "transformers cannot load this tokenizer"),
        ("config.json", None, "config.json: cannot be read as JSON"),
        ("generation_config.json", b"[1]", "transformers cannot load this model"),
    ],
)
def test_a_file_that_is_not_whole_is_named(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    assert said in _refused(_with(made.model(tmp_path / "m"), name, content))


def test_a_lost_shard_is_named_and_shards_that_are_all_there_load(tmp_path: Path) -> None:
    network = open_model(story.MODEL, None).base.network
    made.model(tmp_path / "m").joinpath("model.safetensors").unlink()
    network.save_pretrained(tmp_path / "m", max_shard_size="500KB")
    shards = sorted((tmp_path / "m").glob("model-*.safetensors"))

    assert len(shards) > 1 and open_model(tmp_path / "m", None)
    shards[1].unlink()
    assert f"{shards[1].name}: this shard of the weights is missing" in _refused(tmp_path / "m")


def test_pickled_weights_are_read_and_half_of_them_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = made.model(tmp_path / "m")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    assert open_model(folder, None)
    assert "transformers cannot load this model" in _refused(_with(folder, "pytorch_model.bin", None))


def test_what_is_harmless_still_loads(tmp_path: Path) -> None:
    """Buffers that older versions stored, a head stored beside the embedding it is tied to, tokens nobody uses."""
    from transformers import AutoTokenizer

    def older(tensors: made.Tensors) -> made.Tensors:
        inv = {f"model.layers.{at}.self_attn.rotary_emb.inv_freq": torch.zeros(16) for at in range(4)}
        return {**tensors, **inv, "lm_head.weight": tensors["model.embed_tokens.weight"].clone()}

    folder = made.model(tmp_path / "m", older)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<a>", "<b>"])
    tokenizer.save_pretrained(folder)
    loaded, plain = open_model(folder, None).base.network, open_model(story.MODEL, None).base.network
    ids = torch.tensor([[5, 6, 7]])

    with torch.inference_mode():
        assert torch.equal(loaded(ids).logits, plain(ids).logits)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"architectures": ["LlamaForSequenceClassification"]}, "is a classifier or reward model"),
        ({"architectures": ["LlamaForTokenClassification"]}, "is a token classifier"),
        ({"architectures": ["LlamaModel"]}, "is a model without a language head"),
        ({"architectures": ["BertForMaskedLM"], "model_type": "bert"}, "is a masked language model"),
        ({"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "is_encoder_decoder": True},
         "is an encoder-decoder"),
        ({"architectures": ["BartForCausalLM"], "model_type": "bart", "is_encoder_decoder": True},
         "is an encoder-decoder"),
    ],
)  # fmt: skip
def test_a_head_that_is_no_language_model_is_refused_by_name(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    refused = _refused(made.model(tmp_path / "m", **config))

    assert said in refused and config["architectures"][0] in refused


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_beside_the_weights_is_never_run_and_nobody_is_asked(
    tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    folder = made.model(tmp_path / "m")
    (folder / "modeling_x.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    made.edit(folder / file, auto_map={"AutoConfig": "modeling_x.C", "AutoTokenizer": ["modeling_x.T", None]})
    made.edit(folder / file, **({"model_type": "own"} if file == "config.json" else {"tokenizer_class": None}))

    assert f"{file}: asks for Python code of its own" in _refused(folder)
    assert not (tmp_path / "ran").exists()


def test_a_classifier_without_its_head_is_refused_as_well() -> None:
    with pytest.raises(BackendError, match=r"without weights here \(score.weight\)"):
        TextClassifier.load(story.MODEL)


def test_a_model_that_holds_an_adapter_too_is_refused(tmp_path: Path) -> None:
    folder = made.model(tmp_path / "m")
    (folder / "adapter_config.json").write_text("{}")

    assert "holds both a model and an adapter" in _refused(folder)


# --- Adapters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize(
    ("change", "config", "said"),
    [
        (made.renamed("base_model.model.", "base_model.model.model."), {}, "56 tensors without a place in the base"),
        (made.renamed("base_model.model.", ""), {}, "56 tensors without a place in the base"),
        (made.without(".layers.0."), {}, "14 tensors without weights in the adapter (base_model.model.model.layers.0"),
        (made.plus("base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight", 8, 128), {}, "layers.9.self_attn"),
        (None, {"r": 16}, "56 tensors of another shape"),
        (None, {"target_modules": ["query_key_value"]}, "query_key_value"),
        (None, {"target_modules": ["q_proj"]}, "48 tensors without a place in the base"),
        (None, {"use_dora": True}, "28 tensors without weights in the adapter"),
        (None, {"brand_new_option": {"x": 1}}, "does not know brand_new_option"),
        (None, {"peft_type": "NEWER"}, "does not know the peft_type 'NEWER'"),
        (made.filled("layers.0.self_attn.q_proj.lora_B", float("nan")), {}, "values that are not finite"),
        (None, {"base_model_name_or_path": "other-org/other-7b-chat"}, "was made on other-org/other-7b-chat"),
    ],
)
def test_an_adapter_that_is_not_wholly_on_its_base_is_named(
    tmp_path: Path, merge: bool, change: Any, config: dict[str, Any], said: str
) -> None:
    assert said in _refused(story.MODEL, made.adapter(tmp_path / "a", change, **config), merge=merge)


def test_an_adapter_without_weights_or_with_a_pointer_is_named(tmp_path: Path) -> None:
    weights = made.adapter(tmp_path / "a") / made.ADAPTER_WEIGHTS
    weights.write_text(POINTER)
    assert f"{made.ADAPTER_WEIGHTS}: is a Git LFS pointer" in _refused(story.MODEL, tmp_path / "a")

    weights.unlink()
    assert "the adapter has no weights" in _refused(story.MODEL, tmp_path / "a")


def test_an_adapter_of_a_base_with_another_digest_is_refused_whatever_the_shapes(tmp_path: Path) -> None:
    from shipworthy.models._hf_files import weights_digest

    other = made.model(tmp_path / "other", made.filled("norm", 1.0))
    lora = made.adapter(tmp_path / "a")
    (lora / "lineage.json").write_text(json.dumps({"base_sha256": weights_digest(story.MODEL)}))

    assert open_model(story.MODEL, lora)
    assert f"was made on weights with the digest {weights_digest(story.MODEL)[:12]}" in _refused(other, lora)


def test_an_adapter_whose_named_base_lies_there_is_held_to_its_digest(tmp_path: Path) -> None:
    same, other = made.model(tmp_path / "same"), made.model(tmp_path / "other", made.filled("norm", 1.0))
    lora = made.adapter(tmp_path / "a", base_model_name_or_path=str(same))

    assert open_model(story.MODEL, lora)
    assert f"was made on {same}" in _refused(other, lora)


@pytest.mark.parametrize("place", ["my-7b", "models--some-org--my-7b/snapshots/abc", "MY-7B"])
def test_a_base_that_bears_the_name_is_the_base(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    lora = made.adapter(tmp_path / "a", base_model_name_or_path="some-org/my-7b")

    assert open_model(made.model(tmp_path / place), lora)


def test_a_base_under_another_name_is_believed_when_it_is_said_aloud(tmp_path: Path) -> None:
    lora = made.adapter(tmp_path / "a", base_model_name_or_path="some-org/my-7b")

    assert "options: {adapter_base: some-org/my-7b}" in _refused(story.MODEL, lora)
    assert open_model(story.MODEL, lora, made_on="some-org/my-7b")


def test_a_new_adapter_s_settings_that_are_switched_off_are_no_hindrance(tmp_path: Path) -> None:
    assert open_model(story.MODEL, made.adapter(tmp_path / "a", of_tomorrow=False, and_another=[]))


def _made_by_peft(folder: Path, *, embeddings: bool = False, **how: Any) -> Path:
    import peft
    import transformers

    torch.manual_seed(1)
    network = transformers.AutoModelForCausalLM.from_pretrained(story.MODEL, dtype=torch.float32)
    targets = {"target_modules": ["q_proj", "v_proj"], **how}
    made_ = peft.get_peft_model(network, peft.LoraConfig(task_type="CAUSAL_LM", **targets))
    with torch.no_grad():
        for name, parameter in made_.named_parameters():
            if "lora_B" in name or (embeddings and "embed_tokens.base_layer" in name):
                parameter.normal_(std=0.05)
    made_.save_pretrained(folder, save_embedding_layers=embeddings)
    return folder


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "how",
    [{"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"layers_to_transform": [1, 2]}, {"use_rslora": True},
     {"trainable_token_indices": [3, 4]}, {"rank_pattern": {"q_proj": 4}}, {"target_modules": "all-linear"}],
)  # fmt: skip
def test_what_peft_itself_saves_loads_merged_and_apart_and_answers_alike(tmp_path: Path, how: dict[str, Any]) -> None:
    folder = _made_by_peft(tmp_path / "a", **how)
    ids = torch.tensor([[5, 6, 7]])
    merged, apart = (open_model(story.MODEL, folder, merge=merge) for merge in (True, False))
    with torch.inference_mode(), merged.network() as one, apart.network() as other:
        assert torch.allclose(one(ids).logits, other(ids).logits, atol=1e-3)
        assert not torch.allclose(one(ids).logits, open_model(story.MODEL, None).base.network(ids).logits, atol=1e-3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("how", "embeddings"),
    [({"init_lora_weights": "pissa"}, False), ({"init_lora_weights": "olora"}, False),
     ({"target_modules": ["q_proj", "embed_tokens"]}, True)],
)  # fmt: skip
def test_an_adapter_that_writes_into_its_base_shares_it_with_nobody(
    tmp_path: Path, how: dict[str, Any], embeddings: bool
) -> None:
    folder = _made_by_peft(tmp_path / "a", embeddings=embeddings, **how)

    assert "changes weights of the base itself" in _refused(story.MODEL, folder, merge=False)
    assert open_model(story.MODEL, folder)


# --- Identity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["generation_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "own.py",
     "tokenizer.json", "model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "config.json"],
)  # fmt: skip
def test_every_file_that_can_change_an_answer_is_part_of_the_identity(tmp_path: Path, name: str) -> None:
    folder = made.model(tmp_path / "m")
    before = files_digest(folder)
    (folder / name).write_bytes(b"{}")

    assert before != files_digest(folder)


@pytest.mark.parametrize("name", ["optimizer.pt", "training_args.bin", "trainer_state.json", "README.md"])
def test_what_trainers_leave_beside_it_is_not(tmp_path: Path, name: str) -> None:
    folder = made.model(tmp_path / "m")
    before = files_digest(folder)
    (folder / name).write_bytes(b"{}")

    assert before == files_digest(folder)


def test_two_pickled_adapters_have_two_digests(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from shipworthy.models._hf_files import adapter_digest

    one, other = (made.adapter(tmp_path / name) for name in ("one", "other"))
    for folder, scale in ((one, 1.0), (other, 2.0)):
        tensors = load_file(folder / made.ADAPTER_WEIGHTS)
        torch.save({name: tensor * scale for name, tensor in tensors.items()}, folder / "adapter_model.bin")
        (folder / made.ADAPTER_WEIGHTS).unlink()

    assert adapter_digest(one) != adapter_digest(other)
    assert open_model(story.MODEL, one)


def test_a_tokenizer_that_was_only_saved_again_does_the_same(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from shipworthy.models._hf_files import tokenizer_digest
    from shipworthy.models._hf_tokens import tokenization_digest

    again, other = made.model(tmp_path / "again"), made.model(tmp_path / "other")
    tokenizer = AutoTokenizer.from_pretrained(again)
    tokenizer.save_pretrained(again)
    made.edit(again / "tokenizer_config.json", of_a_library=1, padding_side="left", model_max_length=99)
    padding = {"strategy": "BatchLongest", "direction": "Left", "pad_id": 0, "pad_to_multiple_of": 8}
    made.edit(again / "tokenizer.json", padding={**padding, "pad_type_id": 0, "pad_token": "<|pad|>"})
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(other)
    plain, same, new = (
        tokenization_digest(open_model(folder, None).tokenizer) for folder in (story.MODEL, again, other)
    )

    assert tokenizer_digest(story.MODEL) != tokenizer_digest(again)
    assert plain == same != new


def test_an_adapter_trained_over_another_one_does_not_go_onto_the_base_alone(tmp_path: Path) -> None:
    from shipworthy.models._hf_files import weights_digest

    lora = made.adapter(tmp_path / "a")
    (lora / "lineage.json").write_text(
        json.dumps({"base_sha256": weights_digest(story.MODEL), "adapter_sha256": "ab" * 32})
    )

    for merge in (True, False):
        assert "was trained with another one (abababababab) merged" in _refused(story.MODEL, lora, merge=merge)


@pytest.mark.parametrize("second", ["LoHa", "IA3", "PromptTuning"])
def test_two_types_of_adapters_on_one_base_are_refused_as_what_they_are(tmp_path: Path, second: str) -> None:
    import peft

    options: dict[str, Any] = {
        "LoHa": {"target_modules": ["q_proj"]},
        "IA3": {"target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
        "PromptTuning": {"num_virtual_tokens": 3},
    }[second]
    network = open_model(made.model(tmp_path / "m"), None).base.network
    config = getattr(peft, f"{second}Config")(task_type="CAUSAL_LM", **options)
    with quiet():
        peft.get_peft_model(network, config).save_pretrained(tmp_path / "b")
    made.edit(tmp_path / "b" / "adapter_config.json", base_model_name_or_path=None)
    base = made.model(tmp_path / "base")
    first = open_model(base, made.adapter(tmp_path / "a"), merge=False)
    refused = _refused(base, tmp_path / "b", merge=False)

    assert f"is an adapter of type {config.peft_type.value}" in refused and "carries one of type LORA" in refused
    assert "merge: false" in refused and "does not fit" not in refused
    assert first.base.adapters and open_model(base, tmp_path / "b")
