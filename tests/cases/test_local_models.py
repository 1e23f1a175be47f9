"""Local checkpoints: what was loaded is what lies there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shipworthy.demo import story
from tests import checkpoints as made

pytestmark = pytest.mark.train
pytest.importorskip("peft")

Case = Callable[[str], Path]
Told = Callable[..., tuple[int, str, str]]


def _asks(folder: Path, **candidate: Any) -> None:
    """Puts another candidate into the protocol of a case."""
    protocol = json.loads((folder / "shipworthy.yaml").read_text())
    protocol["models"]["new"] |= candidate
    (folder / "shipworthy.yaml").write_text(json.dumps(protocol))


def _refused(told: Told, *names: str) -> None:
    code, _, err = told("run", "--out", "out")

    assert 2 == code, err
    assert all(name in err for name in names), err
    assert "LOAD REPORT" not in err and "Traceback" not in err


@pytest.mark.parametrize("merge", [True, False])
def test_adapter_keys_that_find_no_place_are_named(case: Case, told: Told, merge: bool) -> None:
    folder = case("adapter-not-applied")
    _asks(folder, path=str(story.MODEL), options={"max_new_tokens": 24, "merge": merge})

    _refused(told, "ad_prefix", "base_model.model.model.model.layers.0.mlp.down_proj.lora_A.weight", "53 more")


@pytest.mark.parametrize(
    ("name", "change", "config", "named"),
    [
        ("missing_layer", made.without(".layers.2."), {}, "model.layers.2.input_layernorm.weight"),
        ("orig_mod", made.renamed("", "_orig_mod."), {}, "_orig_mod.model.embed_tokens.weight"),
        ("untied_nohead", None, {"tie_word_embeddings": False}, "lm_head.weight"),
    ],
)
def test_missing_weights_are_named(
    case: Case, told: Told, name: str, change: Any, config: dict[str, Any], named: str
) -> None:
    folder = case("weights-missing")
    made.model(folder.parent / name, change, **config)
    _asks(folder, path=f"../{name}")

    _refused(told, name, named)


@pytest.mark.parametrize("name", ["lfs", "cut", "vocab_config", "noconfigkeys", "ad_lfs"])
def test_unreadable_weights_are_one_sentence_with_the_file(case: Case, told: Told, name: str) -> None:
    folder = case("weights-unreadable")
    pointer = (folder / "model.safetensors").read_bytes()
    (folder / "d.jsonl").write_text('{"id": "0", "input": "hi", "reference": "ho"}\n')
    config = {"vocab_config": {"vocab_size": 800}, "noconfigkeys": {"num_attention_heads": 5}}.get(name, {})
    weights = made.model(folder.parent / name, **config) / made.WEIGHTS
    if name == "lfs":
        weights.write_bytes(pointer)
    if name == "cut":
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    if name == "ad_lfs":
        (made.adapter(folder / "ad") / made.ADAPTER_WEIGHTS).write_bytes(pointer)
        _asks(folder, adapter="ad")
    _asks(folder, path=f"../{name}")

    _refused(told, made.ADAPTER_WEIGHTS if name == "ad_lfs" else name)


def test_weights_that_are_not_finite_are_refused(case: Case, told: Told) -> None:
    folder = case("nan-weights")
    made.model(folder.parent / "nan", made.filled("layers.0.mlp.up", float("nan")))

    _refused(told, "model.layers.0.mlp.up_proj.weight", "not finite")


def _answers(folder: Path) -> dict[str, Any]:
    lines = (folder / "out" / "responses.jsonl").read_text().splitlines()
    return {row["example_id"]: row for row in map(json.loads, lines) if row["model"] == "new"}


def test_a_token_beyond_the_embedding_is_a_failed_answer(case: Case, told: Told) -> None:
    from transformers import AutoTokenizer

    folder = case("added-tokens")
    model = made.model(folder.parent / "added")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens(["<tool_a>", "<tool_b>"])
    tokenizer.save_pretrained(model)
    code, _, err = told("run", "--out", "out")
    rows = [json.loads(line) for line in (folder / "d.jsonl").read_text().splitlines()]
    strange = {row["id"] for row in rows if "<tool_" in row["input"]}

    assert code in (0, 10, 11, 12), err
    assert strange
    assert strange == {id for id, row in _answers(folder).items() if row.get("error")}


def test_another_generation_config_is_another_model_to_the_cache(case: Case, told: Told) -> None:
    import shutil

    folder = case("generation-config-cached")
    model = made.model(folder.parent / "genc")
    told("run", "--out", "out")
    before = _answers(folder)
    shutil.rmtree(folder / "out")
    told("run", "--out", "out")
    assert all(row["extra"]["cached"] for row in _answers(folder).values())

    shutil.rmtree(folder / "out")
    shutil.copy(folder / "generation_config.json", model / "generation_config.json")
    told("run", "--out", "out")
    after = _answers(folder)

    assert not any(row["extra"].get("cached") for row in after.values())
    assert {id: row["text"] for id, row in before.items()} != {id: row["text"] for id, row in after.items()}
