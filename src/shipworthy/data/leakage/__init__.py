"""Rows of one set that stand in another, exactly, nearly or in meaning; and what they do to a score."""

from shipworthy.data.leakage._effect import Effect, effect
from shipworthy.data.leakage._find import find, near_rows, within
from shipworthy.data.leakage._meaning import Embedder
from shipworthy.data.leakage.types import Leakage, Match, Tier

__all__ = ["Effect", "Embedder", "Leakage", "Match", "Tier", "effect", "find", "near_rows", "within"]
