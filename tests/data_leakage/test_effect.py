"""Clean rows beside flagged ones."""

import numpy as np
import pytest

from shipworthy.data.leakage import effect


def test_a_leaked_row_lifts_the_score() -> None:
    found = effect([1.0] * 20 + [0.0, 1.0] * 40, flagged=range(20))

    assert (80, 20) == (found.n_clean, found.n_flagged)
    assert (0.5, 1.0, 0.5) == (found.clean.value, found.flagged.value, found.lift.value)
    assert found.lift.low is not None and found.lift.low > 0.2


def test_a_score_between_0_and_1_gets_an_interval_of_means() -> None:
    rng = np.random.default_rng(1)
    found = effect([*rng.normal(0.5, 0.1, 200), *rng.normal(0.7, 0.1, 40)], flagged=range(200, 240))

    assert found.lift.low is not None and found.lift.high is not None
    assert found.lift.low < 0.2 < found.lift.high


def test_too_few_flagged_rows_get_no_interval() -> None:
    found = effect([0.25] * 50 + [0.75], flagged=[50])

    assert (0.5, None, None) == (found.lift.value, found.lift.low, found.lift.high)


def test_nothing_flagged_has_no_lift() -> None:
    assert effect([1.0, 0.0], flagged=()).lift.value is None


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        effect([1.0, float("nan")], flagged=())
    with pytest.raises(ValueError, match="outside the 2 scores"):
        effect([1.0, 0.0], flagged=[2])
