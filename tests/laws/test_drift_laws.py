"""Laws of drift: with nothing changed each test rejects at its level, whatever the sizes; and it finds what changed.

Both samples are drawn anew each time, from one source. The short version runs few simulations at the smallest sizes.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import chdtrc

from shipworthy.stats.drift.categorical import categorical
from shipworthy.stats.drift.classifier import row_classifier, text_classifier
from shipworthy.stats.drift.embedding import mmd, novelty
from shipworthy.stats.drift.look import Cell, look
from shipworthy.stats.drift.numeric import numeric
from shipworthy.stats.drift.types import Measured
from shipworthy.stats.drift.vocabulary import vocabulary

Rng = np.random.Generator
FULL = [(n, m) for n in (200, 1_000, 5_000) for m in (200, 1_000, 5_000)]
SIZES = [(200, 200, 100), *(pytest.param(n, m, 500, marks=pytest.mark.laws) for n, m in FULL)]
SLOW_SIZES = [(200, 200, 40), *(pytest.param(n, m, 500, marks=pytest.mark.laws) for n, m in FULL)]
WORDS = np.array([f"w{i}" for i in range(300)])


def _labels(rng: Rng, n: int, k: int = 50) -> Counter[str]:
    return Counter(dict(enumerate(np.bincount(rng.integers(0, k, n), minlength=k).tolist())))  # type: ignore[arg-type]


def _skewed(rng: Rng, n: int) -> Counter[str]:
    return Counter(np.minimum(rng.zipf(1.5, n), 10**6).astype(str).tolist())


def _documents(rng: Rng, n: int) -> list[str]:
    """Each document has a topic of its own, so that its words are far from independent."""
    own_N = rng.choice(rng.permutation(300)[:30], n)
    said_NW = np.column_stack([own_N, (own_N * 7) % 300, np.minimum(rng.zipf(1.6, (n, 8)), 299)])
    return [" ".join(words) for words in WORDS[said_NW].tolist()]


def _same_documents(rng: Rng, n: int, m: int) -> tuple[list[str], list[str]]:
    both = _documents(rng, n + m)
    return both[:n], both[n:]


def _cloud(rng: Rng, n: int) -> NDArray[np.float64]:
    return rng.normal(0, 1, (n, 8)) * np.where(rng.random((n, 1)) < 0.1, 3, 1)


CHEAP: dict[str, Callable[[Rng, int, int], Measured]] = {
    "numeric": lambda r, n, m: numeric(r.lognormal(0, 2, n), r.lognormal(0, 2, m), rng=r),
    "ratings": lambda r, n, m: numeric(r.integers(1, 6, n), r.integers(1, 6, m), rng=r),
    "zero_inflated": lambda r, n, m: numeric(_zeros(r, n), _zeros(r, m), rng=r),
    "categorical_50": lambda r, n, m: categorical(_labels(r, n), _labels(r, m), rng=r),
    "categorical_rare": lambda r, n, m: categorical(_skewed(r, n), _skewed(r, m), rng=r),
    "missing": lambda r, n, m: categorical(_missing(r, n), _missing(r, m), rng=r),
}
DEAR: dict[str, Callable[[Rng, int, int], Measured]] = {
    "vocabulary": lambda r, n, m: vocabulary(*_same_documents(r, n, m), rng=r),
    "text_classifier": lambda r, n, m: text_classifier(*_same_documents(r, n, m), rng=r),
    "row_classifier": lambda r, n, m: row_classifier(_cloud(r, n), _cloud(r, m), rng=r),
    "mmd": lambda r, n, m: mmd(_cloud(r, n), _cloud(r, m), rng=r),
    "novelty": lambda r, n, m: novelty(_cloud(r, n), _cloud(r, m), rng=r),
}


def _zeros(rng: Rng, n: int) -> NDArray[np.float64]:
    return np.where(rng.random(n) < 0.6, 0.0, rng.exponential(1, n))


def _missing(rng: Rng, n: int) -> dict[str, int]:
    gone = int(rng.binomial(n, 0.1))
    return {"missing": gone, "present": n - gone}


def null_rate(test: Callable[[Rng, int, int], Measured], n: int, m: int, runs: int, seed: int = 0) -> float:
    """Share of `runs` looks at two samples of one source whose p is at most .05."""
    found = [test(np.random.default_rng([seed, run, n, m]), n, m).p for run in range(runs)]
    return float(np.mean([p is not None and p <= 0.05 for p in found]))


def _near_level(rate: float, runs: int) -> bool:
    return abs(rate - 0.05) <= 3 * (0.05 * 0.95 / runs) ** 0.5


@pytest.mark.parametrize("kind", CHEAP)
@pytest.mark.parametrize(("n", "m", "runs"), SIZES)
def test_columns_that_did_not_change_are_flagged_at_the_level(kind: str, n: int, m: int, runs: int) -> None:
    rate = null_rate(CHEAP[kind], n, m, runs)

    assert _near_level(rate, runs), f"{kind} {n} {m}: {rate}"


@pytest.mark.parametrize("kind", DEAR)
@pytest.mark.parametrize(("n", "m", "runs"), SLOW_SIZES)
def test_texts_and_embeddings_that_did_not_change_are_flagged_at_the_level(
    kind: str, n: int, m: int, runs: int
) -> None:
    rate = null_rate(DEAR[kind], n, m, runs)

    assert _near_level(rate, runs), f"{kind} {n} {m}: {rate}"


@pytest.mark.parametrize("runs", [100, pytest.param(500, marks=pytest.mark.laws)])
def test_a_contingency_test_keeps_its_level_where_one_that_trusts_the_reference_does_not(runs: int) -> None:
    ours, trusting = [], []
    for run in range(runs):
        rng = np.random.default_rng([7, run])
        reference, current = _labels(rng, 1_000), _labels(rng, 1_000)
        ours.append(categorical(reference, current, rng=rng).p)
        trusting.append(_goodness_of_fit(reference, current))

    assert _near_level(float(np.mean(np.array(ours) <= 0.05)), runs)
    assert np.mean(np.array(trusting) <= 0.05) >= 0.9


def _goodness_of_fit(reference: Counter[Any], current: Counter[Any]) -> float:
    """What is in use elsewhere: the reference's shares are the truth, only the current rows vary."""
    expected = np.array([reference[k] for k in range(50)], dtype=float)
    found = np.array([current[k] for k in range(50)], dtype=float)
    return float(chdtrc(49, ((found - expected) ** 2 / expected).sum()))


@pytest.mark.parametrize("runs", [60, pytest.param(500, marks=pytest.mark.laws)])
def test_a_look_at_forty_unchanged_columns_alarms_at_most_at_its_level(runs: int) -> None:
    alarms = []
    for run in range(runs):
        rng = np.random.default_rng([9, run])
        cells = [
            Cell(f"c{i}", "numeric", numeric(rng.normal(size=200), rng.normal(size=200), rng=rng)) for i in range(40)
        ]
        alarms.append(look(cells).outcome == "fail")

    assert np.mean(alarms) <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
