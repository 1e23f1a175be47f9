"""Exact level and power of rules that could judge a paired binary margin, by summing over every possible table.

`python benchmarks/margin_rules.py` prints, for n examples and a share on which the models disagree, how often each rule
promotes a candidate exactly at the margin of 2 points and one that is equal; then the most that any rule may reach.
Rules: Tango's score test (what the judge uses), the score test corrected for skewness, the signed root of the
likelihood ratio. Sources: Tango 1998; Laud 2017, Pharmaceutical Statistics 16:334 (skewness); Neyman & Pearson 1933.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, xlogy

from shipworthy.stats.paired import score_z

Floats = NDArray[np.float64]
Rule = Callable[[Floats, Floats, int], Floats]
MARGIN, ALPHA = 0.02, 0.05
Z = -float(ndtri(ALPHA))
WIDEST = 0.36  # tables in which the models differ more often have no weight at the discordances below


def tables(n: int) -> tuple[Floats, Floats]:
    """(b, c) of every table with weight: examples that only the baseline, only the candidate got right."""
    b, c = np.indices((int(WIDEST * n), int(WIDEST * n)))
    possible = b + c <= n
    return b[possible].astype(np.float64), c[possible].astype(np.float64)


def chance(b: Floats, c: Floats, n: int, discordance: float, gain: float) -> Floats:
    """Multinomial probability of each table."""
    lost, won = (discordance - gain) / 2, (discordance + gain) / 2
    rest = n - b - c
    ways = gammaln(n + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(rest + 1)
    return np.asarray(np.exp(ways + xlogy(b, lost) + xlogy(c, won) + xlogy(rest, 1 - lost - won)))


def tango(b: Floats, c: Floats, n: int) -> Floats:
    return score_z(b, c, np.full(b.shape, n), -MARGIN)


def corrected_for_skewness(b: Floats, c: Floats, n: int) -> Floats:
    """z solves: score = z + (skewness / 6)(z² - 1), the skewness of the mean at the restricted estimate."""
    lost, won = _at_the_margin(b, c, n)
    variance = np.maximum(lost + won - MARGIN**2, 1e-12)
    third = -MARGIN + 3 * MARGIN * (lost + won) - 2 * MARGIN**3
    slope = third / variance**1.5 / n**0.5 / 6
    score = (c - b + n * MARGIN) / np.sqrt(n * variance)
    return np.asarray((-1 + np.sqrt(np.maximum(1 + 4 * slope * (score + slope), 0))) / (2 * slope))


def likelihood_root(b: Floats, c: Floats, n: int) -> Floats:
    lost, won = _at_the_margin(b, c, n)
    rest = n - b - c
    free = xlogy(b, b / n) + xlogy(c, c / n) + xlogy(rest, rest / n)
    bound = xlogy(b, lost) + xlogy(c, np.maximum(won, 1e-300)) + xlogy(rest, 1 - lost - won)
    return np.asarray(np.sign(c - b + n * MARGIN) * np.sqrt(np.maximum(2 * (free - bound), 0)))


def _at_the_margin(b: Floats, c: Floats, n: int) -> tuple[Floats, Floats]:
    """Shares (lost, won) of greatest likelihood among those whose gain is minus the margin."""
    linear = -c - b - (2 * n - c + b) * MARGIN
    lost = (np.sqrt(np.maximum(linear**2 - 8 * n * b * MARGIN * (1 + MARGIN), 0)) - linear) / (4 * n)
    lost = np.maximum(lost, MARGIN)
    return lost, lost - MARGIN


RULES: dict[str, Rule] = {
    "Tango": tango,
    "corrected for skewness": corrected_for_skewness,
    "likelihood root": likelihood_root,
}


def rates(rule: Rule, n: int, discordance: float) -> tuple[float, float]:
    """(level at the margin, power when equal) of one rule."""
    b, c = tables(n)
    passed = rule(b, c, n) > Z
    at, same = (chance(b, c, n, discordance, gain)[passed].sum() for gain in (-MARGIN, 0.0))
    return float(at), float(same)


def best_power(n: int, discordance: float, worlds: NDArray[np.float64]) -> tuple[float, float]:
    """(power, discordance of the world that gives it): no rule of level .05 promotes an equal candidate more often.

    A rule that keeps its level in every world keeps it in each one, where the likelihood ratio test has the most power
    (Neyman-Pearson, randomised); the least of these powers over `worlds` at the margin bounds them all.
    """
    b, c = tables(n)
    equal = chance(b, c, n, discordance, 0.0)
    found = [(_neyman_pearson(chance(b, c, n, world, -MARGIN), equal), float(world)) for world in worlds]
    return min(found)


def _neyman_pearson(null: Floats, other: Floats) -> float:
    ratio = np.divide(other, null, out=np.full(len(null), np.inf), where=null > 0)
    order = np.argsort(-ratio)
    spent = np.cumsum(null[order])
    whole = int(np.searchsorted(spent, ALPHA))
    left = ALPHA - (spent[whole - 1] if whole else 0.0)
    return float(other[order[:whole]].sum() + left * ratio[order[whole]])


def main() -> None:
    print("| n | disagreement | rule | promotes at the margin | promotes an equal one |\n|---|---|---|---|---|")
    for n in (200, 500, 2000):
        for discordance in (0.03, 0.05, 0.1, 0.2):
            for name, rule in RULES.items():
                level, power = rates(rule, n, discordance)
                print(f"| {n} | {discordance:.0%} | {name} | {level:.4f} | {power:.4f} |")
    power, world = best_power(2000, 0.1, np.arange(0.095, 0.11, 0.0005))
    print(f"\nn=2000, disagreement 10%: no rule of level .05 promotes an equal candidate in more than {power:.4f}")
    print(f"(the most powerful test against the world at the margin whose disagreement is {world:.2%}).")


if __name__ == "__main__":
    main()
