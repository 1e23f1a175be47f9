"""Which documents hold which words: the unit is the document, as its words rise and fall together."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

WORD = re.compile(r"\w+")
MOST_DOCUMENTS = 5_000
MOST_WORDS = 1_000
_LEAST_DOCUMENTS = 5


def presence(documents_N: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
    """(W words, (N, W) 1 where a document holds the word), for the at most 1,000 words that stand in most documents.

    Words in fewer than 5 documents, or in all, are left out. Chosen without looking at which side a document is on.
    """
    bags = [set(WORD.findall(text.lower())) for text in documents_N]
    said = list(chain.from_iterable(bags))  # every word of every bag, bag after bag
    held = Counter(said)
    chosen = sorted(
        (word for word, count in held.items() if _LEAST_DOCUMENTS <= count < len(bags)),
        key=lambda word: (-held[word], word),
    )[:MOST_WORDS]
    place = {word: column for column, word in enumerate(chosen)}
    column_S = np.fromiter(map(place.get, said, repeat(-1)), np.int64, len(said))
    row_S = np.repeat(np.arange(len(bags)), [len(bag) for bag in bags])
    found = np.zeros((len(bags), len(chosen)), dtype=np.float32)
    found[row_S[column_S >= 0], column_S[column_S >= 0]] = 1.0
    return chosen, found
