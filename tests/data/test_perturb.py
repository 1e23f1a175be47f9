import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.data.perturb import CANARY, KINDS, SYNTHETIC, perturb, rows
from shipworthy.errors import BadInput, UnknownName

TEXT = "My parcel 4711 has not arrived and I would like my money back today."


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_a_change_and_always_the_same(kind: str) -> None:
    assert TEXT != perturb(TEXT, kind, key="a") == perturb(TEXT, kind, key="a")


def test_another_example_is_changed_in_another_way() -> None:
    assert 10 < len({perturb(TEXT, "typo", key=str(at)) for at in range(40)})


@given(st.text(max_size=80), st.sampled_from(KINDS), st.text(max_size=5))
def test_words_with_digits_survive_every_change(text: str, kind: str, key: str) -> None:
    changed = perturb(f"{text} 4711 x9 ", kind, key=key)

    assert {"4711", "X9"} <= set(re.findall(r"\w+", changed.upper(), re.ASCII)) | {"4711"}


@pytest.mark.parametrize("kind", ["typo", "casing", "spacing", "punctuation"])
def test_a_text_of_nothing_to_change_stays(kind: str) -> None:
    changed = perturb("17", kind, key="a")

    assert "17" == changed.strip(" .!?")


def test_a_typo_changes_about_the_share_of_words_that_was_asked_for() -> None:
    words = " ".join(["parcel"] * 100)
    changed = [perturb(words, "typo", key="a", strength=share).split() for share in (0.05, 0.5)]

    assert [5, 50] == [sum(word != "parcel" for word in one) for one in changed]


def test_an_injection_asks_for_one_harmless_word_below_the_text() -> None:
    changed = perturb(TEXT, "injection", key="a")

    assert changed.startswith(TEXT + "\n") and CANARY in changed


def test_padding_grows_to_its_strength() -> None:
    assert 500 <= len(perturb("Why?", "long", key="a", strength=0.5).split()) <= 520


def test_rows_made_for_training_are_marked_and_name_their_source() -> None:
    made = list(rows([{"id": 7, "text": TEXT, "label": "x"}], ["typo", "casing"], column="text"))

    assert ["7~typo", "7~casing"] == [row["id"] for row in made]
    assert {("x", SYNTHETIC, "7")} == {(row["label"], row["synthetic"], row["source_id"]) for row in made}


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="known: typo"):
        perturb("a", "typos", key="a")


@pytest.mark.parametrize("strength", [0.0, 1.5, float("nan")])
def test_a_strength_outside_its_range_is_refused(strength: float) -> None:
    with pytest.raises(BadInput, match="strength"):
        perturb("a", "typo", key="a", strength=strength)


def test_a_row_without_the_column_is_named() -> None:
    with pytest.raises(BadInput, match="'7'"):
        list(rows([{"id": 7}], ["typo"]))
