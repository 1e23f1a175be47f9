"""Whether two sets of texts come from one source: a classifier two-sample test (Lopez-Paz & Oquab 2017)."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from shipworthy.data.training._label_errors import held_out

_WORD = re.compile(r"\w{3,}")


def auc(ours: Sequence[str], theirs: Sequence[str]) -> float:
    """Area under the ROC curve of the held-out probability that a text is one of `ours`; 0.5 when nothing differs."""
    if len(ours) < 2 or len(theirs) < 2:
        return 0.5
    label_N = np.array([0] * len(theirs) + [1] * len(ours))
    score_N = held_out([*theirs, *ours], label_N)[:, 1]
    _, inverse_N, count_U = np.unique(score_N, return_inverse=True, return_counts=True)
    rank_N = (np.cumsum(count_U) - (count_U - 1) / 2)[inverse_N]
    n, m = len(ours), len(theirs)
    return float((rank_N[label_N == 1].sum() - n * (n + 1) / 2) / (n * m))


def top_terms(ours: Sequence[str], theirs: Sequence[str], *, most: int = 5) -> tuple[str, str]:
    """The words that most of one side's texts have and few of the other's, by difference of document shares."""
    a, b = _shares(ours), _shares(theirs)
    difference = {word: a[word] - b[word] for word in {*a, *b}}
    ranked = sorted(difference, key=lambda word: (difference[word], word))
    return ", ".join(ranked[: -most - 1 : -1]), ", ".join(ranked[:most])


def _shares(texts: Sequence[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({word: 1 / len(texts) for word in set(_WORD.findall(text.lower()))})
    return counts
