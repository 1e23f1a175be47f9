"""What must be alike for a fair comparison, read off the identities of the models and the versions of the metrics."""

from collections.abc import Mapping

from shipworthy.metrics.types import Metric
from shipworthy.protocol import Protocol
from shipworthy.store import Manifest

_IDENTITY = {
    "dtype": "precision",
    "quantised": "quantisation",
    "batch_size": "batch_size",
    "temperature": "temperature",
    "max_new_tokens": "longest answer",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop",
}
"""Keys of a backend's identity, and what a report calls them."""
_SAMPLING = {"temperature": "temperature", "max_tokens": "longest answer", "top_p": "top_p"}
PER_TOKEN = ("tokens", "nats", "perplexity")
"""Units whose values mean something only under one tokenizer."""


def facts(promised: Protocol, locked: Manifest, metrics: Mapping[str, Metric]) -> dict[str, dict[str, str]]:
    """Model -> what is compared -> its value; what a backend does not know is left out.

    Which tokenizer it is, is told by what it does (`tokenization_sha256`) where every model says so, else by its files:
    a file that was saved again differs in keys that change no token. Tokenizers count only where a metric is per token:
    two families of models may be compared by their answers. Chat templates count only under one tokenizer: there
    another template is another prompt, and a fine-tune of the same base keeps both. Weights and adapters are what is
    compared and never count.
    """
    per_token = any(metric.unit in PER_TOKEN for metric in metrics.values())
    key = _tokenizer_key(locked)
    family = locked.models[locked.candidate].identity.get(key)
    found = {}
    for name, spec in promised.models.items():
        identity = locked.models[name].identity
        known = {fact: str(spec.sampling[key]) for key, fact in _SAMPLING.items() if key in spec.sampling}
        known |= {fact: identity[key] for key, fact in _IDENTITY.items() if key in identity}
        tokenizer = identity.get(key)
        if tokenizer and per_token:
            known["tokenizer"] = tokenizer[:12]
        if tokenizer and tokenizer == family and "template_sha256" in identity:
            known["chat template"] = identity["template_sha256"][:12]
        found[name] = known
    return found


def _tokenizer_key(locked: Manifest) -> str:
    knowing = [model.identity for model in locked.models.values() if "tokenizer_sha256" in model.identity]
    return "tokenization_sha256" if all("tokenization_sha256" in one for one in knowing) else "tokenizer_sha256"


def rescored(locked: Manifest, metrics: Mapping[str, Metric]) -> dict[str, tuple[str, str]]:
    """Metric -> (its version in the run, its version now) where the same answer may be scored otherwise by now."""
    then: Mapping[str, str] = locked.settings.get("metric_versions", {})
    return {
        name: (then[name], metric.version)
        for name, metric in metrics.items()
        if name in then and then[name] != metric.version
    }
