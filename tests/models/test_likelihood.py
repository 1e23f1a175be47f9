import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.models._likelihood import (
    LARGEST_FAMILY,
    NO_PARENT,
    Family,
    Score,
    Sequel,
    Target,
    families,
    grow,
    preference,
    sequel_of,
    shares,
    windows,
)

ENDINGS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=1, max_size=5)
PROMPT = st.lists(st.integers(0, 3), min_size=1, max_size=6)


def _path(tree, node: int) -> list[int]:  # type: ignore[no-untyped-def]
    tokens = []
    while node != NO_PARENT:
        tokens.append(tree.tokens[node])
        node = tree.parents[node]
    return [*tree.trunk, *reversed(tokens)]


@given(PROMPT, ENDINGS)
def test_each_target_of_a_tree_stands_behind_exactly_its_own_history(
    prompt: list[int], endings: list[list[int]]
) -> None:
    sequels = [Sequel((*prompt, *ending), len(prompt)) for ending in endings]
    tree = grow(sequels)

    for sequel, targets in zip(sequels, tree.targets, strict=True):
        assert [list(sequel.ids[:at]) for at in range(sequel.start, len(sequel.ids))] == [
            _path(tree, target.at - 1) for target in targets
        ]
        assert list(sequel.ids[sequel.start :]) == [target.token for target in targets]


@given(PROMPT, ENDINGS)
def test_no_token_of_a_tree_is_read_twice(prompt: list[int], endings: list[list[int]]) -> None:
    tree = grow([Sequel((*prompt, *ending), len(prompt)) for ending in endings])
    paths = [tuple(_path(tree, node)) for node in range(len(tree.tokens))]

    assert len(set(paths)) == len(paths)
    assert len(tree) <= len(prompt) + sum(len(ending) - 1 for ending in endings)


def test_options_of_one_token_cost_nothing_beyond_the_prompt() -> None:
    tree = grow([Sequel((1, 2, 3, token), 3) for token in (7, 8, 9)])

    assert ((1, 2, 3), ()) == (tree.trunk, tree.tokens)
    assert ((Target(0, 7),), (Target(0, 8),), (Target(0, 9),)) == tree.targets


def test_a_seam_that_the_tokenizer_merges_in_one_option_only_is_read_apart() -> None:
    merged, plain = sequel_of([1, 2, 3], [1, 2, 9, 5]), sequel_of([1, 2, 3], [1, 2, 3, 4])
    tree = grow([merged, plain])

    assert (1, 2) == tree.trunk
    assert [[5], [4]] == [[target.token for target in targets] for targets in tree.targets]


def test_sequels_without_a_common_beginning_or_without_anything_to_score_are_refused() -> None:
    with pytest.raises(ValueError, match="must begin with the same token"):
        grow([Sequel((1, 2), 1), Sequel((3, 2), 1)])
    with pytest.raises(ValueError, match="cannot be scored from token 2"):
        Sequel((1, 2), 2)


def test_trunks_share_what_they_begin_with_but_never_their_last_token() -> None:
    assert [Family((0, 1), 3)] == families([(5, 6, 7, 8), (5, 6, 7, 9)], worth=2)
    assert [Family((0, 1), 3)] == families([(5, 6, 7, 8), (5, 6, 7, 8)], worth=2)
    assert [Family((0, 1), 0)] == families([(5, 6, 7, 8), (5, 6, 7, 9)], worth=3)


def test_each_few_shot_header_makes_a_family_and_strangers_share_nothing() -> None:
    trunks = [(1, *header, question) for header in ([2] * 9, [3] * 9) for question in range(4)]

    assert [Family((4,), 0), Family((0, 1, 2, 3), 10), Family((5, 6, 7, 8), 10)] == families(
        [*trunks[:4], (9, 9), *trunks[4:]], worth=8
    )


def test_a_crowd_is_cut_into_families_of_bounded_size() -> None:
    found = families([(1, 2, 3, at) for at in range(LARGEST_FAMILY + 5)], worth=1)

    assert [5, LARGEST_FAMILY] == sorted(len(family.members) for family in found)


def _best(trunks: list[tuple[int, ...]], worth: int) -> int:
    """The most that any partition into neighbours (in alphabetical order) saves, each partition tried."""
    order = sorted(trunks)
    saved = 0
    for cuts in range(2 ** max(0, len(order) - 1)):
        places = [0, *(at for at in range(1, len(order)) if cuts >> (at - 1) & 1), len(order)]
        saved = max(saved, sum(_saved(order[a:b], worth) for a, b in pairwise(places) if a < b))
    return saved


def _saved(part: list[tuple[int, ...]], worth: int) -> int:
    alike = next(
        (at for at, tokens in enumerate(zip(*part, strict=False)) if len(set(tokens)) > 1), min(map(len, part))
    )
    shared = min(alike, min(map(len, part)) - 1)
    return max(0, shared * (len(part) - 1) - worth)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8).map(tuple), max_size=7), st.integers(0, 10))
def test_families_take_everybody_once_and_save_as_much_as_any_partition(
    trunks: list[tuple[int, ...]], worth: int
) -> None:
    found = families(trunks, worth=worth)

    assert list(range(len(trunks))) == sorted(at for family in found for at in family.members)
    assert all(1 == len({trunks[at][: family.shared] for at in family.members}) for family in found)
    assert all(family.shared < len(trunks[at]) for family in found for at in family.members)
    assert _best(trunks, worth) == sum(
        family.shared * (len(family.members) - 1) - worth for family in found if family.shared
    )


@given(st.integers(1, 40), st.integers(1, 12), st.data())
def test_windows_score_every_token_but_the_first_once_and_never_read_more_than_they_may(
    n: int, size: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(1, size))
    ids = list(range(n))
    found = windows(ids, size=size, stride=stride)

    assert ids[1:] == [token for window in found for token in window.ids[window.start :]]
    assert all(len(window.ids) - 1 <= size for window in found)
    assert all(window.ids == tuple(range(window.ids[0], window.ids[-1] + 1)) for window in found)


def test_a_shorter_stride_gives_every_later_token_more_context() -> None:
    least = {
        stride: min(window.start for window in windows(list(range(40)), size=8, stride=stride)[1:])
        for stride in (8, 4, 2)
    }

    assert {8: 1, 4: 5, 2: 7} == least


@pytest.mark.parametrize("stride", [0, 9])
def test_a_stride_outside_the_window_is_refused(stride: int) -> None:
    with pytest.raises(ValueError, match="between 1 and the window of 8"):
        windows([1, 2, 3], size=8, stride=stride)


def test_the_choice_can_be_made_by_the_sum_or_by_its_mean_a_byte_or_a_token() -> None:
    scores = [Score(-6.0, 3, False), Score(-4.0, 1, False)]

    assert [-6.0, -4.0] == preference(scores, ["über", "no"], "sum")
    assert [-6.0 / 5, -2.0] == preference(scores, ["über", "no"], "bytes")
    assert [-2.0, -4.0] == preference(scores, ["über", "no"], "tokens")


def test_probabilities_sum_to_one_however_unlikely_all_options_are() -> None:
    found = shares(["a", "b"], [-2000.0, -2000.0 - math.log(3)])

    assert {"a": 0.75, "b": 0.25} == pytest.approx(found)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_told_before_anything_is_chosen_by_it(value: float) -> None:
    from shipworthy.models._choices import unsound

    assert unsound([Score(-1.0, 1, False), Score(-2.0, 1, False)]) is None
    assert f"not finite ({value})" in str(unsound([Score(-1.0, 1, False), Score(value, 1, False)]))


@pytest.mark.parametrize("target", [{"text": ["Paris"], "answer_start": [0]}, ["Paris"], None, ""])
def test_a_reference_that_is_no_text_has_no_likelihood(target: object) -> None:
    from shipworthy.models._options import likely

    text, error = likely(target)

    assert text is None
    assert error is not None


def test_numbers_and_texts_have_a_likelihood_and_odd_options_have_none() -> None:
    from shipworthy.models._choices import options_in
    from shipworthy.models._options import likely

    assert ("7", None) == likely(7)
    assert (("a", "7"), None) == options_in(["a", 7], "choices")
    assert "no text or number" in str(options_in(["a", None], "choices")[1])
