"""What is found between two sets, and what is not."""

import csv
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.data import leakage
from shipworthy.data.leakage import Leakage, Match
from shipworthy.data.leakage._tokens import Vocabulary, tokenise
from shipworthy.demo import world

TICKETS = list(
    dict.fromkeys(sample.prompt.partition("\n")[2] for sample in world.training_samples("ticket", 6_000, seed=5))
)
DOCUMENTS = [" ".join(TICKETS[at : at + 3]) for at in range(0, 4_500, 3)]


def _edited(text: str, rng: random.Random, words: Sequence[str]) -> str:
    """At most 10 % of the words replaced, left out, added or misspelt."""
    parts = text.split()
    for at in rng.sample(range(len(parts)), len(parts) // 10):
        change = rng.randrange(4)
        parts[at] = ("", rng.choice(words), f"{parts[at]} {rng.choice(words)}", parts[at][1:] + parts[at][:1] + "x")[
            change
        ]
    return " ".join(part for part in parts if part)


def _planted(texts: Sequence[str], n: int, seed: int) -> tuple[list[str], list[int]]:
    rng = random.Random(seed)
    words = sorted({word for text in texts for word in text.split()})
    chosen = rng.sample([row for row, text in enumerate(texts) if len(text.split()) >= 10], n)
    return [_edited(texts[row], rng, words) for row in chosen], chosen


def _same(one: str, other: str) -> bool:
    return one.casefold().split() == other.casefold().split()


def _recall_and_precision(
    found: Leakage, left: Sequence[str], right: Sequence[str], sources: Sequence[int]
) -> tuple[float, float]:
    """Over pairs in the top two tiers. A pair is right when its left text is the one that was edited."""
    pairs = [match for match in found.matches if match.tier != "look_at_it"]
    right_ones = [
        pair for pair in pairs if pair.right < len(sources) and _same(left[pair.left], left[sources[pair.right]])
    ]
    return len({pair.right for pair in right_ones}) / len(sources), len(right_ones) / len(pairs)


def _banking(shared_data: Path, name: str) -> list[str]:
    with (shared_data / "banking77" / name).open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("left", "right", "tier", "kind"),
    [
        ("Where is my card?", "where is  MY card?", "certain", "same"),
        ("Ｗｈｅｒｅ is my card?", "Where is my card?", "certain", "same"),
        ("Where is my card?\n", "\tWhere is my card?", "certain", "same"),
    ],
)
def test_case_spacing_and_unicode_form_do_not_hide_a_copy(left: str, right: str, tier: str, kind: str) -> None:
    found = leakage.find([left, "Something else entirely"], [right])

    assert [(0, 0, tier, kind)] == [(m.left, m.right, m.tier, m.kind) for m in found.matches]


def test_punctuation_alone_makes_no_other_question() -> None:
    found = leakage.find(
        [*TICKETS[:500], "The top-up of my (second) card, yesterday: failed!"],
        ["the top up of my second card yesterday failed"],
    )

    assert "same_words" == found.matches[0].kind
    assert 500 == found.matches[0].left


def test_a_decimal_is_not_another_number() -> None:
    assert () == leakage.find(["It costs 3.5 coins"], ["It costs 35 coins"]).matches


def test_a_row_inside_a_longer_one_is_found() -> None:
    inside = DOCUMENTS[7].split(" ", 3)[3]
    found = leakage.find([f"{TICKETS[-1]} {TICKETS[-2]} {DOCUMENTS[7]} {TICKETS[-3]}", *DOCUMENTS[20:200]], [inside])

    assert [(0, "likely", "inside")] == [(m.left, m.tier, m.kind) for m in found.matches]


def test_chinese_is_compared_character_by_character() -> None:
    row = "我们的客户昨天无法登录系统，请尽快检查服务器并告诉我们下一步该怎么做，谢谢。"
    found = leakage.find([row, *DOCUMENTS[:200]], [row.replace("昨天", "今天")])

    assert [(0, "near")] == [(m.left, m.kind) for m in found.matches]


def test_empty_sets_and_empty_rows_match_nothing() -> None:
    assert () == leakage.find([], []).matches
    assert () == leakage.find(["", " "], ["", "\n"]).matches
    assert () == leakage.find([], ["one row"]).matches
    assert () == leakage.find(["one row", "!!!"], ["???"]).matches


def test_edits_up_to_a_tenth_of_the_words_are_found_in_natural_text() -> None:
    left, clean = DOCUMENTS[:1_100], DOCUMENTS[1_100:]
    right, sources = _planted(left, 300, seed=1)
    recall, precision = _recall_and_precision(leakage.find(left, [*right, *clean]), left, right, sources)

    assert 0.97 <= recall
    assert 0.99 <= precision


def test_edits_in_short_templated_tickets_are_found() -> None:
    left = TICKETS[:4_000]
    right, sources = _planted(left, 400, seed=2)
    clean = [sample.prompt.partition("\n")[2] for sample in world.test_samples("ticket")]
    found = leakage.find(left, [*right, *clean])
    recall, precision = _recall_and_precision(found, left, right, sources)

    assert 0.97 <= len({m.right for m in found.matches if m.right < len(sources)}) / len(sources)
    assert 0.9 <= recall
    assert 0.99 <= precision


def test_edits_in_bank_customers_questions_are_found(shared_data: Path) -> None:
    left = _banking(shared_data, "train.csv")
    right, sources = _planted(left, 800, seed=3)
    recall, precision = _recall_and_precision(leakage.find(left, right), left, right, sources)

    assert 0.97 <= recall
    assert 0.99 <= precision


def test_the_six_leaking_questions_are_certain_and_few_others_are_flagged(shared_data: Path) -> None:
    left, right = _banking(shared_data, "train.csv"), _banking(shared_data, "test.csv")
    found = leakage.find(left, right)
    certain = {" ".join(right[match.right].casefold().split()) for match in found.matches if match.tier == "certain"}

    six = {text.strip().casefold() for text in left} & {text.strip().casefold() for text in right}

    assert 6 == len(six)
    assert {" ".join(text.split()) for text in six} <= certain
    assert 0.02 >= len(found.flagged()) / len(right)


def test_a_set_full_of_near_copies_raises_its_own_limit() -> None:
    rng = random.Random(4)
    words = sorted({word for text in TICKETS for word in text.split()})
    copies = [*DOCUMENTS[:300], *(_edited(text, rng, words) for text in DOCUMENTS[:300])]
    found = leakage.find(copies, DOCUMENTS[1_000:1_100])

    assert found.null.likely_bits > found.null.floor_bits
    assert found.null.capped


def test_clusters_join_both_sets() -> None:
    found = leakage.find(
        [DOCUMENTS[0], DOCUMENTS[1], *DOCUMENTS[50:90]], [DOCUMENTS[0], DOCUMENTS[0].upper(), "Hello there"]
    )

    assert ((("left", 0), ("right", 0), ("right", 1)),) == found.clusters
    assert {"certain": 2, "likely": 0, "look_at_it": 0} == found.rows
    assert frozenset({0, 1}) == found.flagged()


def test_copies_within_one_set_are_one_cluster() -> None:
    copy, edited = DOCUMENTS[3].upper(), DOCUMENTS[3] + " Thanks"

    assert [[3, 60, 61]] == leakage.within([*DOCUMENTS[:60], copy, edited])


def test_an_embedder_adds_meaning_and_only_to_look_at() -> None:
    rng = np.random.default_rng(0)
    left = rng.normal(size=(400, 64))
    vectors = {f"left {row}": left[row] for row in range(400)} | {
        "paraphrase": left[7] + 0.05 * rng.normal(size=64),
        "unrelated": rng.normal(size=64),
    }
    found = leakage.find(
        [f"left {row}" for row in range(400)],
        ["paraphrase", "unrelated"],
        embedder=lambda texts: np.stack([vectors[text] for text in texts]),
    )

    assert [(7, 0, "look_at_it", "meaning")] == [(m.left, m.right, m.tier, m.kind) for m in found.matches]


texts = st.lists(st.text(alphabet="abc .,'\x01é中\n", max_size=30), max_size=12)


@settings(max_examples=80, deadline=None)
@given(left=texts, right=texts)
def test_any_text_is_compared_and_every_exact_copy_is_certain(left: list[str], right: list[str]) -> None:
    found = leakage.find(left, right)
    keys = {key for text in left if (key := " ".join(text.casefold().split()))}

    assert {row for row, text in enumerate(right) if " ".join(text.casefold().split()) in keys} == found.flagged(
        "certain"
    )
    assert all(0 <= m.left < len(left) and 0 <= m.right < len(right) for m in found.matches)
    assert len(found.matches) == len({(m.left, m.right) for m in found.matches})


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_the_order_of_rows_changes_no_match(seed: int) -> None:
    left, right = DOCUMENTS[:80], [*DOCUMENTS[40:50], DOCUMENTS[3] + " Thanks a lot"]
    order = list(range(80))
    random.Random(seed).shuffle(order)

    def pairs(matches: tuple[Match, ...], names: Sequence[int]) -> set[tuple[int, int, str]]:
        return {(names[match.left], match.right, match.tier) for match in matches}

    expected = pairs(leakage.find(left, right).matches, range(80))

    assert expected == pairs(leakage.find([left[row] for row in order], right).matches, order)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("costs 3.5, not 3.", ["costs", "3.5", "not", "3"]),
        ("at 10:30: go", ["at", "10:30", "go"]),
        ("1,000.", ["1,000"]),
        (".5 and 5.", ["5", "and", "5"]),
        ("3..5 e.g. a,b", ["35", "eg", "ab"]),
        ("é.3 ٣.٣", ["é3", "٣٣"]),
        ("", []),
        (".", []),
    ],
)
def test_a_point_comma_or_colon_stays_between_two_digits_alone(said: str, words: list[str]) -> None:
    known = Vocabulary()
    tokens, letters = tokenise([said], known)
    name = {number: word for word, number in known.items()}

    assert words == [name[number] for number in tokens.word_T[1:-1].tolist()]
    assert ["".join(words)] == letters
