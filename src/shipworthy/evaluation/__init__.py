"""RUN IT: every model answers, every answer is written down and observed, the gates judge.

`run` is the main job; `judge` judges the evidence of a finished run again; `observe` turns responses into evidence.
"""

from shipworthy.evaluation.main_job import Surroundings, judge, run
from shipworthy.evaluation.observe import observe
from shipworthy.evaluation.prepare import Occasion
from shipworthy.evaluation.progress import Progress

__all__ = ["Occasion", "Progress", "Surroundings", "judge", "observe", "run"]
