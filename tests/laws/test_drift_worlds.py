"""Worlds in which a look at drift failed: one changed column among sixty, and rows that come in clusters."""

import numpy as np
import pytest

from shipworthy.stats.drift.categorical import categorical
from shipworthy.stats.drift.look import Cell, draws_for, look
from shipworthy.stats.drift.numeric import numeric
from shipworthy.stats.drift.types import Measured

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
