"""A local Hugging Face model, asked as `options.mode` says, for all datasets or one by one.

`generate` an answer (`_hf`), `choices` (which of a row's options is likeliest), `likelihood` (of the row's reference
after the prompt), `perplexity` (of the prompt's own text, without a template); the last three live in `_hf_scoring`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from shipworthy.errors import BadInput
from shipworthy.models._hf import generator, opened
from shipworthy.models._hf_engine import Settings
from shipworthy.models._hf_scoring import scoring
from shipworthy.models._options import cost_usd, options_of
from shipworthy.models.backend import Backend
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example

_SAMPLING = {"max_tokens": "max_new_tokens"}


def load(
    name: str, spec: ModelSpec, *, folder: Path, examples: Sequence[Example], environ: Mapping[str, str]
) -> Backend:
    """The local model that `spec.path` and `spec.adapter` name; `options` and `sampling` together are `Settings`.

    Raises: BadInput: no path, or an option is unknown. BackendError, MissingExtra: as `HuggingFaceBackend.load`.
    """
    del environ
    if spec.path is None:
        raise BadInput(f"model {name!r}: the huggingface backend needs a `path`, the folder of a model")
    sampling = {_SAMPLING.get(key, key): value for key, value in spec.sampling.items()}
    settings = options_of(name, {**spec.options, **sampling}, Settings)
    model = opened(folder / spec.path, folder / spec.adapter if spec.adapter else None, name, settings)
    writer = generator(model, settings, lambda asked, written: cost_usd(spec, asked, written))
    return scoring(writer, model.loaded, settings, examples) if settings.scores else writer
