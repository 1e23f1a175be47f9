"""Weights in memory: one base, several adapters on it, quantised or not. torch, transformers and peft load here.

Models of one run that name the same base share it. With `merge: false` they share one network, and each switches its
own adapter on while it answers; a merged model is a copy of the base in memory, never read from disk again.
"""

import copy
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from weakref import WeakValueDictionary

from shipworthy.errors import BackendError, MissingExtra
from shipworthy.models import before_torch
from shipworthy.models._hf_files import adapter_digest, weights_digest

Dtype = Literal["float32", "bfloat16", "float16"]
Quantised = Literal["none", "8bit", "4bit"]
_INSTALL = "pip install 'shipworthy[train]'"


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
    """A base with one of its adapters, or with none."""

    base: Base
    adapter: str | None = None

    @property
    def tokenizer(self) -> Any:
        """The base's tokenizer."""
        return self.base.tokenizer

    @contextmanager
    def network(self) -> Iterator[Any]:
        """The network with this model's adapter switched on, and no other; one user at a time."""
        with self.base.lock:
            network = self.base.network
            if self.adapter is not None:
                network.set_adapter(self.adapter)
            off = network.disable_adapter() if self.base.adapters and self.adapter is None else nullcontext()
            with off:
                yield network


_Key = tuple[Any, Dtype, Quantised, bool]
_OPEN: "WeakValueDictionary[_Key, Base]" = WeakValueDictionary()
"""Bases that a backend still holds, by files, precision, quantisation and whether adapters are kept apart."""


def open_model(
    model: Path, lora: Path | None, *, dtype: Dtype = "float32", quantised: Quantised = "none", merge: bool = True
) -> Loaded:
    """The model in a folder with the adapter in another, ready to answer.

    Raises: BackendError: transformers or peft cannot load what lies there. MissingExtra: a package is not installed.
    """
    key = (_files(model), dtype, quantised, merge)
    base = _OPEN.get(key)
    if base is None:
        base = _OPEN[key] = _read(model, dtype, quantised)
    if lora is None:
        return Loaded(base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft and transformers deprecate one another's names
        if merge:
            merged = _on(copy.deepcopy(base.network), lora, "default").merge_and_unload()
            return Loaded(Base(merged.eval(), base.tokenizer, base.weights_sha256))
        try:
            return Loaded(base, _added(base, lora))
        except BackendError:
            _OPEN.pop(key, None)  # half of the adapter may be on it
            raise


def _files(model: Path) -> tuple[tuple[str, int, int], ...]:
    """What tells, without reading them, whether a folder's files are those that were loaded."""
    seen = ((file, file.stat()) for file in sorted(model.resolve().iterdir()))
    return tuple((str(file), stat.st_size, stat.st_mtime_ns) for file, stat in seen)


def _read(model: Path, dtype: Dtype, quantised: Quantised) -> Base:
    before_torch.settle()
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra(f"a local model needs torch and transformers: {_INSTALL}") from error
    transformers.utils.logging.disable_progress_bar()
    how = _quantisation(quantised, dtype)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(model, padding_side="left", local_files_only=True)
        network = transformers.AutoModelForCausalLM.from_pretrained(
            model, dtype=getattr(torch, dtype), local_files_only=True, **how
        )
    except (OSError, ValueError, KeyError) as error:
        raise BackendError(f"{model}: transformers cannot load this model ({first_line(error)})") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    network.eval()
    network = network if how else network.to("cuda" if torch.cuda.is_available() else "cpu")
    return Base(network, tokenizer, weights_digest(model))


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


def _added(base: Base, lora: Path) -> str:
    """The name under which the adapter is on the base; put there where it is new."""
    digest = adapter_digest(lora)
    if digest in base.adapters:
        return base.adapters[digest]
    name = f"adapter_{digest[:12]}"
    if base.adapters:
        with _fits(lora):
            base.network.load_adapter(str(lora), adapter_name=name, is_trainable=False)
    else:
        base.network = _on(base.network, lora, name)
    base.network.eval()
    base.adapters[digest] = name
    return name


def _on(network: Any, lora: Path, name: str) -> Any:
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtra(f"an adapter needs peft: {_INSTALL}") from error
    with _fits(lora):
        return PeftModel.from_pretrained(network, str(lora), adapter_name=name, is_trainable=False)


@contextmanager
def _fits(lora: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise BackendError(f"{lora}: this adapter does not fit the base model ({first_line(error)})") from error


def first_line(error: Exception) -> str:
    """What an error of a library says first; the rest is advice about its own API."""
    return str(error).strip().partition("\n")[0]
