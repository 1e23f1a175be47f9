"""A PEFT adapter on a base: only on the one that it was made on, and only whole. peft loads here.

peft leaves parts of an adapter that find no place aside and parts that it lacks at zero, which answers as the bare base
would; its report of what it did is read, and every such name is an error.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shipworthy.errors import BackendError, MissingExtra
from shipworthy.models._hf_files import ADAPTER_CONFIG, CONFIG, json_of, weights_digest
from shipworthy.models._hf_load import INSTALL, listed, quiet, refuse_not_finite, said_of, tensors
from shipworthy.models._hf_whole import refuse_broken_adapter

LINEAGE = "lineage.json"
"""What a training by Shipworthy leaves beside the weights; `base_sha256` says on which base."""
_HISTORY = ("peft_version",)
"""Keys of an adapter's config that tell where it comes from, not what it does."""
_SHARED = ("vblora_vector_bank", "prompt_encoder", ".tinylora_v.", ".unilora_theta_d.")
"""Parts that several layers share; peft lists each layer's view of them as missing."""


def refuse_foreign(lora: Path, model: Path, *, said: str = "") -> None:
    """Looks at what an adapter says about its base: the digest in its lineage, or the name in its config.

    Args: said: the base's name as the user gives it, for a folder whose own name does not say what it holds.

    Raises: BackendError: the adapter was made on another base.
    """
    if (lora / LINEAGE).is_file():
        lineage = json_of(lora / LINEAGE)
        made_on, over = str(lineage.get("base_sha256") or ""), str(lineage.get("adapter_sha256") or "")
        if over:
            raise BackendError(
                f"{lora}: this adapter was trained with another one ({over[:12]}) merged into its base, so on the base "
                "alone it answers as nobody trained it; merge that one into the base, save it, and train from there"
            )
        if made_on and made_on != weights_digest(model):
            raise _foreign(lora, f"weights with the digest {made_on[:12]} (its {LINEAGE})", model)
        if made_on:
            return
    named = json_of(lora / ADAPTER_CONFIG).get("base_model_name_or_path")
    if not isinstance(named, str) or not named or named == said:
        return
    there = Path(named)
    if (there / CONFIG).is_file():
        if there.resolve() != model.resolve() and weights_digest(there) != weights_digest(model):
            raise _foreign(lora, named, model)
    elif _is_a_hub_s(named) and not _called(model, named):
        raise _foreign(lora, named, model, f"; if that is what lies there, say `options: {{adapter_base: {named}}}`")


def put_on(network: Any, lora: Path, name: str) -> Any:
    """The network with the adapter under `name`; a network that carries adapters already gets one more.

    Raises: BackendError: a part of the adapter finds no place, is missing or of another shape, or peft cannot load it.
        MissingExtra: peft is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise MissingExtra(f"an adapter needs peft: {INSTALL}") from error
    refuse_broken_adapter(lora)
    _refuse_mixed(network, lora)
    with said_of(lora, "this adapter does not fit the base model"), quiet():
        config = _config(lora)
        with _shapes_named(lora):
            if isinstance(network, peft.PeftModel):
                report = network.load_adapter(str(lora), adapter_name=name, is_trainable=False)
            else:
                mapping = getattr(network, "_checkpoint_conversion_mapping", None)
                network = peft.get_peft_model(network, config, adapter_name=name)
                report = network.load_adapter(
                    str(lora), adapter_name=name, is_trainable=False, key_mapping=mapping or None
                )
    if config.is_prompt_learning:
        _refuse_unread_prompt(lora, network, name)
    else:
        _refuse_misfits(lora, report.missing_keys, report.unexpected_keys)
    refuse_not_finite(lora, ((key, one) for key, one in network.named_parameters() if f".{name}" in key))
    return network.eval()


def _refuse_mixed(network: Any, lora: Path) -> None:
    """Raises: BackendError: adapters of another type are on the network already; peft keeps one type on a base."""
    there = {
        str(getattr(one.peft_type, "value", one.peft_type)) for one in getattr(network, "peft_config", {}).values()
    }
    own = str(json_of(lora / ADAPTER_CONFIG).get("peft_type"))
    if there - {own}:
        raise BackendError(
            f"{lora}: is an adapter of type {own}, and the base that it would share carries one of type "
            f"{', '.join(sorted(there))}; under `merge: false` all adapters on a base are of one type, so leave it out "
            "for one of the two"
        )


def merged(network: Any, lora: Path) -> Any:
    """The network with the adapter's changes in its own weights. Raises: as `put_on`, and for a soft prompt."""
    on_it = put_on(network, lora, "default")
    if not mergeable(on_it, "default"):
        raise BackendError(f"{lora}: is a soft prompt, which cannot be merged into weights, as this needs")
    return folded(on_it, lora)


def mergeable(network: Any, name: str) -> bool:
    """Whether an adapter changes weights; a soft prompt stands before the text, or beside the attention."""
    config = network.peft_config[name]
    return not (config.is_prompt_learning or config.is_adaption_prompt)


def folded(network: Any, lora: Path) -> Any:
    """The network with its adapter in its own weights. Raises: BackendError: peft cannot merge this one."""
    with said_of(lora, "this adapter cannot be merged into its base"), quiet():
        return network.merge_and_unload().eval()


def _config(lora: Path) -> Any:
    """The adapter's own settings. Raises: BackendError: this peft does not know one that is switched on."""
    import peft

    said = json_of(lora / ADAPTER_CONFIG)
    kind = said.get("peft_type")
    if kind not in peft.PEFT_TYPE_TO_CONFIG_MAPPING:
        raise BackendError(f"{lora / ADAPTER_CONFIG}: peft {peft.__version__} does not know the peft_type {kind!r}")
    known = set(peft.PEFT_TYPE_TO_CONFIG_MAPPING[kind].__dataclass_fields__) | set(_HISTORY)
    odd = sorted(key for key, value in said.items() if key not in known and value)
    if odd:
        raise BackendError(
            f"{lora / ADAPTER_CONFIG}: peft {peft.__version__} does not know {listed(odd)} and would leave it out; "
            "upgrade peft, or train the adapter without it"
        )
    config = peft.PeftConfig.from_pretrained(str(lora))
    config.inference_mode = True
    return config


def _refuse_misfits(lora: Path, missing: list[str], unexpected: list[str]) -> None:
    lacking = [key for key in missing if not any(part in key for part in _SHARED)]
    said = tensors(
        {"without a place in the base": sorted(unexpected), "without weights in the adapter": sorted(lacking)}
    )
    if said:
        raise BackendError(
            f"{lora}: this adapter does not fit the base model: {'; '.join(said)}; give the base that it was trained "
            "on, and the adapter as peft's save_pretrained writes it"
        )


def _refuse_unread_prompt(lora: Path, network: Any, name: str) -> None:
    """Soft prompts are read apart from peft's report, so that what was read is compared with what lies there."""
    import torch
    from peft.utils.save_and_load import load_peft_weights

    with said_of(lora, "this adapter does not fit the base model"):
        stored = load_peft_weights(str(lora), device="cpu")
        loaded = {key: tensor.cpu() for key, tensor in _prompt_of(network, name).items()}
    keys = sorted(stored.keys() ^ loaded.keys())
    other = [key for key in stored.keys() & loaded.keys() if not torch.equal(stored[key].to(loaded[key]), loaded[key])]
    if keys or other:
        raise BackendError(f"{lora}: this adapter does not fit the base model: {listed(keys or other)} was not read")


def _prompt_of(network: Any, name: str) -> Mapping[str, Any]:
    import peft

    found: Mapping[str, Any] = peft.get_peft_model_state_dict(network, adapter_name=name, save_embedding_layers=False)
    return found


@contextmanager
def _shapes_named(lora: Path) -> Iterator[None]:
    """torch lists shapes that differ below a first line that says nothing; the sentence names them."""
    try:
        yield
    except RuntimeError as error:
        found = list(_sizes(str(error)))
        if not found:
            raise
        raise BackendError(
            f"{lora}: this adapter does not fit the base model: {tensors({'of another shape': found})[0]}; "
            f"give the base that it was trained on, and its own {ADAPTER_CONFIG}"
        ) from error


def _sizes(message: str) -> Iterator[str]:
    pattern = r"size mismatch for (\S+): .*?torch\.Size\((\[[\d, ]*\]).*?torch\.Size\((\[[\d, ]*\])"
    for name, here, wanted in re.findall(pattern, message):
        yield f"{name} {here}, not {wanted}"


def _is_a_hub_s(named: str) -> bool:
    """`owner/name`, as hubs write it; a path says nothing on another machine."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", named) is not None and not named.startswith(".")


def _called(model: Path, named: str) -> bool:
    """Whether the folder, one above it (a hub's cache) or its config bears the name."""
    owner, short = named.lower().split("/")
    parts = [part.lower() for part in model.resolve().parts]
    own = str(json_of(model / CONFIG).get("_name_or_path") or "").lower()
    return short in parts or f"models--{owner}--{short}" in parts or own.rpartition("/")[2] == short


def _foreign(lora: Path, made_on: str, model: Path, more: str = "") -> BackendError:
    return BackendError(f"{lora}: this adapter was made on {made_on}, and {model} is another base{more}")
