"""What a metric of a results file may lose where nobody says: the metric's own margin, in the unit that it came in."""

import re

from shipworthy import metrics
from shipworthy.data.results._direction import bare
from shipworthy.data.results._scales import is_share

SHARE = 0.02
_POINTS = 100
_MS = re.compile(r"_ms$")


def own_margin(name: str, unit: str, top: float) -> float:
    """Args: unit: of the values. top: the largest of them, which tells percents from shares.

    Source: docs/concepts/margins.md.
    """
    if unit == "usd":
        return metrics.describe("cost").margin
    if unit in ("s", "ms"):
        return metrics.describe("latency").margin * (1000 if unit == "ms" else 1)
    if unit == "tokens":
        return metrics.describe("tokens").margin
    lowered = {kind.lower(): kind for kind in metrics.BUILT_IN}
    for spelled in bare(name):
        if spelled in lowered and not is_share(spelled):
            return metrics.describe(lowered[spelled]).margin
        if spelled in _OVERLAP:
            return metrics.describe(_OVERLAP[spelled]).margin / (1 if top > 1 else _POINTS)
    return SHARE * _POINTS if is_share(name) and top > 1 else SHARE


_OVERLAP = {"bleu": "bleu", "sacrebleu": "bleu", "chrf": "chrf"}
"""Counted in 0..100 here, and in 0..1 by some tools."""
