"""The judge where rows hang together in two crossed ways."""

from dataclasses import replace

import numpy as np
import pytest

from shipworthy.gates import Question, judge
from shipworthy.gates._compare import contrast, relative_contrast
from shipworthy.gates._pairs import Pair
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import GateSpec
from shipworthy.records import Crossed, Evidence, Labels

from .conftest import make_evidence

USERS, DOCUMENTS = 30, 40
USER, DOCUMENT = np.repeat(np.arange(USERS), DOCUMENTS), np.tile(np.arange(DOCUMENTS), USERS)


def _metric(kind: str, **rest: object) -> Metric:
    return Metric(name="m", kind=kind, unit="share", better="higher", observe=lambda *_: (0.0, 1.0), **rest)  # type: ignore[arg-type]


def _pair(how: Metric, *, paired: bool = True, ways: int = 2) -> Pair:
    rng = np.random.default_rng(3)
    tilt = rng.normal(size=USERS)[USER] + rng.normal(size=DOCUMENTS)[DOCUMENT]
    ours = (tilt + rng.normal(size=len(USER)) > 0).astype(float)
    base = (tilt + rng.normal(size=len(USER)) > 0.1).astype(float)
    ones = np.ones(len(USER))
    return Pair(
        metric=how,
        ours_NK=np.stack([ours, ones], axis=1),
        base_NK=np.stack([base, ones], axis=1) if paired else None,
        cluster_N=USER,
        independent=False,
        slices={"half": Labels(names=("a", "b"), code_N=(USER % 2).astype(np.int64))},
        crossed=Crossed(ways=("user", "document"), code_N=DOCUMENT) if ways == 2 else None,
    )


def _found(pair: Pair, *, relative: bool = False):  # type: ignore[no-untyped-def]
    how = relative_contrast if relative else contrast
    return how(pair, ("half",), alpha=0.05, draws=1000, rng=np.random.default_rng(1))


@pytest.mark.parametrize("kind", ["binary", "mean"])
@pytest.mark.parametrize("paired", [True, False])
def test_limits_are_wider_than_with_one_way_for_pairs_and_for_one_model(kind: str, paired: bool) -> None:
    both, one = (_found(_pair(_metric(kind), paired=paired, ways=ways)).tested for ways in (2, 1))

    assert (both.value_S == one.value_S).all()
    assert (both.low_S <= one.low_S).all() and (both.high_S >= one.high_S).all()
    assert both.high_S[0] - both.low_S[0] > one.high_S[0] - one.low_S[0]


def test_the_method_and_the_clusters_are_told() -> None:
    found = _found(_pair(_metric("mean")))

    assert ("two_way_t", USERS, (None, None, "15 clusters")) == (
        found.method,
        found.clusters_S[0],
        (found.refused[0], None, (found.refused[1] or "")[:11]),
    )


def test_a_margin_in_percent_takes_both_ways_too() -> None:
    both, one = (_found(_pair(_metric("mean"), ways=ways), relative=True).gain for ways in (2, 1))

    assert both.low_S[0] < one.low_S[0] < one.high_S[0] < both.high_S[0]


@pytest.mark.parametrize(
    "how",
    [
        _metric("quantile", quantile=0.95),
        _metric("rank", summarize_rows=lambda counts, weights: np.asarray(weights @ counts[:, 0])),
        _metric("corpus"),
    ],
    ids=["quantile", "rank", "corpus"],
)
@pytest.mark.parametrize("relative", [False, True])
def test_what_is_redrawn_by_one_way_is_refused_with_the_column_that_may_be_declared(
    how: Metric, relative: bool
) -> None:
    found = _found(_pair(how), relative=relative)

    assert all(found.refused)
    assert "declare `cluster: user` alone (30 clusters) if document is known to matter little" in (
        found.refused[0] or ""
    )


def test_the_judge_does_not_promote_what_users_alone_would() -> None:
    rng = np.random.default_rng(12)
    gain = -0.02 + 0.06 * rng.normal(size=DOCUMENTS)[DOCUMENT] + 0.05 * rng.normal(size=len(USER))
    gain += 0.012 - gain.mean()
    table = make_evidence({("new", "m"): 0.5 + gain, ("old", "m"): np.full(len(gain), 0.5)}, clusters=USER)

    def judged(evidence: Evidence) -> str:
        question = Question(
            candidate="new",
            roles={"new": "candidate", "old": "production"},
            gates=(GateSpec(metric="m", baseline="old", margin=0.0),),
            metrics={"m": _metric("mean")},
            datasets={"m": "test"},
        )
        return judge(question, [evidence], rng=np.random.default_rng(1)).verdict

    crossed = replace(table, crossed=Crossed(ways=("user", "document"), code_N=DOCUMENT))
    assert ("promote", "inconclusive") == (judged(table), judged(crossed))
