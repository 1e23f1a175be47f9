"""Matches by meaning: an embedder from outside, cosines, and a limit from the data's own unrelated rows."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shipworthy.data.leakage.types import Match

Vectors = NDArray[np.float32]
_ROWS = 1_500
_AT_ONCE = 512
_ONE_IN = 1_000


class Embedder(Protocol):
    """Turns texts into vectors; a sentence-transformers model's `encode` fits."""

    def __call__(self, texts: Sequence[str], /) -> NDArray[np.floating]:
        """(N, D) one vector a text, in order."""


def by_meaning(
    left: Sequence[str], right: Sequence[str], embedder: Embedder, *, known: set[tuple[int, int]]
) -> list[Match]:
    """Each right row's nearest left row where that lies closer than unrelated rows come; always `look_at_it`.

    The limit is what the nearest other row of a left row exceeds once in 1,000 times under a Gumbel law, fitted to the
    median and the spread of the middle half, so that near copies among the left rows do not move it.
    """
    if not len(left) or not len(right):
        return []
    left_ND, right_ND = _units(embedder(left)), _units(embedder(right))
    limit = _limit(left_ND)
    found = []
    for first in range(0, len(right_ND), _AT_ONCE):
        cosine_BN = right_ND[first : first + _AT_ONCE] @ left_ND.T
        for offset, nearest in enumerate(cosine_BN.argmax(axis=1)):
            cosine, row = float(cosine_BN[offset, nearest]), first + offset
            if cosine > limit and (int(nearest), row) not in known:
                found.append(
                    Match(left=int(nearest), right=row, tier="look_at_it", kind="meaning", similarity=min(1.0, cosine))
                )
    return found


def _limit(left_ND: Vectors) -> float:
    """Source: Gumbel 1958, section 5.2 (quantiles of the law of maxima)."""
    chosen = np.unique(np.linspace(0, len(left_ND) - 1, min(_ROWS, len(left_ND))).astype(np.int64))
    cosine_BN = left_ND[chosen] @ left_ND.T
    cosine_BN[cosine_BN > 1 - 1e-6] = -1.0  # itself, and copies of itself
    low, middle, high = np.quantile(cosine_BN.max(axis=1), [0.25, 0.5, 0.75])
    scale = (high - low) / (np.log(np.log(4)) - np.log(np.log(4 / 3)))
    return float(min(middle + scale * (np.log(np.log(2)) - np.log(-np.log1p(-1 / _ONE_IN))), 1 - 1e-6))


def _units(found: NDArray[np.floating]) -> Vectors:
    vectors = np.asarray(found, dtype=np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
