"""What is said about two sets of rows: matches in three tiers, what they were measured against, and clusters."""

from typing import Literal

from shipworthy.records import Record

Tier = Literal["certain", "likely", "look_at_it"]
Kind = Literal["same", "same_words", "near", "inside", "meaning"]
Node = tuple[Literal["left", "right"], int]
TIERS: tuple[Tier, ...] = ("certain", "likely", "look_at_it")


class Match(Record):
    """Row `left` of the first set (training) and row `right` of the second (test) say the same, or nearly.

    Attributes:
        left, right: row numbers from 0.
        kind: same after case, spacing and Unicode form; same words (punctuation differs); near (words edited); inside
            (the test row stands inside a longer row); meaning (an embedder's judgement).
        similarity: share of the test row's words that were not edited, or the cosine.
        bits: evidence that one was copied from the other (log2 of the likelihood ratio); None for `same`, `meaning`.
    """

    left: int
    right: int
    tier: Tier
    kind: Kind
    similarity: float
    bits: float | None = None


class Null(Record):
    """How similar rows of the first set are that are not the same: what a match is measured against.

    Attributes:
        rows: how many rows of the first set were asked for their nearest other row.
        share: how many of them find one that would be called likely by the evidence alone (`floor_bits`).
        chance_bits: the evidence that one pair in a comparison of this size reaches by chance.
        floor_bits: at this evidence 0.001 pairs are expected by chance in a comparison of this size.
        likely_bits: what is asked here, so that at most 2 in 100 of these rows would be called likely.
        capped: no limit within reach does that; the first set holds near copies of its own rows.
    """

    rows: int
    share: float
    chance_bits: float
    floor_bits: float
    likely_bits: float
    capped: bool


class Leakage(Record):
    """Everything found between two sets.

    Attributes:
        left_rows, right_rows: sizes of the sets.
        matches: strongest first; every row of the second set at most six times.
        rows: tier -> rows of the second set whose strongest match lies in it.
        clusters: each the rows of both sets that hang together, ("left", row) and ("right", row).
    """

    left_rows: int
    right_rows: int
    matches: tuple[Match, ...]
    rows: dict[str, int]
    clusters: tuple[tuple[Node, ...], ...]
    null: Null

    def flagged(self, *tiers: Tier) -> frozenset[int]:
        """Rows of the second set with a match in one of the tiers; without tiers, in certain or likely."""
        wanted = tiers or TIERS[:2]
        return frozenset(match.right for match in self.matches if match.tier in wanted)
