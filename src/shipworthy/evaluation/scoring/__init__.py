"""Metrics that need I/O: code and SQL are executed, judges and classifiers are asked.

`build` gives the Metric of a kind, `load` its scorer, `score` fills `scores.jsonl` and gives `Scores`, whose metrics
look the counts up. Everything else of a run, intervals, slices and gates, is as for any metric.
"""

from shipworthy.evaluation.scoring.catalogue import BUILT_IN, Loaded, build, load
from shipworthy.evaluation.scoring.drive import Scores, Unscored, score
from shipworthy.evaluation.scoring.types import Context, Item, Kind, Score, Scorer

__all__ = [
    "BUILT_IN",
    "Context",
    "Item",
    "Kind",
    "Loaded",
    "Score",
    "Scorer",
    "Scores",
    "Unscored",
    "build",
    "load",
    "score",
]
