"""What training starts from: the base, whole, with an adapter merged into it where the recipe says so.

The loaders are those of the backend that answers, so that nothing is trained on what could not be judged.
torch loads here.
"""

from pathlib import Path
from typing import Any

from shipworthy.errors import BackendError, BadInput
from shipworthy.models._hf_adapters import merged, refuse_foreign
from shipworthy.models._hf_files import adapter_folder, model_folder
from shipworthy.models._hf_kinds import refuse_unless_it_writes
from shipworthy.models._hf_load import network_of, refuse_not_finite, tokenizer_of, tokenizer_with
from shipworthy.training.recipe import Recipe


def start_of(recipe: Recipe) -> tuple[Any, Any]:
    """The network to train and its tokenizer.

    Raises:
        BackendError: base or adapter is not wholly what its config describes, or they do not belong together.
        BadInput: the tokenizer has no chat template, which conversations need.
    """
    base, lora = model_folder(recipe.base), adapter_folder(recipe.adapter) if recipe.adapter else None
    refuse_unless_it_writes(base)
    if lora is not None:
        refuse_foreign(lora, base)
    tokenizer = _tokenizer(base, lora)
    network = network_of(base, "AutoModelForCausalLM", **_quantisation(recipe))
    if lora is not None:
        network = merged(network, lora)
        for one in network.parameters():  # peft froze them for the adapter that is no more
            one.requires_grad_(one.is_floating_point())
    return network, tokenizer


def _tokenizer(base: Path, lora: Path | None) -> Any:
    of_the_base = tokenizer_of(base)
    found = of_the_base if lora is None else tokenizer_with(lora, of_the_base)
    if not found.chat_template:
        raise BadInput(
            "the tokenizer has no chat template, so no conversation can be written for it; put the one of the model's "
            "family there as chat_template.jinja",
            where=str(base),
        )
    return found


def _quantisation(recipe: Recipe) -> dict[str, Any]:
    if recipe.method != "qlora":
        return {}
    import torch
    import transformers

    config = transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.float32,
        bnb_4bit_use_double_quant=True,
    )
    return {"quantization_config": config}


def refuse_diverged(recipe: Recipe, step: int, **seen: float | None) -> None:
    """Raises: BadInput: a loss or the norm of a gradient (`seen`) is not finite: from here on every weight is NaN."""
    for what, value in seen.items():
        if value is not None and not abs(value) < float("inf"):
            raise BadInput(_diverged(f"{what.replace('_', ' ')} is {value:g} at step {step}", recipe))


def refuse_spoilt(recipe: Recipe, network: Any) -> None:
    """Raises: BadInput: a trained weight is not finite."""
    try:
        refuse_not_finite(Path(recipe.output), network.named_parameters())
    except BackendError as error:
        raise BadInput(_diverged("a weight is not finite at the end", recipe)) from error


def _diverged(what: str, recipe: Recipe) -> str:
    return (
        f"{recipe.output}: the training diverged ({what}), so nothing was written; lower `learning_rate` "
        f"({recipe.learning_rate:g}), or look for odd rows with `shipworthy data check`"
    )
