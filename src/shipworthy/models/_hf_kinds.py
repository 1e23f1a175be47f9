"""What a folder of weights is made to do: by the names in its config, before anything is loaded.

Weights of a classifier, a reward model or an encoder-decoder can often be put into a language model of the same family,
which then answers with a head that nobody trained. transformers is imported here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from shipworthy.errors import BackendError
from shipworthy.models._hf_files import CONFIG, json_of
from shipworthy.models._hf_load import library

Task = Literal["writes", "classifies", "other"]
_WRITES = ("ForCausalLM", "LMHeadModel")
_OWN_CODE = ("config.json", "tokenizer_config.json")


def task_of(folder: Path) -> Task:
    """Whether a model writes text, classifies it, or does something else.

    Raises: BackendError: it needs code of its own, or transformers does not know its architecture.
        MissingExtra: transformers is not installed.
    """
    library()
    config = json_of(folder / CONFIG)
    _refuse_own_code(folder)
    _refuse_unknown(folder, config)
    if config.get("is_encoder_decoder"):
        return "other"
    if _reads_both_ways(config):
        return "classifies" if "ForSequenceClassification" in architecture_of(config) else "other"
    name = architecture_of(config)
    if not name or name.endswith(_WRITES) or name in _writers(config):
        return "writes"
    return "classifies" if name.endswith("ForSequenceClassification") else "other"


def refuse_unless_it_writes(folder: Path) -> None:
    """Raises: BackendError: the weights in the folder are no causal language model's; or as `task_of`."""
    if task_of(folder) == "writes":
        return
    config = json_of(folder / CONFIG)
    kind = "an encoder-decoder" if config.get("is_encoder_decoder") else _kind(architecture_of(config))
    raise BackendError(
        f"{folder / CONFIG}: {architecture_of(config) or config.get('model_type')} is {kind}, not a causal language "
        "model, and a language model made of its weights would answer with a head that nobody trained; "
        "name the weights of a causal language model"
    )


def architecture_of(config: Mapping[str, Any]) -> str:
    """The class that the weights were saved from; empty where the config does not say."""
    named = config.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else ""


def _kind(name: str) -> str:
    known = {
        "SequenceClassification": "a classifier or reward model",
        "RewardModel": "a reward model",
        "TokenClassification": "a token classifier",
        "QuestionAnswering": "a model that finds spans",
        "MultipleChoice": "a model with a head for options",
        "MaskedLM": "a masked language model",
        "WithValueHead": "a model with a value head",
        "ConditionalGeneration": "a model of several parts",
    }
    return next((said for part, said in known.items() if part in name), "a model without a language head")


def _refuse_own_code(folder: Path) -> None:
    """transformers would ask on stdin whether it may run what lies there."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    for name in _OWN_CODE:
        said = json_of(folder / name) if (folder / name).is_file() else {}
        known = said.get("model_type") in CONFIG_MAPPING_NAMES if name == CONFIG else said.get("tokenizer_class")
        if said.get("auto_map") and not known:
            raise BackendError(
                f"{folder / name}: asks for Python code of its own (auto_map), and Shipworthy runs no code that comes "
                "with weights; serve the model with what does and ask it with backend: openai"
            )


def _refuse_unknown(folder: Path, config: Mapping[str, Any]) -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    kind = config.get("model_type")
    if kind is None:
        raise BackendError(f"{folder / CONFIG}: has no model_type, so nobody knows what the weights are; add it")
    if kind not in CONFIG_MAPPING_NAMES:
        import transformers

        raise BackendError(
            f"{folder / CONFIG}: transformers {transformers.__version__} does not know the model_type {kind!r}; "
            "upgrade transformers, or correct the config"
        )


def _writers(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that transformers itself takes for a causal language model of this type."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    found = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.get("model_type"), ())
    return (found,) if isinstance(found, str) else tuple(found)


def _reads_both_ways(config: Mapping[str, Any]) -> bool:
    """An encoder (BERT and its kin) writes only where it was told to look back alone (`is_decoder`)."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    return config.get("model_type") in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not config.get("is_decoder")
