"""Training data before it is trained on: read any common format, look at every row, say what is wrong and where."""

from shipworthy.data.training._read import Reader
from shipworthy.data.training.check import check, check_rows
from shipworthy.data.training.limits import evaluate_limits
from shipworthy.data.training.review import review_sample
from shipworthy.data.training.types import DataReport, Options, Row

__all__ = ["DataReport", "Options", "Reader", "Row", "check", "check_rows", "evaluate_limits", "review_sample"]
