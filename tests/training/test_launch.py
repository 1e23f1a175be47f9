import importlib.util
import json
from pathlib import Path

import msgspec
import pytest

from shipworthy.demo import story
from shipworthy.errors import BadInput, MissingExtra
from shipworthy.models._hf_files import adapter_digest, weights_digest
from shipworthy.training import Lineage, Recipe, launch, read_shape
from shipworthy.training.plan import trainable_parameters

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
