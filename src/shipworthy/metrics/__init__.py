"""How answers are scored: `build` a metric by its kind and options; `names`, `describe`, `reference` say what there is.

Pure: no disk, network or clock. One answer becomes K additive counts, a value is a function of their sum, so one
resampling, slicing and pooling engine serves every metric.
"""

from shipworthy.metrics._catalogue import BUILT_IN, build, describe, names
from shipworthy.metrics._reference import reference
from shipworthy.metrics.types import Metric, mean_of

__all__ = ["BUILT_IN", "Metric", "build", "describe", "mean_of", "names", "reference"]
