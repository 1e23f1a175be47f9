"""Worlds in which a look at drift failed: one changed column among sixty, and rows that come in clusters."""

import numpy as np
import pytest

from shipworthy.stats.drift._units import Clusters
from shipworthy.stats.drift.categorical import categorical, labelled
from shipworthy.stats.drift.classifier import row_classifier, text_classifier
from shipworthy.stats.drift.embedding import mmd, novelty
from shipworthy.stats.drift.look import Cell, draws_for, look
from shipworthy.stats.drift.numeric import numeric
from shipworthy.stats.drift.types import Measured
from shipworthy.stats.drift.vocabulary import vocabulary

Rng = np.random.Generator
COLUMNS, ROWS = 60, 5_000


def _ratings(rng: Rng, changed: bool, n_draws: int) -> Measured:
    now = np.full(ROWS, 5.0) if changed else rng.integers(1, 6, ROWS)
    return numeric(rng.integers(1, 6, ROWS), now, rng=rng, n_draws=n_draws)


def _rare(rng: Rng, changed: bool, n_draws: int) -> Measured:
    """Labels expected fewer than 5 times, so that rows are dealt out at random."""

    def side(shares: list[float]) -> dict[str, int]:
        return dict(zip("abcde", rng.multinomial(ROWS, shares).tolist(), strict=True))

    usual = [0.8, 0.1, 0.0994, 0.0003, 0.0003]
    return categorical(side(usual), side([0.1, 0.8, 0.0994, 0.0003, 0.0003] if changed else usual), rng=rng,
                       n_draws=n_draws)  # fmt: skip


@pytest.mark.parametrize("column", [_ratings, _rare])
@pytest.mark.parametrize("runs", [4, pytest.param(200, marks=pytest.mark.laws)])
def test_one_changed_column_of_sixty_is_found_and_no_other_is_named(column: object, runs: int) -> None:
    assert callable(column)
    found, others = 0, 0
    for run in range(runs):
        rng = np.random.default_rng([60, run])
        n_draws = draws_for(2 * COLUMNS, 0.05)
        seen = look([Cell(f"c{i}", "numeric", column(rng, i == 0, n_draws), None) for i in range(COLUMNS)])
        drifted = {one.column for one in seen.findings if one.drifted}
        found, others = found + ("c0" in drifted), others + bool(drifted - {"c0"})

    assert found / runs >= 0.99
    assert others == 0


# --- Rows in clusters: 100 users of 10 rows a side, a share `icc` of whose variance lies between users ----------------


USERS, EACH = 100, 10
DEAR = {"vocabulary": 4, "text_classifier": 4, "mmd": 4}  # rows a user where a look takes long
Sample = tuple[np.ndarray, np.ndarray]  # (N,) the user of each row; (N, 4) what the row holds


def _side(rng: Rng, icc: float, first: int, shift: float, sizes: str | int) -> Sample:
    each = np.full(USERS, sizes) if isinstance(sizes, int) else np.minimum(rng.zipf(1.8, USERS), 100)
    user_N = np.repeat(np.arange(first, first + USERS), each)
    own_UD = rng.normal(0, icc**0.5, (USERS, 4))
    return user_N, own_UD[user_N - first] + rng.normal(shift, (1 - icc) ** 0.5, (len(user_N), 4))


def _texts(rows_ND: np.ndarray) -> list[str]:
    return [" ".join(f"w{d}{v}" for d, v in enumerate(row)) for row in np.round(rows_ND * 2).astype(int).tolist()]


def _names(rows_ND: np.ndarray) -> list[str]:
    return [f"l{v}" for v in np.round(rows_ND[:, 0] * 2).astype(int).tolist()]


def _of(kind: str, before: Sample, now: Sample, rng: Rng) -> Measured:
    """One kind of test over the two samples, by whole users."""
    clusters = Clusters(before[0], now[0])
    (_, left), (_, right) = before, now
    match kind:
        case "numeric":
            return numeric(left[:, 0], right[:, 0], rng=rng, clusters=clusters)
        case "categorical":
            return labelled(_names(left), _names(right), clusters, rng=rng)
        case "vocabulary":
            return vocabulary(_texts(left), _texts(right), rng=rng, clusters=clusters)
        case "text_classifier":
            return text_classifier(_texts(left), _texts(right), rng=rng, clusters=clusters)
        case "row_classifier":
            return row_classifier(left, right, rng=rng, clusters=clusters)
        case "mmd":
            return mmd(left, right, rng=rng, clusters=clusters)
    return novelty(left, right, rng=rng, clusters=clusters)


KINDS = ("numeric", "categorical", "vocabulary", "text_classifier", "row_classifier", "mmd", "novelty")
WORLDS = [(0.3, "equal", 0), (0.9, "equal", 0), (0.9, "zipf", 0), (0.9, "equal", 50)]


def _alarms(kind: str, world: tuple[float, str, int], runs: int, shift: float = 0.0) -> float:
    icc, named, shared = world
    each = DEAR.get(kind, EACH)
    sizes = each if named == "equal" else named
    found = []
    for run in range(runs):
        rng = np.random.default_rng([61, run])
        before, now = _side(rng, icc, 0, 0.0, sizes), _side(rng, icc, USERS - shared, shift, sizes)
        if shared:  # users on both sides keep what they are like
            both = np.isin(now[0], before[0])
            mean = np.stack([before[1][before[0] == user].mean(axis=0) for user in np.unique(now[0][both])])
            noise = rng.normal(0, (1 - icc) ** 0.5, (int(both.sum()), 4))
            now[1][both] = np.repeat(mean, each, axis=0) + noise + shift
        p = _of(kind, before, now, rng).p
        found.append(p is not None and p <= 0.05)
    return float(np.mean(found))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("world", WORLDS, ids=str)
@pytest.mark.parametrize("runs", [12, pytest.param(100, marks=pytest.mark.laws)])
def test_other_users_of_the_same_kind_alarm_at_most_at_the_level(
    kind: str, world: tuple[float, str, int], runs: int
) -> None:
    rate = _alarms(kind, world, runs)

    assert rate <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5, f"{kind} {world}: {rate}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("runs", [4, pytest.param(60, marks=pytest.mark.laws)])
def test_users_who_changed_are_found_by_whole_users_too(kind: str, runs: int) -> None:
    rate = _alarms(kind, (0.3, "equal", 0), runs, shift=1.5)

    assert rate >= 0.9, f"{kind}: {rate}"


def test_a_test_over_rows_alarms_where_rows_are_not_independent() -> None:
    alarms = []
    for run in range(60):
        rng = np.random.default_rng([62, run])
        left, right = _side(rng, 0.9, 0, 0.0, EACH)[1], _side(rng, 0.9, USERS, 0.0, EACH)[1]
        alarms.append((numeric(left[:, 0], right[:, 0], rng=rng).p or 1.0) <= 0.05)

    assert np.mean(alarms) >= 0.4
