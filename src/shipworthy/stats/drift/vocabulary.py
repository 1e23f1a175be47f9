"""Words: which ones stand in more, or in fewer, documents than before."""

from collections.abc import Sequence

import numpy as np

from shipworthy import records
from shipworthy.records import Effect
from shipworthy.stats._types import Floats
from shipworthy.stats.drift import _power
from shipworthy.stats.drift._draws import DRAWS, label_draws, permutation_p, some
from shipworthy.stats.drift._units import Clusters, Units, by_cluster, design_effect, gaps, too_few
from shipworthy.stats.drift._words import MOST_DOCUMENTS, presence
from shipworthy.stats.drift.types import MIN_ROWS, Measured, untested

_TEST, _EFFECT = "permutation_vocabulary", "word_share_difference"
_SHOWN = 3


def vocabulary(
    reference: Sequence[str],
    current: Sequence[str],
    *,
    rng: np.random.Generator,
    n_draws: int = DRAWS,
    clusters: Clusters | None = None,
) -> Measured:
    """Two sets of documents by the squared, scaled differences of the shares of documents that hold each word.

    A word counts once a document, and whole documents are dealt out at random: a test over tokens would take the
    words of one document for independent and find drift in two halves of one set. At most 5,000 documents a side
    (drawn at random) and the 1,000 words that stand in most of them. The effect is the largest difference of a share.
    """
    chosen = [some(np.arange(len(side)), MOST_DOCUMENTS, rng=rng) for side in (reference, current)]
    ours, theirs = [reference[row] for row in chosen[0]], [current[row] for row in chosen[1]]
    n, m = len(ours), len(theirs)
    if min(n, m) < MIN_ROWS:
        return untested(_TEST, _EFFECT, n, m)
    words, held_NW = presence([*ours, *theirs])
    if not words:
        none = records.Warning(code="no_shared_words", message="no word stands in at least 5 of the documents")
        return untested(_TEST, _EFFECT, n, m, none)
    pooled_W = held_NW.sum(axis=0, dtype=np.float64)
    scale_W = pooled_W * (n + m - pooled_W)

    def statistic(current_BW: Floats) -> Floats:
        gap = current_BW / m - (pooled_W - current_BW) / n
        return np.asarray((gap * gap / scale_W).sum(axis=-1)) * (n + m) * n * m

    current_W = held_NW[n:].sum(axis=0, dtype=np.float64)
    observed = float(statistic(current_W))
    p = permutation_p(
        observed,
        lambda size: statistic((label_draws(n, m, rng=rng, n_draws=size) @ held_NW).astype(np.float64)),
        n_draws=n_draws if clusters is None else 1,
    )
    before_W, now_W = (pooled_W - current_W) / n, current_W / m
    top = np.argsort(-np.abs(now_W - before_W), kind="stable")[:_SHOWN]
    typical = float(pooled_W[top[0]]) / (n + m)
    of_rows = Measured(
        test=_TEST,
        statistic=observed,
        p=p,
        effect=Effect(name=_EFFECT, value=float(abs(now_W[top[0]] - before_W[top[0]]))),
        detectable=_power.share(typical, n, m, tests=len(words)),
        n_reference=n,
        n_current=m,
        because="; ".join(f"{words[w]!r} in {now_W[w]:.1%} of the documents, {before_W[w]:.1%} before" for w in top),
    )
    if clusters is None:
        return of_rows
    few = clusters.few()
    if few is not None:
        return too_few(of_rows, few)
    rows = Clusters(clusters.reference_N[chosen[0]], clusters.current_M[chosen[1]])
    return _by_cluster(of_rows, held_NW, rows, rng, n_draws)


def _by_cluster(
    of_rows: Measured, held_NW: np.ndarray, clusters: Clusters, rng: np.random.Generator, n_draws: int
) -> Measured:
    units = Units.of(clusters)
    sums_UW, size_U = units.sums(held_NW), units.sizes()
    share_W = sums_UW.sum(axis=0) / size_U.sum()
    spread_W = share_W * (1 - share_W)
    gaps_of = gaps(sums_UW, size_U)

    def statistic(labels_BU: Floats) -> Floats:
        gap_BW, weight_B1 = gaps_of(labels_BU)
        return np.asarray((gap_BW**2 / spread_W).sum(axis=1) * weight_B1[:, 0])

    effect = design_effect(sums_UW, size_U, float(spread_W.sum()))
    return by_cluster(of_rows, units.p(statistic, rng=rng, n_draws=n_draws), effect=effect)
