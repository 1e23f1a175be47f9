"""The same question under different ids is one cluster."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.data import clusters
from shipworthy.data._repeats import codes, join
from shipworthy.records import Example, Message


def _example(number: int, text: str, cluster: str | None = None) -> Example:
    asked = (Message(role="user", content=text),) if text else ()
    return Example(id=str(number), dataset="test", messages=asked, cluster=cluster)


def test_different_questions_are_their_own_clusters() -> None:
    found = clusters([_example(1, "a"), _example(2, "b")])

    assert ([0, 1], 0, ()) == (found.code_N.tolist(), found.repeats, found.warnings)


def test_case_and_spacing_do_not_make_another_question() -> None:
    found = clusters([_example(1, "Two  plus two"), _example(2, "x"), _example(3, "two plus TWO\n")])

    assert ([0, 1, 0], 1) == (found.code_N.tolist(), found.repeats)
    assert ["duplicate_examples"] == [note.code for note in found.warnings]


def test_a_repeat_joins_the_clusters_that_it_stands_in() -> None:
    found = clusters([_example(1, "a", "d1"), _example(2, "b", "d1"), _example(3, "b", "d2"), _example(4, "c", "d2")])

    assert [0, 0, 0, 0] == found.code_N.tolist()


def test_variants_that_were_declared_one_cluster_are_no_repeats() -> None:
    found = clusters([_example(1, "Where is it?", "q1"), _example(2, "where is IT?", "q1"), _example(3, "b", "q3")])

    assert ([0, 0, 1], 0, ()) == (found.code_N.tolist(), found.repeats, found.warnings)


def test_a_question_in_three_clusters_is_repeated_twice_however_often_each_asks_it() -> None:
    asked = [("a", "d1"), ("A", "d1"), ("a ", "d2"), ("a", "d2"), ("a", "d3"), ("c", "d4")]
    found = clusters([_example(at, text, cluster) for at, (text, cluster) in enumerate(asked)])

    assert ([0, 0, 0, 0, 0, 1], 2) == (found.code_N.tolist(), found.repeats)


def test_examples_without_messages_are_not_repeats_of_one_another() -> None:
    assert 0 == clusters([_example(1, ""), _example(2, "")]).repeats


def test_no_examples_have_no_clusters() -> None:
    assert 0 == len(clusters([]).code_N)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_rows_are_together_exactly_when_a_chain_joins_them(pairs: list[tuple[int, int]]) -> None:
    inputs, declared = codes(pair[0] for pair in pairs), codes(pair[1] for pair in pairs)
    label = list(range(len(pairs)))
    for _ in pairs:
        for one, (asked, cluster) in enumerate(pairs):
            label[one] = min(label[other] for other, pair in enumerate(pairs) if asked == pair[0] or cluster == pair[1])
    found = join(inputs, declared).code_N
    expected = np.array(label)

    if pairs:
        assert ((expected[:, None] == expected) == (found[:, None] == found)).all()
