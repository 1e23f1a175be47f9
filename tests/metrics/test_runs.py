"""Runs that two sequences share."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.metrics._runs import cut_runs, shared_runs, sorted_runs

TEXT = st.text(st.sampled_from("abcde é漢\ud800😀"), max_size=60)


def by_hand(answer: str, gold: str, n: int) -> tuple[int, int, int]:
    ours, theirs = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (answer, gold))
    return ours.total(), theirs.total(), (ours & theirs).total()


@given(TEXT, TEXT, st.integers(1, 10))
def test_sorting_and_cutting_count_the_same_runs(answer: str, gold: str, longest: int) -> None:
    expected = [by_hand(answer, gold, n) for n in range(1, longest + 1)]

    assert expected == list(shared_runs(answer, gold, longest))
    assert [both for _, _, both in expected] == list(cut_runs(answer, gold, longest))
    assert [both for _, _, both in expected] == list(sorted_runs(answer, gold, longest))


def test_runs_over_more_characters_than_fit_into_a_word_are_exact() -> None:
    answer = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    gold = answer[:2500] + answer[2400:]

    assert [by_hand(answer, gold, n) for n in range(1, 11)] == list(shared_runs(answer, gold, 10))


@pytest.mark.parametrize(("answer", "gold", "both"), [([], ["a"], 0), (["a", "b", "a"], ["a", "a", "c"], 2)])
def test_words_are_symbols_too(answer: list[str], gold: list[str], both: int) -> None:
    assert (len(answer), len(gold), both) == next(shared_runs(answer, gold, 1))
