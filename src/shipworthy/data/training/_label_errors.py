"""Labels that are probably wrong: confident learning over leave-one-out probabilities of a small ridge classifier.

Words, word pairs and character 4-grams are hashed into a few thousand signed features; least squares on one-hot labels
gives every row's score with that row left out in closed form (Allen 1974, PRESS), so no row votes for itself. Scores
become probabilities by a softmax whose temperature minimises the leave-one-out log loss. A row is off-diagonal when its
probability for another class exceeds that class's own mean confidence and is the largest (Northcutt, Jiang & Chuang
2021, confident learning; "prune by noise rate" is replaced by a margin, which keeps precision on small sets).
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = 1_024
_RIDGE = 1.0
_BLOCK = 4_096
_MARGIN = 0.3
_TEMPERATURES = (1, 2, 3, 5, 8, 12, 18, 27, 40)
_TOKEN = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Issue:
    """Row with a doubtful label, the class that fits better, and that class's probability."""

    row: int
    suggested: int
    confidence: float


def probable_errors(texts: Sequence[str], code_N: Sequence[int]) -> list[Issue]:
    """Rows whose label the others deny, surest first.

    Args: code_N: (N,) class codes 0..C-1, each of which occurs.
    """
    label_N = np.asarray(code_N)
    return doubtful(held_out(texts, label_N), label_N)


def doubtful(probability_NC: "NDArray[np.float64]", label_N: "NDArray[Any]", *, margin: float = _MARGIN) -> list[Issue]:
    """Rows whose label these probabilities deny, surest first: off the diagonal of the confident joint by a margin.

    Args:
        probability_NC: (N, C) probabilities of each row's classes, from a classifier that did not see the row.
        label_N: (N,) class codes 0..C-1, each of which occurs.
        margin: how much more probable the other class must be. 0: confident learning as published.
    """
    n = np.arange(len(label_N))
    own_N = probability_NC[n, label_N]
    confidence_C = np.array([own_N[label_N == c].mean() for c in range(probability_NC.shape[1])])
    confident_NC = np.where(probability_NC >= confidence_C, probability_NC, 0.0)
    suggested_N = confident_NC.argmax(axis=1)
    best_N = probability_NC[n, suggested_N]
    wrong_N = (confident_NC.max(axis=1) > 0) & (suggested_N != label_N) & (best_N - own_N > margin)
    found = [Issue(int(i), int(suggested_N[i]), float(best_N[i])) for i in np.flatnonzero(wrong_N)]
    return sorted(found, key=lambda issue: -issue.confidence)


def held_out(texts: Sequence[str], label_N: "NDArray[Any]") -> "NDArray[np.float64]":
    """(N, C) probabilities of each row's classes, from a classifier that did not see the row."""
    x_NF = features(texts)
    classes = int(label_N.max()) + 1
    y_NC = np.eye(classes)[label_N]
    prior_C = y_NC.mean(axis=0)
    score_NC = _leave_one_out(x_NF, y_NC - prior_C) + prior_C
    own = np.arange(len(label_N)), label_N
    losses = [(-np.log(_softmax(score_NC * t)[own] + 1e-12).mean(), t) for t in _TEMPERATURES]
    return _softmax(score_NC * min(losses)[1])


def _leave_one_out(x_NF: "NDArray[np.float32]", y_NC: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Ridge predictions with each row left out: (fit - h y) / (1 - h), h the diagonal of the hat matrix."""
    gram_FF = sum(_gram(x_NF[i : i + _BLOCK]) for i in range(0, len(x_NF), _BLOCK)) + _RIDGE * np.eye(x_NF.shape[1])
    inverse_FF = np.linalg.inv(gram_FF)
    weights_FC = inverse_FF @ (x_NF.T @ y_NC)
    out = np.empty_like(y_NC)
    for i in range(0, len(x_NF), _BLOCK):
        x = x_NF[i : i + _BLOCK].astype(np.float64)
        hat = np.einsum("nf,nf->n", x @ inverse_FF, x)[:, None]
        y = y_NC[i : i + _BLOCK]
        out[i : i + _BLOCK] = (x @ weights_FC - hat * y) / np.maximum(1 - hat, 1e-6)
    return out


def _gram(x: "NDArray[np.float32]") -> "NDArray[np.float64]":
    wide: NDArray[np.float64] = (x.T @ x).astype(np.float64)
    return wide


def features(texts: Sequence[str]) -> "NDArray[np.float32]":
    """(N, F) hashed words, pairs and 4-grams: signed, damped, each row of length 1."""
    size = min(FEATURES, 1 << max(6, (2 * len(texts)).bit_length()))
    x_NF = np.zeros((len(texts), size), dtype=np.float32)
    for i, text in enumerate(texts):
        for name, weight in _terms(text):
            key = crc32(name.encode("utf-8", "replace"))
            x_NF[i, key % size] += weight if key & 0x80000000 else -weight
    length_N = np.sqrt(np.einsum("nf,nf->n", x_NF, x_NF))
    x_NF /= np.maximum(length_N, 1e-9)[:, None]
    return x_NF


def _terms(text: str) -> list[tuple[str, float]]:
    words = _TOKEN.findall(text[:2_000].lower())
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(words)]
    grams = [word[j : j + 4] for word in words if len(word) > 4 for j in range(len(word) - 3)]
    return [*((one, 1.0) for one in words), *((one, 0.7) for one in pairs), *((f"#{one}", 0.3) for one in grams)]


def _softmax(score_NC: "NDArray[np.float64]") -> "NDArray[np.float64]":
    shifted = np.exp(score_NC - score_NC.max(axis=1, keepdims=True))
    out: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return out
