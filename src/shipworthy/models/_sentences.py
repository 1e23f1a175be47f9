"""Local models that read texts and answer none: classifiers (one text or a pair) and sentence embedders.

torch and transformers load inside `load`, and nowhere else.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipworthy.models._hf_files import model_folder, tokenizer_digest, weights_digest
from shipworthy.models._hf_load import network_of, tokenizer_of

_BATCH = 32
_LONGEST = 512
_HEADS = ("pooler", "lm_head", "cls.", "score", "classifier", "qa_outputs", "vocab_", "discriminator", "generator")
"""Parts of names of tensors that a mean of hidden states never reads."""


class TextClassifier:
    """A sequence-classification model on the CPU, in float32."""

    def __init__(self, network: Any, tokenizer: Any, identity: Mapping[str, str]) -> None:
        self._network = network
        self._tokenizer = tokenizer
        self.identity = identity
        names = network.config.id2label
        self.labels: tuple[str, ...] = tuple(str(names[index]) for index in range(network.config.num_labels))

    @classmethod
    def load(cls, folder: Path) -> "TextClassifier":
        """The classifier in a folder, as written by `save_pretrained`.

        Raises: BackendError: none can be loaded from there. MissingExtra: torch or transformers is not installed.
        """
        return cls(*_loaded(folder, "AutoModelForSequenceClassification"))

    def probabilities(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[list[float]]:
        """(N, labels) probabilities; with one label, its sigmoid. `pairs`: second texts (hypotheses), one a text."""
        import torch

        found: list[list[float]] = []
        for encoded in _batches(self._tokenizer, texts, pairs, self._network.config):
            with torch.inference_mode():
                logits = self._network(**encoded).logits.double()
            share = torch.sigmoid(logits) if logits.shape[-1] == 1 else torch.softmax(logits, dim=-1)
            found.extend(share.tolist())
        return found


class SentenceEmbedder:
    """Mean of the last hidden states over a text's tokens, scaled to length 1 (Reimers & Gurevych 2019)."""

    def __init__(self, network: Any, tokenizer: Any, identity: Mapping[str, str]) -> None:
        self._network = network
        self._tokenizer = tokenizer
        self.identity = identity

    @classmethod
    def load(cls, folder: Path) -> "SentenceEmbedder":
        """The embedder in a folder. Raises: as `TextClassifier.load`."""
        return cls(*_loaded(folder, "AutoModel", _HEADS))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, D) unit vectors."""
        import torch

        rows = []
        for encoded in _batches(self._tokenizer, texts, None, self._network.config):
            mask = encoded["attention_mask"].unsqueeze(-1)
            with torch.inference_mode():
                states = self._network(**encoded).last_hidden_state * mask
            mean = states.sum(1) / mask.sum(1).clamp(min=1)
            rows.append(torch.nn.functional.normalize(mean, dim=-1).numpy())
        return np.concatenate(rows) if rows else np.zeros((0, 1), dtype=np.float32)


def _loaded(folder: Path, kind: str, spare: Sequence[str] = ()) -> tuple[Any, Any, dict[str, str]]:
    model = model_folder(folder)
    network, tokenizer = network_of(model, kind, spare=spare), tokenizer_of(model)
    return network, tokenizer, {"weights_sha256": weights_digest(model), "tokenizer_sha256": tokenizer_digest(model)}


def _batches(tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None, config: Any) -> Iterator[Any]:
    """Encoded batches; the longest texts are cut where the model ends, a pair at its first text."""
    longest = min(_LONGEST, int(getattr(config, "max_position_embeddings", _LONGEST)))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    for start in range(0, len(texts), _BATCH):
        batch = list(texts[start : start + _BATCH])
        second = {} if pairs is None else {"text_pair": list(pairs[start : start + _BATCH])}
        cut = True if pairs is None else "only_first"
        yield tokenizer(batch, **second, padding=True, truncation=cut, max_length=longest, return_tensors="pt")
