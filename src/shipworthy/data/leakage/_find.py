"""Compare two sets of texts, or one with itself."""

from collections.abc import Sequence

import numpy as np

from shipworthy.data._repeats import normal
from shipworthy.data.leakage._clusters import components
from shipworthy.data.leakage._evidence import Floats, Verified, row_bits, wording
from shipworthy.data.leakage._meaning import Embedder, by_meaning
from shipworthy.data.leakage._tiers import LOOK_EDITS, compare, edit_shares, measure, measure_within, tiers
from shipworthy.data.leakage._tokens import Ints, Vocabulary, tokenise
from shipworthy.data.leakage.types import TIERS, Leakage, Match, Node, Null, Tier


def find(left: Sequence[str], right: Sequence[str], *, embedder: Embedder | None = None) -> Leakage:
    """Which rows of `right` (a test set, a benchmark) stand in `left` (training), exactly or nearly.

    *certain*: the same text but for case, spacing and Unicode form. *likely*: at most 10 % of the words differ, and the
    evidence for copying exceeds what chance and this data's own unrelated rows reach. *look_at_it*: at most 20 % of the
    words differ and the evidence exceeds chance, or an embedder finds the meaning closer than unrelated rows come.
    A text that stands in `left` several times is matched at its first place.

    Args: embedder: adds matches by meaning; None leaves them out.
    """
    first = _first_places(left)
    keys = [normal(text) for text in right]
    exact = [_exact(first[key], row) for row, key in enumerate(keys) if key and key in first]
    done = {match.right for match in exact}
    place_N = np.fromiter(first.values(), np.int64, len(first))
    open_N = np.array([row for row, key in enumerate(keys) if key and row not in done], dtype=np.int64)
    near, measured = _near(list(first), [keys[row] for row in open_N], asked=len(right))
    found = [*exact, *(_placed(match, place_N, open_N) for match in near)]
    if embedder is not None:
        found += by_meaning(left, right, embedder, known={(match.left, match.right) for match in found})
    found.sort(key=_strongest_first)
    return Leakage(
        left_rows=len(left),
        right_rows=len(right),
        matches=tuple(found),
        rows=_rows(found),
        clusters=_clusters(found),
        null=measured,
    )


def within(texts: Sequence[str]) -> list[list[int]]:
    """Clusters of rows of one set that are not to be torn apart, as row numbers from 0.

    They say the same but for case, spacing and punctuation, or are likely copies of one another.
    """
    first = _first_places(texts)
    place_N = np.fromiter(first.values(), np.int64, len(first))
    again = [(first[key], row) for row, text in enumerate(texts) if (key := normal(text)) and first[key] != row]
    near = [(int(place_N[one]), int(place_N[other])) for one, other in _near_within(list(first))]
    return [sorted(cluster) for cluster in components([*again, *near])]


def near_rows(left: Sequence[str], right: Sequence[str]) -> set[int]:
    """Rows of `right` of which at most 20 % of the words differ from a row of `left`, whatever that is evidence of.

    Rows of one template are such twins, though nothing says that one was copied from the other. Where hundreds of rows
    share every run of four words, not all of them are found.
    """
    sources = list(_first_places(left))
    probes = [normal(text) for text in right]
    known = set(sources)
    exact = {row for row, text in enumerate(probes) if text and text in known}
    words = Vocabulary()
    source, _ = tokenise(sources, words)
    probe, _ = tokenise(probes, words)
    seen = compare(source, probe, wording([source, probe], len(words)))
    return exact | set(seen.probe_P[edit_shares(seen) <= LOOK_EDITS].tolist())


def _first_places(texts: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for row, text in enumerate(texts):
        places.setdefault(normal(text), row)
    places.pop("", None)
    return places


def _exact(left: int, right: int) -> Match:
    return Match(left=left, right=right, tier="certain", kind="same", similarity=1.0)


def _placed(match: Match, left_N: Ints, right_N: Ints) -> Match:
    return Match(
        left=int(left_N[match.left]),
        right=int(right_N[match.right]),
        tier=match.tier,
        kind=match.kind,
        similarity=match.similarity,
        bits=match.bits,
    )


def _near(sources: list[str], probes: list[str], *, asked: int) -> tuple[list[Match], Null]:
    """Matches between different normal texts, and what they were measured against. Args: asked: all rows asked for."""
    words = Vocabulary()
    source, source_letters = tokenise(sources, words)
    probe, probe_letters = tokenise(probes, words)
    said = wording([source, probe], len(words))
    seen, measured = measure(source, probe, said, asked=asked)
    same = _same_words(source_letters, probe_letters, row_bits(probe, said), measured)
    likely_P, look_P = tiers(seen, measured)
    known = {(match.left, match.right) for match in same}
    near = [_match(seen, at, "likely" if likely_P[at] else "look_at_it") for at in np.flatnonzero(look_P).tolist()]
    return [*same, *(match for match in near if (match.left, match.right) not in known)], measured


def _same_words(sources: list[str], probes: list[str], bits_N: Floats, measured: Null) -> list[Match]:
    """Rows that differ in punctuation and spacing alone; a row of few bits, that many might write, is only a hint."""
    place = {letters: row for row, letters in reversed(list(enumerate(sources))) if letters}
    return [
        Match(
            left=place[letters],
            right=row,
            tier="likely" if bits_N[row] >= measured.likely_bits else "look_at_it",
            kind="same_words",
            similarity=1.0,
            bits=float(bits_N[row]),
        )
        for row, letters in enumerate(probes)
        if letters in place
    ]


def _near_within(texts: list[str]) -> list[tuple[int, int]]:
    words = Vocabulary()
    rows, letters = tokenise(texts, words)
    said = wording([rows], len(words))
    seen, measured = measure_within(rows, said)
    likely_P, _ = tiers(seen, measured)
    place = {text: row for row, text in reversed(list(enumerate(letters))) if text}
    same = [(place[text], row) for row, text in enumerate(letters) if place.get(text, row) != row]
    return [*same, *zip(seen.source_P[likely_P].tolist(), seen.probe_P[likely_P].tolist(), strict=True)]


def _match(seen: Verified, at: int, tier: Tier) -> Match:
    return Match(
        left=int(seen.source_P[at]),
        right=int(seen.probe_P[at]),
        tier=tier,
        kind="inside" if seen.inside_P[at] else "near",
        similarity=max(0.0, 1 - float(seen.edits_P[at]) / max(1, int(seen.words_P[at]))),
        bits=float(seen.bits_P[at]),
    )


def _strongest_first(match: Match) -> tuple[int, float, float, int, int]:
    return TIERS.index(match.tier), -(match.bits or 0.0), -match.similarity, match.right, match.left


def _rows(matches: Sequence[Match]) -> dict[str, int]:
    """Matches come strongest first, so the first tier of a row is its own."""
    tier_of: dict[int, Tier] = {}
    for match in matches:
        tier_of.setdefault(match.right, match.tier)
    return {tier: sum(found == tier for found in tier_of.values()) for tier in TIERS}


def _clusters(matches: Sequence[Match]) -> tuple[tuple[Node, ...], ...]:
    edges: list[tuple[Node, Node]] = [(("left", match.left), ("right", match.right)) for match in matches]
    return tuple(tuple(sorted(cluster)) for cluster in components(edges))
