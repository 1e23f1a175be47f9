"""What is left to answer: no prompt is lost, none is answered twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.errors import BadInput
from shipworthy.evaluation.pending import Pending, key_of, refuse_doubles
from shipworthy.records import Message, Prompt


def prompts(count: int) -> list[Prompt]:
    message = (Message(role="user", content="q"),)
    return [Prompt(example_id=str(at), dataset="d", messages=message) for at in range(count)]


@given(st.integers(0, 12), st.data())
def test_what_is_left_is_what_was_neither_skipped_nor_answered(count: int, data: st.DataObject) -> None:
    pending, left = Pending(prompts(count)), set(range(count))
    for _ in range(data.draw(st.integers(0, 6))):
        if left and data.draw(st.booleans()):
            place = data.draw(st.sampled_from(sorted(left)))
            pending.skip(place)
        else:
            parcel = pending.first(data.draw(st.integers(1, 5)))
            if not len(parcel):
                continue
            prompt = parcel[data.draw(st.integers(0, len(parcel) - 1))]
            place = int(prompt.example_id)
            assert prompt == pending.asked("d", prompt.example_id)
            pending.answered(prompt)
        left.discard(place)

    assert len(left) == len(pending)
    assert [str(at) for at in sorted(left)] == [prompt.example_id for prompt in pending.first(count + 1)]


def test_only_what_a_backend_has_looked_at_counts_as_asked() -> None:
    pending = Pending(prompts(3))
    parcel = pending.first(3)

    assert pending.asked("d", "1") is None
    assert parcel[1] == pending.asked("d", "1")
    assert ["0", "2"] == [prompt.example_id for at, prompt in enumerate(parcel) if at != 1]


def test_a_prompt_that_was_put_back_is_not_asked_and_still_left() -> None:
    pending = Pending(prompts(2))
    pending.put_back(pending.first(2)[0])

    assert pending.asked("d", "0") is None
    assert ["0", "1"] == [prompt.example_id for prompt in pending.first(2)]


def test_an_answered_prompt_that_is_looked_at_again_is_not_asked_again() -> None:
    pending = Pending(prompts(2))
    parcel = pending.first(2)
    pending.answered(parcel[0])

    assert "0" == parcel[0].example_id
    assert pending.asked("d", "0") is None
    assert ["1"] == [prompt.example_id for prompt in parcel.unanswered()]


def test_a_skipped_place_counts_once() -> None:
    pending = Pending(prompts(2))
    pending.skip(0)
    pending.skip(0)

    assert 1 == len(pending)


def test_a_part_of_a_parcel_is_a_parcel() -> None:
    parcel = Pending(prompts(5)).first(4)

    assert ["1", "2"] == [prompt.example_id for prompt in parcel[1:3]]


def test_ids_may_repeat_across_datasets_only() -> None:
    (one,) = prompts(1)
    other = Prompt(example_id="0", dataset="e", messages=one.messages)
    refuse_doubles([one, other])

    assert ("d", "0") == key_of(one)
    with pytest.raises(BadInput, match="the same example id"):
        refuse_doubles([one, other, one])
