"""What one model under one seed has still to answer: a byte a prompt, and the prompts that it has in hand.

Prompts are looked at one by one and may be made anew each time, so that many of them need no memory.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import overload

from shipworthy.errors import BadInput
from shipworthy.records import Prompt

Key = tuple[str, str]
"""(dataset, example id): one prompt to one model under one seed."""


def key_of(prompt: Prompt) -> Key:
    """What tells a prompt from the others of its run."""
    return prompt.dataset, prompt.example_id


def refuse_doubles(prompts: Sequence[Prompt]) -> None:
    """Raises: BadInput: two prompts have the same key."""
    import numpy as np

    hashes_N = np.fromiter((hash(key_of(prompt)) for prompt in prompts), dtype=np.int64, count=len(prompts))
    if len(np.unique(hashes_N)) < len(prompts) and len({key_of(prompt) for prompt in prompts}) < len(prompts):
        raise BadInput("two prompts of one dataset have the same example id; ids must differ")


class Pending:
    """All of the prompts to begin with; `len` is how many are left."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        self._prompts = prompts
        self._open = bytearray(b"\x01") * len(prompts)
        self._left = len(prompts)
        self._in_hand: dict[Key, tuple[int, Prompt]] = {}

    def __len__(self) -> int:
        return self._left

    def skip(self, place: int) -> None:
        """The prompt at this place was answered in an earlier session."""
        self._left -= self._open[place]
        self._open[place] = 0

    def first(self, size: int) -> "Parcel":
        """The first so many that are left."""
        places = array("L")
        at = -1
        while len(places) < size and (at := self._open.find(1, at + 1)) >= 0:
            places.append(at)
        return Parcel(self, places)

    def hand_out(self, place: int) -> Prompt:
        """The prompt at a place; one that is not answered yet is in hand from now on."""
        prompt = self._prompts[place]
        if self._open[place]:
            self._in_hand[key_of(prompt)] = (place, prompt)
        return prompt

    def is_open(self, place: int) -> bool:
        """Whether the prompt at this place is still to be answered."""
        return bool(self._open[place])

    def asked(self, dataset: str, example_id: str) -> Prompt | None:
        """The prompt of this key, if it is in hand."""
        found = self._in_hand.get((dataset, example_id))
        return found[1] if found else None

    def put_back(self, prompt: Prompt) -> None:
        """A prompt was looked at and is not being asked: it is in hand no more, and still to be answered."""
        del self._in_hand[key_of(prompt)]

    def answered(self, prompt: Prompt) -> None:
        """A prompt in hand has its response."""
        self.skip(self._in_hand.pop(key_of(prompt))[0])


class Parcel(Sequence[Prompt]):
    """Prompts that go to a backend together; each is in hand once it was looked at."""

    def __init__(self, pending: Pending, places: "array[int]") -> None:
        self._pending = pending
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Prompt: ...
    @overload
    def __getitem__(self, at: slice) -> "Parcel": ...
    def __getitem__(self, at: int | slice) -> "Prompt | Parcel":
        if isinstance(at, slice):
            return Parcel(self._pending, self._places[at])
        return self._pending.hand_out(self._places[at])

    def unanswered(self) -> Iterator[Prompt]:
        """Those that are still to be answered."""
        for place in self._places:
            if self._pending.is_open(place):
                yield self._pending.hand_out(place)
