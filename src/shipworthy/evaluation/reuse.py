"""Answers of earlier runs, used again only where nothing that decides about an answer can have changed."""

from typing import Protocol

import msgspec

from shipworthy.models import Backend
from shipworthy.records import Prompt, Response
from shipworthy.store.cache import key as key_of


class Cache(Protocol):
    """Where answers are kept across runs (`store.cache`)."""

    def get(self, key: str) -> Response | None:
        """The answer that was put under this key, if any."""
        ...

    def put(self, key: str, response: Response) -> None:
        """Keep an answer."""
        ...


class Reuse:
    """A cache, asked only for models whose identity pins their weights.

    The model behind an endpoint may change under the same name and fingerprint, so its answers are never used again;
    recorded and trivial answers cost nothing. That leaves local weights, known by their digest.
    """

    def __init__(self, cache: Cache | None) -> None:
        self._cache = cache

    def of(self, backend: Backend) -> bool:
        """Whether any answer of this model could be used again."""
        return self._cache is not None and _pinned(backend)

    def find(self, backend: Backend, prompt: Prompt, seed: int) -> Response | None:
        """The answer of the same weights to the same conversation under the same seed and sampling."""
        if self._cache is None or not _pinned(backend):
            return None
        found = self._cache.get(cache_key(backend, prompt, seed))
        return found if found is not None and found.text is not None else None

    def keep(self, backend: Backend, prompt: Prompt, seed: int, response: Response) -> None:
        """Keep an answer; errors are not kept."""
        if self._cache is not None and response.text is not None and _pinned(backend):
            self._cache.put(cache_key(backend, prompt, seed), response)


def cache_key(backend: Backend, prompt: Prompt, seed: int) -> str:
    """sha256 of all that decides about an answer: identity (without the model's name), conversation, seed.

    Where `noise` of the identity says that chance belongs to the example, so does the answer.
    """
    identity = {name: value for name, value in backend.identity.items() if name != "name"}
    if "noise" in identity:
        identity["example"] = msgspec.json.encode([prompt.dataset, prompt.example_id]).decode()
    return key_of(identity, prompt, seed=seed)


def _pinned(backend: Backend) -> bool:
    return bool(backend.identity.get("weights_sha256"))
