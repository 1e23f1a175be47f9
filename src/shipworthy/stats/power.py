"""What a gate can find with n examples, and how many examples it still needs.

Everything rests on the variance that one example adds to the mean: `paired_variance` for binary differences,
`rate_variance` for one rate, the sample variance for a continuous difference, or `Means.unit_variance()`, which holds
the clusters' design effect already. Multiply by a design effect where it does not.
Defaults: 80 % power, alpha .05 one-sided. Source: Chow, Shao & Wang 2008, chapters 3-4; Card et al. 2020; Miller 2024.
"""

from math import ceil, log, sqrt

import numpy as np
from scipy.special import bdtr, bdtrik, bdtrin, betaincinv, ndtr

from shipworthy.stats._types import upper_z

_MOST_EVENTS = 10**7


def paired_variance(discordance: float, gain: float = 0.0) -> float:
    """Variance of one paired binary difference, from the share of examples on which the two models disagree."""
    if not abs(gain) <= discordance <= 1:
        raise ValueError(f"discordance {discordance} must lie in [|gain|, 1], gain {gain}")
    return discordance - gain * gain


def smoothed_discordance(b: int, c: int, n: int) -> float:
    """Share of discordant pairs, never 0: half a pair more in each discordant cell (Agresti & Min 2005)."""
    return (b + c + 1) / (n + 2)


def rate_variance(rate: float) -> float:
    """Variance of one binary score."""
    return rate * (1 - rate)


def design_effect_of(cluster_size: float, correlation: float) -> float:
    """Variance inflation of clusters of one size with an intraclass correlation. Source: Kish 1965."""
    return max(1.0, 1 + (cluster_size - 1) * correlation)


def power_at(n: int, gap: float, variance: float, *, alpha: float = 0.05) -> float:
    """Chance that the interval's limit clears a threshold that the truth clears by `gap` (metric's unit)."""
    if variance <= 0:
        return 1.0 if gap > 0 else 0.0
    return float(ndtr(gap * sqrt(n / variance) - upper_z(alpha)))


def detectable(n: int, variance: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Minimum detectable effect: the smallest distance from the threshold that is found with `power` at n.

    Non-inferiority: the smallest margin that an equal candidate passes. Superiority: the smallest gain above
    `min_gain`. Absolute: the smallest distance of the truth from the limit.
    """
    return _reach(alpha, power) * sqrt(variance / n)


def examples_for(
    gap: float, variance: float, *, alpha: float = 0.05, power: float = 0.8, lasting: float = 0.0
) -> int | None:
    """n at which a truth that clears the threshold by `gap` is found with `power`; None where no n finds it.

    Args: lasting: variance of the estimate that no further example takes away, such as a published number's own.
    """
    allowed = (gap / _reach(alpha, power)) ** 2 - lasting
    return None if gap <= 0 or allowed <= 0 else max(2, ceil(variance / allowed - 1e-9))


def detectable_binary(
    n: int,
    discordance: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    grave: tuple[float, float] | None = None,
) -> float:
    """As `detectable` for an equal candidate under Tango's test, whose variance is taken at the margin itself.

    Larger than the plain figure where few pairs disagree: without any, margin z^2 / (n + z^2) is the best there is.
    Returns 1.0 where no margin is found with `power`. `grave`: as in `examples_margin`.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        need = examples_margin(discordance, margin=middle, alpha=alpha, power=power, grave=grave)
        low, high = (middle, high) if need is None or need > n else (low, middle)
    return high


def examples_margin(
    discordance: float,
    *,
    margin: float,
    gain: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
    grave: tuple[float, float] | None = None,
) -> int | None:
    """As `examples_binary` where a loss of `grave[0]` margins must be ruled out at `grave[1]` as well.

    The second demand needs more only where hardly any pair disagrees.
    """
    plain = examples_binary(discordance, margin=margin, gain=gain, alpha=alpha, power=power)
    if plain is None or grave is None:
        return plain
    far = min(grave[0] * margin, 1.0)
    return max(plain, examples_binary(discordance, margin=far, gain=gain, alpha=grave[1], power=power) or 0)


def examples_binary(
    discordance: float, *, margin: float, gain: float = 0.0, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """n for a paired binary gate "gain above -margin" (margin < 0 for superiority), None where gain <= -margin.

    Source: Nam 1997, Biometrics 53:1422 (score test: null variance at the margin, true variance at the gain).
    """
    gap = gain + margin
    if gap <= 0:
        return None
    share = max(discordance, abs(gain))
    reach = upper_z(alpha) * sqrt(_null_variance(share, gain, -margin))
    reach += _power_z(power) * sqrt(paired_variance(share, gain))
    return max(2, ceil((reach / gap) ** 2 - 1e-9))


def examples_rate(rate: float, limit: float, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Smallest n at which the exact binomial test shows with `power` that a true `rate` lies beyond `limit`.

    The power of an exact test rises in teeth: a little more n may lose some points of it again. None: no n does.
    Source: Chow, Shao & Wang 2008, section 4.1 for the normal start; the rest is counted.
    """
    if rate == limit or not 0 < limit < 1:
        return None
    if rate > limit:  # the mirror image
        rate, limit = 1 - rate, 1 - limit
    few, many = -1, 1  # allowed events: the n that first allows so many is where a tooth of the power peaks
    while _power_of_rate(many, rate, limit, alpha) < power:
        few, many = many, 2 * many
        if many > _MOST_EVENTS:
            return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if _power_of_rate(middle, rate, limit, alpha) >= power else (middle, many)
    return _first_allowing(many, limit, alpha)


def detectable_rate(n: int, limit: float, *, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """How far below `limit` the true rate must lie for the exact test to show it with `power`; None: n shows nothing.

    For a rate that must lie above its limit give 1 - limit.
    """
    allowed = _most_allowed(n, limit, alpha)
    return None if allowed < 0 else limit - float(betaincinv(allowed + 1, n - allowed, 1 - power))


def examples_flawless(limit: float, *, alpha: float = 0.05) -> int | None:
    """n below which not even a candidate without a failure shows a rate of `limit`; None: no sample shows a rate of 1.

    Source: Clopper & Pearson 1934: the lower limit of n out of n is alpha^(1/n).
    """
    if limit >= 1:
        return None
    return 1 if limit <= 0 else max(1, ceil(log(alpha) / log(limit) - 1e-9))


def _first_allowing(events: int, limit: float, alpha: float) -> int:
    """Smallest n of which so many events still show a rate below `limit`: P(X <= events; n, limit) <= alpha."""
    n = max(events + 1, ceil(float(bdtrin(events, alpha, limit)) - 1e-6))
    while bdtr(events, n, limit) > alpha * (1 + 1e-12):
        n += 1
    return n


def _power_of_rate(events: int, rate: float, limit: float, alpha: float) -> float:
    return float(bdtr(events, _first_allowing(events, limit, alpha), rate))


def _most_allowed(n: int, limit: float, alpha: float) -> int:
    """The most events of n that still show a rate below `limit`; -1 where not even none does."""
    most = int(np.nan_to_num(bdtrik(alpha, n, limit), nan=-1.0)) + 1
    while most >= 0 and bdtr(most, n, limit) > alpha * (1 + 1e-12):
        most -= 1
    return most


def ratings_for_rate(half_width: float, *, rate: float = 0.5, alpha: float = 0.025) -> int:
    """Human ratings needed to know a rate to +- `half_width` (95 % by default). Source: Cochran 1977, section 4.4."""
    return max(2, ceil(upper_z(alpha) ** 2 * rate_variance(rate) / half_width**2 - 1e-9))


def ratings_for_agreement(kappa: float, half_width: float, *, prevalence: float = 0.5, alpha: float = 0.025) -> int:
    """Examples two raters must both label to know their kappa to +- `half_width` (95 % by default).

    Args: kappa: expected agreement in (-1, 1]. prevalence: share of the positive label.
    Source: Donner & Eliasziw 1992, Statistics in Medicine 11:1511 (two raters, binary label).
    """
    spread = 2 * prevalence * (1 - prevalence)
    variance = (1 - kappa) * ((1 - kappa) * (1 - 2 * kappa) + kappa * (2 - kappa) / spread)
    return max(2, ceil(upper_z(alpha) ** 2 * variance / half_width**2 - 1e-9))


def _null_variance(discordance: float, gain: float, null: float) -> float:
    """Variance of one pair under the likeliest truth whose gain is `null`, were the observed shares the expected."""
    linear = (2 - gain) * null - discordance
    root = sqrt(max(linear * linear + 4 * (discordance - gain) * null * (1 - null), 0.0))
    return max((root - linear) / 2 + null * (1 - null), 0.0)


def _power_z(power: float) -> float:
    return upper_z(1 - power)


def _reach(alpha: float, power: float) -> float:
    return upper_z(alpha) + _power_z(power)
