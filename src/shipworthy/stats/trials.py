"""Several trials of one task: the chance that one of k succeeds, and that all of k do."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from shipworthy.stats._types import Floats, floats


def pass_at_k(successes_N: ArrayLike, trials_N: ArrayLike, k: int) -> Floats:
    """Per task, the unbiased chance that at least one of k trials succeeds: 1 - C(n-c, k) / C(n, k).

    Raises: ValueError: a task has fewer than k trials. Source: Chen et al. 2021 (Codex), equation 1.
    """
    c, n = _checked(successes_N, trials_N, k)
    return np.asarray(1 - _share(n - c, n, k))


def pass_hat_k(successes_N: ArrayLike, trials_N: ArrayLike, k: int) -> Floats:
    """Per task, the unbiased chance that all of k trials succeed (pass^k): C(c, k) / C(n, k).

    Raises: ValueError: a task has fewer than k trials. Source: Yao et al. 2024 (tau-bench), section 3.
    """
    c, n = _checked(successes_N, trials_N, k)
    return _share(c, n, k)


def _checked(successes_N: ArrayLike, trials_N: ArrayLike, k: int) -> tuple[Floats, ...]:
    c, n = floats(successes_N, trials_N)
    if k < 1 or not bool(np.all((c >= 0) & (c <= n) & (n >= k))):
        raise ValueError(f"need 0 <= successes <= trials and at least k={k} trials of every task, k >= 1")
    return c, n


def _share(m: Floats, n: Floats, k: int) -> Floats:
    """C(m, k) / C(n, k)."""
    log = gammaln(np.maximum(m, k) + 1) - gammaln(np.maximum(m, k) - k + 1) - gammaln(n + 1) + gammaln(n - k + 1)
    return np.asarray(np.where(m >= k, np.exp(log), 0.0))
