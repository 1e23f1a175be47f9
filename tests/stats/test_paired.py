"""Binary differences on the same examples: published tables, edge cases, and what must hold for any counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar

from shipworthy.stats.paired import newcombe, p_better, p_non_inferior, p_worse, score_z, tango

counts = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 200)).map(lambda t: (t[0], t[1], sum(t)))


@pytest.mark.parametrize(
    ("b", "c", "n", "alpha", "low", "high"),
    [
        (7, 1, 21, 0.025, -0.517, -0.026),  # Bentur et al. 2009 in Fagerland, Lydersen & Laake 2014
        (16, 6, 161, 0.025, -0.1240, -0.0054),  # Cavo et al. 2012, R contingencytables
        (25, 28, 618, 0.05, -0.0148, 0.0247),  # R PropCIs::scoreci.mp(25, 28, 618, .90)
    ],
)
def test_tango_reproduces_published_intervals(b: int, c: int, n: int, alpha: float, low: float, high: float) -> None:
    found = tango(b, c, n, alpha=alpha)

    assert pytest.approx((low, high), abs=0.6e-3 if n == 21 else 0.6e-4) == tuple(map(float, found))


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [((36, 2, 12, 0), 0.0569, 0.3404), ((1, 7, 1, 12), -0.507, -0.026)],  # Newcombe 1998c table II; Bentur 2009
)
def test_newcombe_reproduces_published_intervals(cells: tuple[int, ...], low: float, high: float) -> None:
    found = newcombe(*cells, alpha=0.025)

    assert pytest.approx((low, high), abs=0.6e-3) == tuple(map(float, found))


def test_without_a_discordant_pair_the_limits_are_those_worked_by_hand() -> None:
    z = norm.ppf(0.95)
    low, high = tango(0, 0, 50)

    assert pytest.approx(-(z**2) / (50 + z**2), abs=1e-10) == float(low)
    assert pytest.approx(z**2 / (50 + z**2), abs=1e-10) == float(high)


def test_when_every_pair_is_lost_the_low_limit_is_minus_one() -> None:
    low, high = tango(5, 0, 5)

    assert pytest.approx(-1.0) == float(low)
    assert -1 < float(high) < 0


@given(counts)
def test_the_limit_is_where_the_likelihood_score_test_rejects(case: tuple[int, int, int]) -> None:
    b, c, n = case
    low, _ = tango(b, c, n)

    assert pytest.approx(_independent_score(b, c, n, float(low) + 1e-9), abs=1e-3) == norm.ppf(0.95)


def _independent_score(b: int, c: int, n: int, gain: float) -> float:
    """The statistic with its restricted likelihood maximised numerically, not by the closed form."""
    rest = n - b - c

    def slope(q: float) -> float:  # derivative of the log likelihood in q = P(baseline only), P(candidate only)=q+gain
        return b / q + (c / (q + gain) if c else 0.0) - 2 * rest / (1 - 2 * q - gain)

    least, most = max(0.0, -gain), (1 - gain) / 2
    inner = np.array([least + 1e-13, most - 1e-13])
    q = brentq(slope, *inner, xtol=1e-14) if slope(inner[0]) > 0 > slope(inner[1]) else float(inner[0])
    return float((c - b - n * gain) / np.sqrt(n * (2 * q + gain - gain**2)))


@given(counts)
def test_swapping_the_models_flips_every_sign(case: tuple[int, int, int]) -> None:
    b, c, n = case
    low, high = tango(b, c, n)
    swapped_low, swapped_high = tango(c, b, n)

    assert pytest.approx((-float(high), -float(low)), abs=1e-9) == (float(swapped_low), float(swapped_high))
    assert pytest.approx(float(p_worse(b, c, n))) == float(p_better(c, b, n))


@given(counts)
def test_the_interval_holds_the_gain_and_stays_in_range(case: tuple[int, int, int]) -> None:
    b, c, n = case
    low, high = (float(limit) for limit in tango(b, c, n))

    assert -1 <= low <= (c - b) / n + 1e-12
    assert (c - b) / n - 1e-12 <= high <= 1


@given(counts, st.floats(0.005, 0.2))
def test_p_values_agree_with_the_interval(case: tuple[int, int, int], margin: float) -> None:
    b, c, n = case
    low, high = (float(limit) for limit in tango(b, c, n))

    if abs(high) > 1e-9:
        assert (high < 0) == (float(p_worse(b, c, n)) < 0.05)
    if abs(low + margin) > 1e-9:
        assert (low > -margin) == (float(p_non_inferior(b, c, n, margin=margin)) < 0.05)


def test_at_no_gain_the_score_test_is_mcnemars() -> None:
    oracle = mcnemar([[0, 9], [21, 0]], exact=False, correction=False).pvalue

    assert pytest.approx(oracle) == 2 * float(p_better(9, 21, 100))
    assert 0.0 == float(score_z(0, 0, 10))


def test_cells_are_judged_together_as_one_by_one() -> None:
    b, c, n = np.array([[0, 3], [5, 9]]), np.array([[1, 2], [0, 9]]), np.array([[10, 20], [30, 40]])
    low, _ = tango(b, c, n)

    assert pytest.approx([float(tango(*t)[0]) for t in zip(b.flat, c.flat, n.flat, strict=True)]) == low.ravel()


@pytest.mark.parametrize(("b", "c", "n"), [(-1, 0, 5), (3, 3, 5), (0, 0, 0), (float("nan"), 0, 5)])
def test_impossible_counts_are_refused(b: float, c: float, n: float) -> None:
    with pytest.raises(ValueError, match="b >= 0"):
        tango(b, c, n)
