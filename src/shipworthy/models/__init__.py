"""WHO ANSWERS: backends and trivial baselines.

`load` finds a backend by name; `Backend` is the protocol that all of them keep (one contract suite holds them to it).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from shipworthy import plugins
from shipworthy.models._reasoned import Reasoned, Whole, reasoning_of
from shipworthy.models.backend import Backend
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example

__all__ = ["BUILT_IN", "Backend", "Loader", "bare", "load"]

BUILT_IN: Mapping[str, str] = {
    "huggingface": "shipworthy.models.huggingface:load",
    "openai": "shipworthy.models.openai:load",
    "recorded": "shipworthy.models.recorded:load",
    "trivial": "shipworthy.models.trivial:load",
    "vllm": "shipworthy.models.vllm:load",
}
"""Name in the protocol -> the function that loads this kind of backend."""


class Loader(Protocol):
    """What a backend's `load` function looks like, built in or from a package (entry point `shipworthy.backend`)."""

    def __call__(
        self, name: str, spec: ModelSpec, *, folder: Path, examples: Sequence[Example], environ: Mapping[str, str]
    ) -> Backend:
        """The backend of the model `name`. Asks nothing yet: a model that cannot be reached shows in `answer`."""
        ...


def load(
    name: str,
    spec: ModelSpec,
    *,
    folder: Path,
    examples: Sequence[Example] = (),
    environ: Mapping[str, str] | None = None,
) -> Backend:
    """The backend of one model of a protocol. Its answers come without thoughts, unless `options.reasoning` keeps them.

    Args:
        name: the model's key in the protocol.
        spec: what the protocol says about it.
        folder: where the protocol lies; its relative paths start here.
        examples: of every dataset; a trivial baseline is fitted on their references.
        environ: where API keys are looked up.

    Raises:
        UnknownName: no such backend.
        BadInput: an option is wrong, or a file is missing or broken.
        BackendError: the weights cannot be loaded.
        MissingExtra: an optional package is not installed.
    """
    backend = spec.backend
    if ".py:" in backend:
        backend = str(folder / backend)
    loader: Loader = plugins.find("backend", backend, BUILT_IN)
    reasoning, own = reasoning_of(name, spec)
    loaded = loader(name, own, folder=folder, examples=examples, environ=environ or {})
    return Whole(loaded) if reasoning == "keep" else Reasoned(loaded)


def bare(backend: Backend) -> Backend:
    """The backend as its kind loaded it, without what `load` puts around every one."""
    return backend.inner if isinstance(backend, Whole | Reasoned) else backend
