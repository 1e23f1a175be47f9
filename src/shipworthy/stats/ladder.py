"""A sealed test set looked at more than once: what may be told, and how wide the interval must become.

The Ladder tells a new score only when it beats the best one so far by more than noise, rounded; otherwise it repeats
the best. Choosing the next model by what was told then overfits only logarithmically in the number of looks.
Source: Blum & Hardt 2015, "The Ladder: a reliable leaderboard for machine learning competitions".
"""

from math import floor, sqrt

import numpy as np
from numpy.typing import ArrayLike


def announce(best: float | None, score: float, *, step: float) -> float:
    """What one look may tell: the score rounded to `step` if it beats `best` by more than `step`, else `best` again.

    Args: best: the highest score told so far, None at the first look. step: in the score's unit, higher is better.
    """
    if step <= 0:
        raise ValueError(f"the Ladder's step must be positive, got {step}")
    if best is not None and score <= best + step:
        return best
    return float(floor(score / step + 0.5) * step)


def noise_step(best_N: ArrayLike, new_N: ArrayLike) -> float:
    """The step without a parameter: standard error of the paired difference between the best scores and the new ones.

    Source: Blum & Hardt 2015, figure 2 (parameter-free Ladder).
    """
    gap = np.asarray(new_N, dtype=np.float64) - np.asarray(best_N, dtype=np.float64)
    if gap.ndim != 1 or len(gap) < 2:
        raise ValueError("the parameter-free Ladder needs the per-example scores of both, at least 2")
    return float(gap.std(ddof=1)) / sqrt(len(gap))


def widened_alpha(alpha: float, looks: int, *, answers: int = 4) -> float:
    """Alpha of one interval on a set that may be looked at `looks` times, each look telling one of `answers` things.

    What is asked next may depend on what was told: all questions that can ever be asked number
    1 + answers + ... + answers^(looks - 1), and alpha is shared among them. A verdict tells one of 4 things; 1 means
    that nothing is told before the last look.

    Source: Dwork et al. 2015, "Generalization in adaptive data analysis and holdout reuse" (description length).
    """
    if looks < 1 or answers < 1:
        raise ValueError(f"need at least one look and one answer, got {looks} and {answers}")
    questions: int = sum(answers**look for look in range(looks))
    return alpha / questions
