"""From a folder to a network and a tokenizer, and the loader's own report read to the end.

transformers fills what a checkpoint lacks with random numbers, drops what it cannot place, and says so only in a log.
Here every such name is an error: what answers is what lies in the folder. torch and transformers load here.
"""

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shipworthy.errors import BackendError, MissingExtra
from shipworthy.models import before_torch
from shipworthy.models._hf_files import CONFIG, TEMPLATE, has_tokenizer
from shipworthy.models._hf_whole import refuse_broken_model

INSTALL = "pip install 'shipworthy[train]'"
NAMED = 3
"""So many names of tensors stand in a sentence; the rest is counted."""


def network_of(folder: Path, kind: str, *, dtype: str = "float32", spare: Sequence[str] = (), **how: Any) -> Any:
    """The weights in a folder as the class that transformers' `kind` (an Auto class) gives, ready to answer.

    Args:
        spare: parts of the names of tensors that may be missing or left over; whoever asks does not use them.
        how: further arguments of `from_pretrained`.

    Raises:
        BackendError: a file is broken; a tensor is missing, left over or of another shape; a weight is not finite; or
            transformers cannot load the folder.
        MissingExtra: torch or transformers is not installed.
    """
    transformers = library()
    refuse_broken_model(folder)
    import torch

    with said_of(folder / CONFIG, "transformers cannot use this config"), quiet():
        transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    with said_of(folder, "transformers cannot load this model"), quiet():
        network, report = getattr(transformers, kind).from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # they are in the report, by name
            output_loading_info=True,
            **how,
        )
    _refuse_misfits(folder, report, spare)
    refuse_not_finite(folder, network.named_parameters())
    return network.eval()


def tokenizer_of(folder: Path, **how: Any) -> Any:
    """The tokenizer in a folder. Raises: BackendError: none can be loaded. MissingExtra: as `network_of`."""
    transformers = library()
    with said_of(folder, "transformers cannot load this tokenizer"), quiet():
        return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **how)


def tokenizer_with(lora: Path, of_the_base: Any) -> Any:
    """The tokenizer and chat template of an adapter, where it brings them; the base's otherwise.

    Raises: BackendError: what it brings cannot be loaded.
    """
    brings, template = has_tokenizer(lora), lora / TEMPLATE
    if not brings and not template.is_file():
        return of_the_base
    own = tokenizer_of(lora, padding_side=of_the_base.padding_side) if brings else copy.deepcopy(of_the_base)
    if template.is_file():
        own.chat_template = template.read_text(encoding="utf-8")
    elif not own.chat_template:
        own.chat_template = of_the_base.chat_template
    return own


def refuse_not_finite(where: Path, named: Iterable[tuple[str, Any]]) -> None:
    """Raises: BackendError: a tensor holds NaN or infinity, as stored or after it was cast to the asked precision."""
    import torch

    with torch.inference_mode():
        sums = [(name, tensor.sum(dtype=torch.float32)) for name, tensor in named if _floats(tensor)]
        odd = [name for name, total in sums if not torch.isfinite(total)]
    if odd:
        raise BackendError(
            f"{where}: {listed(odd)} holds values that are not finite in the precision that was asked for; save the "
            "weights again, or choose another `dtype`"
        )


@contextmanager
def said_of(where: Path, what: str) -> Iterator[None]:
    """Turns whatever a library raises about a folder into one sentence about that folder."""
    try:
        yield
    except (BackendError, MissingExtra):
        raise
    except Exception as error:  # its own libraries' errors have no common class
        raise BackendError(f"{where}: {what} ({first_line(error)})") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of transformers and peft; what they report is read instead, and told in one sentence."""
    from transformers.utils import logging

    loud = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(loud)


def first_line(error: Exception) -> str:
    """What an error of a library says first; the rest is advice about its own API."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def tensors(found: Mapping[str, Sequence[str]]) -> list[str]:
    """One clause a kind of misfit: how many tensors, and the first names."""
    return [
        f"{len(names)} tensor{'s' if len(names) > 1 else ''} {what} ({listed(names)})"
        for what, names in found.items()
        if names
    ]


def _refuse_misfits(folder: Path, report: Mapping[str, Any], spare: Sequence[str]) -> None:
    def left(key: str, name: Callable[[Any], str] = str) -> list[str]:
        return [said for said in sorted(map(name, report.get(key) or ())) if not any(part in said for part in spare)]

    found = {
        "without weights here": left("missing_keys"),
        "of another shape than the config says": left("mismatched_keys", _shapes),
        "without a place in the model": left("unexpected_keys"),
    }
    said = tensors(found)
    said += [str(message).strip().partition("\n")[0] for message in report.get("error_msgs") or ()]
    if said:
        raise BackendError(
            f"{folder}: the weights are not those of the model that config.json describes: {'; '.join(said)}; "
            "save the model again with save_pretrained, unwrapped and whole"
        )


def _shapes(mismatch: Any) -> str:
    if isinstance(mismatch, str):
        return mismatch
    name, here, wanted = mismatch
    return f"{name} {list(here)}, not {list(wanted)}"


def _floats(tensor: Any) -> bool:
    return bool(tensor.is_floating_point()) and tensor.device.type != "meta"


def library() -> Any:
    """transformers, imported the way it is used here. Raises: MissingExtra: it, or torch, is not installed."""
    before_torch.settle()
    try:
        import torch  # noqa: F401 - transformers says less clearly that it is missing
        import transformers
    except ImportError as error:
        raise MissingExtra(f"a local model needs torch and transformers: {INSTALL}") from error
    transformers.utils.logging.disable_progress_bar()
    return transformers
