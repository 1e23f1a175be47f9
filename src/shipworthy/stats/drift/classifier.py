"""A classifier that tries to tell current from reference: whatever it finds on rows it never saw is drift."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from shipworthy.records import Effect
from shipworthy.stats._types import Bools, Floats
from shipworthy.stats.drift import _power
from shipworthy.stats.drift._draws import DRAWS, some, squarable
from shipworthy.stats.drift._ranks import auc, halves
from shipworthy.stats.drift._units import (
    MIN_CLUSTERS,
    Clusters,
    Units,
    by_cluster,
    design_effect,
    gaps,
    split,
)
from shipworthy.stats.drift._words import MOST_DOCUMENTS, presence
from shipworthy.stats.drift.types import MIN_ROWS, Measured, untested
from shipworthy.stats.ranks import ranks

_TEST, _EFFECT = "held_out_auc", "auc"
_MOST_PRODUCTS = 12
_SMOOTH = 0.5
_AT_ONCE = 128


def text_classifier(
    reference: Sequence[str],
    current: Sequence[str],
    *,
    rng: np.random.Generator,
    n_draws: int = DRAWS,
    clusters: Clusters | None = None,
) -> Measured:
    """Naive Bayes over the words of documents, learnt on a random half of them and scored on the other.

    Under the null the held-out documents of both sides are exchangeable given what was learnt, so Mann and Whitney's
    test holds its level whatever the classifier is; a p over all folds of a cross-validation would not. One-sided.
    With `clusters` half of the clusters are learnt, and the others are dealt out whole.

    Source: Lopez-Paz & Oquab 2017 (classifier two-sample tests); Bernoulli naive Bayes: Maron 1961.
    """
    rows_n = some(np.arange(len(reference)), MOST_DOCUMENTS, rng=rng)
    rows_m = some(np.arange(len(current)), MOST_DOCUMENTS, rng=rng)
    if min(len(rows_n), len(rows_m)) < 2 * MIN_ROWS:
        return untested(_TEST, _EFFECT, len(rows_n), len(rows_m))
    few = None if clusters is None else clusters.few(2 * MIN_CLUSTERS)
    if few is not None:
        return untested(_TEST, _EFFECT, len(rows_n), len(rows_m), few)
    words, held = presence([*(reference[i] for i in rows_n), *(current[i] for i in rows_m)])
    label = np.arange(len(held)) >= len(rows_n)
    within = None if clusters is None else Clusters(clusters.reference_N[rows_n], clusters.current_M[rows_m])
    learn = _learners(label, within, rng)
    weight = _bayes(held[learn], label[learn]) if words else np.zeros(0)
    largest = words[int(weight.argmax())] if words else ""
    said = f"the word that speaks most for the current side is {largest!r}" if words else "no word is shared"
    of_rows = _answer(held @ weight, label, learn, said)
    return of_rows if within is None else _by_cluster(of_rows, (held @ weight, learn), within, rng, n_draws)


def row_classifier(
    reference_ND: ArrayLike,
    current_MD: ArrayLike,
    *,
    rng: np.random.Generator,
    n_draws: int = DRAWS,
    clusters: Clusters | None = None,
) -> Measured:
    """A ridge discriminant over numbers, scored as `text_classifier`: sees a changed relation between columns.

    Up to 12 columns also enter with their squares and products; each is scaled by the pooled rows and clipped at 5
    standard deviations. At most 5,000 rows a side, drawn at random.

    Raises: ValueError: not two (rows, D) arrays of finite numbers with one D.
    Source: Lopez-Paz & Oquab 2017; Fisher 1936 (a least-squares fit of the labels is his discriminant).
    """
    left, right = np.asarray(reference_ND, np.float64), np.asarray(current_MD, np.float64)
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
        raise ValueError(f"need two (rows, D) arrays with one D, got {left.shape} and {right.shape}")
    chosen = [some(np.arange(len(side)), MOST_DOCUMENTS, rng=rng) for side in (left, right)]
    left, right = left[chosen[0]], right[chosen[1]]
    if min(len(left), len(right)) < 2 * MIN_ROWS:
        return untested(_TEST, _EFFECT, len(left), len(right))
    few = None if clusters is None else clusters.few(2 * MIN_CLUSTERS)
    if few is not None:
        return untested(_TEST, _EFFECT, len(left), len(right), few)
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise ValueError("a row holds a value that is not finite")
    rows = np.concatenate(squarable(left, right))
    features = _features(rows)
    label = np.arange(len(rows)) >= len(left)
    within = None if clusters is None else Clusters(clusters.reference_N[chosen[0]], clusters.current_M[chosen[1]])
    learn = _learners(label, within, rng)
    score = features @ _ridge(features[learn], label[learn])
    of_rows = _answer(score, label, learn, "")
    return of_rows if within is None else _by_cluster(of_rows, (score, learn), within, rng, n_draws)


def _by_cluster(
    of_rows: Measured, scored: tuple[Floats, Bools], clusters: Clusters, rng: np.random.Generator, n_draws: int
) -> Measured:
    """p of the held-out mean rank, held-out clusters dealt out whole."""
    score_N, learn = scored
    n = len(clusters.reference_N)
    held = Clusters(clusters.reference_N[~learn[:n]], clusters.current_M[~learn[n:]])
    units = Units.of(held)
    rank_N1 = ranks(score_N[~learn])[:, None]
    sums_U1, size_U = units.sums(rank_N1), units.sizes()
    gaps_of = gaps(sums_U1, size_U)

    def statistic(labels_BU: Floats) -> Floats:
        gap_B1, weight_B1 = gaps_of(labels_BU)
        return np.asarray(gap_B1 * np.sqrt(weight_B1))[:, 0]

    effect = math.sqrt(design_effect(sums_U1, size_U, float(rank_N1.var())))
    seen = None if of_rows.detectable is None else min(1.0, 0.5 + (of_rows.detectable - 0.5) * effect)
    return msgspec.structs.replace(by_cluster(of_rows, units.p(statistic, rng=rng, n_draws=n_draws)), detectable=seen)


def _learners(label: Bools, clusters: Clusters | None, rng: np.random.Generator) -> Bools:
    """A random half of each side, or of its clusters."""
    if clusters is not None:
        return split(clusters, rng)
    learn = np.zeros(len(label), dtype=np.bool_)
    for side in (False, True):
        rows = np.flatnonzero(label == side)
        learn[rows[halves(len(rows), rng=rng)[0]]] = True
    return learn


def _bayes(held: np.ndarray, label: Bools) -> Floats:
    """(W,) what a word's presence adds to the log odds of "current", over what its absence does."""

    def log_odds(rows: np.ndarray) -> Floats:
        share = (rows.sum(axis=0, dtype=np.float64) + _SMOOTH) / (len(rows) + 2 * _SMOOTH)
        return np.asarray(np.log(share / (1 - share)))

    return np.asarray(log_odds(held[label]) - log_odds(held[~label]))


def _features(rows_ND: Floats) -> Floats:
    spread = rows_ND.std(axis=0)
    used = spread > 0
    scaled = np.clip((rows_ND[:, used] - rows_ND[:, used].mean(axis=0)) / spread[used], -5, 5)
    if scaled.shape[1] > _MOST_PRODUCTS:
        return np.asarray(scaled)
    i, j = np.triu_indices(scaled.shape[1])
    return np.concatenate([scaled, scaled[:, i] * scaled[:, j]], axis=1)


def _ridge(features_ND: Floats, label_N: Bools) -> Floats:
    centred = features_ND - features_ND.mean(axis=0)
    gram = _gram(centred)
    gram[np.diag_indices_from(gram)] += 1.0 + 1e-3 * len(centred)
    return np.asarray(np.linalg.solve(gram, centred.T @ (label_N - label_N.mean())))


def _gram(centred_ND: Floats) -> Floats:
    """(D, D) products of columns, a few rows at a time: too little work for BLAS to wake its threads, whose waiting
    for each other takes a hundred times as long as the products when the machine is busy."""
    parts = (centred_ND[start : start + _AT_ONCE] for start in range(0, len(centred_ND), _AT_ONCE))
    return np.asarray(sum(part.T @ part for part in parts))


def _answer(score_N: Floats, label: Bools, learn: Bools, said: str) -> Measured:
    held_out = ~learn
    area, p = auc(score_N[held_out & ~label], score_N[held_out & label])
    n, m = int((~label).sum()), int(label.sum())
    tail = f"; {said}" if said else ""
    return Measured(
        test=_TEST,
        statistic=area,
        p=p,
        effect=Effect(name=_EFFECT, value=area),
        detectable=_power.auc(n - n // 2, m - m // 2),
        n_reference=n,
        n_current=m,
        because=f"a classifier tells the sides apart with an area under the curve of {area:.3f} on unseen rows{tail}",
    )
