"""Weights in memory: one base, several adapters on it, quantised or not.

Models of one run that name the same base share it. With `merge: false` they share one network, and each switches its
own adapter on while it answers; a merged model is a copy of the base in memory, never read from disk again. An adapter
that brings a tokenizer or a chat template answers with its own.
"""

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from weakref import WeakValueDictionary

from shipworthy.errors import BackendError, MissingExtra
from shipworthy.models._hf_adapters import folded, mergeable, put_on, refuse_foreign
from shipworthy.models._hf_files import adapter_digest, weights_digest
from shipworthy.models._hf_kinds import refuse_unless_it_writes
from shipworthy.models._hf_load import listed, network_of, quiet, tokenizer_of, tokenizer_with

Dtype = Literal["float32", "bfloat16", "float16"]
Quantised = Literal["none", "8bit", "4bit"]


@dataclass(slots=True, weakref_slot=True)
class Base:
    """A network and its tokenizer; `adapters` says under which name each adapter (by digest) was put on it."""

    network: Any
    tokenizer: Any
    weights_sha256: str
    adapters: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A base with one of its adapters, or with none, and the tokenizer that goes with them.

    `virtual_tokens`: places of the context that a soft prompt takes; such an adapter is never merged.
    """

    base: Base
    tokenizer: Any
    adapter: str | None = None
    virtual_tokens: int = 0

    @contextmanager
    def network(self) -> Iterator[Any]:
        """The network with this model's adapter switched on, and no other; one user at a time."""
        with self.base.lock:
            network = self.base.network
            if self.adapter is not None:
                network.set_adapter(self.adapter)
            off = network.disable_adapter() if self.base.adapters and self.adapter is None else nullcontext()
            with quiet(), off:
                yield network


_Key = tuple[Any, Dtype, Quantised, bool]
_OPEN: "WeakValueDictionary[_Key, Base]" = WeakValueDictionary()
"""Bases that a backend still holds, by files, precision, quantisation and whether adapters are kept apart."""


def open_model(
    model: Path,
    lora: Path | None,
    *,
    dtype: Dtype = "float32",
    quantised: Quantised = "none",
    merge: bool = True,
    made_on: str = "",
) -> Loaded:
    """The model in a folder with the adapter in another, ready to answer; `made_on` as `refuse_foreign` takes it.

    Raises: BackendError: it is no language model, or what lies there is not wholly what would answer.
        MissingExtra: a package is not installed.
    """
    if lora is not None:
        refuse_foreign(lora, model, said=made_on)
    key = (_files(model), dtype, quantised, merge)
    base = _OPEN.get(key)
    if base is None:
        base = _OPEN[key] = _read(model, dtype, quantised)
    if lora is None:
        return Loaded(base, base.tokenizer)
    tokenizer = _padded(tokenizer_with(lora, base.tokenizer), base.network)
    if not merge:
        return _apart(base, lora, tokenizer, key)
    with quiet():
        on_it = put_on(copy.deepcopy(base.network), lora, "default")
        virtual = _virtual_tokens(on_it, "default")
        if not mergeable(on_it, "default"):
            alone = Base(on_it, tokenizer, base.weights_sha256, {adapter_digest(lora): "default"})
            return Loaded(alone, tokenizer, "default", virtual)
        return Loaded(Base(folded(on_it, lora), tokenizer, base.weights_sha256), tokenizer)


def _files(model: Path) -> tuple[tuple[str, int, int], ...]:
    """What tells, without reading them, whether a folder's files are those that were loaded."""
    seen = ((file, file.stat()) for file in sorted(model.resolve().iterdir()))
    return tuple((str(file), stat.st_size, stat.st_mtime_ns) for file, stat in seen)


def _read(model: Path, dtype: Dtype, quantised: Quantised) -> Base:
    how = _quantisation(quantised, dtype)
    refuse_unless_it_writes(model)
    network = network_of(model, "AutoModelForCausalLM", dtype=dtype, **how)
    tokenizer = _padded(tokenizer_of(model, padding_side="left"), network)
    import torch

    network = network if how else network.to("cuda" if torch.cuda.is_available() else "cpu")
    return Base(network, tokenizer, weights_digest(model))


def _padded(tokenizer: Any, network: Any) -> Any:
    """The tokenizer with a token to pad with that the embedding has; it is masked, so any will do."""
    rows = network.get_input_embeddings().num_embeddings
    fits = (id for id in (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id, 0) if id is not None)
    chosen = next(id for id in fits if id < rows)
    if chosen != tokenizer.pad_token_id:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(chosen)
    return tokenizer


def _quantisation(quantised: Quantised, dtype: Dtype) -> dict[str, Any]:
    """What tells transformers to quantise while loading. Raises: MissingExtra: bitsandbytes is not installed."""
    if quantised == "none":
        return {}
    try:
        import bitsandbytes  # noqa: F401 - transformers uses it, and says less clearly that it is missing
    except ImportError as error:
        raise MissingExtra("quantised weights need bitsandbytes: pip install 'shipworthy[qlora]'") from error
    import torch
    from transformers import BitsAndBytesConfig

    config = (
        BitsAndBytesConfig(load_in_8bit=True)
        if quantised == "8bit"
        else BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=getattr(torch, dtype)
        )
    )
    return {"quantization_config": config, "device_map": {"": 0 if torch.cuda.is_available() else "cpu"}}


def _apart(base: Base, lora: Path, tokenizer: Any, key: _Key) -> Loaded:
    try:
        name = _added(base, lora)
    except BackendError:
        _OPEN.pop(key, None)  # half of the adapter may be on it
        raise
    return Loaded(base, tokenizer, name, _virtual_tokens(base.network, name))


def _added(base: Base, lora: Path) -> str:
    """The name under which the adapter is on the base; put there where it is new."""
    digest = adapter_digest(lora)
    if digest not in base.adapters:
        name = f"adapter_{digest[:12]}"
        with base.lock:
            before = _marks(base.network)
            base.network = put_on(base.network, lora, name)
            _refuse_changed(lora, before)
        base.adapters[digest] = name
    return base.adapters[digest]


def _marks(network: Any) -> dict[str, tuple[Any, float]]:
    """Every parameter with the sum of its numbers: peft also writes past torch's own count of changes."""
    import torch

    with torch.inference_mode():
        return {name: (one, float(one.sum(dtype=torch.float64))) for name, one in network.named_parameters()}


def _refuse_changed(lora: Path, before: dict[str, tuple[Any, float]]) -> None:
    """Raises: BackendError: an adapter wrote into the base that others answer with (PiSSA, biases, embeddings)."""
    import torch

    with torch.inference_mode():
        changed = [name for name, (one, was) in before.items() if float(one.sum(dtype=torch.float64)) != was]
    if changed:
        raise BackendError(
            f"{lora}: this adapter changes weights of the base itself ({listed(sorted(changed))}), so no other model "
            "may share that base; leave `merge: false` out for it"
        )


def _virtual_tokens(network: Any, name: str) -> int:
    config = network.peft_config[name]
    return int(config.num_virtual_tokens) if config.is_prompt_learning else 0
