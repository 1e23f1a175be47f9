"""Several seeds of one recipe: what another seed would change, kept apart from what other examples would change."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from shipworthy.stats._types import Floats, upper_z


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """Scores of S seeds on the same N examples.

    Attributes:
        mean: over everything. means_S: per seed. sd: standard deviation of `means_S`.
        low, high: t interval over seeds on these examples (S - 1 degrees of freedom).
        seed_variance, example_variance, residual_variance: components of one score's variance, never negative.
        se: standard error of `mean` for new seeds and new examples together.
    """

    mean: float
    means_S: Floats
    sd: float
    low: float
    high: float
    seed_variance: float
    example_variance: float
    residual_variance: float
    se: float


def over_seeds(values_SN: ArrayLike, *, alpha: float = 0.05) -> Seeds:
    """Mean +- sd over seeds with its interval, and the variance split by a two-way random-effects analysis.

    Args: values_SN: (S, N) scores, row = seed, column = the same example in every row.
    Raises: ValueError: fewer than two seeds or examples, or a score that is not finite.
    Source: Searle, Casella & McCulloch 1992, chapter 4 (ANOVA estimators); Bouthillier et al. 2021 on seeds.
    """
    values = np.asarray(values_SN, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2 or not np.isfinite(values).all():
        raise ValueError(f"need finite scores of at least 2 seeds x 2 examples, got shape {values.shape}")
    s, n = values.shape
    mean, means_S = float(values.mean()), values.mean(axis=1)
    sd = float(means_S.std(ddof=1))
    low, high = mean_interval(means_S, alpha=alpha)
    seed_v, example_v, residual_v = _components(values)
    return Seeds(
        mean=mean,
        means_S=means_S,
        sd=sd,
        low=low,
        high=high,
        seed_variance=seed_v,
        example_variance=example_v,
        residual_variance=residual_v,
        se=float(np.sqrt(seed_v / s + example_v / n + residual_v / (s * n))),
    )


def mean_interval(means_S: ArrayLike, *, alpha: float = 0.05) -> tuple[float, float]:
    """(low, high) of the mean over seeds from one number a seed: t with S - 1 degrees of freedom."""
    means = np.asarray(means_S, dtype=np.float64)
    upper_z(alpha)
    if means.ndim != 1 or len(means) < 2:
        raise ValueError("an interval over seeds needs at least 2 of them")
    half = -float(stdtrit(len(means) - 1, alpha)) * float(means.std(ddof=1)) / len(means) ** 0.5
    return float(means.mean()) - half, float(means.mean()) + half


def _components(values: Floats) -> tuple[float, float, float]:
    s, n = values.shape
    rows, columns = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    residual = float(((values - rows - columns + values.mean()) ** 2).sum() / ((s - 1) * (n - 1)))
    between_seeds = n * float(rows.var(ddof=1))
    between_examples = s * float(columns.var(ddof=1))
    return max(0.0, (between_seeds - residual) / n), max(0.0, (between_examples - residual) / s), residual
