"""Chance that belongs to an example: the same whatever else is asked, in whatever order and batch. Pure."""

import hashlib

import msgspec

from shipworthy.records import Prompt


def noise_of(seed: int, prompt: Prompt) -> int:
    """A whole number below 2**64 that depends on the seed and the example only."""
    digest = hashlib.sha256(msgspec.json.encode([seed, prompt.dataset, prompt.example_id])).digest()
    return int.from_bytes(digest[:8], "big")
