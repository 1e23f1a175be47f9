"""Chance that belongs to an example: the same whatever else is asked, in whatever order and batch. Pure."""

import hashlib

import msgspec

from shipworthy.records import Prompt

NOISE = "seed and example"
"""What the identity of a model says under `noise` where its chance is this."""
SEEDS = 1 << 31
"""A request's own seed lies below this; servers and engines take no more."""


def seed_of(seed: int, prompt: Prompt) -> int:
    """The seed of one request: one seed for all of them would give every row the same draws."""
    return noise_of(seed, prompt) % SEEDS


def noise_of(seed: int, prompt: Prompt) -> int:
    """A whole number below 2**64 that depends on the seed and the example only."""
    digest = hashlib.sha256(msgspec.json.encode([seed, prompt.dataset, prompt.example_id])).digest()
    return int.from_bytes(digest[:8], "big")
