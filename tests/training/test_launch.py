import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shipworthy.cli.main import main
from shipworthy.demo import story
from shipworthy.errors import BackendError, BadInput, MissingExtra
from shipworthy.models._hf_files import adapter_digest, weights_digest
from shipworthy.training import Lineage, Recipe, launch, read_shape
from shipworthy.training.plan import trainable_parameters
from tests import checkpoints as made_of

pytest.importorskip("trl")
pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")]


def _recipe(folder: Path, **changes: object) -> Recipe:
    data = folder / "train.jsonl"
    rows = [{"prompt": f"What is {n} plus 1?", "completion": str(n + 1)} for n in range(8)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    values = {"base": str(story.MODEL), "method": "lora", "data": (str(data),), "output": str(folder / "out")}
    small = {"epochs": 1.0, "batch_size": 4, "rank": 4, "learning_rate": 1e-3}
    return Recipe(**(values | small | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["lora", "dora", "full"])
def test_training_leaves_weights_with_their_lineage(tmp_path: Path, method: str) -> None:
    steps: list[tuple[int, int]] = []
    recipe = _recipe(tmp_path, method=method)
    made = launch(recipe, lambda step, total, loss: steps.append((step, total)))
    written = msgspec.json.decode((tmp_path / "out/lineage.json").read_bytes(), type=Lineage)

    assert [(1, 2), (2, 2)] == steps
    assert made == written
    assert trainable_parameters(recipe, read_shape(recipe.base)) == made.trainable_parameters
    assert weights_digest(story.MODEL) == made.base_sha256
    digest = weights_digest if method == "full" else adapter_digest
    assert digest(tmp_path / "out") == made.output_sha256
    assert not (tmp_path / "out.partial").exists()


def test_the_same_seed_trains_the_same_adapter(tmp_path: Path) -> None:
    first = launch(_recipe(tmp_path, output=str(tmp_path / "one")))
    second = launch(_recipe(tmp_path, output=str(tmp_path / "two")))

    assert first.output_sha256 == second.output_sha256
    assert first.final_loss == second.final_loss


def test_an_adapter_names_its_base_without_a_path_of_this_machine(tmp_path: Path) -> None:
    launch(_recipe(tmp_path))
    config = json.loads((tmp_path / "out/adapter_config.json").read_text(encoding="utf-8"))

    assert "model" == config["base_model_name_or_path"]


def test_preference_pairs_train_an_adapter(tmp_path: Path) -> None:
    data = tmp_path / "pairs.jsonl"
    pair = {"prompt": "What is 1 plus 1?", "chosen": "2", "rejected": "3"}
    data.write_text((json.dumps(pair) + "\n") * 4, encoding="utf-8")
    made = launch(_recipe(tmp_path, method="dpo", data=(str(data),)))

    assert 1 == made.steps
    assert (tmp_path / "out/adapter_model.safetensors").is_file()


def test_training_goes_on_from_an_adapter(tmp_path: Path) -> None:
    launch(_recipe(tmp_path, output=str(tmp_path / "first")))
    made = launch(_recipe(tmp_path, adapter=str(tmp_path / "first")))

    assert adapter_digest(tmp_path / "first") == made.adapter_sha256


def test_an_output_that_is_taken_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(BadInput, match="already there"):
        launch(_recipe(tmp_path))


def test_a_base_that_is_no_model_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no model can be read"):
        launch(_recipe(tmp_path, base=str(tmp_path)))


@pytest.mark.parametrize(
    ("method", "package", "extra"), [("qlora", "bitsandbytes", "qlora"), ("galore", "galore_torch", "galore")]
)
def test_a_method_whose_package_is_absent_names_the_extra(
    tmp_path: Path, method: str, package: str, extra: str
) -> None:
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")

    with pytest.raises(MissingExtra, match=rf"shipworthy\[{extra}\]"):
        launch(_recipe(tmp_path, method=method))


# --- What is trained on is what lies there ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "config", "said"),
    [
        (made_of.without(".layers.2."), {}, "9 tensors without weights here (model.layers.2.input_layernorm"),
        (made_of.renamed("", "_orig_mod."), {}, "without a place in the model (_orig_mod."),
        (made_of.plus("v_head.summary.weight", 1, 128), {}, "(v_head.summary.weight)"),
        (made_of.filled("layers.0.mlp.up", float("nan")), {}, "layers.0.mlp.up_proj.weight holds values that are not"),
        (None, {"tie_word_embeddings": False}, "1 tensor without weights here (lm_head.weight)"),
        (None, {"vocab_size": 800}, "model.embed_tokens.weight [768, 128], not [800, 128]"),
        (None, {"architectures": ["LlamaForSequenceClassification"]}, "is a classifier or reward model"),
    ],
)
def test_a_base_that_is_not_wholly_its_config_s_model_is_refused_before_training(
    tmp_path: Path, change: Callable[..., Any] | None, config: dict[str, Any], said: str
) -> None:
    base = made_of.model(tmp_path / "base", change, **config)

    with pytest.raises(BackendError) as caught:
        launch(_recipe(tmp_path, base=str(base)), lambda *_: pytest.fail("it was trained"))

    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("change", "config", "said"),
    [
        (made_of.renamed("base_model.model.", "base_model."), {}, "56 tensors without a place in the base"),
        (made_of.without(".layers.0."), {}, "14 tensors without weights in the adapter"),
        (made_of.filled("layers.0.self_attn.q_proj.lora_B", float("nan")), {}, "values that are not finite"),
        (None, {"base_model_name_or_path": "other-org/other-7b"}, "was made on other-org/other-7b"),
    ],
)
def test_an_adapter_that_is_not_wholly_on_the_base_is_refused_before_training(
    tmp_path: Path, change: Callable[..., Any] | None, config: dict[str, Any], said: str
) -> None:
    lora = made_of.adapter(tmp_path / "lora", change, **config)

    with pytest.raises(BackendError) as caught:
        launch(_recipe(tmp_path, adapter=str(lora)), lambda *_: pytest.fail("it was trained"))

    assert said in str(caught.value)


def test_all_weights_are_trained_from_an_adapter_on_too(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, method="full", adapter=str(made_of.adapter(tmp_path / "lora")))

    assert trainable_parameters(recipe, read_shape(recipe.base)) == launch(recipe).trainable_parameters


@pytest.mark.parametrize(("name", "content"), [("config.json", "[]"), ("config.json", "{")])
def test_a_broken_config_of_the_base_is_one_sentence(tmp_path: Path, name: str, content: str) -> None:
    base = made_of.model(tmp_path / "base")
    (base / name).write_text(content)

    with pytest.raises(BadInput, match=r"holds no JSON object|no model can be read"):
        launch(_recipe(tmp_path, base=str(base)))


def test_a_dimension_of_the_base_that_is_no_number_is_one_sentence(tmp_path: Path) -> None:
    for at, value in enumerate((None, "many", [1], 0)):
        base = made_of.model(tmp_path / f"base{at}")
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps({**config, "head_dim": None, "num_attention_heads": value}))

        with pytest.raises(BadInput, match="is no number above 0"):
            launch(_recipe(tmp_path, base=str(base)))


def test_a_base_without_a_chat_template_is_one_sentence(tmp_path: Path) -> None:
    base = made_of.model(tmp_path / "base")
    (base / "chat_template.jinja").unlink(missing_ok=True)
    made_of.edit(base / "tokenizer_config.json", chat_template=None)

    with pytest.raises(BadInput, match="has no chat template"):
        launch(_recipe(tmp_path, base=str(base)))


# --- A training that diverged -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "rate", "epochs"), [("full", 1e30, 4.0), ("lora", 1e30, 4.0)])
def test_a_training_that_diverges_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str, rate: float, epochs: float
) -> None:
    _recipe(tmp_path)
    recipe = {"base": str(story.MODEL), "method": method, "data": ["train.jsonl"], "output": "out", "rank": 4}
    recipe |= {"learning_rate": rate, "epochs": epochs, "batch_size": 4, "warmup_steps": 0}
    text = json.dumps(recipe).replace("1e+30", "1.0e+30")  # YAML takes no number without a point
    (tmp_path / "r.yaml").write_text(text)
    code = main(["train", str(tmp_path / "r.yaml")])
    said = capsys.readouterr()

    assert 2 == code, said
    assert "the training diverged" in said.err and "lower `learning_rate`" in said.err
    assert not list(tmp_path.glob("out*"))


def test_a_loss_that_is_no_number_is_never_shown_as_the_mean_of_earlier_ones(tmp_path: Path) -> None:
    losses: list[float] = []

    with pytest.raises(BadInput, match="the training diverged"):
        launch(
            _recipe(tmp_path, method="full", learning_rate=1e30, epochs=8.0, warmup_steps=1),
            lambda _step, _steps, loss: losses.append(loss),
        )

    assert len(losses) < 16 and 0.0 not in losses
